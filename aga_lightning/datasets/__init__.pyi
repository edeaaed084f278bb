"""The public names of this room; each is loaded when it is first used."""

from .base import ImageDataset as ImageDataset
from .csv_images import CsvImages as CsvImages
from .cub import CUB as CUB
from .fieldguide import FieldGuide as FieldGuide
from .folder import ImageFolder as ImageFolder
from .hub_images import HubImages as HubImages
from .imagenet import ImageNet10 as ImageNet10, ImageNetSubset as ImageNetSubset
from .iwildcam import IWildCam as IWildCam
