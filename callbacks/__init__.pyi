"""The public names of this room; each is loaded when it is first used."""

from .attribution_panels import AttributionPanels as AttributionPanels
from .augmentation_gallery import AugmentationGallery as AugmentationGallery
from .background_reliance import BackgroundReliance as BackgroundReliance
from .faithfulness import Faithfulness as Faithfulness
from .prediction_writer import PredictionWriter as PredictionWriter
from .training_predictions import TrainingPredictions as TrainingPredictions
