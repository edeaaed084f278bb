"""Evaluation images that nearly equal a training image, and others that do not."""

import pytest
from PIL import Image
from tiny.blots import blots

from aga_lightning.images.duplicates import near_duplicates


@pytest.fixture
def write(tmp_path):
    def write(name, image, **settings):
        image.save(tmp_path / name, **settings)
        return tmp_path / name

    return write


def test_copies_are_found_at_any_size_and_quality_and_mirrored(write):
    training = [write(f"t{seed}.png", blots(seed)) for seed in range(20)]
    evaluation = {
        "val": [write("other.png", blots(99)), write("small.jpg", blots(3).resize((40, 30)), quality=60)],
        "ood/new": [
            write("mirror.png", blots(7).transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
            write("same.png", blots(5)),
        ],
    }
    found = near_duplicates(training, evaluation)
    (small,) = found["val"]
    mirror, same = sorted(found["ood/new"], key=lambda one: one.evaluation.name)
    assert (small.evaluation.name, small.training.name, small.mirrored) == ("small.jpg", "t3.png", False)
    assert 0 <= small.distance <= 6
    assert (same.evaluation.name, same.training.name, same.distance) == ("same.png", "t5.png", 0)
    assert (mirror.evaluation.name, mirror.training.name, mirror.mirrored) == ("mirror.png", "t7.png", True)


def test_the_distance_decides(write):
    training = [write("a.png", blots(1))]
    sets = {"val": [write("b.png", blots(2))]}
    (pair,) = near_duplicates(training, sets, max_distance=63)["val"]
    assert 10 < pair.distance < 50
    assert near_duplicates(training, sets, max_distance=pair.distance - 1)["val"] == []
    assert near_duplicates(training, sets, max_distance=pair.distance)["val"] == [pair]


def test_what_cannot_be_read_is_passed_over(write, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    training = [tmp_path / "broken.png", write("a.png", blots(1))]
    found = near_duplicates(training, {"val": [tmp_path / "gone.png", write("b.png", blots(1))]})
    assert [one.evaluation.name for one in found["val"]] == ["b.png"]
    assert near_duplicates([tmp_path / "broken.png"], {"val": [tmp_path / "b.png"]}) == {"val": []}


def test_each_file_is_read_once_and_counted(write):
    training = [write(f"t{seed}.png", blots(seed)) for seed in range(3)]
    counted = []

    def progress(hashed, count):
        counted.append(count)
        for one in hashed:
            counted.append(one.path.name)
            yield one

    near_duplicates(training, {"val": training[:1], "test": training[:1]}, progress=progress)
    assert counted == [3, "t0.png", "t1.png", "t2.png"]
