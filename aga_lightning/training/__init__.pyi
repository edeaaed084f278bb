"""The public names of this room; each is loaded when it is first used."""

from .datamodule import AGADataModule as AGADataModule
from .models.classifier import ImageClassifier as ImageClassifier
