"""The verb's work: what is refused, what is printed, and that two exports are the same to the byte."""

import io
import json
import tarfile
from dataclasses import replace

import pytest
import yaml
from rich.console import Console
from tiny.captioned import collected

from aga_lightning.augment.engine.store import StoreError
from aga_lightning.exporting import ExportError, Options, export
from aga_lightning.exporting import imagefolder as imagefolder_module

CLASSES = ["plum", "lime"]


def exported(collection, to, classes=CLASSES, **options):
    """What is printed."""
    console = Console(file=io.StringIO(), width=200)
    export(collection, classes, Options(str(to), **options), console)
    return console.file.getvalue()


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def collection(disc_records, tmp_path):
    return collected(disc_records, tmp_path, refuse=[0])


def test_an_imagefolder_is_told_and_described(collection, tmp_path):
    shown = exported(collection, tmp_path / "out", originals=True)
    assert "16 augmentations asked, 16 finished: 8 accepted, 8 rejected." in shown
    assert f"16 images of 2 classes, 8 of them training images: 0.0 MB in {tmp_path / 'out'}" in shown
    found = files(tmp_path / "out")
    assert {name for name in found if "/" not in name} == {"README.md", "classes.txt", "config.yaml", "dataset.json"}
    assert found["classes.txt"] == b"plum\nlime\n"
    told = json.loads(found["dataset.json"])
    assert told["classes"] == [
        {"label": 0, "name": "plum", "in_files": "plum"},
        {"label": 1, "name": "lime", "in_files": "lime"},
    ]
    assert (told["asked"], told["accepted"], told["rejected"], told["export"]["images"]) == (16, 8, 8, 16)
    assert found["config.yaml"] == (collection.folder / "config.yaml").read_bytes()
    assert yaml.safe_load(found["README.md"].decode().split("---\n")[1])["configs"]


def test_shards_are_told_and_mix_the_classes(collection, tmp_path):
    shown = exported(collection, tmp_path / "out", format="webdataset", shard_size=3)
    assert "8 images of 2 classes: 3 shards, 0.1 MB in" in shown
    told = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert [(shard["file"], shard["images"]) for shard in told["shards"]] == [
        *(("aga-000000.tar", 3), ("aga-000001.tar", 3), ("aga-000002.tar", 2))
    ]
    keys, labels = [], []
    for shard in told["shards"]:
        with tarfile.open(tmp_path / "out" / shard["file"]) as tar:
            keys += [name[:-4] for name in tar.getnames() if name.endswith(".cls")]
            labels += [tar.extractfile(f"{key}.cls").read() for key in keys[len(labels) :]]
    assert sorted(keys) == [f"{name}-{name}_{number}-1" for name in ("lime", "plum") for number in range(4)]
    assert sorted(labels) == [b"0"] * 4 + [b"1"] * 4 and labels not in (sorted(labels), sorted(labels)[::-1])


@pytest.mark.parametrize("options", [{}, {"format": "webdataset", "shard_size": 5}])
def test_two_exports_are_the_same_to_the_byte(collection, tmp_path, options):
    for name in ("one", "two"):
        exported(collection, tmp_path / name, originals=True, **options)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_what_is_not_finished_is_refused_and_can_be_asked_for(disc_records, tmp_path):
    collection = collected(disc_records, tmp_path, made=5)
    with pytest.raises(ExportError, match=r"16 .* asked, 5 finished: 5 accepted, 0 rejected: run the verb augment"):
        exported(collection, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
    assert "5 images" in exported(collection, tmp_path / "out", partial=True)


def test_nothing_at_all_is_refused_even_in_part(disc_records, tmp_path):
    collection = collected(disc_records, tmp_path, made=0)
    with pytest.raises(ExportError, match=r"16 augmentations asked, 0 finished: .* run the verb augment"):
        exported(collection, tmp_path / "out", partial=True)
    collection = collected(disc_records, tmp_path, refuse=[0, 1])
    with pytest.raises(ExportError, match=r"16 rejected: there is nothing to export; see .*rejected\.jsonl"):
        exported(collection, tmp_path / "out", originals=True)


@pytest.mark.parametrize("options", [{"format": "zip"}, {"shard_size": "many"}])
def test_wrong_options_are_refused(collection, tmp_path, options):
    with pytest.raises(ExportError, match=r"--format|--shard_size"):
        exported(collection, tmp_path / "out", **options)


def test_unsafe_names_stay_inside_and_apart(disc_records, tmp_path):
    names = ["../../lime", "li.me/é"]
    records = [replace(record, class_name=names[record.label]) for record in disc_records]
    collection = collected(records, tmp_path)
    exported(collection, tmp_path / "deep" / "out", classes=names)
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "out"]
    folders = {path.name for path in (tmp_path / "deep" / "out" / "train").iterdir() if path.is_dir()}
    assert folders == {"lime", "li_me_e"}
    assert (tmp_path / "deep" / "out" / "classes.txt").read_text("utf-8") == "../../lime\nli.me/é\n"


def test_an_export_that_fails_leaves_nothing(collection, tmp_path, monkeypatch):
    def broken(path, data):
        raise StoreError("the store is gone")

    monkeypatch.setattr(imagefolder_module, "write", broken)
    with pytest.raises(StoreError):
        exported(collection, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
