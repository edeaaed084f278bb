"""iWildCam: photos of camera traps, as WILDS and ALIA split them."""

from aga_lightning.datasets.iwildcam.dataset import IWildCam

__all__ = ["IWildCam"]
