"""The weights that a method needs, their places on this machine, and whether their licences allow commercial use.

Nothing is loaded, and no network is used.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from aga_lightning.augment.base import Part
from aga_lightning.augment.licences import Licence, licence_in, licence_of
from aga_lightning.augment.pretrained import FILES, Pretrained
from aga_lightning.images.records import ImageRecord

_FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".py")
_FORBIDS = re.compile(r"non-?\s?commercial|\bnc\b|research", re.IGNORECASE)
_ALLOWS = re.compile(r"\b(apache|mit|bsd|openrail|cc0|unlicense)|cc-by(-sa)?-\d|\bbsd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Weights that parts need.

    Args:
        name: The weights as the user named them.
        kind: The setting that names them.
        revision: Revision of the hub's repository.
        variant: The variant of the files, if there are several.
        url: The publisher's address of a file that lies in torch's cache of downloads; "" for all others.
        parts: The settings that lead to the parts ("gates.1.detector"), with `kind` if it is not `weights`.
        optional: Whether the parts have another way without them.
    """

    name: str
    kind: str = "weights"
    revision: str | None = None
    variant: str | None = None
    url: str = ""
    parts: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The place of weights; if they are missing, `remedy` says what to do."""

    kind: Literal["local", "cache", "missing"]
    path: Path | None = None
    remedy: str = ""


def wanted_weights(part: Part) -> list[Wanted]:
    """The weights that a part and all parts among its settings need; shared weights are listed once."""
    found: dict[Wanted, list[str]] = {}
    for path, pretrained, optional in _named_parts(part, ""):
        if isinstance(pretrained, Pretrained):
            for kind in FILES:
                if isinstance(name := getattr(pretrained, kind, None), str):
                    wanted = Wanted(name, kind, optional=optional or kind in pretrained.does_without)
                    if kind == "weights":
                        variant = getattr(pretrained, "variant", None)
                        url = pretrained.address or _torchvision_url(pretrained)
                        wanted = replace(wanted, revision=pretrained.revision, variant=variant, url=url)
                        # Parts do without a published file that cannot be had; a path is there, or wrong.
                        wanted = replace(wanted, optional=wanted.optional and bool(url))
                    place = path if kind == "weights" else f"{path}.{kind}"
                    found.setdefault(wanted, []).append(place.strip(".") or type(part).__name__)
    return [replace(wanted, parts=tuple(parts)) for wanted, parts in found.items()]


def locate(wanted: Wanted) -> Place:
    """The place of weights: a local path, or the cache of the hub's or torch's downloads."""
    path = Path(wanted.name).expanduser()
    if path.exists():
        return _whole(Place("local", path), wanted, "fetch the folder again")
    if wanted.url:
        return _in_torch_cache(wanted)
    repository, file = _on_hub(wanted.name)
    if not repository:
        return Place("missing", remedy="give a file or folder that exists")
    command = " ".join(["hf download", repository] + [file] * bool(file))
    command += f" --revision {wanted.revision}" if wanted.revision else ""
    found = _in_hub_cache(repository, file, wanted.revision)
    if found is None:
        return Place("missing", remedy=command)
    return _whole(Place("cache", found), wanted, command)


def missing_weights(part: Part) -> list[str]:
    """The weights that a part cannot do without and this machine lacks, one line each, with the remedy."""
    lines = []
    for wanted in wanted_weights(part):
        place = locate(wanted)
        if place.kind == "missing" and not wanted.optional:
            lines.append(f"{wanted.name} is missing: {place.remedy}")
    return list(dict.fromkeys(lines))


def fetch_weights(part: Part, records: Sequence[ImageRecord]) -> None:
    """Download what a part and the parts among its settings need for some records.

    Args:
        part: A part, or a whole method.
        records: The images that it will be given.

    Raises:
        DownloadError: If weights that the part cannot do without cannot be downloaded.
    """
    for _, one, optional in _named_parts(part, ""):
        if not optional:  # else its owner knows what to do without
            one.fetch(records)


def licence_for(wanted: Wanted) -> Licence | None:
    """The licence of some weights; for a local file also from the files beside it."""
    path = Path(wanted.name).expanduser()
    return licence_of(wanted.name) or (licence_in(path.parent) if path.is_file() else None)


def allows_commercial_use(licence: Licence | None) -> bool | None:
    """Whether a licence allows commercial use, by the table or by its name; None if unknown."""
    if licence is None or licence.commercial is not None:
        return None if licence is None else licence.commercial
    if _FORBIDS.search(licence.name):
        return False
    return True if _ALLOWS.search(licence.name) else None


def _named_parts(value: object, name: str, optional: bool = False) -> Iterator[tuple[str, Part, bool]]:
    """All parts among the settings of a part, with their names, and whether their owner does without their weights."""
    if isinstance(value, Part):
        yield name, value, optional
        for setting, inner in vars(value).items():
            if not setting.startswith("_"):
                yield from _named_parts(inner, f"{name}.{setting}".lstrip("."), setting in value.does_without)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _named_parts(item, f"{name}.{number}", optional)


def _torchvision_url(part: Pretrained) -> str:
    """Torchvision's address of a part's weights; "" if torchvision does not know them."""
    from torchvision.models import get_model_weights, list_models

    architecture = getattr(part, "architecture", None)
    if architecture not in list_models():
        return ""
    known = get_model_weights(architecture).__members__.get(part.weights)
    return "" if known is None else str(known.value.url)


def downloads() -> Path:
    """Torch's folder of downloaded weights; TORCH_HOME moves it."""
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints"


def _in_torch_cache(wanted: Wanted) -> Place:
    path = downloads() / wanted.url.rpartition("/")[2]
    return Place("cache", path) if path.is_file() else Place("missing", remedy=f"put {wanted.url} into {path.parent}")


def _on_hub(name: str) -> tuple[str, str]:
    """The repository and the file of a hub's name; "" and "" for the name of a local file."""
    parts = name.split("/")
    if name.startswith(("/", "~", ".")) or "\\" in name or not all(parts):
        return "", ""
    if len(parts) > 2:
        return "/".join(parts[:2]), "/".join(parts[2:])
    return ("", "") if name.endswith(_FILES) else (name, "")


def _in_hub_cache(repository: str, file: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        if file:
            found = try_to_load_from_cache(repository, file, revision=revision)
            return Path(found) if isinstance(found, str) else None
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _whole(place: Place, wanted: Wanted, remedy: str) -> Place:
    """The place, or a missing one if it is a folder without its weights; a text encoder's weights are not needed."""
    folder = place.path
    if folder is None or folder.is_file() or wanted.kind != "weights":
        return place
    weights = [file for file in folder.rglob("*") if file.name.endswith(_FILES[:-1]) and file.is_file()]
    if wanted.variant is not None:
        weights = [file for file in weights if f".{wanted.variant}." in file.name]
    if not weights:
        which = f"files of weights of the variant {wanted.variant}" if wanted.variant else "files of weights"
        return Place("missing", folder, f"{folder} has no {which}: {remedy}")
    for parent in sorted({index.parent for index in folder.rglob("*.index*.json")}):
        indexes = list(parent.glob("*.index*.json"))
        lost = {index: [name for name in _shards(index) if not (parent / name).is_file()] for index in indexes}
        single = any(file.parent == parent and "-of-" not in file.name for file in weights)
        # Only one of the formats or variants is loaded; the indexes of the others may be there without their files.
        if all(lost.values()) and not single:
            index, names = min(lost.items(), key=lambda pair: len(pair[1]))
            return Place("missing", folder, f"{folder} lacks {len(names)} files that {index.name} names: {remedy}")
    return place


def _shards(index: Path) -> set[str]:
    try:
        return set(json.loads(index.read_text(encoding="utf-8")).get("weight_map", {}).values())
    except (OSError, ValueError, AttributeError):
        return set()
