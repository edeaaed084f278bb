"""`check --store true`: what is damaged is told, set aside and made anew; what is not stays as it is."""

import io

import numpy as np
import pytest
from rich.console import Console

from aga_lightning.augment.engine.store import Shelf, Store, UnwritableError
from aga_lightning.cli.store_report import damaged_files
from aga_lightning.images.codec import encode_mask


def report(store):
    console = Console(file=io.StringIO(), width=400)
    return damaged_files(store, console), console.file.getvalue()


@pytest.fixture
def cache(tmp_path):
    store = Store(tmp_path / "cache")
    store.save("backgrounds", "ab12", {}, b"a lake")
    store.save("captions", "ab12", {"caption": "a lake"})
    for number in range(3):
        store.augmented("aga-1").put(f"k{number}", {}, b"an owl", f"owl/{number}.jpg")
    store.background_sets("2").put("k", {}, b"a wren", "only_fg/wren/1.png")
    return tmp_path / "cache"


def test_a_sound_store_is_counted_and_not_changed(cache):
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert report(Store(cache)) == ([], f"5 finished files in {cache}.\n")
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_damaged_files_of_all_shelves_are_found_and_missing_from_then_on(cache):
    damaged = ["backgrounds/ab/ab12.bin", "augmented/aga-1/owl/1.jpg", "background_sets/2/only_fg/wren/1.png"]
    for name in damaged:
        (cache / name).write_bytes((cache / name).read_bytes().upper())
    problems, shown = report(Store(cache))
    assert [problem.split(" are not ")[0] for problem in problems] == [
        f"1 of 1 files in {cache / 'backgrounds'}",
        f"1 of 3 files in {cache / 'augmented' / 'aga-1'}",
        f"1 of 1 files in {cache / 'background_sets' / '2'}",
    ]
    assert "5 finished files" in shown and not any((cache / name).exists() for name in damaged)
    assert set(Store(cache).augmented("aga-1").entries()) == {"k0", "k2"}
    assert report(Store(cache)) == ([], f"2 finished files in {cache}.\n")


def test_damaged_files_of_all_shelves_are_told_where_none_may_be_set_aside(cache, monkeypatch):
    def refuse(shelf, key):
        raise UnwritableError("the cache is read-only")

    monkeypatch.setattr(Shelf, "set_aside", refuse)
    for name in ("backgrounds/ab/ab12.bin", "augmented/aga-1/owl/1.jpg"):
        (cache / name).write_bytes((cache / name).read_bytes().upper())
    problems, shown = report(Store(cache))
    assert [problem.partition("; ")[0].split()[:3] for problem in problems] == [["1", "of", "1"], ["1", "of", "3"]]
    assert all(problem.endswith("they cannot be set aside: the cache is read-only") for problem in problems)
    assert "5 finished files" in shown


def test_files_of_an_earlier_release_are_told_apart(cache):
    index = cache / "index" / "pictures"
    index.mkdir()
    mask = encode_mask(np.ones((2, 2), bool))
    (index / "rank-0.jsonl").write_text(f'{{"key": "cd34", "file": "cd/cd34.png", "size": {len(mask)}}}\n')
    (cache / "pictures" / "cd").mkdir(parents=True)
    (cache / "pictures" / "cd" / "cd34.png").write_bytes(mask)
    shown = report(Store(cache))[1]
    assert "6 finished files" in shown and "1 of them of an earlier release, without digests" in shown
