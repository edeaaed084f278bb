"""Where the images of a class lie, in each layout."""

import shutil

import pytest
from tiny.imagenet import CLASSES, write_imagenet, write_sketch, write_v2

from aga_lightning.datasets.imagenet.classes import IMAGENET10, ImageNetClass
from aga_lightning.datasets.imagenet.trees import (
    find_home,
    find_v2,
    other_files,
    sketch_images,
    train_images,
    v2_images,
    validation_images,
)
from aga_lightning.images.records import DatasetError


@pytest.fixture
def root(tmp_path):
    return write_imagenet(tmp_path / "imagenet", train_per_class=2, val_per_class=1)


@pytest.mark.parametrize("deeper", ["", "ILSVRC", "ILSVRC/Data", "ILSVRC/Data/CLS-LOC"])
def test_kaggles_tree_is_found_from_each_of_its_folders(tmp_path, deeper):
    tree = write_imagenet(tmp_path, "kaggle", train_per_class=1, val_per_class=1)
    assert find_home(tree / deeper) == tree / "ILSVRC" / "Data" / "CLS-LOC"


def test_a_root_without_images_is_named_with_the_setting(tmp_path):
    with pytest.raises(DatasetError, match=r"has neither train nor val.*set --data\.dataset\.root"):
        find_home(tmp_path)


def test_classes_are_found_by_id_and_all_others_are_passed_over(root):
    images = train_images(root, IMAGENET10)
    assert [listed.wordnet_id for listed in images] == list(CLASSES)
    for listed, paths in images.items():
        assert len(paths) == 2
        assert all(path.parent == root / "train" / listed.wordnet_id for path in paths)


def test_a_missing_or_empty_class_folder_is_named_with_the_remedy(root):
    tick = root / "train" / "n01776313"
    shutil.rmtree(tick)
    with pytest.raises(DatasetError, match=r"n01776313 is missing: unpack n01776313\.tar, which ILSVRC2012_img_train"):
        train_images(root, IMAGENET10)
    tick.mkdir()
    with pytest.raises(DatasetError, match=r"n01776313 holds no images: unpack n01776313\.tar"):
        train_images(root, IMAGENET10)
    shutil.rmtree(root / "val" / "n01592084")
    with pytest.raises(DatasetError, match="n01592084 is missing: move the validation images of class n01592084"):
        validation_images(root, IMAGENET10)


def test_the_folder_of_all_classes_may_be_a_link_but_no_link_leads_out_of_it(root, tmp_path):
    elsewhere = tmp_path / "disk"
    (root / "train").rename(elsewhere)
    (root / "train").symlink_to(elsewhere)
    assert len(train_images(root, IMAGENET10)) == 10
    stray = tmp_path / "secret.JPEG"
    stray.touch()
    (elsewhere / "n01592084" / "n01592084_1.JPEG").symlink_to(stray)
    with pytest.raises(DatasetError, match="leads out of"):
        train_images(root, IMAGENET10)


def test_images_in_one_folder_without_labels_are_named_with_the_remedy(tmp_path):
    root = write_imagenet(tmp_path / "imagenet", "kaggle", train_per_class=1)
    listing = root / "LOC_val_solution.csv"
    lines = listing.read_text().splitlines()
    listing.write_text("\n".join(line for line in lines if "n01776313" not in line))
    with pytest.raises(DatasetError, match=r"LOC_val_solution\.csv lists no image of n01776313 \(tick\): take the"):
        validation_images(find_home(root), IMAGENET10)
    listing.unlink()
    with pytest.raises(
        DatasetError, match=r"no class folders such as n01592084, and neither LOC_val_solution\.csv nor"
    ):
        validation_images(find_home(root), IMAGENET10)
    shutil.rmtree(find_home(root) / "val")
    with pytest.raises(DatasetError, match=r"val is missing: unpack ILSVRC2012_img_val\.tar"):
        validation_images(find_home(root), IMAGENET10)


def test_an_image_that_a_list_names_is_not_looked_for(tmp_path):
    home = write_imagenet(tmp_path, "devkit", train_per_class=1)
    before = validation_images(home, IMAGENET10)
    next((home / "val").iterdir()).unlink()
    assert validation_images(home, IMAGENET10) == before


def by_index(images):
    return {listed.index: {path.parent.name for path in paths} for listed, paths in images.items()}


def test_the_folders_of_v2_are_numbers_not_words(tmp_path):
    # Sorted as words, 100 comes before 2: taken by position, all but the first would be wrong.
    two = (ImageNetClass("n01484850", "great white shark", "shark", 2), *IMAGENET10)
    images = v2_images(write_v2(tmp_path), two)
    assert by_index(images) == {listed.index: {str(listed.index)} for listed in two}


def test_the_folders_of_v2_may_be_padded_or_renamed_to_ids(tmp_path):
    folder = write_v2(tmp_path)
    for path in list(folder.iterdir()):
        path.rename(folder / f"{int(path.name):04}")
    assert by_index(v2_images(folder, IMAGENET10)) == {listed.index: {f"{listed.index:04}"} for listed in IMAGENET10}
    for wordnet_id, (index, *_) in CLASSES.items():
        (folder / f"{index:04}").rename(folder / wordnet_id)
    for path in folder.glob("0*"):
        shutil.rmtree(path)
    images = v2_images(folder, [ImageNetClass(listed.wordnet_id, "x", "x") for listed in IMAGENET10])
    assert [paths[0].parent.name for paths in images.values()] == list(CLASSES)


def test_v2_needs_the_index_of_a_class(tmp_path):
    with pytest.raises(DatasetError, match=r"numbers its folders: give n01776313 \(tick\) its index in `classes`"):
        v2_images(write_v2(tmp_path), [ImageNetClass("n01776313", "tick", "tick")])


def test_of_two_selections_of_v2_one_has_to_be_named(tmp_path):
    write_v2(tmp_path)
    write_v2(tmp_path, name="imagenetv2-top-images-format-val")
    with pytest.raises(DatasetError, match=r"matched-frequency-format-val and imagenetv2-top-images.* to one of them"):
        find_v2(tmp_path)


def test_missing_sets_and_classes_are_named_with_the_remedy(tmp_path):
    with pytest.raises(
        DatasetError, match=r"nowhere is not a folder: set --data\.dataset\.v2 to the unpacked imagenetv2"
    ):
        v2_images(tmp_path / "nowhere", IMAGENET10)
    with pytest.raises(DatasetError, match=r"holds no class folders: set --data\.dataset\.sketch .*download true"):
        sketch_images(tmp_path, IMAGENET10)
    v2, sketch = write_v2(tmp_path), write_sketch(tmp_path)
    shutil.rmtree(v2 / "78")
    shutil.rmtree(sketch / "n01776313")
    with pytest.raises(DatasetError, match=r"78 is missing: unpack imagenetv2-matched-frequency\.tar\.gz again"):
        v2_images(v2, IMAGENET10)
    with pytest.raises(DatasetError, match=r"n01776313 is missing: unpack ImageNet-Sketch\.zip again"):
        sketch_images(sketch, IMAGENET10)
    with pytest.raises(DatasetError, match="n01592084 is missing"):
        sketch_images(v2, IMAGENET10)


def test_files_that_are_not_known_are_listed_but_hidden_ones(root):
    folder = root / "train" / "n01592084"
    known = list(folder.iterdir())
    for name in ("b.txt", "a.JPEG", ".DS_Store"):
        (folder / name).touch()
    assert list(other_files([folder], known)) == [folder / "a.JPEG", folder / "b.txt"]
