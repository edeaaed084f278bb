"""A run's augmentations and their cost, as a file in the run's folder, with a few originals to show."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from aga_lightning.augment.base import Request
from aga_lightning.augment.card import kind_of_reason
from aga_lightning.augment.engine.collection import Collection, Outcome
from aga_lightning.augment.engine.made import Made, Spent
from aga_lightning.files import write_bytes, write_json
from aga_lightning.images.codec import encode_jpeg
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.run_folder import AUGMENTATION, written_before, written_if_possible
from aga_lightning.training.run_stage import run_folder

_IMAGES, _VARIANTS = 6, 8  # of the examples, at most
_SIDE = 256  # pixels of an original that is kept, at most


class AugmentationRecord(Callback):
    """Writes `augmentation.json` to the run's folder when a fit with an augmenter starts, in the mode lazy at its end.

    It holds `collection` (the folder of the images), `mode`, `asked` (augmentations), `accepted`, `rejected` (how many
    for each reason), `seconds` and `stages` (what `augment` has made for this run: `name`, `units`, `model_calls` by
    model if all batches are full, `denoiser_calls` and `seconds`; 0 units where all was there already). Where a run is
    started again in its folder, what it makes then is added. In the mode online the pairings of each epoch come on top;
    in the mode lazy the cost is not measured, so `seconds` and `stages` are null, and `accepted` and `rejected` count
    the requests so far. `examples` are a few training images that have augmentations, spread evenly, with what has
    become of each request; small copies of these originals lie in `originals/`. Trial runs write nothing.
    """

    def __init__(self) -> None:
        self._recorded: Spent | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        spent: Spent | None = getattr(getattr(trainer, "datamodule", None), "spent", None)
        _record(trainer, None if spent is self._recorded else spent)  # a second fit has not made it once more
        self._recorded = spent

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it again, if images were made meanwhile."""
        data: Any = getattr(trainer, "datamodule", None)
        if getattr(data, "mode", None) == "lazy":
            _record(trainer, None)


def _record(trainer: Trainer, spent: Spent | None) -> None:
    data: Any = getattr(trainer, "datamodule", None)
    folder = run_folder(trainer)  # the first rank tells the others, so all ranks have to ask
    if folder is None or not trainer.is_global_zero or getattr(data, "augmenter", None) is None:
        return
    collection: Collection = data.collection
    found = collection.find_all()
    rejected = Counter(kind_of_reason(one.reason) for one in found.values() if one.reason is not None)
    content = {
        "collection": str(collection.folder),
        "mode": data.mode,
        "asked": len(collection.requests),
        "accepted": len(found) - rejected.total(),
        "rejected": dict(rejected.most_common()),
        **_taken(spent, _before(folder, collection)),
    }
    with written_if_possible(folder / AUGMENTATION):
        write_json(folder / AUGMENTATION, content | {"examples": _examples(collection, found, folder)})


def _before(folder: Path, collection: Collection) -> Mapping[str, Any]:
    """What an earlier start of the run has made of the same collection."""
    path = written_before(folder, AUGMENTATION)
    try:
        found: Mapping[str, Any] = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return {}
    return found if Path(str(found.get("collection"))).name == collection.name else {}


def _taken(spent: Spent | None, before: Mapping[str, Any]) -> dict[str, Any]:
    if spent is None:
        return {"seconds": before.get("seconds"), "stages": before.get("stages")}
    earlier = {stage["name"]: stage for stage in before.get("stages") or []}
    stages = [_added(made, earlier.get(made.task.name, {})) for made in spent.stages]
    return {"seconds": spent.seconds + (before.get("seconds") or 0.0), "stages": stages}


def _added(made: Made, earlier: Mapping[str, Any]) -> dict[str, Any]:
    calls = Counter(earlier.get("model_calls", {}))
    calls.update(made.task.calls)
    return {
        "name": made.task.name,
        "units": made.task.units + earlier.get("units", 0),
        "model_calls": dict(calls),
        "denoiser_calls": made.task.denoiser_calls + earlier.get("denoiser_calls", 0),
        "seconds": made.seconds + earlier.get("seconds", 0.0),
    }


def _examples(collection: Collection, found: Mapping[Request, Outcome], folder: Path) -> list[dict[str, Any]]:
    subjects = collection.subjects
    augmented = {request.record.path for request, outcome in found.items() if outcome.path is not None}
    places = [round(place) for place in np.linspace(0, len(subjects) - 1, _IMAGES)]
    # The next one that has something to show: so arms that differ in what they reject mostly show the same images.
    chosen = [next((place for place in range(start, len(subjects)) if subjects[place].path in augmented), None)
              for start in places]  # fmt: skip
    examples = []
    for number, place in enumerate(dict.fromkeys(place for place in chosen if place is not None)):
        record = subjects[place]
        original = Path("originals") / f"{number}.jpg"
        try:
            image = read_image(record.path)
        except ImageReadError:
            continue
        image.thumbnail((_SIDE, _SIDE))
        write_bytes(folder / original, encode_jpeg(np.asarray(image)))
        requests = collection.requests_of([record])[:_VARIANTS]
        variants = [_variant(collection, found[request]) for request in requests if request in found]
        examples.append({"class": record.class_name, "original": original.as_posix(), "variants": variants})
    return examples


def _variant(collection: Collection, outcome: Outcome) -> dict[str, str]:
    if outcome.path is None:
        return {"rejected": kind_of_reason(outcome.reason or "")}
    return {"file": outcome.path.relative_to(collection.folder).as_posix(), "caption": outcome.caption}
