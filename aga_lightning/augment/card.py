"""The card of a generated set, for readers of its folder: Markdown with the Hugging Face front matter.

The same store gives the same bytes: a card holds no dates, names of machines or absolute paths.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Part, parts_in
from aga_lightning.augment.licences import Licence, licence_of
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.prompts import PromptEngine

Row = Mapping[str, object]

_LOADING = (
    'With `datasets`: `load_dataset("imagefolder", data_dir=FOLDER)`, where the column `class` is the label; with '
    "torchvision: `ImageFolder(FOLDER)`. To publish the folder, give this file the name `README.md`."
)
_NUMBER = re.compile(r" ?\d+(\.\d+)?%?")
# A number, followed by its unit and its limit if it is compared with one.
_MEASURED = re.compile(
    r" ?\d+(?:\.\d+)?%?(?:(?P<of>[^;]*?), (?P<limit>(?:less than|more than|at least|at most) \d+(?:\.\d+)?%?))?"
)
_ASIDE = re.compile(r" ?\([^)]*\)")
# From the start of a word, over a slash, to the first ending of a file's name; folders may contain spaces.
_FILE = re.compile(r"(?<![^\s('\"])[^\s('\"]*[\\/].*?\.\w{2,4}(?=[\s,:;)'\"]|$)")


def kind_of_reason(reason: str) -> str:
    """The words of a reason that are the same for all images.

    A colon and what follows it are left out, and so are words in brackets. If a number is compared with a limit, only
    the limit stays: "the score is 0.31, less than 0.45" becomes "the score is less than 0.45". Other numbers are left
    out, and each path becomes "a file".
    """
    words = _FILE.sub("a file", reason).removeprefix("a file: ").partition(": ")[0]
    return _MEASURED.sub(_without, _ASIDE.sub("", words)).strip()


def _without(found: re.Match[str]) -> str:
    return "" if found["limit"] is None else f" {found['limit']}{_NUMBER.sub('', found['of'])}"


@dataclass(frozen=True, slots=True)
class Card:
    """A card before it is written: front matter, title, first sentence, facts, and the text of each section."""

    front: dict[str, object]
    title: str
    sentence: str
    facts: Sequence[str]
    sections: dict[str, str]

    def text(self) -> str:
        """Markdown with the hub's front matter."""
        front = yaml.safe_dump(self.front, sort_keys=False, allow_unicode=True)
        facts = "\n".join(f"- {fact}" for fact in self.facts)
        body = [part for name, text in self.sections.items() for part in (f"## {name}", text)]
        return "\n\n".join([f"---\n{front}---", f"# {self.title}", self.sentence, facts, *body]) + "\n"


def dataset_card(name: str, augmenter: Augmenter, seed: int, accepted: Sequence[Row], rejected: Sequence[Row]) -> str:
    """The card of a folder of augmentations, as text; the arguments are those of `set_card`."""
    card = set_card(name, augmenter, seed, accepted, rejected)
    if rejected:
        card.sections["Rejected"] += "\n\nExamples, where they were drawn: `rejected.png`."
    return card.text()


def set_card(name: str, augmenter: Augmenter, seed: int, accepted: Sequence[Row], rejected: Sequence[Row]) -> Card:
    """The card of a set.

    Args:
        name: Name of the set.
        augmenter: The method that made it; no weights are loaded.
        seed: Seed of the augmentations.
        accepted: The facts of each image, as in `metadata.jsonl`.
        rejected: The facts of each reject, as in `rejected.jsonl`.
    """
    method = type(augmenter)
    sections = {
        "Loading": _LOADING,
        "Parts": _paragraphs(_parts(augmenter)),
        "Captions": _paragraphs(_captions(augmenter, accepted)),
        "Classes": _classes(accepted, rejected),
        "Rejected": _rejects(rejected),
    }
    return Card(
        front={
            "license": "other",
            "pretty_name": name,
            "task_categories": ["image-classification"],
            "size_categories": [_size(len(accepted))],
            "tags": ["synthetic", "data-augmentation", "aga_lightning", method.__name__.lower()],
        },
        title=name,
        sentence=(inspect.getdoc(method) or method.__name__).splitlines()[0],
        facts=[
            f"images: {len(accepted)} (one a line in `metadata.jsonl`)",
            f"rejected: {len(rejected)} (with the reason in `rejected.jsonl`)",
            f"seed: {seed}",
            "settings, resolved: `config.yaml`",
            "made from training images only; each line names its source and the digest of the source's bytes",
        ],
        sections={title: text for title, text in sections.items() if text},
    )


def _paragraphs(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(paragraphs)


def _size(images: int) -> str:
    """The hub's name for a size."""
    bounds = (("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6))
    return next((text for text, bound in bounds if images < bound), "1M<n<10M")


class _Weights(NamedTuple):
    part: str
    name: str
    identity: str
    licence: Licence | None


def _parts(augmenter: Augmenter) -> Iterator[str]:
    parts = [part for part in parts_in(augmenter) if part is not augmenter]
    names = list(dict.fromkeys(type(part).__name__ for part in parts))
    if names:
        yield ", ".join(f"`{name}`" for name in names) + "; their settings are in `config.yaml`."
    found = list(dict.fromkeys(item for part in parts_in(augmenter) for item in _weights(part)))
    if not found:
        yield "No part has weights."
        yield (
            "Each image depends on its source, its variant and the seed alone, and is the same to the bit in any order "
            "and grouping of the work."
        )
        return
    rows = [(f"`{item.part}`", f"`{item.name}`", item.identity, *_terms(item.licence)) for item in found]
    yield table(("part", "weights", "revision or digest", "licence", "commercial use", "note"), rows)
    yield (
        "Licences are listed as aga_lightning knows them, from a table of 2026-11 or the files beside the weights; the "
        "models' own cards decide. What they mean for images made with a model is not judged here, and terms of the "
        "source images are not listed."
    )
    yield (
        "Parts without weights give the same bits in any order and grouping of the work; those with weights do so for "
        "one batch size, number format and kind of device, and agree up to rounding for others, which may turn what a "
        "gate or a language model decides."
    )


def _weights(part: Part) -> Iterator[_Weights]:
    """The weights that a part's settings name, with their identities as in its keys."""
    if not isinstance(part, Pretrained):
        return
    for argument in inspect.signature(type(part)).parameters:
        value, identity = getattr(part, argument), part.setting(argument)
        if not isinstance(value, str) or not isinstance(identity, str):
            continue
        local = identity.startswith("local-")
        if not local and argument != "weights" and not identity.startswith(f"{value}@"):
            continue
        path = Path(value).expanduser()
        # The path of local weights is private, and they may have been moved since.
        name = ("local folder" if path.is_dir() else path.name) if local else identity.rpartition("@")[0] or identity
        revision = identity if local else identity.rpartition("@")[2] if "@" in identity else ""
        yield _Weights(
            type(part).__name__, Path(name).name if path.is_absolute() else name, revision, licence_of(value)
        )


def _terms(licence: Licence | None) -> tuple[str, str, str]:
    if licence is None:
        return "unknown", "unknown", ""
    return licence.name, {True: "yes", False: "no", None: "unknown"}[licence.commercial], licence.note


def _captions(augmenter: Augmenter, accepted: Sequence[Row]) -> Iterator[str]:
    captions = [row for row in accepted if row.get("caption")]
    engines = [part for part in parts_in(augmenter) if isinstance(part, PromptEngine)]
    if not captions and not engines:
        return
    lines = []
    for engine in engines:
        instructions, spatial, temporal = map(len, engine.sets)
        changed = any((engine.instructions, engine.spatial, engine.temporal, engine.include, engine.exclude))
        name = f"`{engine.preset}`" + (", changed by settings" if changed else "")
        sizes = f"{instructions} instructions, {spatial} spatial settings, {temporal} times and seasons"
        lines.append(f"- prompt set {name}: {sizes}")
    if captions:
        drawn = [len({row[kind] for row in captions if row.get(kind)}) for kind in ("spatial", "temporal")]
        tries = [float(str(row["caption_tries"])) for row in captions if "caption_tries" in row]
        if any(drawn):
            lines.append(f"- drawn: {drawn[0]} spatial settings, {drawn[1]} times and seasons")
        lines.append(f"- distinct captions: {len({row['caption'] for row in captions})} for {len(captions)} images")
        if any("caption_fallback" in row for row in captions):
            fallbacks = sum(bool(row.get("caption_fallback")) for row in captions)
            lines.append(f"- fallbacks, where no answer was usable: {fallbacks}")
        if tries:
            lines.append(f"- answers it took for a caption: {sum(tries) / len(tries):.2f} on average")
    yield "\n".join(lines)


def _classes(accepted: Sequence[Row], rejected: Sequence[Row]) -> str:
    made, refused = (Counter(str(row.get("class", "")) for row in rows) for rows in (accepted, rejected))
    return table(
        ("class", "images", "rejected"), [(name, made[name], refused[name]) for name in sorted(made | refused)]
    )


def _rejects(rejected: Sequence[Row]) -> str:
    kinds = Counter(kind_of_reason(str(row.get("rejected", ""))) for row in rejected)
    most_first = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return table(("reason", "rejected"), most_first) if rejected else ""


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
