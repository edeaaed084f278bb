"""ImageNet10 and any other classes: splits, out-of-distribution sets, remarks, the download and the command line."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image
from tiny.imagenet import CLASSES, OTHERS, write_imagenet, write_sketch, write_v2

from aga_lightning.datasets.imagenet import ImageNet10, ImageNetSubset, dataset
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import DatasetError
from aga_lightning.training.transforms import build_transforms


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """ImageNet, ImageNet-V2 and ImageNet-Sketch side by side."""
    folder = tmp_path_factory.mktemp("imagenet")
    write_imagenet(folder)
    write_v2(folder)
    write_sketch(folder)
    return folder


@pytest.fixture
def tree(shared, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(shared, tmp_path / "imagenet")


@pytest.fixture
def cranes(tmp_path):
    path = tmp_path / "cranes.yaml"
    path.write_text(
        "n03126707: {name: crane (machine), superclass: crane, index: 517}\n"
        "n02012849: {name: crane (bird), superclass: bird, index: 134}\n"
        "n01440764: {name: tench, index: 0}\n"
    )
    return str(path)


def ten(folder, split="holdout", **settings):
    given = {"val_per_class": 1, "v2": str(folder), "sketch": str(folder)} | settings
    return ImageNet10(str(folder), split=split, **given)


def files(records):
    return [record.path for record in records]


def test_the_class_of_each_image_is_that_of_its_folder(shared):
    found = ten(shared)
    records = [record for split in ("train", "val", "test") for record in found.records(split)]
    assert len(records) == 10 * (4 + 2)
    assert [found.classes[record.label] for record in records] == [record.class_name for record in records]
    assert {record.path.parent.name: record.label for record in records} == {
        wordnet_id: label for label, wordnet_id in enumerate(CLASSES)
    }
    superclasses = {record.class_name: record.superclass for record in records}
    assert superclasses["water ouzel"] == "bird"
    assert superclasses["black and gold garden spider"] == "spider"


def test_the_held_out_images_are_training_images_that_do_not_train(shared):
    honest, papers = ten(shared), ten(shared, "official")
    train, val = files(honest.records("train")), files(honest.records("val"))
    assert not set(train) & set(val)
    assert sorted(train + val) == sorted(files(papers.records("train")))
    assert [path.parent.name for path in val] == list(CLASSES)
    assert files(honest.records("test")) == files(papers.records("test")) == files(papers.records("val"))
    assert all(path.parent.parent.name == "val" for path in files(honest.records("test")))


def test_which_are_held_out_depends_on_the_seed_alone_not_on_where_they_lie(shared, tmp_path):
    def held_out(folder, seed):
        return [path.name for path in files(ten(folder, split_seed=seed).records("val"))]

    assert held_out(shared, 0) == held_out(write_imagenet(tmp_path, "kaggle"), 0)
    assert len({tuple(held_out(shared, seed)) for seed in range(4)}) > 1


def test_out_of_distribution_sets_have_the_same_labels(shared):
    sets = ten(shared).ood_records()
    assert list(sets) == ["v2", "sketch"]
    for records in sets.values():
        assert [record.label for record in records] == [label for label in range(10) for _ in range(2)]
    indices = [index for index, *_ in CLASSES.values()]
    assert [int(path.parent.name) for path in files(sets["v2"])] == [index for index in indices for _ in range(2)]
    assert [path.parent.name for path in files(sets["sketch"])] == [name for name in CLASSES for _ in range(2)]
    assert ImageNet10(str(shared)).ood_records() == {}


def test_all_images_are_read_those_of_four_inks_and_those_that_are_no_jpeg_too(shared):
    found = ten(shared, "official")
    formats = set()
    for record in [*found.records("train"), *found.ood_records()["v2"], *found.ood_records()["sketch"]]:
        with Image.open(record.path) as image:
            formats.add((image.format, image.mode))
        assert read_image(record.path).mode == "RGB"
    assert formats == {("JPEG", "CMYK"), ("PNG", "RGB"), ("JPEG", "RGB")}


def test_classes_and_indices_are_known_before_there_are_files():
    found = ImageNet10("nowhere")
    assert found.num_classes == 10
    assert found.classes[:2] == ("chickadee", "water ouzel")
    assert found.imagenet_indices == (19, 20, 33, 37, 57, 65, 72, 78, 81, 83)


def test_any_classes_may_be_chosen_by_a_file(tmp_path, cranes):
    root = write_imagenet(tmp_path / "imagenet", others=len(OTHERS))
    found = ImageNetSubset(str(root), cranes, val_per_class=1)
    assert found.classes == ("tench", "crane (bird)", "crane (machine)")
    assert found.imagenet_indices == (0, 134, 517)
    records = found.records("train")
    assert [(record.path.parent.name, record.label, record.superclass) for record in records[::3]] == [
        ("n01440764", 0, "tench"),
        ("n02012849", 1, "bird"),
        ("n03126707", 2, "crane"),
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"split": "paper"}, "split is 'paper'; choose holdout or official"),
        ({"val_per_class": 0}, "val_per_class is 0: hold out at least 1, or set split to official"),
        ({"download": True}, "ImageNet itself needs an account: say by v2 and sketch"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_the_remedy(settings, complaint):
    with pytest.raises(DatasetError, match=complaint):
        ImageNet10("nowhere", **settings)


def test_a_class_too_small_to_hold_images_out_is_named_but_official_takes_it(shared):
    with pytest.raises(DatasetError, match=r"n01592084 holds 4 images of chickadee, too few to hold 4 out: .*lower"):
        ten(shared, val_per_class=4).records("train")
    assert len(ten(shared, "official", val_per_class=4).records("train")) == 40


def published(folder):
    """Miniature folders filled up to the published counts, by files that only look like images."""
    for count, pattern in ((732, "train/{0}/{0}_9{1:05}.JPEG"), (50, "val/{0}/ILSVRC2012_val_{1:08}.JPEG"),
                           (10, "imagenetv2-matched-frequency-format-val/{2}/{1:040}.jpeg"),
                           (50, "sketch/{0}/sketch_9{1}.JPEG")):  # fmt: skip
        for wordnet_id, (index, *_) in CLASSES.items():
            home = (folder / pattern.format(wordnet_id, 0, index)).parent
            for number in range(count - len(list(home.iterdir()))):
                (folder / pattern.format(wordnet_id, 90_000 + number, index)).touch()


def test_published_counts_leave_only_the_papers_own_to_remark_on_and_others_are_told(tree):
    published(tree)
    remarks = ten(tree).remarks()
    assert remarks == [
        "7,320 training images where the paper has 13,046, which is more than ILSVRC-2012 can have of ten classes: "
        "at most 1,300 of each."
    ]
    (tree / "val" / "n01592084" / "ILSVRC2012_val_00099999.JPEG").touch()
    next((tree / "imagenetv2-matched-frequency-format-val" / "78").iterdir()).unlink()
    next((tree / "sketch" / "n01776313").iterdir()).unlink()
    next((tree / "train" / "n01776313").iterdir()).unlink()
    assert ten(tree).remarks()[1:] == [
        "1 of 10 classes do not have the published 732 to 1,300 training images (such as tick 731).",
        "1 of 10 classes do not have the published 50 validation images (such as chickadee 51).",
        "1 of 10 classes do not have the published 10 images of ImageNet-V2 (such as tick 9).",
        "1 of 10 classes do not have the published 50 images of ImageNet-Sketch (such as tick 49).",
    ]


def test_files_with_odd_names_are_remarked_on(tree):
    folder = tree / "train" / "n01592084"
    (folder / "aug_1_2.png").touch()
    (tree / "val" / "n01592084" / "n01592084_7.JPEG").touch()
    (folder / "notes.txt").touch()
    (tree / "sketch" / "n01592084" / "tags.db").touch()
    (tree / "sketch" / "n01592084" / "Thumbs.db").touch()
    (tree / "train" / "n01440764" / "other class.txt").touch()
    misnamed, unused = ten(tree).remarks()[-2:]
    assert misnamed.startswith(f"2 files (such as {folder / 'aug_1_2.png'}, ")
    assert "no name of ImageNet's; they are used all the same" in misnamed
    assert f"{folder / 'notes.txt'}" in unused
    assert unused.startswith("2 files")
    assert "they are not used" in unused


def fetched(monkeypatch):
    """What is asked for; the archives unpack to miniature trees."""
    calls = []

    def fetch(archive, folder, member):
        calls.append((archive.url.rpartition("/")[2], folder, member))
        (write_sketch if member == "sketch" else write_v2)(folder)
        return folder / member

    monkeypatch.setattr(dataset, "fetch_archive", fetch)
    return calls


def test_the_download_puts_both_sets_where_they_are_then_found(tmp_path, monkeypatch):
    calls = fetched(monkeypatch)
    root = write_imagenet(tmp_path / "imagenet")
    found = ten(root, v2=str(tmp_path / "v2"), sketch=str(tmp_path / "sketch"), download=True)
    found.prepare()
    found.prepare()
    assert calls == [
        ("imagenetv2-matched-frequency.tar.gz", tmp_path / "v2", "imagenetv2-matched-frequency-format-val"),
        ("ImageNet-Sketch.zip", tmp_path, "sketch"),
    ]
    assert {name: len(records) for name, records in found.ood_records().items()} == {"v2": 20, "sketch": 20}


def test_only_what_is_set_and_missing_is_downloaded(shared, tmp_path, monkeypatch):
    calls = fetched(monkeypatch)
    ten(shared, v2=str(tmp_path)).prepare()
    ten(shared, v2=None, download=True).prepare()
    assert calls == []


def test_check_prints_the_guide_where_a_class_is_missing(tree, tmp_path, monkeypatch, command, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(tree / "train" / "n01776313")
    words = ["--data.dataset", "ImageNet10", "--data.dataset.root", str(tree), "--data.num_workers", "0"]
    with pytest.raises(SystemExit, match=r"n01776313 is missing: unpack n01776313\.tar"):
        command("check", *words, "--data.dataset.val_per_class", "1")
    assert "https://image-net.org" in capsys.readouterr().out


def test_a_net_for_1000_classes_is_judged_on_the_ten_by_its_own_outputs(tree, monkeypatch, command):
    monkeypatch.chdir(tree)
    shutil.rmtree(tree / "train")  # nothing of it is needed
    torch.manual_seed(0)
    net = torchvision.models.resnet18()
    net.fc.weight.data.mul_(20)  # so that classes differ
    torch.save(net.state_dict(), "resnet18.pth")
    command(
        *("validate", "--config", "imagenet10.yaml", "--data.augmenter", "null", "--data.dataset.split", "official"),
        *("--data.dataset.root", ".", "--data.dataset.v2", ".", "--data.dataset.sketch", "."),
        *("--model.backbone", "resnet18", "--model.weights", "resnet18.pth", "--model.head", "kept"),
        *("--trainer.accelerator", "cpu", "--trainer.callbacks", "[]", "--trainer.run_dir", "run"),
        *("--data.image_size", "64", "--data.num_workers", "0", "--trainer.enable_progress_bar", "false"),
    )
    results = json.loads(Path("run/results.json").read_text())
    found = ten(tree, "official")
    _, transform = build_transforms("torchvision", 64)
    sets = {"val": found.records("test")} | {f"ood/{name}": records for name, records in found.ood_records().items()}
    assert set(results) == set(sets)
    for name, records in sets.items():
        with torch.inference_mode():
            logits = net.eval()(torch.stack([transform(read_image(record.path)) for record in records]))
        answers = logits[:, found.imagenet_indices].argmax(dim=1).tolist()
        right = [answer == record.label for answer, record in zip(answers, records, strict=True)]
        assert results[name]["acc"] == pytest.approx(sum(right) / len(right))
