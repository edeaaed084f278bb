"""What an image is: its record, its pixels, its mask and its hashes; all other rooms stand on this one."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
