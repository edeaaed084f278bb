"""What a data module or the settings say of the data, and images that contradict it."""

from types import SimpleNamespace

import pytest
import torch

from aga_lightning.callbacks.data_facts import check_range, class_names, pixels_of
from aga_lightning.explain.prediction import Pixels
from aga_lightning.preflight import SettingError

GREY, IMAGENET = ((0.5,), (0.25,)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NOBODY, OURS = SimpleNamespace(), SimpleNamespace(datamodule=SimpleNamespace(normalisation=IMAGENET, class_names="ab"))


@pytest.mark.parametrize(
    ("trainer", "given", "known"),
    [
        (NOBODY, (None, None), None),
        (NOBODY, GREY, Pixels(*GREY)),
        (OURS, (None, None), Pixels(*IMAGENET)),
        (OURS, IMAGENET, Pixels(*IMAGENET)),
    ],
)
def test_the_data_module_or_the_settings_say_how_images_were_normalised(trainer, given, known):
    assert pixels_of(trainer, *given) == known


def test_settings_that_contradict_the_data_module_are_refused():
    with pytest.raises(SettingError, match=r"mean and std are \[0\.5\] and .* leave mean and std out"):
        pixels_of(OURS, *GREY)


def test_classes_that_nobody_names_are_called_by_their_numbers():
    assert class_names(NOBODY, 2) == ("0", "1")
    assert class_names(OURS, 3) == ("a", "b", "2")
    assert class_names(OURS, 2, ["robin", "wren"]) == ("robin", "wren")


@pytest.mark.parametrize(
    ("low", "high", "pixels", "stated", "complaint"),
    [
        (0, 1, Pixels(), False, None),
        (0, torch.nan, Pixels(), False, None),
        (-2.1, 2.6, Pixels(), False, r"test lie in -2\.1\.\.2\.6, not in 0\.\.1, .* set the callback's mean and std"),
        (0, 255, Pixels(), False, r"0\.\.255: mean=\[0\], std=\[0\.003922\]"),
        (0, 255, Pixels((0.0,), (0.003922,)), True, None),
        (-2, 2, Pixels(*GREY), True, None),
        (-2.3, 2.3, Pixels(*GREY), True, None),  # resized without being cut off
        (-4, 4, Pixels(*GREY), True, r"times std and plus mean, lie in -0\.5\.\.1\.5, .* set mean and std to these"),
        (
            0,
            1,
            Pixels((0.5, 0.5), (0.5, 0.5)),
            True,
            r"mean and std have 2 and 2 numbers, but the images of test",
        ),
    ],
)
def test_images_that_are_no_pixels_once_their_normalisation_is_undone_are_refused(low, high, pixels, stated, complaint):
    images = torch.zeros(2, 3, 4, 4)
    images[0, 0, 0, 0], images[1, 2, 3, 3] = low, high
    if complaint is None:
        check_range("test", images, pixels, stated)
        return
    with pytest.raises(SettingError, match=complaint) as told:
        check_range("test", images, pixels, stated)
    assert "\n" not in str(told.value)
