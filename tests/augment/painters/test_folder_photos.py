import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny.blots import blots
from tiny.onnx_file import save

from aga_lightning.augment.availability import fetch_weights, missing_weights, wanted_weights
from aga_lightning.augment.base import Caption, Prompt, Scene
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.folder_photos import FolderPhotos
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.perceptual_hash import perceptual_hash
from aga_lightning.images.reading import file_digest
from aga_lightning.images.records import DatasetError

CAPTION = Caption("anywhere", Prompt("", "", ""))
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))


def scene(seed, size=(64, 48), source=""):
    return Scene(CAPTION, size, seed, source)


@pytest.fixture
def folder(tmp_path):
    """A red, a green and a blue photo, of which one lies deeper."""
    home = tmp_path / "scenes"
    (home / "deep").mkdir(parents=True)
    for name, colour in zip(("a.png", "b.png", "deep/c.png"), COLOURS, strict=True):
        Image.new("RGB", (90, 120), colour).save(home / name)
    (home / "notes.txt").write_text("from my holidays")
    return home


def test_all_photos_are_used_at_the_scenes_size(folder):
    painter = FolderPhotos(folder=str(folder))
    made = painter.paint([scene(seed, size) for seed in range(20) for size in ((64, 48), (30, 200))])
    assert {image.shape for image in made} == {(48, 64, 3), (200, 30, 3)} and {image.dtype for image in made} == {
        np.dtype(np.uint8)
    }
    assert {tuple(image[5, 5]) for image in made} == set(COLOURS)


def test_the_crop_and_the_flip_are_drawn_from_the_scenes_seed(tmp_path):
    blots(0, (300, 200)).save(tmp_path / "one.png")
    painter = FolderPhotos(folder=str(tmp_path))
    made = painter.paint([scene(seed) for seed in range(6)])
    assert len({image.tobytes() for image in made}) == 6
    again = FolderPhotos(folder=str(tmp_path)).paint([scene(5)])
    assert np.array_equal(made[5], again[0])
    whole = FolderPhotos(folder=str(tmp_path), min_crop=1.0).paint([scene(seed, (60, 40)) for seed in range(12)])
    assert len({image.tobytes() for image in whole}) == 2, "plain and mirrored"
    first, second = {image.tobytes(): image for image in whole}.values()
    assert np.abs(first.astype(int) - second[:, ::-1]).max() <= 1


def test_places_and_names_do_not_matter_but_bytes_do(folder, tmp_path):
    here = FolderPhotos(folder=str(folder))
    moved = shutil.copytree(folder, tmp_path / "moved")
    (moved / "a.png").rename(moved / "z.png")
    shutil.copy(moved / "z.png", moved / "copy.png")
    there = FolderPhotos(folder=str(moved))
    assert fingerprint(here) == fingerprint(there)
    for one, other in zip(
        here.paint([scene(s) for s in range(8)]), there.paint([scene(s) for s in range(8)]), strict=True
    ):
        assert np.array_equal(one, other)
    Image.new("RGB", (90, 120), (0, 0, 0)).save(moved / "d.png")
    assert fingerprint(here) != fingerprint(FolderPhotos(folder=str(moved)))


def test_a_subjects_own_photo_never_stands_behind_it(folder):
    own = file_digest(folder / "a.png")
    painter = FolderPhotos(folder=str(folder))
    made = painter.paint([scene(seed, source=own) for seed in range(20)])
    assert {tuple(image[5, 5]) for image in made} == set(COLOURS[1:])
    (folder / "b.png").unlink()
    (folder / "deep" / "c.png").unlink()
    with pytest.raises(DatasetError, match="no photo but the subject's own"):
        FolderPhotos(folder=str(folder)).paint([scene(0, source=own)])


def test_a_folder_that_cannot_be_used_is_told_in_one_line(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (folder / "broken.jpg").write_bytes(b"no photo at all")
    for place, complaint in (
        (tmp_path / "empty", "empty has no photos"),
        (tmp_path / "nowhere", "nowhere is not a folder"),
        (folder, r"a background cannot be used: .*broken.jpg"),
    ):
        for use in (fingerprint, lambda painter: painter.paint([scene(0)])):
            with pytest.raises(DatasetError, match=complaint) as told:
                use(FolderPhotos(folder=str(place)))
            assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="min_crop"):
        FolderPhotos(folder=str(folder), min_crop=0.0)


def test_a_photo_with_a_large_subject_is_left_out_where_the_network_is_there(folder, tmp_path, recwarn):
    """The network of this test finds what is red."""
    network = str(save(tmp_path / "red.onnx"))
    for name, radius in (("large", 40), ("small", 9)):
        image = np.full((120, 160, 3), 90, np.uint8)
        cv2.circle(image, (80, 60), radius, (230, 30, 40), -1)
        Image.fromarray(image).save(folder / f"{name}.png")
    (folder / "a.png").unlink()  # red all over

    def used(**settings):
        painter = FolderPhotos(folder=str(folder), min_crop=1.0, **settings)
        made = painter.paint([scene(seed, (160, 120)) for seed in range(40)])
        return {round(float((image[..., 0] > 200).mean()), 1) for image in made}, fingerprint(painter)

    checked, key = used(network=network)
    assert checked == {0.0} and used(network=network, max_subject=0.5)[0] == {0.0, 0.3}
    everything, other = used(max_subject=None)
    assert everything == {0.0, 0.3} and other != key
    assert used() == (everything, fingerprint(FolderPhotos(folder=str(folder), min_crop=1.0))), "it cannot be had"
    FolderPhotos(folder=str(folder), max_subject=None).fetch([])
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"u2netp .* cannot be had .*, so photos with a subject of their own are not"):
        fetch_weights(AGA(segmenter=GrabCut(), painter=FolderPhotos(folder=str(folder))), [])
    with pytest.raises(DatasetError, match="show a subject on more than 1% of their area"):
        [path.unlink() for path in folder.rglob("*.png") if path.name not in ("large.png", "small.png")]
        used(network=network, max_subject=0.01)


def test_the_network_is_one_that_check_knows_of_and_can_do_without(folder):
    [wanted] = wanted_weights(AGA(segmenter=GrabCut(), painter=FolderPhotos(folder=str(folder))))
    assert (wanted.name, wanted.parts, wanted.optional) == ("u2netp", ("painter.finder",), True)
    for settings in (
        {"painter": FolderPhotos(folder=str(folder), network="/no/u2netp.onnx"), "segmenter": GrabCut()},
        {"segmenter": BestMask(weights="/no/u2netp.onnx")},
    ):
        lacking = "/no/u2netp.onnx is missing: give a file or folder that exists"
        assert missing_weights(AGA(**settings)) == [lacking], "a path is there, or wrong"


def test_a_photo_like_an_evaluation_image_is_left_out(tmp_path):
    for number in range(4):
        blots(number, (120, 90)).save(tmp_path / f"{number}.png")
    painter = FolderPhotos(folder=str(tmp_path))
    key, seen = fingerprint(painter), Image.open(tmp_path / "2.png").resize((60, 45)).transpose(Image.FLIP_LEFT_RIGHT)
    aga = AGA(segmenter=GrabCut(), painter=painter)
    assert aga.guards
    aga.guard([perceptual_hash(np.asarray(seen))])
    assert sorted(path.name for path in painter.photos.values()) == ["0.png", "1.png", "3.png"]
    assert fingerprint(painter) != key
    painter.guard([perceptual_hash(np.asarray(Image.open(tmp_path / f"{number}.png"))) for number in range(4)])
    with pytest.raises(DatasetError, match=r"all 4 photos of .* resemble an evaluation image"):
        painter.paint([scene(0)])
    painter.guard([])
    assert fingerprint(painter) == key


def test_a_photo_that_goes_away_meanwhile_is_told(folder):
    painter = FolderPhotos(folder=str(folder))
    assert len(painter.photos) == 3
    for path in painter.photos.values():
        Path(path).unlink()
    with pytest.raises(DatasetError, match="does not exist"):
        painter.paint([scene(0)])
