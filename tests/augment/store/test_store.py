import hashlib
import os

from aga_lightning.augment.store import Store


def test_stages_keep_facts_and_bytes(tmp_path):
    store = Store(tmp_path)
    assert store.load("subjects", "ab12") is None
    store.save("subjects", "ab12", {"score": 1.0}, b"mask")
    store.save("captions", "cd34", {"caption": "a lake"})
    again = Store(tmp_path)
    assert again.load("subjects", "ab12") == ({"score": 1.0}, b"mask")
    assert again.load("captions", "cd34") == ({"caption": "a lake"}, None)
    assert (tmp_path / "subjects" / "ab" / "ab12.png").read_bytes() == b"mask"


def test_a_digest_follows_the_content(tmp_path):
    store = Store(tmp_path / "cache")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    assert store.digest(photo) == hashlib.sha256(b"one").hexdigest()
    photo.write_bytes(b"other")
    assert store.digest(photo) == hashlib.sha256(b"other").hexdigest()


def test_an_unchanged_file_is_not_read_again(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    stamp = photo.stat().st_mtime_ns
    first = Store(tmp_path / "cache").digest(photo)
    photo.write_bytes(b"two")
    os.utime(photo, ns=(stamp, stamp))
    assert Store(tmp_path / "cache").digest(photo) == first
