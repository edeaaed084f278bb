from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from tiny import explained
from tiny.explained import Small, classifier, open_data

from aga_lightning.augment.methods.controls import OwnBackground
from aga_lightning.callbacks.training_predictions import TrainingPredictions, _answers
from aga_lightning.files import read_csv
from aga_lightning.preflight import Run

FILE = "training_predictions.csv"

pytestmark = pytest.mark.filterwarnings(
    *("ignore:.*logging interval", "ignore:The dirpath", "ignore:Experiment logs", "ignore:Be aware that when using")
)


def fit(folder, data, after_epochs=None, model=None, epochs=2, ckpt_path=None, **settings):
    callbacks = [TrainingPredictions(after_epochs=after_epochs), *settings.pop("callbacks", [])]
    usual = {"logger": CSVLogger(folder, "", ""), "max_epochs": epochs, "limit_val_batches": 0}
    trainer = explained.open_trainer(callbacks, **(usual | settings))
    model = model or classifier()
    trainer.fit(model, datamodule=data, ckpt_path=ckpt_path)
    return model


def test_each_training_image_stands_there_once_as_the_model_judges_it(shared_disc_folder, tmp_path):
    data = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"), batch_size=3)
    model = fit(tmp_path / "run", data)
    rows = read_csv(tmp_path / "run" / FILE)
    assert [row["image"] for row in rows] == [f"{c}/{c}_{n}.png" for c in ("lime", "plum") for n in range(4)]
    assert [row["label"] for row in rows] == ["lime"] * 4 + ["plum"] * 4
    images = torch.cat([images for images, _ in data.evaluation_loader(data.train_records)])
    with torch.no_grad():
        said = model.eval()(images).softmax(dim=1)
    expected = [float(said[place, place // 4]) for place in range(8)]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, rel=1e-4)
    assert [row["predicted"] for row in rows] == [("lime", "plum")[label] for label in said.argmax(dim=1)]


def test_the_order_of_a_fit_decides_what_another_augments(shared_disc_folder, tmp_path):
    data = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"))
    fit(tmp_path / "run", data, epochs=1)
    order = tmp_path / "run" / FILE
    last = [min((row for row in read_csv(order) if row["label"] == name), key=lambda row: float(row["probability"]))
            for name in data.class_names]  # fmt: skip
    other = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"), augmenter=OwnBackground(),
                      augment_share=0.25, augment_order=str(order))  # fmt: skip
    requests = other.collection.requests
    assert [f"{one.record.class_name}/{one.record.path.name}" for one in requests] == [row["image"] for row in last]


@pytest.mark.parametrize("after", [1, None])
def test_a_training_goes_on_as_if_nothing_had_been_judged(shared_disc_folder, tmp_path, after):
    def trained(folder, **settings):
        data = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"))
        return fit(folder, data, after, Small(), **settings).state_dict()

    plain, judged = trained(tmp_path / "a", logger=False), trained(tmp_path / "b")
    assert (tmp_path / "b" / FILE).exists() and not (tmp_path / "a").exists()
    assert all(value.equal(judged[name]) for name, value in plain.items())


def test_the_epoch_that_is_set_is_judged_and_a_later_start_keeps_its_table(shared_disc_folder, tmp_path):
    run = tmp_path / "run"
    kept = ModelCheckpoint(tmp_path / "kept", "last", every_n_epochs=1, enable_version_counter=False)
    data = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"))
    fit(run, data, 1, callbacks=[kept], enable_checkpointing=True)
    table = read_csv(run / FILE)
    fit(tmp_path / "end", data, 2)
    assert read_csv(tmp_path / "end" / FILE) != table, "the second epoch has trained"
    (run / "earlier" / "1").mkdir(parents=True)
    (run / FILE).rename(run / "earlier" / "1" / FILE)
    on = {"ckpt_path": str(tmp_path / "kept" / "last.ckpt"), "epochs": 3}
    fit(run, data, 1, **on)
    assert read_csv(run / FILE) == table
    with pytest.warns(UserWarning, match="is written, since this fit goes on after epoch 1"):
        fit(tmp_path / "other", data, 1, **on)


def test_what_cannot_be_written_is_told_before_the_fit(shared_disc_folder, tmp_path):
    def told(datamodule, verb="fit", max_epochs=3, after=4):
        run = Run(verb, SimpleNamespace(max_epochs=max_epochs), None, datamodule)
        return list(TrainingPredictions(after_epochs=after).objections(run))

    data = open_data(shared_disc_folder, cache_dir=str(tmp_path / "cache"))
    assert told(data) == ["TrainingPredictions.after_epochs is 4, but trainer.max_epochs is 3: lower it"]
    assert told(data, after=3) == told(data, max_epochs=-1) == told(None, verb="test") == []
    (line,) = told(None, after=None)
    assert line.startswith("TrainingPredictions needs the training images of an AGADataModule")
    with pytest.raises(ValueError, match="after_epochs is 1 or more, or null, not 0"):
        TrainingPredictions(after_epochs=0)


def test_ranks_divide_the_images(disc_folder, tmp_path):
    (disc_folder / "train" / "plum" / "plum_3.png").unlink()  # of seven images, the ranks have unequal shares
    data, model = open_data(disc_folder, cache_dir=str(tmp_path / "cache"), batch_size=2), Small()

    def judged(rank, ranks):
        place = SimpleNamespace(root_device=torch.device("cpu"))
        return _answers(SimpleNamespace(global_rank=rank, world_size=ranks, strategy=place), model, data)

    alone, first, second = judged(0, 1), judged(0, 2), judged(1, 2)
    assert first.ids.tolist() == [0, 2, 4, 6] and second.ids.tolist() == [1, 3, 5]
    for whole, *parts in zip(alone, first, second, strict=True):
        assert torch.cat(parts)[torch.cat([first.ids, second.ids]).argsort()].tolist() == pytest.approx(whole.tolist())
    assert judged(7, 8).ids.tolist() == [], "a rank without images"
