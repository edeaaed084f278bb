"""Augmenters that follow a recipe, image by image, and whose gates may look at the training images first."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from aga_lightning.augment.augmenter import Augmenter, StageCache
from aga_lightning.augment.base import Augmented, Draft, Gate, Rejected, Request, Subject, SubjectSource, parts_in
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.gating import Gating
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.isolating import IsolatingRecipe
from aga_lightning.augment.engine.isolation import mask_digest
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.photo import AugmentedPhoto, Photo, augmented_photo, photo_record
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.pixels import Mask
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import Box, ImageRecord
from aga_lightning.images.samples import Sample


class JudgedAugmenter(Augmenter):
    """Makes what its recipe says, and hands on what its gates accept.

    A subclass sets `_recipe` in its constructor, and calls `_instruct` in `prepare`.
    """

    _recipe: IsolatingRecipe
    _guarded = ""

    @property
    def _gating(self) -> Gating:
        return self._recipe.gating

    def guard(self, hashes: Sequence[int]) -> None:
        """Let the gates compare what is made with the evaluation images; call it before `prepare`."""
        self._guarded = fingerprint(sorted(hashes))
        for gate in self._gating.gates:
            if gate.guards:
                gate.guard(hashes)

    def augment(self, requests: Sequence[Request], cache: StageCache) -> Iterator[Augmented | Rejected]:
        """Make what is asked; the subject of a record is isolated once for all its variants."""
        for request, made in self.drafts(requests, cache):
            yield Rejected(request, made) if isinstance(made, str) else self._finished(request, made, cache)

    def drafts(self, requests: Sequence[Request], cache: StageCache) -> Iterator[tuple[Request, Draft | str]]:
        """Each request with its finished image and all that went into it, or with the reason why there is none."""
        for record, variants in groupby(requests, key=lambda request: self._recipe.source(request, cache)):
            try:
                sample, subject = self._recipe.subject(record, cache)
            except ImageReadError as error:
                yield from ((request, str(error)) for request in variants)
                continue
            for request in variants:
                made = self._recipe.compose(request, sample, subject, cache)
                objection = None if isinstance(made, str) else self._recipe.objection_to_image(request, made, cache)
                yield request, objection or made

    def augment_image(
        self,
        photo: Photo,
        superclass: str,
        *,
        n: int = 1,
        class_name: str | None = None,
        box: Box | None = None,
        mask: Mask | None = None,
        seed: int = 0,
        cache_dir: str | Path | None = None,
    ) -> list[AugmentedPhoto]:
        """Augment one photo, without a data set.

        The augmenter itself stays as it is: what it has learned of a data set is not touched. Methods that borrow from
        other training images have none here, and reject.

        Args:
            photo: A file's path, a PIL image, or an array (height, width, 3) of RGB values, uint8.
            superclass: What a detector is asked for, such as "bird"; no caption may name it.
            n: How many augmentations to make.
            class_name: The class, such as "water ouzel", which no caption may name either; None for the superclass.
            box: Where the subject is, if that is known: left, top, right, bottom in pixels of the upright photo.
            mask: Which pixels are the subject's, if that is known: (height, width), bool.
            seed: All that is random about them; the same seed gives the same augmentations.
            cache_dir: Where masks, captions and backgrounds are kept for the next call; None keeps none.

        Returns:
            n results in the order of their numbers, rejects among them with their reason.

        Raises:
            ImageReadError: If the photo cannot be read.
            ValueError: If n, the array or the mask is of another kind than described.
        """
        if n < 1:
            raise ValueError(f"n is {n}: ask for at least one augmentation")
        with photo_record(photo, superclass, class_name, box, mask) as (record, folder):
            # A copy learns of this photo alone; the models, which may take gigabytes, are shared.
            shared: dict[int, object] = {id(part): part for part in parts_in(self) if isinstance(part, Pretrained)}
            augmenter = copy.deepcopy(self, shared)
            collection = Collection(augmenter, Store(cache_dir or folder / "cache"), [record], n, seed)
            fill(collection, images=False)
            return [augmented_photo(made) for _, made in augmenter.drafts(collection.requests, collection.store)]

    def subject(self, record: ImageRecord, cache: StageCache) -> tuple[Sample, Subject | None]:
        """A record's image at the working size, and its subject."""
        return self._recipe.subject(record, cache)

    def kept(self, request: Request, cache: StageCache) -> Draft | None:
        """A request's image and, as far as it got, its subject, caption and background; nothing is made."""
        return self._recipe.kept(request, cache)

    @abstractmethod
    def _facts(self, request: Request, draft: Draft, cache: StageCache) -> Mapping[str, object]:
        """What a reader of the store may want to know of a finished image."""

    def _finished(self, request: Request, draft: Draft, cache: StageCache) -> Augmented:
        assert draft.image is not None  # the recipe's last step has made it
        return Augmented(request, draft.image, self._facts(request, draft, cache))

    def _instruct(self, training: SubjectSource) -> None:
        """Give the gates what they may learn from."""
        studied = training.digest() if any(gate.learns for gate in self._gating.gates) else ""
        self._gating.instruct(training, fingerprint(studied, self._guarded))


class TrainingSubjects(SubjectSource):
    """The training images, isolated when they are looked at.

    Args:
        recipe: How they are isolated and which subjects are accepted.
        records: The training images, and no others.
        cache: Where subjects are kept.
    """

    def __init__(self, recipe: IsolatingRecipe, records: Sequence[ImageRecord], cache: StageCache) -> None:
        self._recipe, self._records, self._cache = recipe, records, cache

    def __len__(self) -> int:
        """How many training images there are."""
        return len(self._records)

    def digest(self) -> str:
        """One digest over all the images, and over how their subjects are found."""
        sources = [
            (digest, record.label, record.superclass, record.box, mask_digest(record, self._cache),
             # Only where there are groups, so that the keys of other data sets stay what they were.
             *([record.group] if record.group else []))
            for digest, record in zip(self.digests, self._records, strict=True)
        ]  # fmt: skip
        isolation = self._recipe.isolation
        if not self._recipe.isolates:
            return fingerprint(sources, isolation.max_side)
        gates = [gate for gate in self._gates if gate.stage == "subject"]
        return fingerprint(sources, isolation.max_side, isolation.detector, isolation.segmenter, gates)

    def __getitem__(self, index: int) -> tuple[Sample, Subject | None]:
        """A training image and its subject, None where it could not be isolated, or where the record has none."""
        sample, subject = self._recipe.subject(self._records[index], self._cache)
        if subject is None:
            return sample, None
        # What a rejected mask leaves behind is the subject itself, and so a wrong label in the background.
        accepted = self._recipe.accepted_subject(Request(self._records[index], 0), sample, subject, self._cache)
        return sample, None if isinstance(accepted, str) else subject

    @property
    def records(self) -> Sequence[ImageRecord]:
        """What is known of each training image without looking at it."""
        return self._records

    @property
    def digests(self) -> Sequence[str]:
        """The SHA-256 of each training image's file."""
        return [self._cache.digest(record.path) for record in self._records]

    def sample(self, index: int) -> Sample:
        """A training image alone, in which no subject is looked for."""
        return self._recipe.isolation.sample(self._records[index], self._cache)

    @property
    def _gates(self) -> Sequence[Gate]:
        return self._recipe.gating.gates
