"""The public names of this room; each is loaded when it is first used."""

from .pixels import Image as Image, Mask as Mask
from .reading import ImageReadError as ImageReadError, read_image as read_image
from .records import DatasetError as DatasetError, ImageRecord as ImageRecord
from .samples import Sample as Sample, load_sample as load_sample
from .seeds import seed_from as seed_from
