import os
import re
from pathlib import Path

import pytest
from PIL import Image

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.records import DatasetError


def fill(folder, counts):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", (4, 4)).save(folder / name / f"{number:03}.png")


@pytest.fixture
def split_root(tmp_path):
    root = tmp_path / "photos"
    fill(root / "train", {"wren": 3, "owl": 2, "heron": 2})
    fill(root / "val", {"wren": 1, "owl": 2})
    return root


def names_of(records):
    return [(record.class_name, record.path.name) for record in records]


def test_a_ready_split_is_taken_as_it_is(split_root):
    data = ImageFolder(str(split_root))
    assert data.classes == ("heron", "owl", "wren")
    assert data.num_classes == 3
    train, val = data.records("train"), data.records("val")
    assert [record.label for record in train] == [0, 0, 1, 1, 2, 2, 2]
    assert names_of(val) == [("owl", "000.png"), ("owl", "001.png"), ("wren", "000.png")]
    assert train[0].path == split_root / "train" / "heron" / "000.png"
    assert data.ood_records() == {}


def test_test_falls_back_to_val(split_root):
    data = ImageFolder(str(split_root))
    assert data.records("test") == data.records("val")
    fill(split_root / "test", {"heron": 1})
    assert names_of(ImageFolder(str(split_root)).records("test")) == [("heron", "000.png")]


def test_chosen_classes_fix_labels_and_leave_the_others_out(split_root):
    data = ImageFolder(str(split_root), classes=["wren", "heron"])
    assert data.classes == ("wren", "heron")
    assert [(record.label, record.class_name) for record in data.records("train")] == [(0, "wren")] * 3 + [
        (1, "heron")
    ] * 2
    assert {record.class_name for record in data.records("val")} == {"wren"}


def test_one_folder_is_split_in_three_by_class(tmp_path):
    fill(tmp_path, {"wren": 20, "owl": 10, "heron": 3, "stork": 2, "egret": 1})
    data = ImageFolder(str(tmp_path), val_fraction=0.3)
    sets = {split: data.records(split) for split in ("train", "val", "test")}
    counts = {split: [sum(one.class_name == name for one in sets[split]) for name in data.classes] for split in sets}
    # egret, heron, owl, stork, wren
    assert counts == {"train": [1, 1, 5, 1, 10], "val": [0, 1, 3, 1, 6], "test": [0, 1, 2, 0, 4]}
    assert len({record.path for records in sets.values() for record in records}) == 36
    two = ImageFolder(str(tmp_path), val_fraction=0.3, test_fraction=0)
    assert two.records("val") == sets["val"] == two.records("test") and len(two.records("train")) == 25


def test_images_for_the_test_are_those_of_val_if_there_are_too_few(tmp_path):
    fill(tmp_path, {"wren": 2, "owl": 1})
    data = ImageFolder(str(tmp_path))
    assert data.records("test") == data.records("val") and len(data.records("val")) == 1
    (tmp_path / "wren" / "000.png").unlink()
    with pytest.raises(DatasetError, match="gives no images for val: it has one image of each class, which trains"):
        ImageFolder(str(tmp_path)).records("val")


def test_half_of_val_becomes_the_test_by_a_setting(tmp_path):
    fill(tmp_path / "train", {"wren": 3, "owl": 2})
    fill(tmp_path / "val", {"wren": 8, "owl": 1})
    whole, data = ImageFolder(str(tmp_path)), ImageFolder(str(tmp_path), test_fraction=0.5)
    assert [note for note in whole.remarks() if "test_fraction 0.5" in note] and not data.remarks()
    val, test = names_of(data.records("val")), names_of(data.records("test"))
    assert len(val) == 5 and len(test) == 4 and sorted(val + test) == names_of(whole.records("val"))
    assert data.records("train") == whole.records("train")
    fill(tmp_path / "test", {"owl": 1})
    assert names_of(ImageFolder(str(tmp_path), test_fraction=0.5).records("val")) == names_of(whole.records("val"))


def test_val_is_held_out_of_train_if_there_is_only_a_test(tmp_path):
    fill(tmp_path / "train", {"wren": 10, "owl": 5})
    fill(tmp_path / "test", {"wren": 2})
    data = ImageFolder(str(tmp_path))
    assert [len(data.records(split)) for split in ("train", "val", "test")] == [12, 3, 2]
    assert not {record.path for record in data.records("train")} & {record.path for record in data.records("val")}
    (tmp_path / "Evaluation").mkdir()
    with pytest.raises(DatasetError, match=r"val is missing: rename .*Evaluation to it, or"):
        ImageFolder(str(tmp_path)).records("val")


def test_the_split_depends_on_the_seed_and_not_on_the_file_system(tmp_path, monkeypatch):
    fill(tmp_path, {"wren": 30, "owl": 30})
    val = ImageFolder(str(tmp_path)).records("val")
    assert ImageFolder(str(tmp_path), split_seed=1).records("val") != val
    scan = os.scandir

    class Reversed:
        def __init__(self, folder):
            self.entries = scan(folder)

        def __enter__(self):
            return reversed(list(self.entries))

        def __exit__(self, *_):
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Reversed)
    assert ImageFolder(str(tmp_path)).records("val") == val


def test_superclasses_are_those_of_the_setting(split_root):
    assert ImageFolder(str(split_root)).superclass("owl") == "owl"
    data = ImageFolder(str(split_root), superclasses="bird")
    assert {record.superclass for record in data.records("train")} == {"bird"}
    data = ImageFolder(str(split_root), superclasses={"owl": "raptor", "heron": ""}, classes=["owl", "wren"])
    assert [record.superclass for record in data.records("val")] == ["raptor", "raptor", "wren"]


def test_unknown_classes_are_named_with_the_nearest(split_root, tmp_path):
    with pytest.raises(DatasetError, match=r"'wrem' in the setting `superclasses` .* wren"):
        ImageFolder(str(split_root), superclasses={"wrem": "bird"}).records("train")
    with pytest.raises(DatasetError, match=r"'herons' in the setting `classes` .* heron"):
        _ = ImageFolder(str(split_root), classes=["herons"]).classes
    fill(tmp_path / "snow", {"owls": 1})
    with pytest.raises(DatasetError, match=r"'owls' in .*snow is unknown.* owl"):
        ImageFolder(str(split_root), ood={"snow": str(tmp_path / "snow")}).ood_records()
    fill(split_root / "val", {"robin": 1})
    with pytest.raises(DatasetError, match=r"'robin' in .*val is unknown"):
        ImageFolder(str(split_root)).records("val")


def test_out_of_distribution_sets_may_lack_classes(split_root, tmp_path):
    fill(tmp_path / "snow", {"wren": 2, "heron": 0})
    fill(tmp_path / "dusk", {"owl": 1})
    data = ImageFolder(str(split_root), ood={"snow": str(tmp_path / "snow"), "dusk_2": str(tmp_path / "dusk")})
    sets = data.ood_records()
    assert list(sets) == ["snow", "dusk_2"]
    assert [record.label for record in sets["snow"]] == [2, 2]
    assert [record.label for record in sets["dusk_2"]] == [1]


@pytest.mark.parametrize("name", ["Snow", "2snow", "new-habitat", "a b", "", "snow\n"])
def test_out_of_distribution_names_are_checked(split_root, name):
    with pytest.raises(DatasetError, match="lower-case"):
        ImageFolder(str(split_root), ood={name: "anywhere"})


def test_missing_and_empty_folders_are_named(split_root, tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere is not a folder: set `root`"):
        _ = ImageFolder(str(tmp_path / "nowhere")).classes
    with pytest.raises(DatasetError, match=r"gone is not a folder"):
        ImageFolder(str(split_root), ood={"snow": str(tmp_path / "gone")}).ood_records()
    (tmp_path / "bare").mkdir()
    with pytest.raises(DatasetError, match="bare has no class folders"):
        _ = ImageFolder(str(tmp_path / "bare")).classes
    fill(tmp_path / "half" / "train", {"owl": 1})
    with pytest.raises(DatasetError, match=r"half.val is missing: add it"):
        ImageFolder(str(tmp_path / "half")).records("val")
    fill(split_root / "train", {"stork": 0})
    with pytest.raises(DatasetError, match=r"stork holds no images"):
        ImageFolder(str(split_root)).records("train")
    fill(tmp_path / "void" / "train", {"owl": 1})
    fill(tmp_path / "void" / "val", {"owl": 0})
    with pytest.raises(DatasetError, match=r"val gives no images for val"):
        ImageFolder(str(tmp_path / "void")).records("val")
    fill(tmp_path / "fog", {"owl": 0})
    with pytest.raises(DatasetError, match=r"fog holds no images of any class"):
        ImageFolder(str(split_root), ood={"fog": str(tmp_path / "fog")}).ood_records()


@pytest.mark.parametrize(("train", "val"), [("Train", "VAL"), ("training", "validation")])
def test_splits_may_have_other_names(split_root, train, val):
    masks = split_root.parent / "masks"
    fill(masks / val, {"owl": 1})
    before = ImageFolder(str(split_root))
    expected = [names_of(before.records(split)) for split in ("train", "val")]
    (split_root / "train").rename(split_root / train)
    (split_root / "val").rename(split_root / val)
    data = ImageFolder(str(split_root), masks=str(masks))
    assert data.classes == before.classes
    assert [names_of(data.records(split)) for split in ("train", "val")] == expected
    assert data.records("val")[0].mask_path == masks / val / "owl" / "000.png"


def test_folders_of_systems_are_no_classes(split_root):
    for split in ("train", "val"):
        fill(split_root / split, {"@eaDir": 1, "lost+found": 0, "__MACOSX": 1})
    fill(split_root / "train" / "owl", {"@eaDir": 1})
    data = ImageFolder(str(split_root), ood={"fog": str(split_root / "val")})
    assert data.classes == ("heron", "owl", "wren")
    assert [len(data.records("train")), len(data.records("val")), len(data.ood_records()["fog"])] == [7, 3, 3]


def test_a_root_that_is_too_high_is_told_with_the_likely_one(split_root, tmp_path):
    with pytest.raises(DatasetError, match=rf"one folder only, photos, .* set `root` to {split_root}$"):
        _ = ImageFolder(str(tmp_path)).classes
    fill(tmp_path / "more", {"x": 1})
    with pytest.raises(DatasetError, match=rf"holds train and val, .* set `root` to {split_root}"):
        ImageFolder(str(tmp_path)).records("train")
    with pytest.raises(DatasetError, match=rf"{split_root}/train is called like a split, .* such as {split_root}/"):
        ImageFolder(str(split_root), ood={"fog": str(split_root)}).ood_records()


def test_a_split_of_a_doubtful_name_is_told(split_root):
    (split_root / "val").rename(split_root / "Evaluation")
    with pytest.raises(DatasetError, match=rf"{split_root}/val is missing: rename {split_root}/Evaluation to it, or"):
        ImageFolder(str(split_root)).records("val")


def test_what_is_not_used_is_remarked_on(split_root):
    fill(split_root, {"extra": 1, "dusk/owl": 1, "masks/train/owl": 1, "test/owl": 1})
    for name in ("train/owl/1.CR2", "val/loose.png", "readme.txt", "dusk/owl/2.tga"):
        (split_root / name).touch()
    data = ImageFolder(str(split_root), ood={"dusk": str(split_root / "dusk")}, masks=str(split_root / "masks"))
    for split in ("train", "val", "test"):
        data.records(split)
    data.ood_records()
    assert data.remarks() == [
        "folders beside those of the splits are not used: extra.",
        f"6 of 7 training images have no mask in {split_root / 'masks'}.",
    ]
    assert {one.path.relative_to(split_root).as_posix(): one.what for one in data.unused()} == {
        "train/owl/1.CR2": ".cr2",
        "val/loose.png": "image beside the class folders",
        "readme.txt": ".txt",
        "dusk/owl/2.tga": ".tga",
    }


def test_a_class_of_photos_that_are_not_read_says_so(split_root):
    for path in (split_root / "train" / "owl").iterdir():
        path.rename(path.with_suffix(".DNG"))
    with pytest.raises(DatasetError, match=r"owl holds no images, but 2 x \.dng \(a camera's raw data .*: add some"):
        ImageFolder(str(split_root)).records("train")


@pytest.mark.parametrize("place", ["train/owl/link.png", "train/stork", "val"])
def test_links_that_leave_the_root_are_named(tmp_path, place):
    root = tmp_path / "root"
    fill(root / "train", {"owl": 1})
    fill(tmp_path / "elsewhere", {"owl": 1})
    target = tmp_path / "elsewhere" / ("owl/000.png" if place.endswith("png") else "")
    os.symlink(target, root / place)
    with pytest.raises(DatasetError, match=f"{place} leads out of"):
        data = ImageFolder(str(root))
        data.records("train")
        data.records("val")


def test_links_that_leave_the_root_can_be_allowed(tmp_path):
    fill(tmp_path / "elsewhere", {"owl": 3, "wren": 3})
    for place in ("train/owl", "train/wren", "val", "dusk/owl"):
        (tmp_path / "root" / place).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(tmp_path / "elsewhere" / ("" if place == "val" else Path(place).name), tmp_path / "root" / place)
    data = ImageFolder(str(tmp_path / "root"), ood={"dusk": str(tmp_path / "root" / "dusk")}, follow_links=True)
    assert [len(data.records("train")), len(data.records("val")), len(data.ood_records()["dusk"])] == [6, 6, 3]


def test_boxes_go_to_the_images_of_their_names(split_root, tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text("path,x1,y1,x2,y2\ntrain/owl/000.png,0,0,2,3\nval/wren/000,1,1,2,2\n")
    data = ImageFolder(str(split_root), boxes=str(file))
    found = [record.box for split in ("train", "val") for record in data.records(split) if record.box is not None]
    assert found == [(0, 0, 2, 3), (1, 1, 2, 2)]
    assert f"6 of 7 training images have no box in {file}." in data.remarks()
    file.write_text("path,x1,y1,x2,y2\nowl-1.png,0,0,2,3\n")
    with pytest.raises(DatasetError, match=r"no training image has a box in .* like 'owl-1.png', while one"):
        ImageFolder(str(split_root), boxes=str(file)).records("train")


def test_masks_lie_in_a_tree_like_that_of_the_images(split_root, tmp_path):
    masks = tmp_path / "masks"
    fill(masks / "val", {"owl": 1, "wren": 1})
    data = ImageFolder(str(split_root), masks=str(masks), ood={"fog": str(split_root / "val")})
    expected = [masks / "val" / "owl" / "000.png", None, masks / "val" / "wren" / "000.png"]
    assert [record.mask_path for record in data.records("val")] == expected
    assert [record.mask_path for record in data.ood_records()["fog"]] == expected
    assert {record.mask_path for record in data.records("train")} == {None}
    assert {record.mask_path for record in ImageFolder(str(split_root)).records("val")} == {None}


def test_masks_of_no_image_are_told_with_the_name_that_one_would_have(split_root, tmp_path):
    masks = tmp_path / "masks"
    fill(masks / "owl", {"deep": 1})
    with pytest.raises(DatasetError, match=rf"holds the mask of no image: .* would be {masks}/train/\w+/000\.png: "):
        ImageFolder(str(split_root), masks=str(masks)).records("train")
    fill(masks / "val", {"owl": 1})
    assert ImageFolder(str(split_root), masks=str(masks)).records("train")


def test_a_folder_of_masks_that_is_missing_is_named(split_root):
    with pytest.raises(DatasetError, match="nowhere is not a folder: set `masks`"):
        ImageFolder(str(split_root), masks="nowhere").records("val")


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_a_fraction_that_leaves_a_split_empty_is_refused(fraction):
    with pytest.raises(DatasetError, match="val_fraction"):
        ImageFolder("anywhere", val_fraction=fraction)


@pytest.mark.parametrize(
    ("counts", "remark"),
    [
        ({"photo/owl": 2, "photo/wren": 2, "sketch/owl": 2, "sketch/wren": 2}, r"\(owl, wren\).* one level too high"),
        (
            {"Owl": 2, "owl": 2, "wren": 2},
            r"^classes differ by capital letters alone: Owl and owl\. Are they the same\?$",
        ),
        ({"images": 2, "masks": 2}, "^the classes images and masks are called like the parts of a data set"),
    ],
)
def test_classes_that_look_like_something_else_are_remarked_on(tmp_path, counts, remark):
    fill(tmp_path, counts)
    (found,) = ImageFolder(str(tmp_path)).remarks()
    assert re.search(remark, found)
