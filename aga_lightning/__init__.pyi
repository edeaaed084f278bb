"""The public names; each is loaded when it is first used."""

from .augment import (
    AGA as AGA,
    AugmentedPhoto as AugmentedPhoto,
    Augmenter as Augmenter,
    BackgroundGenerator as BackgroundGenerator,
    Captioner as Captioner,
    Detector as Detector,
    Gate as Gate,
    Merging as Merging,
    Segmenter as Segmenter,
)
from .callbacks import (
    AttributionPanels as AttributionPanels,
    AugmentationGallery as AugmentationGallery,
    BackgroundReliance as BackgroundReliance,
    Faithfulness as Faithfulness,
)
from .datasets import (
    CUB as CUB,
    FieldGuide as FieldGuide,
    ImageDataset as ImageDataset,
    ImageFolder as ImageFolder,
    ImageNet10 as ImageNet10,
    ImageNetSubset as ImageNetSubset,
    IWildCam as IWildCam,
)
from .explain import (
    DeletionAUC as DeletionAUC,
    EnergyInsideMask as EnergyInsideMask,
    InsertionAUC as InsertionAUC,
    PerformanceInformationCurve as PerformanceInformationCurve,
    Pixels as Pixels,
    PointingGame as PointingGame,
    attribute as attribute,
    deletion_curve as deletion_curve,
    energy_inside_mask as energy_inside_mask,
    insertion_curve as insertion_curve,
    overlay as overlay,
    performance_information_curve as performance_information_curve,
    pointing_game as pointing_game,
    probabilities as probabilities,
)
from .images import ImageRecord as ImageRecord
from .training import AGADataModule as AGADataModule, ImageClassifier as ImageClassifier

__version__: str
