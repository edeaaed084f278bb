"""A painter and a whole method that somebody else writes, each in a file of its own, and uses by its name."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

PAINTER = '''
from dataclasses import dataclass

import numpy as np

from aga_lightning import BackgroundGenerator


@dataclass(kw_only=True, eq=False)
class Grey(BackgroundGenerator):
    """Fills the background with one grey.

    Args:
        level: How bright it is, 0 to 255.
    """

    level: int = 128

    def paint(self, scenes):
        """One image of the asked size a scene."""
        return [np.full((scene.size[1], scene.size[0], 3), self.level, np.uint8) for scene in scenes]
'''

METHOD = '''
import numpy as np

from aga_lightning.augment import Accept, Boxes, CentrePrior, Detector, Draft, GrabCut, Method, Photo, Segmenter, Step
from aga_lightning.augment import Subjects


class Silhouette(Method):
    """The subject in one colour, where it stands.

    Cost an image: milliseconds, no model.

    Args:
        level: How bright the subject gets, 0 to 255.
        detector: Where the subject is.
        segmenter: Which pixels are the subject's.
    """

    level: int = 0
    detector: Detector = CentrePrior()
    segmenter: Segmenter = GrabCut()

    def steps(self):
        photo = Photo(None)
        subjects = Subjects(self.segmenter, photo, Boxes(self.detector, photo))
        return Painted(photo, Accept("subject", [], subjects, photo), self.level)


class Painted(Step):
    """The subject's pixels at one level."""

    def __init__(self, photo, subject, level):
        super().__init__(photo, subject)
        self.level = level

    def settings(self):
        return self.level

    def make(self, plans, samples, subjects):
        return [self.painted(sample, subject) for sample, subject in zip(samples, subjects)]

    def painted(self, sample, subject):
        image = np.where(subject.mask[..., None], np.uint8(self.level), sample.image)
        return Draft(sample, subject, image=image)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the two files, from which Python imports."""
    (tmp_path / "grey_of_mine.py").write_text(PAINTER)
    (tmp_path / "silhouette_of_mine.py").write_text(METHOD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("grey_of_mine", "silhouette_of_mine"):
        sys.modules.pop(name, None)


def made(folder):
    (collection,) = (folder / "cache" / "augmented").iterdir()
    rows = [json.loads(line) for line in (collection / "metadata.jsonl").read_text().splitlines()]
    return collection, [np.asarray(Image.open(collection / row["file_name"])) for row in rows]


def augment(command, folder, *words):
    quick = ["--data.num_workers", "0", "--data.degree", "1", "--trainer.enable_progress_bar", "false"]
    command("augment", "--config", "photos.yaml", "--data.dataset.root", str(folder), *quick, *words)


def test_a_painter_stands_behind_agas_subjects(own, disc_folder, command):
    painter = ["--data.augmenter.painter", "grey_of_mine.Grey", "--data.augmenter.painter.level", "90"]
    augment(command, disc_folder, *painter, "--data.augmenter.gates", "[]")
    _, images = made(own)
    assert len(images) == 8
    assert all(np.median(image) == 90 for image in images)


def test_a_whole_method_is_named_by_its_class(own, disc_folder, command, capsys):
    augment(command, disc_folder, "--data.augmenter", "silhouette_of_mine.Silhouette", "--data.augmenter.level", "250")
    collection, images = made(own)
    assert collection.name.startswith("silhouette-") and len(images) == 8
    assert all(0.05 < (image > 230).mean() < 0.5 for image in images)
    assert list((own / "cache" / "subjects").rglob("*.png")), "masks are kept, and shared with other methods"
    assert "level: 250" in (collection / "config.yaml").read_text()
    with pytest.raises(SystemExit):
        command("fit", "--data.augmenter.help=silhouette_of_mine.Silhouette")
    told = " ".join(capsys.readouterr().out.split())
    assert "The subject in one colour, where it stands." in told and "How bright the subject gets, 0 to 255." in told
    assert "CentrePrior" in told, "defaults that are parts are told"


def test_both_work_from_python(own, disc_records):
    from grey_of_mine import Grey
    from silhouette_of_mine import Silhouette

    from aga_lightning import AGA

    for method in (AGA(painter=Grey(level=7), gates=[]), Silhouette(level=7)):
        (result,) = method.augment_image(disc_records[0].path, "fruit")
        assert (result.image == 7).all(axis=2).mean() > 0.05
