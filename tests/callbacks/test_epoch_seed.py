import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from aga_lightning.callbacks.epoch_seed import EpochSeed


class Drawing(LightningModule):
    """Keeps what it draws in each step."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def training_step(self, batch, batch_idx):
        self.drawn.append(torch.rand(()).item())

    def configure_optimizers(self):
        return None


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*configure_optimizers", "ignore:.*returned `None`"
)
def test_an_epoch_draws_the_same_whatever_was_drawn_before(monkeypatch):
    def drawn(seed, before):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed)) if seed is not None else monkeypatch.delenv(
            "PL_GLOBAL_SEED", raising=False
        )
        torch.rand(before)
        trainer = Trainer(
            **{f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")},
            **{"accelerator": "cpu", "logger": False, "max_epochs": 2, "callbacks": EpochSeed()},
        )
        model = Drawing()
        trainer.fit(model, DataLoader(torch.ones(3, 1)))
        return model.drawn

    first = drawn(0, before=1)
    assert first == drawn(0, before=5)
    assert len({*first, *drawn(1, before=1)}) == 12, "epochs, steps and seeds differ"
    assert drawn(None, before=1) != drawn(None, before=1), "without a seed, nothing is seeded"
