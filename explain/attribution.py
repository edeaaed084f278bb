"""One verb for all attribution methods."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from torch import Tensor, nn

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.gradients import gradient_x_input, integrated_gradients
from aga_lightning.explain.logits import check_images, check_targets
from aga_lightning.explain.rise import rise

Method = Literal["grad_cam", "integrated_gradients", "gradient_x_input", "rise"]
METHODS: tuple[Method, ...] = get_args(Method)

_FUNCTIONS: dict[Method, Callable[..., Tensor]] = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
    "gradient_x_input": gradient_x_input,
    "rise": rise,
}


def attribute(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    method: Method = "grad_cam",
    batch_size: int = 64,
    **settings: Any,  # noqa: ANN401  the method's own settings, which it documents and checks
) -> Tensor:
    """How much each pixel of each image matters to the model's logit (RISE: probability) of a class.

    The model is used as it is: put it into evaluation mode first, see `aga_lightning.explain.grad_cam`. The caller may
    be in inference mode, `no_grad` or autocast. The model, its gradients and the random state are left as they were.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes), in any number format and on any device.
        images: Floating point (N, C, H, W), any C that the model takes.
        targets: Integers (N,), the class to explain in each image.
        method: One of `METHODS`, each a function of that name in `aga_lightning.explain`.
        batch_size: How many images the model sees at once, which changes no result.
        settings: The method's own settings, such as `layer` of Grad-CAM.

    Returns:
        Attributions float32 (N, H, W) on the CPU, higher is more important. NaN throughout where an image is not
        finite.

    Raises:
        ValueError: If the method is unknown, images or targets have another shape or type, a target is none of the
            model's classes, or batch_size is below 1.
    """
    if method not in METHODS:
        raise ValueError(f"There is no attribution method {method!r}; choose one of {', '.join(METHODS)}.")
    if batch_size < 1:
        raise ValueError(f"batch_size has to be at least 1, not {batch_size}.")
    check_images(images)
    check_targets(targets, len(images))
    return _FUNCTIONS[method](model, images, targets, batch_size=batch_size, **settings)
