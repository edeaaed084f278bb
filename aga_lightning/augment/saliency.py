"""Saliency without weights: the regions of a picture that are not connected to its border.

Robust background detection (Zhu, Liang, Wei and Sun, "Saliency Optimization from Robust Background Detection",
CVPR 2014): superpixels that are linked to much of the image border by a path of similar colours are background,
regions that contrast with the background are subject, and a least-squares problem makes both agree with the edges.
"""

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Image

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

BY_SALIENCY = "saliency and GrabCut"
"""`Subject.by` of a subject that was found by its saliency alone."""


def saliency(image: Image, size: int = 160, regions: int = 240) -> npt.NDArray[np.float32]:
    """Saliency of each pixel by robust background detection.

    Args:
        image: (height, width, 3) RGB.
        size: Longest side in pixels at which the picture is analysed.
        regions: Approximate number of superpixels.

    Returns:
        (height, width) saliency in 0..1; zero everywhere if the picture has no contrast.
    """
    height, width = image.shape[:2]
    factor = size / max(height, width)
    small_size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    labels = superpixels(lab, regions)
    scores = region_saliency(lab, labels)
    scores -= scores.min()
    scores /= max(float(scores.max()), 1e-6)
    coarse = scores[labels].astype(np.float32)
    smooth = cv2.GaussianBlur(coarse, (0, 0), size / 100)
    return np.clip(np.asarray(cv2.resize(smooth, (width, height)), np.float32), 0, 1)


def superpixels(lab: npt.NDArray[np.float32], regions: int, compactness: float = 12.0, rounds: int = 5) -> Labels:
    """Simple linear iterative clustering (SLIC, Achanta et al. 2012) on a grid of seeds.

    Args:
        lab: (height, width, 3) CIELAB.
        regions: Approximate number of regions.
        compactness: Colour distance that weighs as much as one grid step.
        rounds: Rounds of assignment and averaging.

    Returns:
        (height, width) labels 0..n-1, each used at least once.
    """
    height, width = lab.shape[:2]
    step = max(1.0, np.sqrt(height * width / regions))
    rows, cols = max(1, round(height / step)), max(1, round(width / step))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    features = np.dstack([lab, x * (compactness / step), y * (compactness / step)]).reshape(-1, 5).astype(np.float64)
    row = np.minimum((y * rows / height).astype(np.int64), rows - 1).ravel()
    col = np.minimum((x * cols / width).astype(np.int64), cols - 1).ravel()
    labels: Labels = row * cols + col
    # A pixel can only join one of the nine seeds around it, so nine comparisons in each round are enough.
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    nearby = np.stack([np.clip(row + i, 0, rows - 1) * cols + np.clip(col + j, 0, cols - 1) for i, j in steps])
    for _ in range(rounds):
        centres = region_means(features, labels, rows * cols)
        distances = np.stack([np.square(features - centres[seeds]).sum(1) for seeds in nearby])
        labels = nearby[distances.argmin(0), np.arange(len(features))]
    return np.unique(labels, return_inverse=True)[1].reshape(height, width).astype(np.int64)


def region_means(values: Array, labels: Labels, count: int) -> Array:
    """The mean of (pixels, channels) values over each of `count` regions; zero for regions without pixels."""
    sizes = np.bincount(labels, minlength=count)
    sums = [np.bincount(labels, weights=channel, minlength=count) for channel in values.T]
    return np.stack(sums, 1) / np.maximum(sizes, 1)[:, None]


def region_saliency(lab: npt.NDArray[np.float32], labels: Labels) -> Array:
    """The saliency of each superpixel (equations 1 to 9 of the paper).

    Args:
        lab: (height, width, 3) CIELAB.
        labels: (height, width) labels 0..n-1.

    Returns:
        (n,) saliency, about 0 for background and 1 for subject.
    """
    height, width = labels.shape
    count = int(labels.max()) + 1
    y, x = np.mgrid[:height, :width].astype(np.float64)
    position = np.dstack([x, y]).reshape(-1, 2) / max(height, width)
    colours = region_means(lab.reshape(-1, 3).astype(np.float64), labels.ravel(), count)
    centres = region_means(position, labels.ravel(), count)
    colour_distance = _pairwise(colours)
    touching = _adjacency(labels, count)
    border = np.zeros(count, bool)
    border[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True

    # Border regions are linked to each other: a background that the subject divides is still one background.
    links = touching | (border[:, None] & border[None])
    # A step smaller than the texture of the picture costs nothing.
    nearest = np.where(touching, colour_distance, np.inf).min(1)
    noise = nearest[np.isfinite(nearest)].mean() if count > 1 else 0.0
    geodesic = _shortest_paths(np.where(links, np.maximum(colour_distance - noise, 0), np.inf))
    similar = np.exp(-np.square(geodesic) / (2 * 10.0**2))
    connectivity = similar[:, border].sum(1) / np.sqrt(similar.sum(1))
    background = 1 - np.exp(-np.square(connectivity) / 2)

    near = np.exp(-np.square(_pairwise(centres)) / (2 * 0.25**2))
    contrast = (colour_distance * near) @ background
    foreground = contrast / max(float(contrast.max()), 1e-6)

    smoothness = np.where(touching, np.exp(-np.square(colour_distance) / (2 * 10.0**2)) + 0.1, 0)
    system = np.diag(background + foreground + smoothness.sum(1)) - smoothness
    return np.asarray(np.linalg.solve(system + 1e-9 * np.eye(count), foreground))


def _pairwise(points: Array) -> Array:
    return np.asarray(np.sqrt(np.square(points[:, None] - points[None]).sum(2)))


def _adjacency(labels: Labels, count: int) -> npt.NDArray[np.bool_]:
    touching = np.zeros((count, count), bool)
    touching[labels[:, :-1], labels[:, 1:]] = True
    touching[labels[:-1], labels[1:]] = True
    touching |= touching.T
    np.fill_diagonal(touching, False)
    return touching


def _shortest_paths(costs: Array) -> Array:
    """All-pairs shortest paths (Floyd and Warshall) over a matrix of direct costs."""
    paths: Array = costs.copy()
    np.fill_diagonal(paths, 0)
    for middle in range(len(paths)):
        np.minimum(paths, paths[:, middle, None] + paths[middle], out=paths)
    return paths
