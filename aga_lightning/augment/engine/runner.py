"""Walks the steps of a method: each value, key and plan is worked out once for a request."""

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Request

Walked = Any
"""A `Step`, which imports this module."""


class Snapshot:
    """Which keys each folder of the cache holds, from one look at the folder.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: StageCache) -> None:
        self._cache = cache
        self._keys: dict[str, Set[str]] = {}

    def holds(self, name: str, key: str) -> bool:
        """Whether a folder holds a key, as far as it was looked at."""
        if name not in self._keys:
            self._keys[name] = self._cache.finished(name)
        return key in self._keys[name]

    def forget(self, name: str) -> None:
        """Look at a folder again, since something is made there."""
        self._keys.pop(name, None)


class Runner:
    """One walk over the steps. What it has worked out for a request it remembers, until it is told to forget.

    A walk is short, and belongs to one thread.

    Args:
        cache: What the steps have finished.
        snapshot: Spares a look-up for each key that the cache does not hold; for those who ask about many.
    """

    def __init__(self, cache: StageCache, snapshot: Snapshot | None = None) -> None:
        self.cache = cache
        self._snapshot = snapshot
        self._digests: dict[Path, str] = {}
        self._below: dict[Walked, frozenset[Any]] = {}
        self._ways: dict[tuple[Walked, Walked], Sequence[Any]] = {}
        self._looked: set[tuple[Walked, Any]] = set()
        # By identity, which is quicker than to compare requests; with what keeps them alive.
        self._known: dict[tuple[str, int, int], tuple[Any, Request]] = {}
        self._asked: dict[tuple[int, str], Any] = {}

    def fresh(self) -> "Runner":
        """Another walk over the same cache."""
        return Runner(self.cache)

    def forget(self) -> None:
        """Drop keys and values: the next request is for another image."""
        self._known.clear()
        self._asked.clear()

    def digest(self, path: Path) -> str:
        """What tells the pixels of an image file from others."""
        if path not in self._digests:
            self._digests[path] = self.cache.digest(path)
        return self._digests[path]

    def facts(self, name: str, key: str) -> Mapping[str, object] | None:
        """What the cache tells of a key without reading a file; None where nothing is finished."""
        if self._snapshot is not None and not self._snapshot.holds(name, key):
            return None
        return self.cache.facts(name, key)

    def plan(self, step: Walked, request: Request) -> Any:  # noqa: ANN401 each step has plans of its own kind
        """What of a request decides the value of a step."""
        return self._remembered("plan", step, request, lambda: step.plan(request, self.digest))

    def key(self, step: Walked, request: Request) -> str:
        """A key of the value of a step."""
        return str(self._remembered("key", step, request, lambda: step.key(request, self)))

    def place(self, step: Walked, request: Request) -> str:
        """Under which key the cache keeps the value of a step."""
        return str(self._remembered("place", step, request, lambda: step.place(request, self)))

    def value(self, step: Walked, request: Request) -> Any:  # noqa: ANN401 each step has values of its own kind
        """The value of a step, made now if need be; or a rejection."""
        return self._remembered("value", step, request, lambda: step.value(request, self))

    def status(self, step: Walked, request: Request) -> Any:  # noqa: ANN401 a rejection, or whether it is kept
        """Whether the value of a step is kept, or a rejection, as far as the cache knows."""
        return self._remembered("status", step, request, lambda: step.status(request, self))

    def assume(self, step: Walked, request: Request, value: object) -> None:
        """Take this for the value of a step for a request, whatever its own would be."""
        self._known[_place("value", step, request)] = value, request

    def once(self, make: Callable[[Request, "Runner"], Any], step: Walked, request: Request) -> Any:  # noqa: ANN401
        """What a function says of a request, asked once for all requests whose values are kept in one place."""
        place = id(step), self.place(step, request)
        if place not in self._asked:
            self._asked[place] = make(request, self)
        return self._asked[place]

    @staticmethod
    def ordered(goal: Walked) -> list[Any]:
        """A step and all that it takes, each once, inputs first."""
        found: dict[Any, None] = {}

        def visit(step: Walked) -> None:
            for one in step.inputs:
                visit(one)
            found.setdefault(step)

        visit(goal)
        return list(found)

    def leads(self, step: Walked, target: Walked) -> bool:
        """Whether a step takes another, or is it."""
        if step not in self._below:
            self._below[step] = frozenset(self.ordered(step))
        return target in self._below[step]

    def way(self, step: Walked, target: Walked) -> Sequence[Any]:
        """The inputs of a step up to the last one that takes another step, or is it; none where none does."""
        if (step, target) not in self._ways:
            ends = [index for index, one in enumerate(step.inputs, 1) if self.leads(one, target)]
            self._ways[step, target] = step.inputs[: max(ends, default=0)]
        return self._ways[step, target]

    def first_look(self, step: Walked, group: Any) -> bool:  # noqa: ANN401 as `Gathered.group`
        """Whether this walk asks what a group needs for the first time."""
        first = (step, group) not in self._looked
        self._looked.add((step, group))
        return first

    def _remembered(self, what: str, step: Walked, request: Request, work: Callable[[], Any]) -> Any:  # noqa: ANN401
        place = _place(what, step, request)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = work(), request
        return known[0]


def _place(what: str, step: Walked, request: Request) -> tuple[str, int, int]:
    return what, id(step), id(request.record if step.of_record else request)
