"""Lightning callbacks that draw and measure what a fit is doing."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
