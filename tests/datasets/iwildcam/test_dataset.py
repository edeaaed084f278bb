"""iWildCam as a data set: splits, classes, cameras, where images are looked for, and the command line."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from tiny.iwildcam import ALIA, ANIMALS, SPLITS, write_alia, write_wilds

import aga_lightning.augment.painters.empty_frames  # noqa: F401 for its name in the configuration
from aga_lightning.datasets.iwildcam import IWildCam
from aga_lightning.images.records import DatasetError

NAMES = ("empty", "cattle", "elephants", "impalas", "zebras", "giraffes", "dik-diks")
KINDS = ("", "cow", "elephant", "antelope", "zebra", "giraffe", "antelope")


@pytest.fixture(scope="module")
def alia(tmp_path_factory):
    return str(write_alia(tmp_path_factory.mktemp("alia")))


@pytest.fixture(scope="module")
def wilds(tmp_path_factory):
    return str(write_wilds(tmp_path_factory.mktemp("wilds")))


def places(records):
    return {record.group for record in records}


def at(*locations):
    return {f"location {location:03}" for location in locations}


def paths(records):
    return {record.path for record in records}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_alias_splits_are_its_lists(alia, split):
    records = IWildCam(alia).records(split)
    assert places(records) == at(*ALIA[split][1])
    assert Counter(record.class_name for record in records) == dict.fromkeys(NAMES, 2 * len(ALIA[split][1]))
    assert {(record.label, record.class_name, record.superclass) for record in records} == {
        *zip(range(7), NAMES, KINDS, strict=True)
    }
    assert all(record.path.is_file() for record in records)
    assert IWildCam(alia).ood_records() == {}


def test_extra_adds_to_training_alone(alia):
    plain, extra = IWildCam(alia), IWildCam(alia, extra=True)
    train = plain.records("train")
    assert extra.records("train")[: len(train)] == train
    assert places(extra.records("train")[len(train) :]) == at(24, 25)
    assert [extra.records(split) for split in ("val", "test")] == [plain.records(split) for split in ("val", "test")]


def test_wilds_evaluates_at_known_locations_and_out_of_distribution_at_others(wilds):
    data = IWildCam(wilds, "wilds", classes="all")
    assert {split: places(data.records(split)) for split in ("train", "val", "test")} == {
        "train": at(*SPLITS["train"]), "val": at(*SPLITS["id_val"]), "test": at(*SPLITS["id_test"])
    }  # fmt: skip
    ood = data.ood_records()
    assert {name: places(records) for name, records in ood.items()} == {"val": at(5, 6), "test": at(7, 287)}
    sets = [*(data.records(split) for split in ("train", "val", "test")), *ood.values()]
    assert sum(len(paths(records)) for records in sets) == len(set.union(*map(paths, sets))) == 15 * 12


def test_all_classes_keep_their_numbers_and_published_names(wilds):
    data = IWildCam(wilds, "wilds", classes="all")
    assert data.num_classes == 56 and IWildCam("nowhere").num_classes == 7
    records = data.records("train")
    for y in (0, 1, *ANIMALS):
        assert {record.class_name for record in records if record.label == y} == {data.classes[y]}
    assert data.classes[32] == "loxodonta africana"
    asked = ["", "animal", "cow", "elephant", "antelope", "zebra", "giraffe", "antelope", "motorcycle"]
    assert [data.superclass(data.classes[y]) for y in (0, 1, *ANIMALS, 54)] == asked


def test_wilds_may_be_cut_down_to_alias_classes(wilds):
    data = IWildCam(wilds, "wilds")
    assert data.classes == NAMES
    sets = [*(data.records(split) for split in ("train", "val", "test")), *data.ood_records().values()]
    for records in sets:
        assert {(record.label, record.class_name) for record in records} == {*enumerate(NAMES)}
    assert sum(map(len, sets)) == 14 * 12
    (Path(wilds) / "categories.csv").rename(hidden := Path(wilds) / "hidden")  # it is not asked for
    try:
        assert IWildCam(wilds, "wilds").records("val")
    finally:
        hidden.rename(Path(wilds) / "categories.csv")


def test_a_set_without_images_is_left_out_or_named(tmp_path):
    path = write_wilds(tmp_path, images=False) / "metadata.csv"
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if line.split(",")[1] in ("train", "id_test", "test")]
    path.write_text("\n".join([header, *kept]))
    data = IWildCam(str(path.parent), "wilds")
    assert list(data.ood_records()) == ["test"]
    with pytest.raises(DatasetError, match=r"metadata.csv lists no image of the split id_val and the classes that are"):
        data.records("val")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "official"}, "split is 'official'; choose alia or wilds"),
        ({"classes": "seven"}, "classes is 'seven'; choose alia or all"),
        ({"classes": "all"}, "only its seven classes: set classes to alia, or split to wilds"),
        ({"split": "wilds", "extra": True}, "extra is for the split alia: set split to alia, or extra to false"),
        ({"split": "wilds", "csvs": "lists"}, "csvs is for the split alia: set split to alia, or csvs to null"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(DatasetError, match=message):
        IWildCam("anywhere", **settings)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("animal", ("", *["animal"] * 6)),  # a word gives no subject to empty frames
        ({"dik-diks": "dik-dik", "empty": "bush"}, ("bush", *KINDS[1:6], "dik-dik")),
    ],
)
def test_superclasses_can_be_set(alia, setting, expected):
    data = IWildCam(alia, superclasses=setting)
    assert tuple(map(data.superclass, NAMES)) == expected
    assert {record.superclass for record in data.records("train")} == set(expected)


def test_lists_may_lie_in_a_folder_of_their_own_and_images_at_any_depth(tmp_path):
    root = write_alia(tmp_path / "photos", below="2013/january")
    (tmp_path / "lists").mkdir()
    for path in root.glob("*.csv"):
        path.rename(tmp_path / "lists" / path.name)
    records = IWildCam(str(root), csvs=str(tmp_path / "lists")).records("val")
    assert {record.path.parent for record in records} == {root / "2013" / "january"}
    assert all(record.path.is_file() for record in records)


def test_without_the_image_the_path_is_where_one_would_expect_it(tmp_path):
    root = write_alia(tmp_path, images=False)
    assert {record.path.parent for record in IWildCam(str(root)).records("train")} == {root}
    (root / "train").mkdir()
    assert {record.path.parent for record in IWildCam(str(root)).records("train")} == {root / "train"}


def test_an_image_that_lies_in_two_places_is_named_with_both(tmp_path):
    root = write_alia(tmp_path)
    image = IWildCam(str(root)).records("test")[3].path
    copy = root / "train" / "copies" / image.name
    copy.parent.mkdir()
    shutil.copy(image, copy)
    with pytest.raises(DatasetError) as raised:
        IWildCam(str(root)).records("test")
    assert all(str(path) in str(raised.value) for path in (image, copy))
    assert str(raised.value).endswith("remove one, or set --data.dataset.root to the folder of the right one")
    assert len(IWildCam(str(root)).records("train")) == 56  # of the others nothing is in doubt


def test_the_folder_above_will_do(tmp_path):
    inner = write_wilds(tmp_path)
    for classes in ("alia", "all"):
        above, within = (IWildCam(str(root), "wilds", classes=classes) for root in (inner.parent, inner))
        assert above.classes == within.classes
        assert above.records("train") == within.records("train")


def test_a_link_that_leads_out_of_the_root_is_refused(tmp_path):
    root = write_alia(tmp_path / "photos")
    image = IWildCam(str(root)).records("test")[0].path
    image.rename(tmp_path / "elsewhere.jpg")
    image.symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(DatasetError, match=r"leads out of"):
        IWildCam(str(root)).records("test")


def test_a_missing_folder_is_named_and_the_guide_says_what_belongs_there(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere/train_subset.csv is missing: set --data.dataset.csvs"):
        IWildCam(str(tmp_path / "nowhere")).records("train")
    with pytest.raises(DatasetError, match=r"nowhere/metadata.csv is missing: set --data.dataset.root"):
        IWildCam(str(tmp_path / "nowhere"), "wilds").records("train")
    guide = IWildCam("nowhere").guide()
    for words in (
        "https://github.com/p-lambda/wilds/issues/174",
        "https://www.kaggle.com/c/iwildcam-2020-fgvc7",
        "https://lila.science/datasets/iwildcam-2022",
        "data/iwildcam_v2.0 of https://github.com/lisadunlap/ALIA",
        "height of 448 pixels",
        "  iwildcam_v2.0/",
        "metadata.csv  categories.csv",
        "train_subset.csv  val_subset.csv  test_subset.csv  train_extra_subset.csv",
    ):
        assert words in guide
    assert max(map(len, guide.splitlines())) <= 120


def test_remarks_tell_counts_other_than_alias(alia, tmp_path):
    remarks = IWildCam(alia).remarks()
    assert remarks == [
        "56 images of train are listed where 6,052 are published.",
        "42 images of val are listed where 2,826 are published.",
        "28 images of test are listed where 8,483 are published.",
    ]
    assert IWildCam(alia, extra=True).remarks()[3:] == ["28 images of extra are listed where 2,224 are published."]


def test_remarks_tell_counts_other_than_those_of_wilds(wilds):
    remarks = IWildCam(wilds, "wilds", classes="all").remarks()
    assert remarks[0] == "60 images of train are listed where 129,809 are published."
    assert remarks[-1] == "56 classes are listed where 182 are published."
    assert len(remarks) == 6  # that id_val and id_test are of training locations is what they are for
    assert len(IWildCam(wilds, "wilds").remarks()) == 5


def test_remarks_tell_repeated_images_and_cameras_that_train_and_test(tmp_path):
    root = write_alia(tmp_path, images=False)
    path = root / "test_subset.csv"
    lines = path.read_text().splitlines()
    lines[2] = lines[1].replace(",287,", ",3,", 1)
    path.write_text("\n".join(lines))
    assert IWildCam(str(root)).remarks()[3:] == [
        "1 rows of test list an image once more.",
        "1 of the locations of test train too (such as location 003), so that it does not show new cameras alone.",
    ]


def words_of(root, *more):
    words = ["--config", "iwildcam.yaml", "--data.dataset.root", str(root), "--data.num_workers", "0"]
    return [*words, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", *more]


SMALL = (
    *("--model.backbone", "resnet18", "--model.weights", "null", "--model.width", "8", "--data.image_size", "32"),
    *("--trainer.max_epochs", "1", "--trainer.enable_model_summary", "false", "--data.batch_size", "32"),
)


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected:UserWarning")  # as the configuration says of itself
def test_the_shipped_configuration_augments_animals_alone_and_trains(tmp_path, monkeypatch, command):
    path = write_alia(tmp_path / "traps") / "train_subset.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:15]))  # one camera is enough
    monkeypatch.chdir(tmp_path)
    command("fit", *words_of("traps", *SMALL))  # which augments first
    (store,) = Path("cache/augmented").iterdir()
    made = len(list(store.rglob("*.jpg")))
    refused = len((store / "rejected.jsonl").read_text().splitlines())
    assert made > 0
    assert made + refused == 2 * 12  # two of the 14 frames are empty
    (run,) = Path("runs").iterdir()
    groups = (run / "accuracy_per_group.csv").read_text()
    assert "location 287" in groups and "location 288" in groups
    with Image.open(run / "augmentations.png") as sheet:
        assert sheet.size[0] > 100


@pytest.mark.parametrize("split", ["alia", "wilds"])
def test_check_accepts_the_tree_and_says_what_is_odd(alia, wilds, tmp_path, monkeypatch, command, capsys, split):
    monkeypatch.chdir(tmp_path)
    root = {"alia": alia, "wilds": wilds}[split]
    command("check", *words_of(root, "--data.dataset.split", split))
    printed = " ".join(capsys.readouterr().out.split())
    assert "All is well: 7 classes; images: 56 train" in printed
    assert "images of train are listed where" in printed
    assert "empty: no subject, so the augmenter is not given these images" in printed
