from dataclasses import dataclass, field

import pytest
import torch

from aga_lightning.augment.detectors.model_based import ModelDetector


@dataclass(kw_only=True, eq=False)
class Brightest(ModelDetector):
    """Boxes whose scores tell what was looked at together."""

    weights: str = "org/name"
    threshold: float = 0.0
    batch_size: int = 2
    device: str = "cpu"
    _calls: list = field(default_factory=list, init=False)

    def load(self):
        return object()

    def query(self, superclass):
        return superclass.upper()

    def look_for(self, query, images):
        assert self.model is not None and torch.is_inference_mode_enabled()
        self._calls.append((query, [image.shape[:2] for image in images]))
        scores = [torch.tensor([image[0, 0, 0] / 510 + 0.1, 0.05], dtype=torch.float16) for image in images]
        return [(torch.tensor([[0.0, 0, 20, 20], [0, 0, 99, 99]]), score) for score in scores]


def test_only_images_of_one_size_that_are_asked_the_same_are_looked_at_together(photo):
    samples = [photo(30, 30, 1), photo(40, 30, 2), photo(30, 30, 3), photo(30, 30, 4, "dog"), photo(30, 30, 5)]
    detector = Brightest()
    found = detector.detect(samples)
    assert detector._calls == [
        ("BIRD", [(30, 30), (30, 30)]),
        ("BIRD", [(30, 30)]),
        ("BIRD", [(40, 30)]),
        ("DOG", [(30, 30)]),
    ]
    for sample, detections in zip(samples, found, strict=True):
        assert detections[0].score == pytest.approx(sample.image[0, 0, 0] / 510 + 0.1, abs=1e-3)
        assert detections[1].box == (0, 0, sample.image.shape[1], sample.image.shape[0])


def test_threshold_and_best_box_are_heeded(photo):
    sample = photo(30, 30)
    assert [len(Brightest(**settings).detect([sample])[0]) for settings in ({}, {"boxes": "best"})] == [2, 1]
    assert len(Brightest(threshold=0.06).detect([sample])[0]) == 1
    assert Brightest(threshold=0.99).detect([sample]) == [[]]


def test_strips_are_not_shown_to_the_model(photo):
    detector = Brightest()
    assert detector.detect([photo(1, 101), photo(101, 1)]) == [[], []] and detector.detect([]) == []
    assert detector._calls == []


@pytest.mark.parametrize("settings", [{"threshold": 1}, {"threshold": -0.1}, {"boxes": "some"}, {"batch_size": 0}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=f"^{next(iter(settings))} is .*give"):
        Brightest(**settings)
