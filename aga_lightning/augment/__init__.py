"""The plugin: an image and its class in, the same subject in front of another background out."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
