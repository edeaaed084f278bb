"""The prompt engine: instruction x spatial setting x time or season, and the words to avoid in a background.

Section 4.2 and Figure 4 of the paper. The paper gives the sizes of its three sets (3, 18, 13) but not their members, so
the members here are ours; the list in the authors' published code is the preset `official-17`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aga_lightning.augment.base import Part, Prompt

if TYPE_CHECKING:
    import inflect


class ModalitySets(NamedTuple):
    """The three sets a prompt is drawn from; an empty string stands for "not said"."""

    instructions: tuple[str, ...]
    spatial: tuple[str, ...]
    temporal: tuple[str, ...]


INSTRUCTIONS = (
    "Describe in a few vivid words the perfect background for a photograph",
    "Write one short and expressive description of an ideal background scene",
    "Suggest a concise prompt from which an artist could paint a fitting background",
)

SPATIAL = (
    "an open meadow of tall grass",
    "a reed-fringed lakeshore",
    "a rocky coast with breaking waves",
    "a sandy beach",
    "a pine forest",
    "a broadleaf woodland",
    "a range of high mountains",
    "a desert of sand dunes",
    "a moor of purple heather",
    "a stony riverbank",
    "a marsh of still pools",
    "a field of ripe wheat",
    "a garden of flower beds",
    "an old brick wall",
    "a city skyline beyond rooftops",
    "a tropical jungle",
    "a weathered wooden fence",
    "a red rock canyon",
)

TEMPORAL = (
    "at dawn",
    "at noon",
    "at sunset",
    "at dusk",
    "on a starry night",
    "under a full moon",
    "in thick fog",
    "in steady rain",
    "under storm clouds",
    "in spring",
    "in high summer",
    "in autumn",
    "in winter snow",
)

OFFICIAL_17 = (
    "in a snowy weather",
    "in a desert",
    "in a rainy season",
    "in winter season",
    "in summer season",
    "under a clear sky",
    "in a tropical climate",
    "amidst the autumn foliage",
    "on a foggy day",
    "at the beach",
    "in a mountainous region",
    "on a sunny day",
    "in a coastal area",
    "under a starry night",
    "in a rural landscape",
    "in the heart of a forest",
    "during a thunderstorm",
)

PRESETS = {
    "aga_lightning-18x13": ModalitySets(INSTRUCTIONS, SPATIAL, TEMPORAL),
    "official-17": ModalitySets(INSTRUCTIONS, OFFICIAL_17, ("",)),
}

ANIMALS = ("animal", "creature", "wildlife")
SYNONYMS = {
    "airplane": ("aeroplane", "aircraft", "jet", "plane"),
    "antelope": (*ANIMALS, "gazelle", "impala"),
    "bird": (*ANIMALS, "avian", "fowl", "songbird", "waterfowl"),
    "boat": ("ship", "vessel", "yacht"),
    "butterfly": (*ANIMALS, "insect", "moth"),
    "car": ("automobile", "motorcar", "vehicle"),
    "cat": (*ANIMALS, "feline", "kitten", "kitty"),
    "cattle": (*ANIMALS, "bovine", "bull", "calf", "cow", "ox"),
    "chicken": (*ANIMALS, "bird", "cockerel", "fowl", "hen", "poultry", "rooster"),
    "cow": (*ANIMALS, "bovine", "bull", "calf", "cattle", "ox"),
    "deer": (*ANIMALS, "doe", "fawn", "stag"),
    "dog": (*ANIMALS, "canine", "hound", "pup", "puppy"),
    "elephant": (*ANIMALS, "pachyderm", "tusker"),
    "fish": (*ANIMALS,),
    "flower": ("bloom", "blossom"),
    "frog": (*ANIMALS, "amphibian", "toad"),
    "giraffe": ANIMALS,
    "horse": (*ANIMALS, "foal", "mare", "pony", "stallion"),
    "impala": (*ANIMALS, "antelope"),
    "insect": (*ANIMALS, "bug"),
    "lizard": (*ANIMALS, "reptile"),
    "monkey": (*ANIMALS, "ape", "primate"),
    "person": ("human", "man", "people", "woman"),
    "sheep": (*ANIMALS, "ewe", "lamb", "ram"),
    "ship": ("boat", "vessel"),
    "snake": (*ANIMALS, "reptile", "serpent", "viper"),
    "spider": (*ANIMALS, "arachnid", "tarantula"),
    "tick": (*ANIMALS, "arachnid", "mite"),
    "truck": ("lorry", "vehicle"),
    "turtle": (*ANIMALS, "reptile", "terrapin", "tortoise"),
    "zebra": ANIMALS,
}
"""Other words for common superclasses, by the singular."""

_SEPARATORS = re.compile(r"[\s_-]+")


@lru_cache(maxsize=1)
def _engine() -> "inflect.engine":
    with _without_type_checks():
        import inflect

    return inflect.engine()


@contextmanager
def _without_type_checks() -> Iterator[None]:
    """Import without typeguard, which rewrites a module once for each function that it checks.

    With typeguard, importing inflect takes one to five seconds in each process; without it, a fiftieth of that.
    """
    try:
        typeguard: Any = import_module("typeguard")
    except ImportError:  # inflect 7.0 does not use it
        yield
        return
    checked = typeguard.typechecked
    typeguard.typechecked = lambda function: function
    try:
        yield
    finally:
        typeguard.typechecked = checked


@lru_cache(maxsize=4096)
def _variants(word: str) -> tuple[str, ...]:
    """The word, its plural, and its singular if it looks like a plural; lower case, spaces between the parts."""
    word = _SEPARATORS.sub(" ", word.lower()).strip()
    if not word:
        return ()
    forms = {word}
    # The pluraliser also accepts plurals: "elephants" gives "elephantss".
    if not (plural := _engine().plural_noun(word)).endswith("ss"):
        forms.add(plural)
    if singular := _engine().singular_noun(word):
        forms.add(str(singular))
    return tuple(sorted(forms))


def avoid_words(classes: Iterable[str], superclasses: Iterable[str], extra: Iterable[str] = ()) -> tuple[str, ...]:
    """The words to avoid, so that no second subject is painted (section 4.2 of the paper).

    Args:
        classes: Class names; the last word of a longer name is avoided too, since a "water ouzel" is an ouzel.
        superclasses: Kinds of subject, such as "bird".
        extra: Further words.

    Returns:
        The words with their plurals, singulars and synonyms: lower case, sorted, each once.
    """
    words: set[str] = set()
    for name in (*classes, *superclasses, *extra):
        spaced = _SEPARATORS.sub(" ", name.lower()).strip()
        words.update(_variants(spaced))
        words.update(_variants(spaced.rpartition(" ")[2]))
    synonyms = {synonym for word in words for synonym in SYNONYMS.get(word, ())}
    return tuple(sorted(words.union(*(_variants(synonym) for synonym in synonyms))))


@lru_cache(maxsize=4096)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    # "sea gull", "sea-gull", "sea_gull" and "seagull" are one word; an underscore is no boundary to \b.
    forms = (r"[\s_-]*".join(map(re.escape, form.split())) for word in words for form in _variants(word))
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(forms) or '(?!)'})(?![^\W_])", re.IGNORECASE)


def mentions(text: str, words: Iterable[str]) -> str | None:
    """Find the first of the words that a text contains as a separate word or phrase, in any case or number.

    Args:
        text: A caption.
        words: Words or phrases; hyphens, underscores and spaces are the same.

    Returns:
        The word as given ("now" is not in "snow", and "gull" is in "sea gulls"), or None.
    """
    words = tuple(words)
    if not _pattern(words).search(text):
        return None
    return next(word for word in words if _pattern((word,)).search(text))


def without(text: str, words: Sequence[str]) -> str:
    """The text with every mention of the words cut out."""
    while word := mentions(text, words):
        text = " ".join(_pattern((word,)).sub(" ", text).split())
    return text


@lru_cache(maxsize=256)
def _unmentioning(entries: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry for entry in entries if not mentions(entry, words))


@dataclass(kw_only=True, eq=False)
class PromptEngine(Part):
    """Draws prompts uniformly from three sets (section 4.2 and Figure 4 of the paper).

    Args:
        preset: The sets: `aga_lightning-18x13` (702 combinations) or `official-17` (the authors' code: 17 settings,
            some of which are times or seasons).
        instructions: Instructions instead of the preset's.
        spatial: Spatial settings instead of the preset's.
        temporal: Times and seasons instead of the preset's.
        include: Keep only the spatial settings and times that contain one of these words; a set in which none of the
            words occurs is kept whole.
        exclude: Leave out the spatial settings and times that contain one of these words.
        avoid: Words to avoid besides those of the data set.

    Raises:
        ValueError: If the preset is unknown, a word to include or exclude does not occur, or a set becomes empty.
    """

    preset: str = "aga_lightning-18x13"
    instructions: Sequence[str] = ()
    spatial: Sequence[str] = ()
    temporal: Sequence[str] = ()
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    avoid: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"No prompt preset is called {self.preset!r}; there are {', '.join(PRESETS)}.")
        self.sets = self._chosen_sets()
        self._avoided = avoid_words((), (), self.avoid)
        self._worked_out: dict[tuple[str, ...], tuple[ModalitySets, tuple[str, ...]]] = {}

    def _chosen_sets(self) -> ModalitySets:
        preset = PRESETS[self.preset]
        instructions, spatial, temporal = (
            tuple(own) or given
            for own, given in zip((self.instructions, self.spatial, self.temporal), preset, strict=True)
        )
        for word in (*self.include, *self.exclude):
            if not any(mentions(entry, [word]) for entry in (*spatial, *temporal)):
                raise ValueError(f"No setting and no time of the prompt engine contains {word!r}.")
        spatial, temporal = (self._kept(entries) for entries in (spatial, temporal))
        if not spatial or not temporal:
            raise ValueError("`exclude` leaves the prompt engine no spatial setting or no time.")
        return ModalitySets(instructions, spatial, temporal)

    def _kept(self, entries: tuple[str, ...]) -> tuple[str, ...]:
        included = tuple(entry for entry in entries if mentions(entry, self.include)) or entries
        return _unmentioning(included, tuple(self.exclude))

    def _allowed(self, avoid: Sequence[str]) -> tuple[ModalitySets, tuple[str, ...]]:
        """The sets without entries that name a word to avoid, and all words to avoid; computed once."""
        words = tuple(avoid)
        if words not in self._worked_out:
            self._worked_out[words] = self._work_out(words)
        return self._worked_out[words]

    def _work_out(self, avoid: tuple[str, ...]) -> tuple[ModalitySets, tuple[str, ...]]:
        avoided = tuple(sorted({*avoid, *self._avoided}))
        spatial, temporal = (_unmentioning(entries, avoided) for entries in self.sets[1:])
        if not spatial or not temporal:
            raise ValueError("Every setting or every time of the prompt engine names a word to avoid; give it others.")
        return ModalitySets(self.sets.instructions, spatial, temporal), avoided

    def prompt(self, seed: int, avoid: Sequence[str] = ()) -> Prompt:
        """Draw one of the combinations uniformly.

        Args:
            seed: Seed of the draw.
            avoid: Words to avoid; settings and times that name one of them are not drawn.

        Returns:
            The prompt.

        Raises:
            ValueError: If every setting or every time names a word to avoid.
        """
        sets, avoided = self._allowed(avoid)
        rng = np.random.default_rng(seed)
        instruction, spatial, temporal = (entries[int(rng.integers(len(entries)))] for entries in sets)
        return Prompt(instruction, spatial, temporal, avoided)


def engineered_text(prompt: Prompt) -> str:
    """The text that a language model is sent (section 4.2 and Figure 4 of the paper)."""
    scene = " ".join(part for part in (prompt.spatial, prompt.temporal) if part)
    text = f"{prompt.instruction}: {scene}. Answer in one line."
    if prompt.avoid:
        text += f" Do not use any of these words: {', '.join(prompt.avoid)}."
    return text
