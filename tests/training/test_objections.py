from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.methods.controls import OwnBackground
from aga_lightning.augment.methods.text_to_image import TextToImage
from aga_lightning.augment.painters.folder_photos import FolderPhotos
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.records import DatasetError
from aga_lightning.preflight import Run
from aga_lightning.training.datamodule import AGADataModule


@pytest.fixture
def told(shared_disc_folder, tmp_path):
    def told(verb="fit", max_epochs=3, root=shared_disc_folder, **settings):
        settings = {"augmenter": OwnBackground(), "cache_dir": str(tmp_path / "cache")} | settings
        data = AGADataModule(ImageFolder(str(root)), **settings)
        return list(data.objections(Run(verb, SimpleNamespace(max_epochs=max_epochs, max_steps=-1), None, data)))

    return told


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("degree", -1),
        ("batch_size", 0),
        ("num_workers", -1),
        ("image_size", 0),
        ("steps_per_epoch", 0),
        ("real_only_epochs", -2),
        ("replace_probability", 1.5),
        ("augment_share", 0),
        ("augment_share", 1.5),
        ("augmented_per_class", -2),
        ("augmented_per_class", {"lime": -2}),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_its_name(shared_disc_folder, setting, value):
    with pytest.raises(
        ValueError, match=f"data.{setting} is .*not {value['lime'] if isinstance(value, dict) else value}"
    ):
        AGADataModule(ImageFolder(str(shared_disc_folder)), **{setting: value})


def test_sound_settings_meet_no_objection(told, shared_disc_folder):
    assert told() == told("predict", predict_folder=str(shared_disc_folder)) == told("test", augmenter=None) == []


def test_a_cache_that_cannot_be_written_is_told_where_something_has_to_be_kept(told, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (line,) = told(cache_dir=str(tmp_path / "file" / "deep" / "cache"))
    assert f"{tmp_path / 'file'} is no folder" in line
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (line,) = told()
    assert f"{tmp_path} cannot be written" in line
    assert told(augmenter=None) == []
    (tmp_path / "cache" / "augmented").mkdir(parents=True)  # perhaps all that is needed lies there
    assert told() == []


def test_what_needs_the_last_epoch_is_told_where_there_is_none(told):
    for settings in ({"real_only_epochs": 1}, {"replace_probability": 0.5, "replace_schedule": "linear"}):
        assert told(**settings) == []
        with pytest.raises(ValueError, match="need --trainer"):
            told(max_epochs=-1, **settings)


def test_augmentations_that_no_epoch_would_show_are_told(told):
    assert told(real_only_epochs=2) == told(real_only_epochs=3, augmenter=None) == []
    (line,) = told(real_only_epochs=3)
    assert line.startswith("data.real_only_epochs is 3, but the fit has 3 epochs")


def test_a_schedule_needs_a_probability(told):
    assert told(replace_schedule="cosine") == [
        "data.replace_schedule is cosine, but data.replace_probability is 0: set a probability"
    ]
    assert told(replace_schedule="cosine", replace_probability=0.3) == []


def test_an_order_needs_a_share_and_a_file(told, tmp_path):
    order = {"augment_order": str(tmp_path / "nowhere.csv")}
    with pytest.raises(ValueError, match="augment_order chooses nothing where"):
        told(**order)
    (line,) = told(augment_share=0.35, **order)
    assert line == f"data.augment_order is {tmp_path}/nowhere.csv, which is no file: name a training_predictions.csv"
    assert told(augment_share=0.35, augmenter=None, **order) == []


def test_fresh_pairs_are_not_asked_of_a_method_without_backgrounds(told):
    assert told(mode="online") == []
    (line,) = told(mode="online", augmenter=TextToImage())
    assert line.startswith("data.mode is online, but TextToImage has no separate backgrounds")


def test_photos_for_backgrounds_are_looked_at(told, tmp_path):
    aga = AGA(segmenter=GrabCut(), painter=FolderPhotos(folder=str(tmp_path / "scenes")))
    with pytest.raises(DatasetError, match="scenes is not a folder"):
        told(augmenter=aga)
    (tmp_path / "scenes").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "scenes" / "a.png")
    assert told(augmenter=aga) == []


def test_a_folder_to_predict_is_there(told):
    assert told("predict", predict_folder="nowhere") == [
        f"data.predict_folder is {Path('nowhere').absolute()}, which is not there: check the path"
    ]
    assert told("fit", predict_folder="nowhere") == []
