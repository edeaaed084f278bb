"""RISE: which pixels have to be seen for a class to be probable, found by hiding them at random."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from aga_lightning.explain.logits import differentiable, finished


def rise(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    masks: int = 1000,
    cells: int = 7,
    keep: float = 0.5,
    seed: int = 0,
    batch_size: int = 64,
) -> Tensor:
    """RISE (Petsiuk et al. 2018): the mean of random masks, weighted by the target's probability behind each.

    Needs no gradients. All images are seen through the same masks, which depend on the seed, the image's size and
    nothing else. Hidden pixels are zero, the mean colour of normalised images. The model is used as it is: put it into
    evaluation mode first.

    Args:
        model: Normalised images (N, C, H, W) to logits (N, num_classes).
        images: Floating point (N, C, H, W).
        targets: Integers (N,), the class to explain in each image.
        masks: How many masks, each one forward pass of every image. The paper used 4000 to 8000.
        cells: Rows and columns of the random grid that is upsampled to a mask.
        keep: The probability that a cell is seen, above 0 and at most 1.
        seed: Decides the masks.
        batch_size: How many masked images the model sees at once, which changes no result.

    Returns:
        Attributions float32 (N, H, W) on the CPU, sum of probability x mask over masks x keep. NaN throughout where an
        image is not finite. A model of one class is always certain, so its maps show the masks alone.

    Raises:
        ValueError: If images or targets have another shape or type, a target is out of range, or a setting is.
    """
    if min(masks, cells, batch_size) < 1 or not 0 < keep <= 1:
        raise ValueError(
            f"RISE needs masks, cells and batch_size of at least 1 and keep in (0, 1], not {masks}, {cells}, "
            f"{batch_size} and {keep}."
        )
    with differentiable(model, images, targets) as (logits, inputs, classes), torch.no_grad():
        maps = torch.zeros(len(inputs), *inputs.shape[-2:], device=inputs.device)
        for part in _random_masks(masks, cells, keep, seed, inputs.shape[-2:], batch_size, inputs.device):
            for number, image in enumerate(inputs):
                masked = image * part.to(inputs.dtype)[:, None]
                probability = logits(masked).float().softmax(dim=1)[:, classes[number]]
                maps[number] += torch.einsum("m,mhw->hw", probability, part)
        return finished(maps / masks / keep, inputs)


def _random_masks(
    masks: int, cells: int, keep: float, seed: int, size: torch.Size, at_once: int, device: torch.device
) -> Iterator[Tensor]:
    """Masks float32 (n, H, W) of values in 0..1, n at most `at_once`: grids of cells, upsampled and shifted."""
    # All is drawn before anything is cut into parts, and on the CPU: the same masks for any batch size and device.
    generator = torch.Generator().manual_seed(seed)
    grids = torch.rand(masks, 1, cells, cells, generator=generator) < keep
    cell = [-(-length // cells) for length in size]
    shifts = torch.stack([torch.randint(length, (masks,), generator=generator) for length in cell], dim=1)
    upsampled = [(cells + 1) * length for length in cell]
    for first in range(0, masks, at_once):
        grid = grids[first : first + at_once].to(device, torch.float32)
        large = interpolate(grid, upsampled, mode="bilinear", align_corners=False).squeeze(1)
        corners = shifts[first : first + at_once].tolist()
        yield torch.stack([mask[y : y + size[0], x : x + size[1]] for mask, (y, x) in zip(large, corners, strict=True)])
