"""Make the background sets once, keep them in the cache directory, and list them as records."""

import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from PIL import Image as PillowImage

from aga_lightning.augment.engine.store import Shelf, Store, file_name, folder_name
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import Box, DatasetError, ImageRecord
from aga_lightning.images.samples import load_sample
from aga_lightning.training.background_sets.pairing import (
    MIXED,
    SETS,
    WITHOUT_SUBJECT,
    Backgrounds,
    Source,
    objection,
)
from aga_lightning.training.background_sets.pictures import around, mixed, no_fg, only_bg_b, only_bg_t, only_fg

_MAX_SIDE = 1024  # larger photos are shrunk: networks see less, and lossless files are large
_VERSION = 1  # raise it when the same photos start to give other pictures
_MASKS = "masks"

T = TypeVar("T")
R = TypeVar("R")
Plan = dict[str, list[Source]]
"""The photos of each set, in the order of the test images."""


@dataclass(eq=False)
class BackgroundSets:
    """The background-reliance sets of Xiao et al. 2020 ("Noise or Signal", ICLR 2021), made of test images with masks.

    - only_fg: the subject alone, on black.
    - no_fg: the subject's shape blacked out. only_bg_b: its box blacked out. only_bg_t: its box filled with a tiled
      strip of the background. These three measure what backgrounds alone reveal; their records have no superclass, mask
      or box.
    - mixed_same, mixed_rand, mixed_next: the subject, where it stood, in front of the only_bg_t background of another
      test image: of the same class, of a random class, or of the next class (in label order; the first follows the
      last). They are labelled by their subject. Accuracy on mixed_same less that on mixed_rand is the BG-gap.

    As published: how backgrounds are tiled; the mixed sets take their backgrounds from only_bg_t; only_bg_b and
    only_bg_t leave out images whose box covers more than 90 %. Ours: the backgrounds of those images are not used in
    mixed sets either; masks are the data set's own, not GrabCut's; the box is the smallest around the mask and the data
    set's own box; classes are not balanced, and no image is removed by hand. No photo gets its own background. All
    mixed sets hold the same subjects, those whose class has another photo with a usable background, so that the BG-gap
    compares like with like.

    The pictures are PNG files in `<cache_dir>/background_sets/<fingerprint>/<set>/<class>/`, at most 1024 px at the
    longer side; one of 500 x 375 px takes about 0.2 MB. They depend on the test images and their masks alone, not on
    their order, and are made once: one process makes them while others wait, and the pictures that a killed process
    has finished are kept.

    Args:
        names: The names of the sets; "all" for all seven. Afterwards a tuple of names.
        store: Keeps the pictures.
        skip_unreadable: Leave out images that cannot be read, or whose mask cannot be read; otherwise they are an
            error.

    Raises:
        DatasetError: If a name is unknown.
    """

    names: str | Sequence[str]
    store: Store
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        chosen = (self.names,) if isinstance(self.names, str) else tuple(dict.fromkeys(self.names))
        for name in chosen:
            if name not in (*SETS, "all"):
                raise DatasetError(f"there is no background set {name!r}: the sets are {', '.join(SETS)}; or say all")
        self.names = SETS if "all" in chosen else chosen

    def records(self, test: Sequence[ImageRecord]) -> dict[str, list[ImageRecord]]:
        """The records of each set, in the order of the test images; missing files are made.

        Args:
            test: The test images; those without a mask are left out.

        Raises:
            DatasetError: If no image has a mask, or a set would be empty.
            ImageReadError: If an image or its mask cannot be read.
        """
        if all(record.mask_path is None for record in test):
            raise DatasetError(
                "background_sets needs masks, and no test image has one. FieldGuide ships masks, and so does CUB once "
                "its segmentations are unpacked; for photos of your own name the folder of their masks by the setting "
                "`masks` of ImageFolder. Or leave --data.background_sets out"
            )
        photos = self._readable(self._photo, [record for record in test if record.mask_path is not None])
        shelf = self._shelf(photos)
        try:
            with shelf.alone("making"):  # other processes wait, and then find all pictures made
                sources = self._sources(photos, shelf)
                backgrounds = Backgrounds(sources)
                plan = self._plan(test, sources, backgrounds)
                self._make(plan, backgrounds, shelf)
        finally:
            shelf.close()
        entries = shelf.entries()
        files = {key: shelf.path(entry.file) for key, entry in entries.items() if entry.file is not None}
        return {name: [_record(name, source, files) for source in members] for name, members in plan.items()}

    def _photo(self, record: ImageRecord) -> Source:
        """A test image by the contents of its files; the facts about its mask are filled in later."""
        assert record.mask_path is not None
        try:
            digest, mask = self.store.digest(record.path), self.store.digest(record.mask_path)
        except OSError as error:
            raise ImageReadError(f"{error}: copy images and masks completely, or name no masks") from error
        key = _digest_of(digest, mask, record.mask_above, record.label, record.class_name, record.box, record.path.stem)
        return Source(record, digest, key, 0, 0, None)

    def _shelf(self, photos: Sequence[Source]) -> Shelf:
        """The folder of the pictures; one photo more or less changes the pairs, and so the folder."""
        return self.store.background_sets(_digest_of(_VERSION, _MAX_SIDE, sorted(photo.key for photo in photos))[:12])

    def _sources(self, photos: Sequence[Source], shelf: Shelf) -> list[Source]:
        """The photos with the facts about their masks, which are read once and kept."""
        known = {key: entry.facts for key, entry in shelf.entries().items()}

        def look(photo: Source) -> Source:
            key = f"photo/{photo.key}"
            facts: Any = known[key] if key in known else shelf.put(key, _facts_of(photo)).facts
            box = None if facts["box"] is None else tuple(facts["box"])
            return replace(photo, subject=facts["subject"], boxed=facts["boxed"], box=box)

        return self._readable(look, photos)

    def _plan(self, test: Sequence[ImageRecord], sources: Sequence[Source], backgrounds: Backgrounds) -> Plan:
        """Which photos enter which set; a warning counts the photos that are left out.

        Raises:
            DatasetError: If a set would be empty.
        """
        objections = {name: [objection(name, source, backgrounds) for source in sources] for name in self.names}
        plan: Plan = {}
        affected: dict[tuple[str, int], list[str]] = defaultdict(list)
        for name, found in objections.items():
            plan[name] = [source for source, reason in zip(sources, found, strict=True) if reason is None]
            for reason, count in Counter(reason for reason in found if reason is not None).items():
                affected[reason, count].append(name)
        masks = sum(record.mask_path is not None for record in test)
        losses = [f"{', '.join(names)} go without {count}: {reason}" for (reason, count), names in affected.items()]
        if masks > len(sources):
            losses.insert(0, f"{masks - len(sources)} cannot be read, or their masks cannot")
        if len(test) > masks:
            losses.insert(0, f"{len(test) - masks} have no mask")
        told = f"of {len(test)} test images " + "; ".join(losses)
        if empty := [name for name, members in plan.items() if not members]:
            raise DatasetError(
                f"the background sets {', '.join(empty)} would be empty: {told}. "
                "Name other sets in --data.background_sets"
            )
        if losses:
            rank_zero_warn(f"background sets: {told}")
        return plan

    def _make(self, plan: Plan, backgrounds: Backgrounds, shelf: Shelf) -> None:
        """Make the missing pictures and masks."""
        wanted = {_key(name, source): (name, source) for name, members in plan.items() for source in members}
        for name, source in list(wanted.values()):
            if name not in WITHOUT_SUBJECT:
                wanted[_key(_MASKS, source)] = (_MASKS, source)
        finished = shelf.entries().keys()
        # Every validation reads all of them, and would not notice a damaged one.
        _in_threads(shelf.set_aside, [key for key in wanted if key in finished])
        missing = [job for key, job in wanted.items() if shelf.get(key) is None]
        if not missing:
            return
        rank_zero_info(f"Making {len(missing)} pictures of background sets in {shelf.folder}")

        def make(job: tuple[str, Source]) -> None:
            name, source = job
            behind = backgrounds.draw(name, source) if name in MIXED else None
            facts = {} if behind is None else {"background": _inside(behind)}
            shelf.put(_key(name, source), facts, _png(_picture(name, source, behind)), _file(name, source))

        _in_threads(make, missing)

    def _readable(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """The results for the items whose files can be read."""

        def attempt(item: T) -> R | None:
            try:
                return function(item)
            except ImageReadError:
                if not self.skip_unreadable:
                    raise
                return None

        return [result for result in _in_threads(attempt, items) if result is not None]


def _in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results in the order of the items; after the first error, or Ctrl-C, no new item is started."""
    pool = ThreadPoolExecutor()
    try:
        return list(pool.map(function, items))
    finally:
        pool.shutdown(cancel_futures=True)


def _facts_of(photo: Source) -> dict[str, object]:
    """The facts about a photo's mask."""
    _, mask, box = _load(photo)
    boxed = 0.0
    if mask.any():
        left, top, right, bottom = around(mask, box)
        boxed = (right - left) * (bottom - top) / mask.size
    return {"subject": float(mask.mean()), "boxed": boxed, "box": box}


def _picture(name: str, source: Source, behind: Source | None) -> Image | Mask:
    """A photo's picture for a set, or its mask; `behind` is the photo of the background of a mixed set."""
    image, mask, box = _load(source)
    if name == _MASKS:
        return mask
    if behind is not None:
        other, other_mask, other_box = _load(behind)
        return mixed(image, mask, only_bg_t(other, around(other_mask, other_box)))
    if name == "only_fg":
        return only_fg(image, mask)
    if name == "no_fg":
        return no_fg(image, mask)
    return (only_bg_b if name == "only_bg_b" else only_bg_t)(image, around(mask, box))


def _load(photo: Source) -> tuple[Image, Mask, Box | None]:
    sample = load_sample(photo.record, photo.digest, _MAX_SIDE)
    assert sample.mask is not None
    return sample.image, sample.mask, sample.box


def _png(picture: Image | Mask) -> bytes:
    file = io.BytesIO()
    pixels = picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture
    # The fastest compression: files are a tenth larger, and written in a quarter of the time.
    PillowImage.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _record(name: str, source: Source, files: Mapping[str, Path]) -> ImageRecord:
    """A picture as an evaluation image, with its subject's mask, or without a subject."""
    path = files[_key(name, source)]
    if name in WITHOUT_SUBJECT:
        return replace(source.record, path=path, superclass="", box=None, mask_path=None, mask_above=0)
    return replace(source.record, path=path, box=source.box, mask_path=files[_key(_MASKS, source)], mask_above=0)


def _key(name: str, source: Source) -> str:
    return f"{name}/{source.key}"


def _file(name: str, source: Source) -> str:
    return f"{name}/{_inside(source)}"


def _inside(source: Source) -> str:
    """A photo's path inside each set: class folder and file name, safe on any system."""
    name = file_name(source.record.path.stem, f"-{source.key[:8]}.png")
    return f"{folder_name(source.record.class_name)}/{name}"


def _digest_of(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]
