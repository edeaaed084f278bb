"""A checkpoint to compare with: only those of the same classes, and nothing that runs code."""

import pickle

import pytest
import torch
from lightning.pytorch import Trainer

from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.training.models.classifier import ImageClassifier

CPU = torch.device("cpu")


@pytest.fixture
def trained(tmp_path):
    """A checkpoint as a fit writes it, and the model it is of."""
    torch.manual_seed(0)
    model = ImageClassifier(3, stem="small", width=4)
    trainer = Trainer(
        accelerator="cpu", logger=False, max_epochs=0, enable_model_summary=False, enable_progress_bar=False
    )
    images = torch.utils.data.TensorDataset(torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0]))
    loader = torch.utils.data.DataLoader(images)
    trainer.fit(model, loader, loader)
    trainer.save_checkpoint(tmp_path / "best.ckpt")
    return model.eval(), tmp_path / "best.ckpt"


def test_it_says_what_the_model_said(trained):
    model, path = trained
    state = torch.get_rng_state()
    baseline = load_baseline(path, 3, CPU)
    assert torch.get_rng_state().equal(state)
    assert not baseline.training
    images = torch.randn(2, 3, 16, 16)
    assert baseline(images).equal(model(images))


def test_other_classes_are_told_apart(trained):
    with pytest.raises(CheckpointError, match="tells 3 classes apart, the current model 5"):
        load_baseline(trained[1], 5, CPU)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*none\.ckpt"):
        load_baseline(tmp_path / "none.ckpt", 3, CPU)


def test_a_file_cut_short_is_named(trained):
    path = trained[1]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"best\.ckpt is cut off or damaged"):
        load_baseline(path, 3, CPU)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "evil.ckpt"
    path.write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(CheckpointError, match=r"evil\.ckpt holds more than tensors.*it could run code"):
        load_baseline(path, 3, CPU)


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"hyper_parameters": {"backbone": "resnet18"}}, [1, 2]])
def test_a_checkpoint_of_something_else_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt is no checkpoint"):
        load_baseline(tmp_path / "other.ckpt", 3, CPU)


def test_weights_that_do_not_fit_are_named(trained, tmp_path):
    checkpoint = torch.load(trained[1], weights_only=True)
    del checkpoint["state_dict"]["net.layer1.0.conv1.weight"]
    torch.save(checkpoint, tmp_path / "torn.ckpt")
    with pytest.raises(CheckpointError, match=r"layer1\.0\.conv1\.weight is missing"):
        load_baseline(tmp_path / "torn.ckpt", 3, CPU)
