"""What `check` finds before a run: images, classes, weights and licences."""

from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from PIL import Image
from tiny.checked import looked_over, spoil

from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.cli.verbs.check import check
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule


@pytest.fixture(autouse=True)
def no_downloads(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def test_a_sound_data_set_is_listed_class_by_class(open_checked):
    shown, problems = looked_over(open_checked(AGA(segmenter=GrabCut())))
    assert problems == []
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in shown.splitlines() if "│" in line]
    assert rows == [["lime", "lime", "4", "3", "3"], ["plum", "fruit", "4", "3", "3"], ["all", "", "8", "6", "6"]]
    assert "ood/dusk: 4 images of 2 classes" in shown
    assert "1 of 2 classes are their own superclass, such as 'lime'" in shown
    assert "there are no test images" in shown
    assert "AGA needs no weights" in shown and "All is well: 2 classes" in shown


def test_the_superclass_matters_to_augmenters_only(open_checked):
    assert "own superclass" not in looked_over(open_checked())[0]


def test_what_is_not_used_or_read_in_a_special_way_is_noted(open_checked, disc_folder):
    (disc_folder / "train" / "lime" / "IMG_1.CR2").touch()
    (disc_folder / "train" / "loose.png").touch()
    for file in (disc_folder / "val" / "plum").iterdir():
        file.unlink()
    plain = Image.open(disc_folder / "train" / "lime" / "lime_1.png")
    plain.save(disc_folder / "train" / "lime" / "lime_1.png", icc_profile=b"broken")
    Image.fromarray(np.full((48, 48), 4095, np.uint16)).save(disc_folder / "train" / "lime" / "lime_2.png")
    shown, problems = looked_over(open_checked(), width=400)
    assert problems == []
    notes = [line for line in shown.splitlines() if line.startswith("Note: ")]
    for words in ("not used: 1 x .cr2 (a camera's raw data is not read", "not used: 1 x image beside the class folders",
                  "1 of 2 classes have no validation image: plum",
                  "1 of 15 images have a colour profile that is broken",
                  "1 of 15 images have 16 bits or more, but no value above 4095"):  # fmt: skip
        assert any(words in note for note in notes), words


def test_every_broken_set_is_a_line(open_checked, disc_folder):
    (disc_folder / "val" / "mango").mkdir()
    for file in (disc_folder / "dusk").rglob("*.png"):
        file.unlink()
    _, problems = looked_over(open_checked())
    assert problems[0] == "2 problems"
    assert "'mango'" in problems[1] and "dusk holds no images" in problems[2]


def test_missing_weights_are_told_with_the_command_that_fetches_them(open_checked):
    shown, problems = looked_over(open_checked(AGA(segmenter=GrabCut(), detector=GroundingDINO())))
    name = "IDEA-Research/grounding-dino-tiny"
    assert problems == [f"detector: {name} is missing: hf download {name}"]
    assert "Apache-2.0" in shown and "missing" in shown
    _, problems = looked_over(open_checked(AGA(segmenter=GrabCut(), detector=GroundingDINO(weights="./gone"))))
    assert problems == [f"detector: {Path('gone').absolute()} is missing: give a file or folder that exists"]


def test_commercial_use_is_refused_where_a_licence_forbids_it_or_is_not_known(open_checked, tmp_path):
    weights = tmp_path / "clip"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"")
    data = open_checked(
        AGA(segmenter=GrabCut(), gates=[ClipFilter(weights=str(weights), positives=["a fruit"], negatives=["a hand"])])
    )
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


def test_a_narrow_terminal_shows_whole_names(open_checked):
    shown, _ = looked_over(open_checked(AGA(segmenter=GrabCut(), detector=GroundingDINO())), width=80)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_an_unknown_policy_is_refused(open_checked):
    with pytest.raises(ValueError, match="give any or commercial"):
        check(open_checked(), "private")


def test_the_verb_ends_with_the_status_that_a_script_asks_for(disc_folder, command, capsys, tmp_path):
    words = ["check", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder)]
    command(*words)
    said = capsys.readouterr().out
    assert "All is well" in said and "DEFAULT of resnet18 is downloaded at the first fit or, where that" in said
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


def test_a_table_of_other_images_is_told(open_checked, tmp_path):
    order = {"augment_share": 0.5, "augment_order": str(tmp_path / "order.csv")}
    (tmp_path / "order.csv").write_text(f"label,probability,sha256\nlime,0.5,{'0' * 64}\n")
    (problem,) = looked_over(open_checked(AGA(segmenter=GrabCut()), **order))[1]
    assert f"{tmp_path}/order.csv lacks 8 of 8 training images" in problem
    assert looked_over(open_checked(None, **order))[1] == []


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
    shown, problems = looked_over(
        AGADataModule(dataset, AGA(segmenter=GrabCut()), cache_dir=str(tmp_path / "cache")), width=300
    )
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
