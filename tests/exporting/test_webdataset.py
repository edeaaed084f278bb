"""The shards, read by the rules of the format and, where it is there, by the `webdataset` library."""

import errno
import gc
import io
import json
import tarfile
from itertools import groupby

import numpy as np
import pytest
from PIL import Image
from tiny.captioned import collected

from aga_lightning.exporting.aside import ExportError
from aga_lightning.exporting.items import finished_items, names_of, rows_of, with_originals
from aga_lightning.exporting.webdataset import ShardSize, mixed, write_shards


def members(path):
    """Names and contents, in the file's order."""
    with tarfile.open(path) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]


def samples_of(path):
    """By the format's rule: a key is what stands before the first dot, and a sample is a run of files of one key."""
    files = [(info.name.partition("."), data) for info, data in members(path)]
    for key, run in groupby(files, key=lambda file: file[0][0]):
        yield key, {ending: data for (_, _, ending), data in run}


@pytest.fixture
def samples(disc_records, tmp_path):
    """Augmentations and PNG files of two classes."""
    collection = collected(disc_records, tmp_path)
    items = with_originals(finished_items(collection).items, collection)
    return list(zip(items, names_of(items, ["plum", "sour_lime"], "-"), rows_of(items), strict=True))


def test_samples_are_whole_and_in_order(samples, tmp_path):
    (tmp_path / "out").mkdir()
    told = write_shards(tmp_path / "out", samples, ShardSize(samples=10))
    assert [(shard["file"], shard["images"]) for shard in told] == [
        *(("aga-000000.tar", 10), ("aga-000001.tar", 10), ("aga-000002.tar", 4))
    ]
    read = [sample for shard in told for sample in samples_of(tmp_path / "out" / shard["file"])]
    assert [key for key, _ in read] == [key for _, key, _ in samples] and len(dict(read)) == len(samples)
    for (item, _, row), (_, files) in zip(samples, read, strict=True):
        data, suffix = item.content()
        assert files == {suffix[1:]: data, "cls": str(row["label"]).encode(), "json": files["json"]}
        assert json.loads(files["json"]) == row


def test_headers_hold_nothing_of_this_machine(samples, tmp_path):
    write_shards(tmp_path, samples, ShardSize())
    for info, _ in members(tmp_path / "aga-000000.tar"):
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o644)
        assert info.isreg() and info.name.count(".") == 1 and "/" not in info.name and info.name.isascii()
    with tarfile.open(tmp_path / "aga-000000.tar") as tar:
        assert tar.pax_headers == {}


def test_shards_of_bytes_keep_below_them_and_are_filled(samples, tmp_path):
    limit = 30_720
    told = write_shards(tmp_path, samples, ShardSize(bytes=limit))
    sizes = [(tmp_path / shard["file"]).stat().st_size for shard in told]
    assert sizes == [shard["bytes"] for shard in told] and max(sizes) <= limit
    assert len(told) > 2 and all(size == limit for size in sizes[:-1])


def test_a_sample_beyond_the_limit_has_a_shard_of_its_own(samples, tmp_path):
    assert [shard["images"] for shard in write_shards(tmp_path, samples[:3], ShardSize(bytes=1))] == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1000, ShardSize(samples=1000)),
        ("12", ShardSize(samples=12)),
        ("500MB", ShardSize(bytes=500_000_000)),
        ("1.5 GiB", ShardSize(bytes=3 * 2**29)),
    ],
)
def test_sizes_are_samples_or_bytes(text, size):
    assert ShardSize.parse(text) == size


def test_mixed_differs_by_seed_and_mixes():
    assert mixed(100, 0) != mixed(100, 1)
    first_half = mixed(1000, 0)[:500]
    assert abs(sum(number < 500 for number in first_half) - 250) < 40  # five standard deviations


def test_a_full_disk_leaves_no_half_shard(samples, tmp_path, monkeypatch):
    real, written = tarfile.TarFile.addfile, []

    def fills_up(self, *args):
        written.append(args)
        if len(written) == 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, *args)

    monkeypatch.setattr(tarfile.TarFile, "addfile", fills_up)
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match=r"aga-000001\.tar could not be written \(No space left on device\)"):
        write_shards(tmp_path / "out", samples, ShardSize(samples=4))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["aga-000000.tar"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its last file open
def test_the_library_reads_them(samples, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    write_shards(tmp_path, samples, ShardSize(samples=20))
    read = webdataset.WebDataset(str(tmp_path / "aga-{000000..000001}.tar"), shardshuffle=False).decode("pil")
    for (item, key, row), sample in zip(samples, read, strict=True):
        data, suffix = item.content()
        assert (sample["__key__"], sample["cls"], sample["json"]) == (key, row["label"], row)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(sample[suffix[1:]]), np.asarray(image.convert("RGB")))
    del read, sample
    gc.collect()
