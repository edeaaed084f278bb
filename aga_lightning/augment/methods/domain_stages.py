"""The stages in which ALIA finds its domains: the training images in words, then these words in a few."""

from collections.abc import Sequence
from typing import cast

from aga_lightning.augment.augmenter import ModelStage, StageCache, Unit
from aga_lightning.augment.base import Request
from aga_lightning.augment.methods.domains import DomainSearch
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.samples import Sample


class Descriptions(ModelStage):
    """The training images in words, whichever of them are to be augmented.

    Args:
        search: What is looked for.
        cache: Where it is kept.
    """

    def __init__(self, search: DomainSearch, cache: StageCache) -> None:
        super().__init__("descriptions", [search.captioner], search.batch_size)
        self.search = search
        self.cache = cache

    def key(self, request: Request) -> str | None:
        """The description of the request's image; None where the image is not among those described."""
        key = self.search.description_key(request.record, self.cache)
        return key if key in self.search.chosen(request.seed, self.cache) else None

    def pending(self, requests: Sequence[Request], cache: StageCache) -> list[Unit]:
        """What the domains of the requests need, whichever images these ask for; nothing where domains are found."""
        finished = cache.finished(self.name)
        units: dict[str, Unit] = {}
        for seed in dict.fromkeys(request.seed for request in requests):
            if self.search.found(seed, self.cache) is None:
                for key, record in self.search.chosen(seed, self.cache).items():
                    units[key] = Unit(key, Request(record, 0, seed))
        return [unit for key, unit in units.items() if key not in finished]

    def load(self, unit: Unit) -> object:
        """The image, or why it cannot be read."""
        return self.search.look(unit.request.record, self.cache)

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Describe."""
        images = cast("Sequence[Sample | ImageReadError]", loaded)
        self.search.describe([unit.key for unit in units], images, self.cache)


class Domains(ModelStage):
    """The descriptions in a few words, once for each seed.

    Args:
        search: What is looked for.
        cache: Where it is kept.
    """

    loads = False
    gathers = True

    def __init__(self, search: DomainSearch, cache: StageCache) -> None:
        super().__init__("domains", [search.summariser], 1)
        self.search = search
        self.cache = cache

    def key(self, request: Request) -> str | None:
        """The domains of the request's seed."""
        return self.search.key(request.seed, self.cache)

    def load(self, unit: Unit) -> object:
        """Nothing: words are short."""
        return None

    def run(self, units: Sequence[Unit], loaded: Sequence[object]) -> None:
        """Summarise."""
        for unit in units:
            self.search.find(unit.request.seed, self.cache)
