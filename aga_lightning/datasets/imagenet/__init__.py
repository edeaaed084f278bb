"""ImageNet: any of its classes, with ImageNet-V2 and ImageNet-Sketch as out-of-distribution sets."""

from aga_lightning.datasets.imagenet.dataset import ImageNet10, ImageNetSubset

__all__ = ["ImageNet10", "ImageNetSubset"]
