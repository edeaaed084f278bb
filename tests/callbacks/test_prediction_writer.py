import csv

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger

from aga_lightning.callbacks.prediction_writer import PredictionWriter
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier


def predict(tmp_path, disc_folder, writer=None, logger=None, **settings):
    data = AGADataModule(
        ImageFolder(str(disc_folder)),
        cache_dir=str(tmp_path / "cache"),
        num_workers=0,
        batch_size=4,
        image_size=32,
        **settings,
    )
    trainer = Trainer(
        accelerator="cpu",
        logger=logger or CSVLogger(tmp_path / "run", "", ""),
        callbacks=writer or PredictionWriter(),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    torch.manual_seed(0)
    predictions = trainer.predict(ImageClassifier(num_classes=2, width=8), datamodule=data)
    return data, torch.cat([prediction.probabilities for prediction in predictions])


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_image_has_its_row_with_class_and_probability(tmp_path, disc_folder):
    data, probabilities = predict(tmp_path, disc_folder)
    table = rows(tmp_path / "run" / "predictions-0.csv")
    assert [row["file"] for row in table] == [str(record.path) for record in data.predict_records]
    assert len(table) == 6  # two batches
    for row, scores in zip(table, probabilities, strict=True):
        assert row["class"] == data.class_names[int(scores.argmax())]
        assert float(row["probability"]) == pytest.approx(float(scores.max()), abs=1e-4)


def test_a_bare_folder_of_images_will_do(tmp_path, disc_folder):
    predict(tmp_path, disc_folder, predict_folder=str(disc_folder / "dusk"))
    files = [row["file"] for row in rows(tmp_path / "run" / "predictions-0.csv")]
    assert files == [str(path) for path in sorted((disc_folder / "dusk").rglob("*.png"))]


@pytest.mark.filterwarnings("ignore:Experiment logs directory .* exists")
def test_a_second_prediction_starts_the_table_anew(tmp_path, disc_folder):
    for _ in range(2):
        predict(tmp_path, disc_folder, PredictionWriter(filename="of_today"))
    assert len(rows(tmp_path / "run" / "of_today-0.csv")) == 6
