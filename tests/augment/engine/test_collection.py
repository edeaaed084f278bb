"""The promise of the store: never half-written, whatever happens, and always the same bytes."""

import errno
import hashlib
import json
import os
import random
import signal
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tiny.costly import CostlyPainter, calls
from torchvision.datasets import ImageFolder

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected, Request
from aga_lightning.augment.engine import generation
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store, StoreError
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.codec import encode_jpeg
from aga_lightning.images.reading import read_image


def small_aga():
    return AGA(segmenter=GrabCut(size=48))


def collect(cache, records, degree=2, augmenter=None, seed=0):
    return Collection(augmenter or small_aga(), Store(cache), records, degree, seed)


def fill(collection):
    for requests in collection.pending():
        collection.make(requests)
    collection.finish()
    return collection


def contents(collection):
    """All that a reader of the folder sees, and what each journal line says, as digests."""
    files = {
        str(path.relative_to(collection.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in collection.folder.rglob("*")
        if path.is_file()
    }
    cache = collection.store.cache_dir
    for kind in ("subjects", "backgrounds"):
        files |= {
            str(path.relative_to(cache)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (cache / kind).rglob("*")
            if path.is_file()
        }
    return files


@pytest.fixture(autouse=True)
def single_threaded_opencv():
    """A forked child must not wait for threads that only its parent has."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def test_a_collection_is_an_image_folder_with_metadata(tmp_path, disc_records):
    collection = fill(collect(tmp_path / "cache", disc_records))
    assert ImageFolder(collection.folder).classes == ["lime", "plum"]
    assert len(ImageFolder(collection.folder)) == 16
    rows = [json.loads(line) for line in (collection.folder / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == sorted(row["file_name"] for row in rows)
    for row in rows:
        assert read_image(collection.folder / row["file_name"]).size == (48, 48)
        source = next(record for record in disc_records if record.path.name in row["source"])
        assert row["source_sha256"] == hashlib.sha256(source.path.read_bytes()).hexdigest()
        assert row["class"] == source.class_name
        assert row["caption"]
    assert "images: 16" in (collection.folder / "DATASET_CARD.md").read_text()


def test_nothing_finished_is_made_again(tmp_path, disc_records):
    fill(collect(tmp_path / "cache", disc_records))
    again = collect(tmp_path / "cache", disc_records)
    assert again.pending() == []
    assert len(collect(tmp_path / "cache", disc_records, degree=3).pending()) == 8


def test_the_order_and_the_grouping_change_nothing(tmp_path, disc_records):
    expected = contents(fill(collect(tmp_path / "one", disc_records)))
    other = collect(tmp_path / "two", disc_records[::-1])
    for requests in reversed(other.pending()):
        for request in reversed(requests):
            other.make([request])
    other.finish()
    assert contents(other) == expected


def test_the_seed_and_each_setting_have_a_folder_of_their_own(tmp_path, disc_records):
    names = {
        collect(tmp_path / "cache", disc_records).name,
        collect(tmp_path / "cache", disc_records, seed=1).name,
        collect(tmp_path / "cache", disc_records, augmenter=AGA(segmenter=GrabCut(size=64))).name,
        collect(tmp_path / "cache", disc_records[:4]).name,  # other classes: other words to avoid
    }
    assert len(names) == 4


def test_two_seeds_differ(tmp_path, disc_records):
    one = fill(collect(tmp_path / "one", disc_records[:1]))
    two = fill(collect(tmp_path / "two", disc_records[:1], seed=1))
    one_bytes, two_bytes = ({p.read_bytes() for p in c.folder.rglob("*.jpg")} for c in (one, two))
    assert one_bytes.isdisjoint(two_bytes)


def run_and_kill(start, after):
    """Fork a child that fills the store, and kill it `after` seconds later; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            fill(start())
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def test_killed_twice_at_random_instants_and_resumed_it_holds_the_same_bytes(tmp_path, disc_records):
    records = disc_records[:3]
    began = time.monotonic()
    expected = contents(fill(collect(tmp_path / "whole", records)))
    duration = time.monotonic() - began
    draw = random.Random(0)
    interrupted = 0
    for trial in range(25):
        cache = tmp_path / f"killed-{trial}"
        for _ in range(2):
            status = run_and_kill(lambda cache=cache: collect(cache, records), draw.uniform(0, 1.1 * duration))
            interrupted += os.WIFSIGNALED(status)
        resumed = collect(cache, records)
        for path in resumed.folder.rglob("*.jpg"):
            read_image(path)  # a file in place is whole, indexed or not
        assert contents(fill(resumed)) == expected
    assert interrupted >= 20


def test_two_processes_fill_one_store_as_one_would(tmp_path, disc_records):
    expected = contents(fill(collect(tmp_path / "alone", disc_records)))
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                fill(collect(tmp_path / "shared", disc_records))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    shared = collect(tmp_path / "shared", disc_records)
    assert shared.pending() == []
    assert contents(shared) == expected


def test_a_full_disk_stops_clearly_and_the_next_run_goes_on(tmp_path, disc_records, monkeypatch):
    expected = contents(fill(collect(tmp_path / "whole", disc_records)))
    collection = collect(tmp_path / "full", disc_records)
    flush, left = os.fsync, iter(range(20))

    def flush_until_full(file):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(file)

    monkeypatch.setattr(os, "fsync", flush_until_full)
    with pytest.raises(StoreError, match=r"disk is full\. Everything finished is kept"):
        fill(collection)
    monkeypatch.undo()
    finished = len(collection.find_all())
    assert 0 < finished < len(collection.requests)
    assert contents(fill(collect(tmp_path / "full", disc_records))) == expected


class Fussy(Augmenter):
    """Makes variant 0 and rejects the rest."""

    def augment(self, requests, cache):
        for request in requests:
            if request.variant == 0:
                yield Augmented(request, cv2.imread(str(request.record.path)))
            else:
                yield Rejected(request, f"variant {request.variant} is too much")


def test_two_jobs_that_end_together_leave_no_line_out(tmp_path, disc_records, monkeypatch):
    first, second = (collect(tmp_path, disc_records[:4], degree=1, augmenter=Fussy()) for _ in range(2))
    first.make(first.requests[:2])
    look = first.shelf.entries

    def look_and_dawdle():
        """What the slower job sees is old when it writes, unless it looks while it alone may write."""
        seen = look()
        if not second.find(second.requests[2]):
            second.make(second.requests[2:])
            second.finish()
        return seen

    monkeypatch.setattr(first.shelf, "entries", look_and_dawdle)
    first.finish()
    assert len((first.folder / "metadata.jsonl").read_text().splitlines()) == 4


def test_misunderstood_names_of_an_earlier_release_become_those_of_today(tmp_path, disc_records, monkeypatch):
    photo = disc_records[0].path.rename(disc_records[0].path.with_name("test_1.png"))
    records = [replace(disc_records[0], path=photo), *(replace(one, class_name="val") for one in disc_records[1:3])]
    monkeypatch.setattr("aga_lightning.augment.engine.store.names._unsplit", str)
    fill(collect(tmp_path / "cache", records, degree=1))
    monkeypatch.undo()
    collection = collect(tmp_path / "cache", records, degree=1)
    assert len(list(collection.folder.glob("val/plum_?-0-*.jpg"))) == 2
    fill(collection)
    assert contents(collection) == contents(fill(collect(tmp_path / "new", records, degree=1)))
    assert {path.name for path in collection.folder.iterdir() if path.is_dir()} == {"plum", "va%6C"}
    assert all(collect(tmp_path / "cache", records, degree=1).ensure(request).path for request in collection.requests)


def test_what_lags_behind_is_noticed_and_mended(tmp_path, disc_records):
    collection = fill(collect(tmp_path, disc_records, degree=2, augmenter=Fussy()))
    expected = contents(collection)
    metadata = collection.folder / "metadata.jsonl"
    whole = metadata.read_bytes()
    for spoilt in (whole[: whole.rindex(b"\n", 0, -1) + 1], whole.replace(b"plum", b"PLUM"), None):
        metadata.write_bytes(spoilt) if spoilt is not None else metadata.unlink()
        (collection.folder / "rejected.jsonl").unlink()
        (collection.folder / "DATASET_CARD.md").write_text("")
        collect(tmp_path, disc_records, degree=2, augmenter=Fussy()).finish()
        assert contents(collection) == expected


def test_a_sheet_of_rejects_is_drawn_where_it_lags_behind_and_before_the_list(tmp_path, disc_records):
    drawn = []

    def draw():
        drawn.append((collection.folder / "rejected.jsonl").exists())
        return b"a picture"

    collection = collect(tmp_path, disc_records, degree=2, augmenter=Fussy())
    collection.make(collection.requests[:2])
    collection.finish(draw)
    assert drawn == [False] and (collection.folder / "rejected.png").read_bytes() == b"a picture"
    collection.finish(draw)
    assert len(drawn) == 1
    collection.make(collection.requests[2:])
    collection.finish(draw)
    (collection.folder / "rejected.png").unlink()
    collection.finish(draw)
    assert len(drawn) == 3


def test_a_complete_collection_that_may_only_be_read_is_used_and_nothing_is_written(
    tmp_path, disc_records, monkeypatch, caplog
):
    fill(collect(tmp_path / "cache", disc_records))
    everything = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in everything}
    for path in disc_records[0].path.parent.iterdir():
        os.utime(path)  # as after a copy of the photos: their digests have to be found out again
    read_only(monkeypatch)
    again = collect(tmp_path / "cache", disc_records)
    assert again.pending() == [] and len(again.find_all()) == 16
    assert again.ensure(again.requests[0]).path is not None
    again.finish()
    assert caplog.text == ""
    monkeypatch.undo()
    assert {path: path.stat().st_mtime_ns for path in everything} == before
    assert [tmp_path / "cache", *(tmp_path / "cache").rglob("*")] == everything
    (again.folder / "metadata.jsonl").unlink()
    read_only(monkeypatch)
    again.finish()
    assert "lags behind its images" in caplog.text and "Give yourself the right" in caplog.text


def read_only(monkeypatch):
    """As a file system that is mounted for reading alone, whoever asks."""
    real_open = os.open

    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))

    def open_to_read(path, flags, *arguments, **more):
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return refuse(path) if writes else real_open(path, flags, *arguments, **more)

    monkeypatch.setattr(os, "open", open_to_read)
    for name in ("mkdir", "replace", "rename", "unlink"):
        monkeypatch.setattr(os, name, refuse)


def flip(path):
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])


def test_a_damaged_image_is_made_anew_when_it_is_asked_for(tmp_path, disc_records, caplog):
    expected = contents(fill(collect(tmp_path, disc_records[:2])))
    collection = collect(tmp_path, disc_records[:2])
    request = collection.requests[1]
    flip(collection.find(request).path)
    assert collection.find(request) and collection.find(request, look=True) is None
    assert collection.ensure(request) == collection.find(request, look=True)
    assert contents(collection) == expected and "not what was written there" in caplog.text


@pytest.mark.parametrize("kind", ["subjects", "backgrounds"])
def test_a_damaged_ingredient_is_made_anew_before_it_is_used(tmp_path, disc_records, kind):
    expected = contents(fill(collect(tmp_path / "whole", disc_records[:2])))
    collection = fill(collect(tmp_path / "cache", disc_records[:2]))
    for path in collection.folder.rglob("*.jpg"):
        path.unlink()
    for path in (collection.store.cache_dir / kind).rglob("*.*"):
        flip(path)
    assert contents(fill(collect(tmp_path / "cache", disc_records[:2]))) == expected


def test_rejects_are_indexed_counted_and_listed(tmp_path, disc_records):
    collection = fill(collect(tmp_path, disc_records, degree=3, augmenter=Fussy()))
    assert collection.rejections() == {"variant is too much": 16}
    assert collection.find(Request(disc_records[0], 1, 0)).reason == "variant 1 is too much"
    rows = [json.loads(line) for line in (collection.folder / "rejected.jsonl").read_text().splitlines()]
    assert len(rows) == 16 and all(row["rejected"] for row in rows)
    assert collection.pending() == []
    assert len(ImageFolder(collection.folder)) == 8


def test_only_the_chosen_images_are_asked_for_and_their_files_are_those_of_all(tmp_path, disc_records):
    every = fill(collect(tmp_path, disc_records))
    some = Collection(small_aga(), Store(tmp_path), disc_records, 2, 0, chosen=disc_records[2:5:2])
    assert some.subjects == disc_records[2:5:2] and len(some.requests) == 4
    assert some.requests_of(disc_records[:3]) == every.requests_of(disc_records[2:3])
    assert some.find_all() == {request: every.find(request) for request in some.requests}


def test_an_image_without_a_subject_is_not_asked_for(tmp_path, disc_records):
    empty = replace(disc_records[3], class_name="empty", superclass="")
    collection = fill(collect(tmp_path / "cache", [*disc_records[:2], empty, *disc_records[4:6]]))
    assert empty in collection.records and empty not in collection.subjects
    assert {request.record for request in collection.requests} == set(collection.subjects)
    assert len(collection.requests) == len(collection.find_all()) == 8
    assert collection.requests_of([empty, disc_records[0]]) == collection.requests_of([disc_records[0]])
    assert collection.pending() == [] and not (collection.folder / "empty").exists()
    assert collection.rejections() == {}


def test_an_unreadable_source_is_rejected_by_name_and_the_rest_is_made(tmp_path, disc_records):
    disc_records[0].path.write_bytes(disc_records[0].path.read_bytes()[:60])
    collection = fill(collect(tmp_path / "cache", disc_records))
    outcome = collection.find(Request(disc_records[0], 0, 0))
    assert disc_records[0].path.name in outcome.reason
    assert sum(outcome.path is not None for outcome in collection.find_all().values()) == 14


@pytest.mark.parametrize("class_name", ["../../escape", "a/b", "..", "black grouse", "Müller's owl"])
def test_a_class_name_cannot_leave_the_store(tmp_path, disc_records, class_name):
    record = disc_records[0]
    odd = type(record)(record.path, 0, class_name, "bird")
    collection = collect(tmp_path / "cache", [odd], degree=1)
    fill(collection)
    (made,) = collection.folder.rglob("*.jpg")
    assert made.parent.parent == collection.folder
    assert made.parent.name not in ("..", ".")


@pytest.mark.parametrize("name", ["test_\udcff", "caf\udce9 長" * 30])
def test_names_that_are_no_utf_8_and_long_ones_are_kept_and_told(tmp_path, disc_records, name):
    try:
        path = disc_records[0].path.rename(disc_records[0].path.with_name(name[:80] + ".jpg"))
    except OSError:
        pytest.skip("this file system takes no such names")
    odd = replace(disc_records[0], path=path, class_name=name, superclass="bird")
    collection = fill(collect(tmp_path / "cache", [odd], degree=1))
    assert collect(tmp_path / "cache", [odd], degree=1).pending() == []
    (row,) = (json.loads(line) for line in (collection.folder / "metadata.jsonl").read_text("utf-8").splitlines())
    assert "\\x" in row["class"] and read_image(collection.folder / row["file_name"]).size == (48, 48)
    assert "\\x" in (collection.folder / "DATASET_CARD.md").read_text("utf-8")
    (entry,) = Store(tmp_path / "cache").augmented(collection.name).entries().values()
    assert entry.facts["class"] == name and entry.facts["source"].endswith(path.name)


def test_a_set_is_read_whole_by_hugging_face(tmp_path, disc_records, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="it is in the group dev")
    photo = disc_records[0].path.rename(disc_records[0].path.with_name("test_1.png"))
    names = ["test", "data", "metadata.jsonl", ".hidden", "__special", "長" * 40, "caf\udce9", "plum"]
    records = [replace(record, class_name=name) for record, name in zip(disc_records, names, strict=True)]
    collection = fill(collect(tmp_path / "cache", [replace(records[0], path=photo), *records[1:]], degree=1))
    folder, home = str(collection.folder), str(tmp_path / "home")
    found = datasets.load_dataset("imagefolder", data_dir=folder, cache_dir=home)
    assert list(found) == ["train"] and found["train"][0]["image"].size == (48, 48)
    assert {"class", "caption", "source", "variant"} <= set(found["train"].column_names)
    assert set(found["train"]["class"]) == {*names} - {"caf\udce9"} | {"caf\\xe9"}


def test_what_another_process_is_making_is_waited_for(tmp_path, disc_records):
    log = tmp_path / "log"
    aga = AGA(painter=CostlyPainter(str(log)), segmenter=GrabCut(size=48), gates=[])
    collection = Collection(aga, Store(tmp_path / "cache"), disc_records[:1], 1, 0)
    *_, stage = aga.stages(collection.store)
    (unit,) = stage.pending(collection.requests, collection.store)
    other = Store(tmp_path / "cache")
    with other.claim("backgrounds", [unit.key]):
        waiting = threading.Thread(target=generation.fill, args=[collection], kwargs={"images": False})
        waiting.start()
        waiting.join(1.0)
        assert waiting.is_alive()
        other.save("backgrounds", unit.key, {"painter": "another"}, encode_jpeg(np.zeros((40, 40, 3), np.uint8)))
    waiting.join(20.0)
    assert not waiting.is_alive()
    assert calls(log)["paint"] == 0
