"""Hugging Face data sets: what is written once, how it is split, what is refused."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from aga_lightning.datasets import hub_images
from aga_lightning.datasets.hub_images import HubImages
from aga_lightning.images.records import DatasetError

HUB = pytest.importorskip("datasets", reason="needs the extra [hub]")
IMAGE, TEXT = HUB.Image(), HUB.Value("string")
OWL_OR_WREN = HUB.ClassLabel(names=["wren", "owl"])


def picture(seed, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def write(file, seeds, labels, feature=OWL_OR_WREN):
    """A Parquet file of pictures and labels; a seed of None is a row without a picture."""
    pictures = [None if seed is None else {"bytes": picture(seed), "path": None} for seed in seeds]
    rows = {"image": pictures, "label": labels}
    features = HUB.Features({"image": IMAGE, "label": feature})
    file.parent.mkdir(parents=True, exist_ok=True)
    HUB.Dataset.from_dict(rows, features=features).to_parquet(file)
    return file


def opened(path, folder, **settings):
    return HubImages(str(path), folder=str(folder / "hub"), **settings)


def seeds_of(records):
    """The seeds of the pictures of some records, by what their files hold."""
    known = {picture(seed): seed for seed in range(60)}
    return [known[record.path.read_bytes()] for record in records]


def test_a_file_is_split_in_three_and_its_images_are_written_as_they_are(tmp_path):
    data = opened(
        write(tmp_path / "birds.parquet", range(20), [n % 2 for n in range(20)]), tmp_path, superclasses="bird"
    )
    assert data.classes == ("wren", "owl") and data.num_classes == 2
    sets = [data.records(split) for split in ("train", "val", "test")]
    assert [len(records) for records in sets] == [12, 4, 4]
    assert sorted(seed for records in sets for seed in seeds_of(records)) == [*range(20)]
    first = sets[0][0]
    assert (first.label, first.class_name, first.superclass) == (
        seeds_of([first])[0] % 2,
        data.classes[first.label],
        "bird",
    )
    assert first.path.suffix == ".png" and first.path.is_relative_to(tmp_path / "hub" / "images")
    assert data.remarks() == [] and not list((tmp_path / "hub").glob("*.datasets"))


def test_a_second_use_needs_no_package_and_writes_nothing(tmp_path, monkeypatch):
    file = write(tmp_path / "birds.parquet", range(9), ["owl", "wren", "heron"] * 3, TEXT)
    before = opened(file, tmp_path).records("val")
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setattr(hub_images, "write_bytes", lambda *_: pytest.fail("written twice"))
    again = opened(file, tmp_path)
    assert again.classes == ("heron", "owl", "wren") and again.records("val") == before
    with pytest.raises(
        DatasetError, match=r'^HubImages needs the package datasets: pip install "aga-lightning\[hub\]"$'
    ):
        _ = opened(file, tmp_path, label_column="label").classes


def test_a_killed_first_use_goes_on_and_a_lost_file_is_written_again(tmp_path, monkeypatch):
    file = write(tmp_path / "birds.parquet", range(9), [n % 2 for n in range(9)])
    written = []

    def killed(path, content):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(hub_images, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(file, tmp_path).prepare()
    assert not list((tmp_path / "hub").glob("*.json"))
    times = {path: path.stat().st_mtime_ns for path in written}
    data = opened(file, tmp_path)
    data.prepare()
    assert {path: path.stat().st_mtime_ns for path in written} == times
    written[0].unlink()
    opened(file, tmp_path).prepare()
    assert len({record.path for split in ("train", "val", "test") for record in data.records(split)}) == 9
    assert written[0].exists()


def test_a_file_that_has_changed_is_read_anew(tmp_path):
    file = write(tmp_path / "birds.parquet", range(6), [0, 1] * 3)
    assert len(opened(file, tmp_path).records("train")) == 2
    write(file, range(12), [0, 1] * 6)
    assert len(opened(file, tmp_path).records("train")) == 8


def test_splits_are_found_by_name_and_no_image_that_is_judged_trains(tmp_path):
    write(tmp_path / "set" / "train.parquet", [0, 1, 2, 3, 3, 4, 5, None], [0, 1, 0, 1, 0, -1, 1, 0])
    write(tmp_path / "set" / "validation.parquet", [10, 11, 12, 13, 2], [0, 1, 0, 1, 0])
    data = opened(tmp_path / "set", tmp_path)
    assert seeds_of(data.records("train")) == [0, 1, 3, 5], "2 validates, 3 is there twice, 4 has no label"
    assert seeds_of(data.records("val")) == [10, 11, 12, 13, 2] == seeds_of(data.records("test"))
    assert [record.label for record in data.records("train")] == [0, 1, 1, 1]
    rows, half = data.remarks()
    assert rows.startswith("4 rows of train are left out") and "test_fraction 0.5" in half
    data = opened(tmp_path / "set", tmp_path, test_fraction=0.5)
    assert [len(data.records(split)) for split in ("train", "val", "test")] == [4, 2, 3]
    data = opened(tmp_path / "set", tmp_path, splits={"train": "train", "test": "validation"})
    assert seeds_of(data.records("test")) == [10, 11, 12, 13, 2] and len(data.records("val")) == 1


def test_what_save_to_disk_has_written_is_read(tmp_path):
    features = HUB.Features({"photo": IMAGE, "label": HUB.Value("int64")})
    rows = {"photo": [{"bytes": picture(n), "path": "x.PNG"} for n in range(4)], "label": [10, 9] * 2}
    HUB.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    data = opened(tmp_path / "saved", tmp_path)
    assert data.classes == ("9", "10") and seeds_of(data.records("train")) and len(data.records("val")) == 2


@pytest.mark.parametrize(
    ("labels", "feature", "classes"),
    [
        (["owl", " owl", "wren", "wren ", "", "  ", None, "owl"], TEXT, ("owl", "wren")),
        ([1.5, 1.5, 2.5, 2.5, float("nan"), float("nan"), None, 1.5], HUB.Value("float64"), ("1.5", "2.5")),
    ],
)
def test_a_label_of_nothing_is_no_class_and_spaces_around_it_do_not_count(tmp_path, labels, feature, classes):
    data = opened(write(tmp_path / "birds.parquet", range(8), labels, feature), tmp_path)
    records = [record for split in ("train", "val", "test") for record in data.records(split)]
    first, second = classes
    named = {0: first, 1: first, 2: second, 3: second, 7: first}
    assert data.classes == classes
    assert {seed: record.class_name for record, seed in zip(records, seeds_of(records), strict=True)} == named
    assert data.remarks()[0].startswith("3 rows of train are left out")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"splits": {"val": "train"}}, "splits names no split for train: add it"),
        ({"splits": {"train": "train", "dev": "train"}}, "splits names 'dev': its keys are train, val and test"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "sum below 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, complaint):
    with pytest.raises(DatasetError, match=complaint):
        HubImages("birds", **settings)


def test_a_name_of_the_hub_is_fetched_only_if_it_is_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"no file or folder org/birds: .* --data\.dataset\.download true"):
        opened("org/birds", tmp_path).prepare()
    asked = []
    rows = {"image": [{"bytes": picture(n), "path": None} for n in range(6)], "label": [0, 1] * 3}
    table = HUB.Dataset.from_dict(rows, features=HUB.Features({"image": IMAGE, "label": OWL_OR_WREN}))
    monkeypatch.setattr(HUB, "load_dataset", lambda *words, **settings: asked.append((words, settings)) or table)
    data = opened("org/birds", tmp_path, download=True, name="small", revision="v1")
    assert len(data.records("train")) == 2
    assert asked == [(("org/birds", "small"), {"revision": "v1", "cache_dir": None})]


def test_a_row_may_name_a_file_of_the_data_set_and_no_other(tmp_path):
    for name in ("set/wren.png", "owl.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(len(name)))
    rows = {"image": [{"bytes": None, "path": str(tmp_path / "set" / "wren.png")}] * 2, "label": [0, 0]}
    rows["image"] += [{"bytes": picture(n), "path": None} for n in range(2)]
    rows["label"] += [1, 1]
    features = HUB.Features({"image": IMAGE, "label": OWL_OR_WREN})
    HUB.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "set" / "birds.parquet")
    data = opened(tmp_path / "set" / "birds.parquet", tmp_path)
    assert sorted(seeds_of(data.records("train") + data.records("val"))) == [0, 1, 12]
    rows["image"][0] = {"bytes": None, "path": str(tmp_path / "owl.png")}
    HUB.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "set" / "birds.parquet")
    with pytest.raises(DatasetError, match=r"names the file .*owl\.png, which is outside: .*follow_links true"):
        opened(tmp_path / "set" / "birds.parquet", tmp_path).prepare()
    assert opened(tmp_path / "set" / "birds.parquet", tmp_path, follow_links=True).records("train")


def test_a_path_in_a_row_starts_at_the_data_set(tmp_path):
    for seed in range(4):
        (tmp_path / f"{seed}.png").write_bytes(picture(seed))
    file = tmp_path / "birds.parquet"
    names = [f"{seed}.png" for seed in range(4)]
    HUB.Dataset.from_dict({"image": names, "label": ["owl", "owl", "wren", "wren"]}).to_parquet(file)
    assert len(opened(file, tmp_path).records("train")) == 2
    HUB.Dataset.from_dict({"image": ["robin.png"], "label": ["robin"]}).to_parquet(file)
    with pytest.raises(DatasetError, match=rf"names the file {tmp_path}/robin\.png, which is missing: put it there"):
        opened(file, tmp_path).prepare()
