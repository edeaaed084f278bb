"""Images: their records, pixels, masks and hashes. All other packages build on this one."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
