"""The public names, for type checkers; `__init__.py` loads each when it is first used."""

from aga_lightning.augment.augmenter import Augmenter as Augmenter
from aga_lightning.augment.base import BackgroundGenerator as BackgroundGenerator
from aga_lightning.augment.base import Captioner as Captioner
from aga_lightning.augment.base import Detector as Detector
from aga_lightning.augment.base import Gate as Gate
from aga_lightning.augment.base import Segmenter as Segmenter
from aga_lightning.augment.compositing import Merging as Merging
from aga_lightning.augment.methods.aga import AGA as AGA
from aga_lightning.augment.photo import AugmentedPhoto as AugmentedPhoto
from aga_lightning.callbacks.attribution_panels import AttributionPanels as AttributionPanels
from aga_lightning.callbacks.augmentation_gallery import AugmentationGallery as AugmentationGallery
from aga_lightning.callbacks.background_reliance import BackgroundReliance as BackgroundReliance
from aga_lightning.callbacks.faithfulness import Faithfulness as Faithfulness
from aga_lightning.datasets.base import ImageDataset as ImageDataset
from aga_lightning.datasets.cub import CUB as CUB
from aga_lightning.datasets.fieldguide import FieldGuide as FieldGuide
from aga_lightning.datasets.folder import ImageFolder as ImageFolder
from aga_lightning.datasets.imagenet import ImageNet10 as ImageNet10
from aga_lightning.datasets.imagenet import ImageNetSubset as ImageNetSubset
from aga_lightning.datasets.iwildcam import IWildCam as IWildCam
from aga_lightning.explain.attribution import attribute as attribute
from aga_lightning.explain.insertion import deletion_curve as deletion_curve
from aga_lightning.explain.insertion import insertion_curve as insertion_curve
from aga_lightning.explain.localisation import energy_inside_mask as energy_inside_mask
from aga_lightning.explain.localisation import pointing_game as pointing_game
from aga_lightning.explain.metrics import (
    DeletionAUC as DeletionAUC,
)
from aga_lightning.explain.metrics import (
    EnergyInsideMask as EnergyInsideMask,
)
from aga_lightning.explain.metrics import (
    InsertionAUC as InsertionAUC,
)
from aga_lightning.explain.metrics import (
    PerformanceInformationCurve as PerformanceInformationCurve,
)
from aga_lightning.explain.metrics import (
    PointingGame as PointingGame,
)
from aga_lightning.explain.overlay import overlay as overlay
from aga_lightning.explain.pic import performance_information_curve as performance_information_curve
from aga_lightning.explain.prediction import Pixels as Pixels
from aga_lightning.explain.prediction import probabilities as probabilities
from aga_lightning.images.records import ImageRecord as ImageRecord
from aga_lightning.training.datamodule import AGADataModule as AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier as ImageClassifier

__version__: str
