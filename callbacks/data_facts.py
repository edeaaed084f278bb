"""What is known of evaluation data: how their images were normalised, and what their classes are called."""

from collections.abc import Sequence

from lightning.pytorch import Trainer
from torch import Tensor

from aga_lightning.explain.prediction import Pixels
from aga_lightning.preflight import SettingError

_ROUNDING = 0.5 / 255  # of pixels in 0..1
_OVERSHOOT = 0.1  # of images that were resized as numbers, without being cut off at black and white
_SAME = 1e-3


def pixels_of(
    trainer: Trainer, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> Pixels | None:
    """How the images of a trainer's data were normalised; None where nobody says.

    Args:
        trainer: One with its data, whose module may say so in `normalisation` (mean, std).
        mean: What the settings say.
        std: The same.

    Raises:
        SettingError: If the settings contradict the data module.
    """
    of_data = getattr(getattr(trainer, "datamodule", None), "normalisation", None)
    if mean is None or std is None:
        return None if of_data is None else Pixels(*of_data)
    if of_data is not None and not all(map(_alike, (mean, std), of_data)):
        raise SettingError(f"mean and std are {list(mean)} and {list(std)}, but the data module normalises by "
                           f"{list(of_data[0])} and {list(of_data[1])}: leave mean and std out")  # fmt: skip
    return Pixels(tuple(mean), tuple(std))


def class_names(trainer: Trainer, count: int, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """What the classes are called, by the settings or the data module; by their numbers where nobody says.

    Args:
        trainer: One with its data.
        count: How many classes there are, at least.
        given: What the settings say.
    """
    of_data = getattr(getattr(trainer, "datamodule", None), "class_names", None)
    known = tuple(given if given is not None else () if of_data is None else of_data)
    return known + tuple(str(number) for number in range(len(known), count))


def check_range(name: str, images: Tensor, pixels: Pixels, stated: bool) -> None:
    """Refuse images that are no pixels in 0..1 once their normalisation is undone.

    Args:
        name: What their set is called.
        images: (N, C, H, W) float32, as the network sees them; numbers that are not finite are passed over.
        pixels: How they were normalised.
        stated: Whether somebody said so; otherwise they are taken as pixels in 0..1 themselves.

    Raises:
        SettingError: If they are not.
    """
    channels = images.shape[1]
    if {len(pixels.mean), len(pixels.std)} - {1, channels}:
        raise SettingError(f"mean and std have {len(pixels.mean)} and {len(pixels.std)} numbers, but the images of "
                           f"{name} have {channels} channels: give one number, or one a channel")  # fmt: skip
    if not images.numel():
        return
    low, high = _ends(images)
    if not stated:
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise SettingError(
                f"the images of {name} lie in {low:.3g}..{high:.3g}, not in 0..1, and nothing says how they were "
                "normalised: set the callback's mean and std, such as mean=[0.485, 0.456, 0.406], "
                "std=[0.229, 0.224, 0.225] (of images in 0..255: mean=[0], std=[0.003922])"
            )
        return
    mean, std = (images.new_tensor(list(values)).view(1, -1, 1, 1) for values in (pixels.mean, pixels.std))
    low, high = _ends(images * std + mean)
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise SettingError(f"the images of {name}, times std and plus mean, lie in {low:.3g}..{high:.3g}, not in 0..1: "
                           "they were normalised by other numbers; set mean and std to these")  # fmt: skip


def _ends(values: Tensor) -> tuple[float, float]:
    known = values.nan_to_num(0.5, 0.5, 0.5)
    return float(known.min()), float(known.max())


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    length = max(len(one), len(other))
    one, other = (list(values) * (length if len(values) == 1 else 1) for values in (one, other))
    return len(one) == len(other) and all(abs(a - b) < _SAME for a, b in zip(one, other, strict=True))
