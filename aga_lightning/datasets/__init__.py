"""Data sets: class names, and records of images for training and for evaluation."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
