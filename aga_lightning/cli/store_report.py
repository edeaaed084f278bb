"""Compare all that the cache directory holds with the digests that it was written with: a part of the verb `check`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import track

from aga_lightning.augment.engine.store import Shelf, Store, UnwritableError


def damaged_files(store: Store, console: Console) -> list[str]:
    """Read each finished file, and set aside those that are not what was written, so that they are made anew.

    Args:
        store: Where they are.
        console: Where to print.

    Returns:
        A problem for each folder that had damaged files, also where they may not be set aside.

    Raises:
        StoreError: If the disk refuses for another reason than permissions.
    """
    files = unknown = 0
    problems = []
    for shelf in store.shelves():
        entries = [entry for entry in shelf.entries().values() if entry.file is not None]
        files += len(entries)
        unknown += sum(not entry.sha256 for entry in entries)
        title = f"Comparing {len(entries)} files in {shelf.folder}"
        looked = _looked_at(shelf, [entry.key for entry in entries])
        hidden = not (entries and console.is_terminal)
        watched = track(looked, title, len(entries), console=console, transient=True, disable=hidden)
        bad = [key for key in watched if key is not None]
        done = f"they were set aside, in {shelf.index / 'damaged'}, and augment or fit makes them anew"
        try:
            for key in bad:
                shelf.set_aside(key)
        except UnwritableError as error:
            done = f"they cannot be set aside: {error}"
        if bad:
            problems.append(
                f"{len(bad)} of {len(entries)} files in {shelf.folder} are not what was written there: {done}"
            )
    told = f", {unknown} of them of an earlier release, without digests: they were only opened" if unknown else ""
    console.print(f"{files} finished files in {store.cache_dir}{told}.", soft_wrap=True, markup=False, highlight=False)
    return problems


def _looked_at(shelf: Shelf, keys: list[str]) -> Iterator[str | None]:
    """The keys whose files are damaged, and None for each of the others."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(lambda key: key if shelf.sound(key) is None else None, keys)
