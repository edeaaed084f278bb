"""What `check` finds before a run: images, classes, weights and licences."""

import io
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.cli.verbs.check import LISTING, CheckError, check
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule


@pytest.fixture(autouse=True)
def no_downloads(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def open_data(disc_folder, tmp_path):
    def open_data(augmenter=None, **settings):
        dataset = ImageFolder(str(disc_folder), superclasses={"plum": "fruit"}, ood={"dusk": str(disc_folder / "dusk")})
        return AGADataModule(dataset, augmenter, cache_dir=str(tmp_path / "cache"), **settings)

    return open_data


def looked_over(data, policy="any", width=80):
    """What is printed, and the problems."""
    console = Console(file=io.StringIO(), width=width)
    try:
        check(data, policy, console)
    except CheckError as error:
        return console.file.getvalue(), str(error).splitlines()
    return console.file.getvalue(), []


def spoil(disc_folder, *names):
    for name in names:
        (disc_folder / "train" / "plum" / f"plum_{name}.png").write_bytes(b"no image")


def test_a_sound_data_set_is_listed_class_by_class(open_data):
    shown, problems = looked_over(open_data(AGA()))
    assert problems == []
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in shown.splitlines() if "│" in line]
    assert rows == [["lime", "lime", "4", "3", "3"], ["plum", "fruit", "4", "3", "3"], ["all", "", "8", "6", "6"]]
    assert "ood/dusk: 4 images of 2 classes" in shown
    assert "1 of 2 classes are their own superclass, such as 'lime'" in shown
    assert "there is no test set" in shown
    assert "AGA needs no weights" in shown and "All is well: 2 classes" in shown


def test_the_superclass_matters_to_augmenters_only(open_data):
    assert "own superclass" not in looked_over(open_data())[0]


def test_images_that_cannot_be_read_are_listed_with_the_reason(open_data, disc_folder, tmp_path):
    spoil(disc_folder, 0, 2)
    shown, problems = looked_over(open_data())
    listing = tmp_path / "cache" / LISTING
    assert problems == [
        f"2 of 18 image files cannot be read; listed in {listing}: mend them, or set --data.bad_images skip"
    ]
    lines = listing.read_text().splitlines()
    assert [("plum_0" in line, "plum_2" in line) for line in lines] == [(True, False), (False, True)]
    assert all("is not an image of a format that is read" in line and line in shown for line in lines)
    for number in (0, 2):
        Image.new("RGB", (8, 8)).save(disc_folder / "train" / "plum" / f"plum_{number}.png")
    assert looked_over(open_data())[1] == []
    assert not listing.exists()


def test_where_no_list_can_be_written_all_unreadable_images_are_shown(open_data, disc_folder, tmp_path):
    for split, number in (("train", 4), ("val", 3), ("dusk", 2)):
        for path in [
            disc_folder / split / name / f"{name}_{one}.png" for name in ("plum", "lime") for one in range(number)
        ]:
            path.with_name(f"more_{path.name}").write_bytes(b"no image")
            path.write_bytes(b"no image")
    (tmp_path / "cache").write_text("in the way")
    shown, problems = looked_over(open_data(), width=300)
    assert shown.count("is not an image of a format") == 36
    assert problems[0].startswith("36 of 36 image files cannot be read; all are listed above, since ")


def test_a_long_list_is_shown_in_part_and_written_in_full(open_data, disc_folder, tmp_path):
    spoil(disc_folder, *range(30))
    shown, _ = looked_over(open_data())
    assert shown.count("is not an image") == 20 and "and 10 more" in shown
    assert len((tmp_path / "cache" / LISTING).read_text().splitlines()) == 30


def test_an_image_that_breaks_off_is_found_though_its_header_is_sound(open_data, disc_folder):
    path = disc_folder / "train" / "plum" / "plum_0.png"
    path.write_bytes(path.read_bytes()[:-200])
    shown, (problem,) = looked_over(open_data(), width=300)
    assert problem.startswith("1 of 18")
    assert f"{path} cannot be decoded" in shown


def test_images_to_be_skipped_are_no_problem(open_data, disc_folder):
    spoil(disc_folder, 0)
    shown, problems = looked_over(open_data(bad_images="skip"))
    assert problems == [] and "1 of 18 image files cannot be read" in shown


def test_what_is_left_is_counted_where_images_are_skipped(open_data, disc_folder):
    spoil(disc_folder, 0, 2)
    path = disc_folder / "val" / "lime" / "lime_0.png"
    path.write_bytes(with_a_hole(path.read_bytes()))
    shown, problems = looked_over(open_data(bad_images="skip"))
    assert problems == [] and "3 of 18 image files cannot be read" in shown
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in shown.splitlines() if "│" in line]
    assert rows == [["lime", "lime", "4", "2", "2"], ["plum", "fruit", "2", "3", "3"], ["all", "", "6", "5", "5"]]
    assert "images: 6 train, 5 val, 5 test, 4 ood/dusk" in shown
    for file in (disc_folder / "val").rglob("*.png"):
        file.write_bytes(b"no image")
    _, problems = looked_over(open_data(bad_images="skip"))
    assert "none of the 6 images of val can be read" in problems


def with_a_hole(data):
    """A PNG file that is damaged between its header and its end."""
    return data[: len(data) // 2] + bytes(16) + data[len(data) // 2 + 16 :]


def test_damage_that_no_header_tells_is_found_by_decoding(open_data, disc_folder, command):
    path = disc_folder / "train" / "plum" / "plum_0.png"
    path.write_bytes(with_a_hole(path.read_bytes()))
    words = ["check", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder)]
    command(*words)
    with pytest.raises(SystemExit) as stop:
        command(*words, "--decode", "true")
    assert "1 of 14 image files cannot be read" in str(stop.value.code)


def test_a_mask_of_another_size_is_found(tmp_path):
    guide = FieldGuide(str(tmp_path), size=16, train_per_class=1, val_per_class=1, test_per_class=1, ood_per_class=1)
    guide.prepare()
    mask = guide.records("train")[3].mask_path
    Image.new("L", (9, 16)).save(mask)
    shown, (problem,) = looked_over(AGADataModule(guide, cache_dir=str(tmp_path / "cache")), width=300)
    assert problem.startswith("1 of ") and f"{mask} is a mask of 9 x 16 pixels, but its image has 16 x 16" in shown


def test_an_image_of_a_name_of_several_lines_is_one_line_of_the_list(open_data, disc_folder, tmp_path):
    (disc_folder / "train" / "lime" / "a\n9.png is fine.png").write_bytes(b"no image")
    looked_over(open_data())
    (line,) = (tmp_path / "cache" / LISTING).read_text().splitlines()
    assert "a\\n9.png is fine.png is not an image" in line


def test_what_is_not_used_or_read_in_a_special_way_is_noted(open_data, disc_folder):
    (disc_folder / "train" / "lime" / "IMG_1.CR2").touch()
    (disc_folder / "train" / "loose.png").touch()
    for file in (disc_folder / "val" / "plum").iterdir():
        file.unlink()
    plain = Image.open(disc_folder / "train" / "lime" / "lime_1.png")
    plain.save(disc_folder / "train" / "lime" / "lime_1.png", icc_profile=b"broken")
    Image.fromarray(np.full((48, 48), 4095, np.uint16)).save(disc_folder / "train" / "lime" / "lime_2.png")
    shown, problems = looked_over(open_data(), width=400)
    assert problems == []
    notes = [line for line in shown.splitlines() if line.startswith("Note: ")]
    for words in ("not used: 1 x .cr2 (a camera's raw data is not read", "not used: 1 x image beside the class folders",
                  "1 of 2 classes have no validation image: plum",
                  "1 of 15 images have a colour profile that is broken",
                  "1 of 15 images have 16 bits or more, but no value above 4095"):  # fmt: skip
        assert any(words in note for note in notes), words


def test_missing_masks_are_found_too(tmp_path):
    guide = FieldGuide(str(tmp_path), size=16, train_per_class=1, val_per_class=1, test_per_class=1, ood_per_class=1)
    guide.prepare()
    guide.records("train")[3].mask_path.unlink()
    _, (problem,) = looked_over(AGADataModule(guide, cache_dir=str(tmp_path / "cache")))
    assert problem.startswith("1 of ")


def test_every_broken_set_is_a_line(open_data, disc_folder):
    (disc_folder / "val" / "mango").mkdir()
    for file in (disc_folder / "dusk").rglob("*.png"):
        file.unlink()
    _, problems = looked_over(open_data())
    assert problems[0] == "2 problems"
    assert "'mango'" in problems[1] and "dusk holds no images" in problems[2]


def test_missing_weights_are_told_with_the_command_that_fetches_them(open_data):
    shown, problems = looked_over(open_data(AGA(detector=GroundingDINO())))
    name = "IDEA-Research/grounding-dino-tiny"
    assert problems == [f"detector: {name} is missing: hf download {name}"]
    assert "Apache-2.0" in shown and "missing" in shown
    _, problems = looked_over(open_data(AGA(detector=GroundingDINO(weights="./gone"))))
    assert problems == [f"detector: {Path('gone').absolute()} is missing: give a file or folder that exists"]


def test_commercial_use_is_refused_where_a_licence_forbids_it_or_is_not_known(open_data, tmp_path):
    weights = tmp_path / "clip"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"")
    data = open_data(AGA(gates=[ClipFilter(weights=str(weights), positives=["a fruit"], negatives=["a hand"])]))
    assert looked_over(data)[1] == []
    assert looked_over(data, "commercial")[1] == [
        f"gates.0: the licence of {weights} (which is unknown) is not known to allow commercial use"
    ]
    (weights / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    assert looked_over(data, "commercial")[1] == [
        f"gates.0: the licence of {weights} (cc-by-nc-4.0) forbids commercial use"
    ]
    (weights / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert looked_over(data, "commercial")[1] == []


def test_a_narrow_terminal_shows_whole_names(open_data):
    shown, _ = looked_over(open_data(AGA(detector=GroundingDINO())), width=80)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_an_unknown_policy_is_refused(open_data):
    with pytest.raises(ValueError, match="give any or commercial"):
        check(open_data(), "private")


def test_the_verb_ends_with_the_status_that_a_script_asks_for(disc_folder, command, capsys, tmp_path):
    words = ["check", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder)]
    command(*words)
    assert "All is well" in capsys.readouterr().out
    spoil(disc_folder, 1)
    with pytest.raises(SystemExit) as stop:
        command(*words)
    assert str(stop.value.code).startswith("CheckError: 1 of 14 image files cannot be read")
    assert not (tmp_path / "runs").exists()


class Shelf(ImageFolder):
    """A folder with something to say."""

    def guide(self):
        return "Get it from the shelf:\n  root/train/<class>"

    def remarks(self):
        return ["one file too many: notes.txt"]


def test_a_data_set_says_where_to_get_it_only_where_something_is_missing(disc_folder, tmp_path):
    data = AGADataModule(Shelf(str(disc_folder)), cache_dir=str(tmp_path / "cache"))
    shown, problems = looked_over(data)
    assert problems == [] and "Note: one file too many: notes.txt" in shown and "shelf" not in shown
    for file in (disc_folder / "val").rglob("*.png"):
        file.unlink()
    shown, problems = looked_over(data)
    assert len(problems) == 3 and problems[0] == "2 problems"
    assert "Get it from the shelf:\n  root/train/<class>\n" in shown


def test_a_missing_folder_ends_with_the_guide(tmp_path, command, monkeypatch):
    monkeypatch.setattr(ImageFolder, "guide", Shelf.guide)
    with pytest.raises(SystemExit) as stop:
        command("check", "--config", "photos.yaml", "--data.dataset.root", str(tmp_path / "gone"))
    first, *rest = str(stop.value.code).splitlines()
    assert first.startswith("DatasetError: ") and "gone is not a folder" in first
    assert rest == ["", "Get it from the shelf:", "  root/train/<class>"]


def test_a_file_of_the_training_set_must_not_be_in_an_evaluation_set(disc_folder, tmp_path):
    dataset = ImageFolder(str(disc_folder), ood={"again": str(disc_folder / "train")})
    _, problems = looked_over(AGADataModule(dataset, cache_dir=str(tmp_path / "cache")), width=300)
    first = disc_folder / "train" / "lime" / "lime_0.png"
    assert problems == [f"8 files are in the training set and in ood/again, such as {first}: take them out of one"]


def test_a_link_to_a_file_of_the_training_set_is_that_file(disc_folder, tmp_path):
    (disc_folder / "val" / "lime" / "again.png").symlink_to(disc_folder / "train" / "lime" / "lime_0.png")
    data = AGADataModule(ImageFolder(str(disc_folder)), cache_dir=str(tmp_path / "cache"))
    (_, *problems) = looked_over(data, width=300)[1]
    assert problems[0].startswith("1 files are in the training set and in val, such as ")


def test_a_class_without_a_subject_is_named(disc_folder, tmp_path):
    dataset = ImageFolder(str(disc_folder), superclasses={"lime": "", "plum": "fruit"})
    shown, problems = looked_over(AGADataModule(dataset, AGA(), cache_dir=str(tmp_path / "cache")), width=300)
    assert problems == []
    assert "lime: no subject, so the augmenter is not given these images" in shown
    assert "own superclass" not in shown


def test_near_duplicates_are_looked_for_where_that_is_asked_for(disc_folder, command, capsys, tmp_path):
    words = ["check", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder)]
    command(*words)
    assert "resemble" not in capsys.readouterr().out
    command(*words, "--duplicates", "true")
    assert "of 6 images resemble a training image" in capsys.readouterr().out


def test_a_look_fetches_nothing(disc_folder, tmp_path, monkeypatch):
    class Remote(ImageFolder):
        download = True

        def prepare(self):
            pytest.fail("fetched")

    _, problems = looked_over(AGADataModule(Remote(str(disc_folder)), cache_dir=str(tmp_path / "cache")))
    assert problems == []
