import errno
import hashlib
import json
import os

import numpy as np
import pytest
from PIL import Image
from tiny.profiles import display_p3

from aga_lightning.augment.engine.store import Store, StoreError
from aga_lightning.images.codec import encode_jpeg, encode_mask

MASK = encode_mask(np.ones((2, 2), bool))
PHOTO = encode_jpeg(np.zeros((2, 2, 3), np.uint8))


def test_stages_keep_facts_and_bytes(tmp_path):
    store = Store(tmp_path)
    assert store.load("subjects", "ab12") is None and store.facts("subjects", "ab12") is None
    store.save("subjects", "ab12", {"score": 1.0}, MASK)
    store.save("captions", "cd34", {"caption": "a lake"})
    again = Store(tmp_path)
    assert again.load("subjects", "ab12") == ({"score": 1.0}, MASK)
    assert again.load("captions", "cd34") == ({"caption": "a lake"}, None)
    assert again.facts("subjects", "ab12") == {"score": 1.0}
    assert again.finished("subjects") == {"ab12"} and again.finished("boxes") == set()
    assert (tmp_path / "subjects" / "ab" / "ab12.png").read_bytes() == MASK


def test_a_file_of_an_earlier_release_that_is_no_image_is_made_again(tmp_path, caplog):
    image = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    store = Store(tmp_path)
    for key, data in (("ab12", image), ("cd34", image[:4] + b"\0" * (len(image) - 4))):
        store.save("backgrounds", key, {}, data)
    (journal,) = (tmp_path / "index" / "backgrounds").glob("rank-*.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    old = [{name: line[name] for name in ("key", "file", "size")} for line in lines]
    journal.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert Store(tmp_path).load("backgrounds", "ab12") == ({}, image)
    assert Store(tmp_path).load("backgrounds", "cd34") is None and "cd34.jpg is not what was written" in caplog.text
    assert Store(tmp_path).finished("backgrounds") == {"ab12"}


def test_a_stage_names_its_folder_and_the_content_its_file(tmp_path):
    store = Store(tmp_path)
    for stage, data in {"depths": MASK, "sketches": PHOTO, "odds": b"?"}.items():
        store.save(stage, "ab12", {}, data)
    found = {path.parts[-3]: path.suffix for path in tmp_path.glob("*/ab/*")}
    assert found == {"depths": ".png", "sketches": ".jpg", "odds": ".bin"}
    assert Store(tmp_path).load("depths", "ab12") == ({}, MASK)
    assert Store(tmp_path).finished("depths") == {"ab12"}
    assert {shelf.folder.name for shelf in Store(tmp_path).shelves()} == set(found)


@pytest.mark.parametrize("name", ["augmented", "background_sets", "sources", "", "..", "a/b", "a b"])
def test_a_stage_cannot_take_another_folder_s_name(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be the folder of a stage"):
        Store(tmp_path).save(name, "ab12", {})
    assert list(tmp_path.iterdir()) == []


def test_what_a_stage_has_lost_is_set_aside_and_made_again(tmp_path, caplog):
    store, made = Store(tmp_path), []

    def make(missing):
        made.append(missing)
        return [({"n": 1}, PHOTO)]

    store.recall("backgrounds", ["ab12"], make)
    path = tmp_path / "backgrounds" / "ab" / "ab12.jpg"
    path.write_bytes(PHOTO[:-1] + b"?")
    assert Store(tmp_path).facts("backgrounds", "ab12") == {"n": 1}  # which nobody has to read a file for
    assert Store(tmp_path).load("backgrounds", "ab12") is None
    assert Store(tmp_path).finished("backgrounds") == set() and "not what was written" in caplog.text
    assert Store(tmp_path).recall("backgrounds", ["ab12"], make) == [({"n": 1}, PHOTO)]
    assert len(made) == 2 and path.read_bytes() == PHOTO


@pytest.mark.parametrize("name", ["augmented", "background_sets"])
def test_each_set_has_a_shelf_and_an_index_of_its_own(tmp_path, name):
    shelf = getattr(Store(tmp_path), name)("one-12ab")
    shelf.put("k", {}, b"pixels", "owl/1.jpg")
    assert (tmp_path / name / "one-12ab" / "owl" / "1.jpg").exists()
    assert (tmp_path / "index" / name / "one-12ab" / "rank-0.jsonl").exists()
    assert getattr(Store(tmp_path), name)("two-12ab").entries() == {}


@pytest.mark.parametrize(
    ("shelf", "line"),
    [("boxes", '{"key": "ab12", "file": null, "size": 0, "boxes": [1]}'),
     ("augmented/one", '{"key": "ab12", "file": null, "size": 0, "class": "owl"}'),
     ("background_sets/one", '{"key": "ab12", "file": null, "size": 0, "subject": "much"}')],
)  # fmt: skip
def test_each_shelf_passes_over_what_it_does_not_write(tmp_path, shelf, line):
    (tmp_path / "index" / shelf).mkdir(parents=True)
    (tmp_path / "index" / shelf / "rank-0.jsonl").write_text(line + "\n")
    store = Store(tmp_path)
    assert store.finished("boxes") == set() and store.facts("boxes", "ab12") is None
    assert store.augmented("one").entries() == store.background_sets("one").entries() == {}


def test_a_claim_gives_what_no_other_process_holds_and_lets_go(tmp_path):
    one, two = Store(tmp_path), Store(tmp_path)
    with one.claim("backgrounds", ["aaa1", "bbb1"]) as mine:
        assert mine == {"aaa1", "bbb1"}
        with two.claim("backgrounds", ["aaa2", "ccc1", "ccc2"]) as theirs:
            assert theirs == {"ccc1", "ccc2"}  # keys share a lock by their first three digits
        with two.claim("subjects", ["aaa1"]) as theirs:
            assert theirs == {"aaa1"}  # another stage
    with two.claim("backgrounds", ["aaa1"]) as theirs:
        assert theirs == {"aaa1"}
    with pytest.raises(RuntimeError), two.claim("backgrounds", ["aaa1"]):
        raise RuntimeError
    with one.claim("backgrounds", ["aaa1"]) as mine:
        assert mine == {"aaa1"}


def refuse(number, name):
    real_open = os.open

    def fail(path, *arguments, **more):
        if str(path).endswith(name):
            raise OSError(number, os.strerror(number), os.fspath(path))
        return real_open(path, *arguments, **more)

    return fail


def test_a_lock_of_another_user_that_cannot_be_opened_holds_nobody_up(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with store.claim("backgrounds", ["aaa1"]):
        pass
    monkeypatch.setattr(os, "open", refuse(errno.EACCES, "aaa.lock"))
    with store.claim("backgrounds", ["aaa1"]) as mine:
        assert mine == {"aaa1"}
    monkeypatch.setattr(os, "open", refuse(errno.EACCES, ".lock"))
    with pytest.raises(StoreError, match=r"bbb\.lock cannot be written"), store.claim("backgrounds", ["bbb1"]):
        pass


@pytest.mark.parametrize("place", ["index", "index/backgrounds/claims"])
def test_a_file_in_the_place_of_the_claims_is_told_in_a_line(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("")
    with pytest.raises(StoreError, match="mend this"), Store(tmp_path).claim("backgrounds", ["aaa1"]):
        pass


def test_what_was_made_of_a_photo_without_its_colour_profile_is_not_taken_for_the_photo_s(tmp_path):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (4, 4), (200, 40, 40)).save(photo, icc_profile=display_p3())
    store = Store(tmp_path / "cache")
    stat = photo.stat()
    content = hashlib.sha256(photo.read_bytes()).hexdigest()
    # As it was kept by releases that heeded no profile, and for which the digest was that of the file.
    store._sources.put(f"{photo}|{stat.st_size}|{stat.st_mtime_ns}", {"digest": content})
    for one in (store, Store(tmp_path / "cache")):
        assert one.sha256(photo) == content
        assert one.digest(photo) != content and len(one.digest(photo)) == 64
    assert store.digest(photo) == Store(tmp_path / "elsewhere").digest(photo)


def test_another_time_or_another_size_is_another_file(tmp_path):
    store = Store(tmp_path / "cache")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    stamp = photo.stat().st_mtime_ns
    store.digest(photo)
    photo.write_bytes(b"two")
    os.utime(photo, ns=(stamp + 1, stamp + 1))
    assert store.digest(photo) == hashlib.sha256(b"two").hexdigest()
    photo.write_bytes(b"three")
    os.utime(photo, ns=(stamp + 1, stamp + 1))
    assert store.digest(photo) == hashlib.sha256(b"three").hexdigest()
    for place in ("copy.jpg", "other/photo.jpg"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"trees")
        os.utime(tmp_path / place, ns=(stamp + 1, stamp + 1))
        assert store.digest(tmp_path / place) == hashlib.sha256(b"trees").hexdigest()


def test_an_unchanged_file_is_not_read_again_from_wherever_it_is_named(tmp_path, monkeypatch):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    stamp = photo.stat().st_mtime_ns
    first = Store(tmp_path / "cache").digest(photo)
    photo.write_bytes(b"two")
    os.utime(photo, ns=(stamp, stamp))
    monkeypatch.chdir(tmp_path)
    assert Store(tmp_path / "cache").digest(photo.relative_to(tmp_path)) == first


def test_a_digest_that_was_changed_in_the_index_is_not_believed(tmp_path):
    photo, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    photo.write_bytes(b"one")
    other.write_bytes(b"two")
    store = Store(tmp_path / "cache")
    one, two = store.digest(photo), store.digest(other)
    (index,) = (tmp_path / "cache" / "index" / "sources").glob("rank-*.jsonl")
    index.write_text(index.read_text().replace(one, two))
    assert Store(tmp_path / "cache").digest(photo) == one


def test_a_line_without_a_digest_is_no_source(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    index = tmp_path / "cache" / "index" / "sources" / "rank-0.jsonl"
    index.parent.mkdir(parents=True)
    key = f"{photo}|3|{photo.stat().st_mtime_ns}"
    index.write_text(json.dumps({"key": key, "file": None, "size": 0}) + "\n")
    assert Store(tmp_path / "cache").digest(photo) == hashlib.sha256(b"one").hexdigest()


def test_all_shelves_are_those_of_stages_and_of_sets(tmp_path):
    store = Store(tmp_path)
    store.save("boxes", "ab12", {"boxes": []})
    store.augmented("aga-1").put("k", {})
    store.background_sets("2").put("k", {})
    (tmp_path / "index" / "augmented" / "notes.txt").write_text("")
    places = {shelf.folder.relative_to(tmp_path).as_posix() for shelf in Store(tmp_path).shelves()}
    assert places == {"boxes", "augmented/aga-1", "background_sets/2"}


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_a_digest_is_known_once_a_process(tmp_path, monkeypatch, number):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    store = Store(tmp_path / "cache")
    monkeypatch.setattr(os, "mkdir", refuse(number, ""))
    assert store.digest(photo) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.setattr("aga_lightning.augment.engine.store.store.file_digest", None)
    assert store.digest(photo) == hashlib.sha256(b"one").hexdigest()


def test_a_full_disk_is_told_by_the_digest_too(tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(b"one")
    monkeypatch.setattr(os, "write", lambda file, data: 0)
    with pytest.raises(StoreError, match="disk is full"):
        Store(tmp_path / "cache").digest(tmp_path / "photo.jpg")
