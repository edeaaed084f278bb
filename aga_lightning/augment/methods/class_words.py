"""A word for each class: how it is written, what it is learned from, where it is kept, and who is taught it."""

import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from PIL import Image as PillowImage
from safetensors.torch import load
from torch import Tensor

from aga_lightning.augment.augmenter import Finished, ModelStage, StageCache, Unit
from aga_lightning.augment.base import Edit, ImageEditor, Request
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.inversion import Inverter, Photos
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.images.records import DatasetError, ImageRecord


class ClassWords:
    """The words of the classes of some training images.

    Args:
        inverter: Learns them.
    """

    def __init__(self, inverter: Inverter) -> None:
        self.inverter = inverter
        self._inverter_key = fingerprint(inverter)
        self._classes: dict[int, list[ImageRecord]] = {}
        self._tokens: dict[int, str] = {}
        self._keys: dict[int, str] = {}
        self._cache: StageCache | None = None

    def open(self, records: Sequence[ImageRecord], cache: StageCache) -> None:
        """Take the training images (and no others), and the cache that keeps the words.

        Images without a subject have nothing to learn from, and no words.
        """
        self._classes = {}
        for record in records:
            if record.has_subject:
                self._classes.setdefault(record.label, []).append(record)
        names = {label: self._classes[label][0].class_name for label in sorted(self._classes)}
        self._tokens = dict(zip(names, tokens_for(list(names.values())), strict=True))
        self._keys = {}
        self._cache = cache

    def token(self, record: ImageRecord) -> str:
        """How the word of a record's class is written."""
        return self._tokens[record.label]

    def spelled_in(self, text: str) -> set[str]:
        """The words that a text holds."""
        return set(re.findall(r"<\w+>", text)).intersection(self._tokens.values())

    def key(self, label: int) -> str:
        """Under which key a word is kept: settings, weights, spelling, and the images in whatever order."""
        if label not in self._keys:
            digests = sorted(self._opened.digest(record.path) for record in self._classes[label])
            self._keys[label] = fingerprint("embedding", self._inverter_key, self._tokens[label], digests)
        return self._keys[label]

    def known(self) -> str:
        """One key for all words."""
        return fingerprint([self.key(label) for label in sorted(self._classes)])

    def photos(self, label: int) -> tuple[Photos, list[str]]:
        """The images of a class as they are trained on, and what cannot be read.

        Raises:
            DatasetError: If none can be read.
        """
        side = self.inverter.inversion.resolution
        photos: list[Image] = []
        complaints: list[str] = []
        # By digest, as in the key, and not by the order or the names that a data set happens to give them.
        for record in sorted(self._classes[label], key=lambda record: self._opened.digest(record.path)):
            try:
                image = read_image(record.path).resize((side, side), PillowImage.Resampling.BICUBIC)
            except ImageReadError as error:
                complaints.append(str(error))
                continue
            photos.append(np.asarray(image))
        name = self._classes[label][0].class_name
        if not photos:
            raise DatasetError(
                f"no word can be learned for {name!r}, because none of its {len(complaints)} training images can be "
                f"read; the first: {complaints[0]}"
            )
        return np.stack(photos), complaints

    def learn(self, label: int, photos: Photos, complaints: Sequence[str]) -> Finished:
        """Learn the word of a class from its images, and say which were left out."""
        token, name = self._tokens[label], self._classes[label][0].class_name
        if complaints:
            # From whatever rank: no other one reads these images.
            warnings.warn(
                f"the word {token} is learned without {len(complaints)} images: {'; '.join(complaints)}", stacklevel=2
            )
        data = self.inverter.invert(token, photos)
        return {"class": name, "token": token, "images": len(photos), "left_out": len(complaints)}, data

    def states(self, tokens: Sequence[str]) -> list[Mapping[str, Tensor]]:
        """Words as `load_textual_inversion` of diffusers takes them.

        Args:
            tokens: Which are needed; those that nobody has learned yet are learned now.

        Returns:
            Those that are needed, and any others that are there already.
        """
        finished = self._opened.finished("embeddings")
        needed = [label for label, token in self._tokens.items() if token in tokens]
        labels = needed + [label for label in self._tokens if label not in needed and self.key(label) in finished]

        def make(missing: list[int]) -> list[Finished]:
            return [self.learn(labels[index], *self.photos(labels[index])) for index in missing]

        kept = self._opened.recall("embeddings", [self.key(label) for label in labels], make)
        self.inverter.release()
        return [load(data or b"") for _, data in kept]

    @property
    def _opened(self) -> StageCache:
        if self._cache is None:
            raise RuntimeError("the words have no training images yet: call open() first")
        return self._cache


def tokens_for(names: Sequence[str]) -> list[str]:
    """How the words of some classes are written: "<water_ouzel>", with a number behind what is there already.

    No tokenizer of CLIP has such a word of its own, since all of them part letters from signs.
    """
    tokens: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        # In lower case and without spaces, because a tokenizer looks for it in a text that it has put in this form.
        word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "class"
        token, number = f"<{word}>", 2
        while token in tokens:
            token, number = f"<{word}_{number}>", number + 1
        tokens.append(token)
    return tokens


class Embeddings(ModelStage):
    """The words of the classes, one after the other.

    Args:
        words: Whose.
        cache: Where they are kept.
    """

    def __init__(self, words: ClassWords, cache: StageCache) -> None:
        super().__init__("embeddings", [words.inverter], 1)
        self.words = words
        self.cache = cache

    @property
    def denoiser_calls_per_unit(self) -> int:
        """One an image of each step, each with a pass back."""
        how = self.words.inverter.inversion
        return how.steps * how.batch_size

    def key(self, request: Request) -> str:
        """The word of the request's class."""
        return self.words.key(request.record.label)

    def load(self, unit: Unit) -> object:
        """The images of the class."""
        return self.words.photos(unit.request.record.label)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Learn."""
        for unit, found in zip(units, loaded, strict=True):
            photos, complaints = cast("tuple[Photos, list[str]]", found)  # what `load` gives
            self.cache.save("embeddings", unit.key, *self.words.learn(unit.request.record.label, photos, complaints))


class TaughtEditor(ImageEditor):
    """An editor whose pipeline is taught the words of the classes before it first needs them.

    Args:
        editor: Edits.
        words: The words; those that an edit needs and nobody has learned yet are learned before the edit.
    """

    not_in_key = frozenset({"words"})

    def __init__(self, editor: DiffusionEditor, words: ClassWords) -> None:
        self.editor = editor
        self.words = words

    def edit(self, edits: Sequence[Edit]) -> list[Image]:
        """One image an edit, by a pipeline that knows the words in its text."""
        tokens = {token for edit in edits for token in self.words.spelled_in(edit.text)}
        pipeline = vars(self.editor).get("_model")
        if pipeline is None or not tokens <= set(pipeline.tokenizer.added_tokens_encoder):
            self.editor.release()  # what is not learned yet is learned now, which takes memory too
            self._teach(self.words.states(sorted(tokens)))
        return self.editor.edit(edits)

    def denoiser_calls_per_image(self, strength: float = 1.0) -> int:
        """Evaluations of the denoiser for one image."""
        return self.editor.denoiser_calls_per_image(strength)

    def _teach(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        pipeline = self.editor.model
        # Random, because the rows of new words are drawn before they are filled.
        with isolate_rng(), torch.inference_mode(), _quiet():
            pipeline.load_textual_inversion([dict(state) for state in states])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what transformers says of how the rows of new words are drawn."""
    logger = logging.getLogger("transformers.modeling_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
