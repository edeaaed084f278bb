"""Hidden pixels filled in from their neighbours, so that a picture with holes still looks like a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu
from torch import Tensor

_NEIGHBOURS = tuple(
    ((down, right), 1 / 6 if 0 in (down, right) else 1 / 12)
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
)
"""Where the eight neighbours are, and how much each counts; together 1."""


@dataclass(frozen=True, slots=True)
class NoisyLinearImputation:
    """Each hidden pixel becomes the weighted mean of its eight neighbours, hidden ones among them, and a little noise.

    The fill of ROAD (Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods"). The
    shape of the holes, which a constant colour would betray, tells a model almost nothing. A direct neighbour counts
    twice as much as a diagonal one; neighbours outside of the image count nothing. Where all pixels are hidden they
    become 0 and the noise. Images are filled in one after the other, on the CPU.

    Args:
        noise: Standard deviation of the noise, in the units of the images; the authors' is 0.01.
        seed: Draws the noise, which is the same for all images of a size.
    """

    noise: float = 0.01
    seed: int = 0

    def impute(self, images: Tensor, hidden: Tensor) -> Tensor:
        """Fill in the hidden pixels.

        Args:
            images: (N, C, H, W) float.
            hidden: (N, 1, H, W) bool, True at the pixels that are filled in.

        Returns:
            (N, C, H, W), of the images' type and on their device; pixels that are not hidden keep their values.
        """
        drawn = torch.Generator().manual_seed(self.seed)
        noise = self.noise * torch.randn(images.shape[1:], generator=drawn, dtype=torch.float64).numpy()
        filled = [
            torch.from_numpy(_filled(image, holes, noise))
            for image, holes in zip(images.detach().cpu().double().numpy(), hidden[:, 0].cpu().numpy(), strict=True)
        ]
        return torch.stack(filled).to(images) if filled else images.clone()


def _filled(image: NDArray[np.float64], hidden: NDArray[np.bool_], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """An image (C, H, W) whose hidden pixels (H, W) solve the linear system that their means form."""
    image = image.copy()
    height, width = hidden.shape
    rows, columns = hidden.nonzero()
    count = len(rows)
    if count in (0, height * width):
        image[:, hidden] = noise[:, hidden]
        return image
    number = np.full(hidden.shape, -1)
    number[hidden] = np.arange(count)
    known = np.zeros((count, len(image)))
    total = np.zeros(count)
    entries: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]] = []
    for (down, right), weight in _NEIGHBOURS:
        y, x = rows + down, columns + right
        inside = ((y >= 0) & (y < height) & (x >= 0) & (x < width)).nonzero()[0]
        total[inside] += weight
        neighbour = number[y[inside], x[inside]]
        known_ones, open_ones = inside[neighbour < 0], inside[neighbour >= 0]
        known[known_ones] += weight * image[:, y[known_ones], x[known_ones]].T
        entries.append((open_ones, neighbour[neighbour >= 0], np.full(len(open_ones), -weight)))
    entries.append((np.arange(count), np.arange(count), total))
    row, column, value = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    # Symmetric and diagonally dominant, so that no pivots are needed, which makes the factors sparser.
    system = coo_matrix((value, (row, column)), shape=(count, count)).tocsc()
    factors = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    image[:, rows, columns] = factors.solve(known).T + noise[:, rows, columns]
    return image
