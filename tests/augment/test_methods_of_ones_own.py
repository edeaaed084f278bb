"""A painter and a whole method that somebody else writes, each in a file of its own, and uses by its name."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
# The files are those that CONTRIBUTING.md tells a reader to write.
PAINTER, METHOD = (
    next(block for block in CONTRIBUTING.split("```python\n")[1:] if name in block).split("```")[0]
    for name in ("class Grey(", "class Silhouette(")
)


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
    from aga_lightning.augment import GrabCut

    for method in (AGA(segmenter=GrabCut(), painter=Grey(level=7), gates=[]), Silhouette(level=7)):
        (result,) = method.augment_image(disc_records[0].path, "fruit")
        assert (result.image == 7).all(axis=2).mean() > 0.05
