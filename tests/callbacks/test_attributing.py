"""The baseline of attributing callbacks: checked before the first step, no part of the run, and let go at its end."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from tiny.explained import Small, classifier, noise, open_data, open_trainer

from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL, Attributing, likeliest
from aga_lightning.checkpoints.reading import CheckpointError


class Comparing(Attributing):
    """Keeps only the names of the models that it is given."""

    fails = False

    def explain(self, occasion):
        models = self.models(occasion.trainer, occasion.model, occasion.samples[0])
        self.names, self.held = list(models), [models[BASELINE]]
        if self.fails:
            raise KeyError("afterwards")


def test_the_baseline_is_no_part_of_the_run(tmp_path, shared_disc_folder, other):
    comparing, keeper = Comparing(compare_to=other, every_n_epochs=1), ModelCheckpoint(tmp_path / "kept")
    model = classifier()
    trainer = open_trainer([comparing, keeper], max_epochs=1, enable_checkpointing=True)
    trainer.fit(model, datamodule=open_data(shared_disc_folder))
    assert comparing.names == [THIS_MODEL, BASELINE]
    kept = torch.load(keeper.best_model_path, weights_only=True)
    assert kept["state_dict"].keys() == model.state_dict().keys()
    assert not any("Comparing" in name for name in kept["callbacks"])


@pytest.mark.parametrize("every", [0, 1])
def test_a_baseline_that_cannot_be_used_is_told_of_before_the_first_step(every, tmp_path, shared_disc_folder):
    comparing = Comparing(compare_to=str(tmp_path / "none.ckpt"), every_n_epochs=every)
    trainer = open_trainer([comparing], max_epochs=1, num_sanity_val_steps=0)
    with pytest.raises(CheckpointError, match=r"compare_to: there is no checkpoint .*none\.ckpt"):
        trainer.fit(classifier(), datamodule=open_data(shared_disc_folder))
    assert trainer.global_step == 0


def test_a_model_that_does_not_tell_its_classes_is_asked(other):
    comparing = Comparing(compare_to=other)
    open_trainer([comparing]).test(Small(2), noise(0, 1, size=(24, 24)), verbose=False)
    assert comparing.names == [THIS_MODEL, BASELINE]
    with pytest.raises(CheckpointError, match="tells 2 classes apart, the current model 3"):
        open_trainer([Comparing(compare_to=other)]).test(Small(3), noise(0, 1, size=(24, 24)), verbose=False)


@pytest.mark.parametrize("fails", [False, True])
def test_the_baseline_is_let_go_at_the_end(fails, other):
    comparing = Comparing(compare_to=other)
    comparing.fails = fails
    trainer = open_trainer([comparing])
    if fails:
        with pytest.raises(KeyError, match="afterwards"):
            trainer.test(Small(), noise(0, 1, size=(24, 24)), verbose=False)
    else:
        trainer.test(Small(), noise(0, 1, size=(24, 24)), verbose=False)
    (baseline,) = comparing.held
    assert baseline not in vars(comparing).values()


def test_the_likeliest_classes():
    classes, confidences = likeliest(torch.nn.Flatten(), torch.tensor([[[[0.0]], [[0.0]]], [[[0.0]], [[3.0]]]]))
    assert classes.tolist() == [0, 1] and confidences.tolist() == pytest.approx([0.5, 0.9526], abs=1e-4)
