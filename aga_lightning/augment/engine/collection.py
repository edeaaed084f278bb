"""The finished images of one augmenter: which are asked for, which are finished, and where they lie."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import yaml

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Request
from aga_lightning.augment.card import dataset_card, kind_of_reason
from aga_lightning.augment.engine.isolation import mask_digest
from aga_lightning.augment.engine.store import Entry, Store, UnwritableError, file_name, folder_name, safe_path
from aga_lightning.augment.fingerprint import describe, fingerprint
from aga_lightning.files import portable_json, portable_text
from aga_lightning.images.codec import encode_jpeg
from aga_lightning.images.records import ImageRecord

SHEET = "rejected.png"
"""The file of a collection that shows what was rejected; it lies beside `rejected.jsonl`."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended: with an image, or with the reason why there is none."""

    path: Path | None
    reason: str | None = None
    caption: str = ""


class Collection:
    """`degree` augmentations of each training image, by one augmenter and one seed.

    The folder is named after the augmenter and the digest of everything that decides its output, and is a plain
    ImageFolder with Hugging Face `imagefolder` metadata. A larger degree, or other chosen images, continue the same
    folder.

    Args:
        augmenter: How the images are made.
        store: Where they are kept.
        records: The training images, and no others.
        degree: Variants of each image.
        seed: All that is random about them.
        chosen: The training images to augment, where they show a subject; None for all. The augmenter learns from all
            training images in any case, so that an augmentation does not depend on which others are asked for.
    """

    def __init__(
        self,
        augmenter: Augmenter,
        store: Store,
        records: Sequence[ImageRecord],
        degree: int,
        seed: int,
        chosen: Iterable[ImageRecord] | None = None,
    ) -> None:
        self.augmenter = augmenter
        self.store = store
        self.records = records
        self.degree = degree
        self.seed = seed
        self._chosen = None if chosen is None else frozenset(chosen)
        self.told_rejections = False  # told once, whoever is the first to see them
        augmenter.prepare(records, store)
        self._recipe = fingerprint(augmenter, augmenter.learned(), seed)
        self.shelf = store.augmented(self.name)

    @property
    def name(self) -> str:
        """Method and fingerprint."""
        return f"{type(self.augmenter).__name__.lower()}-{self._recipe[:12]}"

    @property
    def folder(self) -> Path:
        """Where the images lie, a folder a class."""
        return self.shelf.folder

    def chooses(self, record: ImageRecord) -> bool:
        """Whether a training image is among the chosen ones."""
        return self._chosen is None or record in self._chosen

    @cached_property
    def subjects(self) -> list[ImageRecord]:
        """The training images to augment: the chosen ones that show a subject."""
        return self._to_augment(self.records)

    @cached_property
    def requests(self) -> list[Request]:
        """All that is asked for, the variants of an image side by side; nothing of an image without a subject."""
        return self.requests_of(self.records)

    def requests_of(self, records: Sequence[ImageRecord]) -> list[Request]:
        """What is asked for of some of the records."""
        subjects = self._to_augment(records)
        return [Request(record, variant, self.seed) for record in subjects for variant in range(self.degree)]

    def find(self, request: Request, look: bool = False) -> Outcome | None:
        """How a request ended; None while it has not.

        Args:
            request: What was asked.
            look: Read the image's file too, once a process: None where it is not what was written.
        """
        key = self._key(request)
        entry = self.shelf.sound(key) if look else self.shelf.get(key)
        return None if entry is None else self._outcome(entry)

    def find_all(self) -> dict[Request, Outcome]:
        """How all requests that are finished ended, in one scan of the folder."""
        entries = self.shelf.entries()
        keys = ((request, self._key(request)) for request in self.requests)
        return {request: self._outcome(entries[key]) for request, key in keys if key in entries}

    def pending(self, requests: Sequence[Request] | None = None) -> list[list[Request]]:
        """What is still to be made, the variants of one image together.

        Args:
            requests: Which of the requests to look at; None for all.
        """
        finished = self.find_all()
        missing = (one for one in (self.requests if requests is None else requests) if one not in finished)
        return [list(variants) for _, variants in groupby(missing, key=lambda request: request.record)]

    def make(self, requests: Sequence[Request]) -> list[Outcome]:
        """Make and keep what is asked, one by one."""
        made = []
        for outcome in self.augmenter.augment(requests, self.store):
            request = outcome.request
            key = self._key(request)
            facts = {
                "class": request.record.class_name,
                "source": f"{request.record.path.parent.name}/{request.record.path.name}",
                "source_sha256": self.store.sha256(request.record.path),
                "variant": request.variant,
            }
            if isinstance(outcome, Augmented):
                entry = self.shelf.put(
                    key, facts | dict(outcome.facts), encode_jpeg(outcome.image), _file(request, key)
                )
            else:
                entry = self.shelf.put(key, facts | {"rejected": outcome.reason})
            made.append(self._outcome(entry))
        return made

    def ensure(self, request: Request) -> Outcome:
        """How a request ended, made now where it has not; an image that is not what was written is made anew."""
        outcome = self.find(request, look=True)
        if outcome is None:
            self.shelf.set_aside(self._key(request))
            return self.make([request])[0]
        return outcome

    def finish(self, draw: Callable[[], bytes | None] = lambda: None) -> None:
        """Write what a reader of the folder needs: metadata, rejects, settings and a card. Safe to repeat.

        What is there is compared with the journals, and only written where it lags behind. Of several processes that
        finish at the same time, the last one sees all that the others have made. Images that an earlier release gave
        names that other readers misunderstand get those of today.

        Args:
            draw: Makes the picture of the rejects, as a PNG file; None where there is nothing to show.
        """
        try:
            entries = self.shelf.entries()
            if self._behind(self._descriptions(entries)) or _misnamed(entries):
                with self.shelf.alone("finishing"):
                    self._catch_up(draw)
        except UnwritableError as error:  # all images are there, and somebody who may write finishes the folder later
            _log.warning("%s lags behind its images: %s", self.folder, error)

    def _catch_up(self, draw: Callable[[], bytes | None]) -> None:
        for entry, file in _misnamed(self.shelf.entries()):
            self.shelf.rename(entry, file)
        descriptions = self._descriptions(self.shelf.entries())
        behind = self._behind(descriptions)
        if SHEET in behind or "rejected.jsonl" in behind:
            # Before the list, so that a sheet that a killed process has not drawn is drawn by the next one.
            picture = draw()
            if picture is not None:
                self.shelf.write_aside(SHEET, picture)
        for name in behind:
            if name != SHEET:
                self.shelf.write_aside(name, descriptions[name])

    def _descriptions(self, entries: Mapping[str, Entry]) -> dict[str, bytes]:
        """What the files beside the class folders have to hold."""
        ordered = sorted(entries.values(), key=lambda entry: (entry.file or "", entry.key))
        accepted = [{"file_name": entry.file, **entry.facts} for entry in ordered if entry.file is not None]
        rejected = [dict(entry.facts) for entry in ordered if entry.file is None]
        settings = {"augmenter": describe(self.augmenter), "learned": self.augmenter.learned(), "seed": self.seed}
        card = dataset_card(self.name, self.augmenter, self.seed, accepted, rejected)
        return {
            "metadata.jsonl": _json_lines(accepted),
            "rejected.jsonl": _json_lines(rejected),
            "config.yaml": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode(),
            "DATASET_CARD.md": portable_text(card),
        }

    def _behind(self, descriptions: dict[str, bytes]) -> list[str]:
        """The files that are missing, or hold something else; also the sheet of rejects where there are some."""
        behind = [name for name, data in descriptions.items() if not _holds(self.folder / name, data)]
        if descriptions["rejected.jsonl"] and not (self.folder / SHEET).exists():
            behind.append(SHEET)
        return behind

    def rejections(self) -> Counter[str]:
        """How many requests were rejected for each reason, whatever the numbers and files in it."""
        reasons = (outcome.reason for outcome in self.find_all().values() if outcome.reason is not None)
        return Counter(kind_of_reason(reason) for reason in reasons)

    def _to_augment(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        return [record for record in records if record.has_subject and self.chooses(record)]

    def _digest(self, request: Request) -> str:
        return self.store.digest(request.record.path)

    def _key(self, request: Request) -> str:
        record = request.record
        return fingerprint(
            self._recipe,
            self._digest(request),
            record.class_name,
            record.box,
            mask_digest(record, self.store.digest),
            request.variant,
        )

    def _outcome(self, entry: Entry) -> Outcome:
        if entry.file is None:
            return Outcome(None, str(entry.facts.get("rejected", "")))
        return Outcome(self.shelf.path(entry.file), caption=str(entry.facts.get("caption", "")))


def _file(request: Request, key: str) -> str:
    stem = request.record.path.stem
    return f"{folder_name(request.record.class_name)}/{file_name(stem, f'-{request.variant}-{key[:8]}.jpg')}"


def _misnamed(entries: Mapping[str, Entry]) -> list[tuple[Entry, str]]:
    """Items whose names other readers misunderstand, and their names of today."""
    named = ((entry, safe_path(entry.file)) for entry in entries.values() if entry.file is not None)
    return [(entry, safe) for entry, safe in named if safe != entry.file]


def _json_lines(rows: Sequence[object]) -> bytes:
    return b"".join(portable_json(row) + b"\n" for row in rows)


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
