"""Train image classifiers on images whose backgrounds were changed and whose subjects were kept.

The public names stand here; each is loaded when it is first used, so that importing the package costs nothing. What is
not listed is private by convention and may move.
"""

from importlib import import_module

__version__ = "0.1.0"

# The module, below this package, that defines each public name; `__init__.pyi` tells type checkers the same.
_HOMES = {
    "augment.methods.aga": ("AGA",),
    "augment.augmenter": ("Augmenter",),
    "augment.base": ("BackgroundGenerator", "Captioner", "Detector", "Gate", "Segmenter"),
    "augment.compositing": ("Merging",),
    "augment.photo": ("AugmentedPhoto",),
    "callbacks.attribution_panels": ("AttributionPanels",),
    "callbacks.augmentation_gallery": ("AugmentationGallery",),
    "callbacks.background_reliance": ("BackgroundReliance",),
    "callbacks.faithfulness": ("Faithfulness",),
    "datasets.base": ("ImageDataset",),
    "images.records": ("ImageRecord",),
    "datasets.cub": ("CUB",),
    "training.datamodule": ("AGADataModule",),
    "datasets.fieldguide": ("FieldGuide",),
    "datasets.folder": ("ImageFolder",),
    "datasets.imagenet": ("ImageNet10", "ImageNetSubset"),
    "datasets.iwildcam": ("IWildCam",),
    "explain.attribution": ("attribute",),
    "explain.insertion": ("deletion_curve", "insertion_curve"),
    "explain.localisation": ("energy_inside_mask", "pointing_game"),
    "explain.metrics": (
        "DeletionAUC",
        "EnergyInsideMask",
        "InsertionAUC",
        "PerformanceInformationCurve",
        "PointingGame",
    ),
    "explain.overlay": ("overlay",),
    "explain.pic": ("performance_information_curve",),
    "explain.prediction": ("Pixels", "probabilities"),
    "training.models.classifier": ("ImageClassifier",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
