from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.cli.monitors import objections
from aga_lightning.preflight import Run


class Own(Callback):
    """A user's, which may log anything."""


def told(*callbacks, ood_during_fit=True):
    data = SimpleNamespace(ood_during_fit=ood_during_fit)
    return list(objections(Run("fit", SimpleNamespace(callbacks=callbacks), None, data)))


@pytest.mark.parametrize(
    ("monitor", "better"),
    [
        ("val/acc", "max"),
        ("val/loss", "min"),
        ("ood/sketch/f1", "max"),
        ("ood/bg_gap", "min"),
        ("val/worst_group_acc", "max"),
        ("train/loss", "min"),
    ],
)
def test_a_metric_is_watched_the_right_way_round(monitor, better):
    worse = {"min": "max", "max": "min"}[better]
    assert told(ModelCheckpoint(monitor=monitor, mode=better), EarlyStopping(monitor, mode=better)) == []
    (line,) = told(EarlyStopping(monitor, mode=worse))
    assert line.endswith(f"set mode {better}")


@pytest.mark.parametrize("monitor", ["val/los", "val_loss", "val/acc_per_class/robin", "test/acc", "ood/acc"])
def test_a_metric_that_no_fit_logs_is_told(monitor):
    (line,) = told(ModelCheckpoint(monitor=monitor))
    assert f"{monitor!r}" in line and ("did you mean" in line or "there are val/acc" in line)


def test_sets_that_are_not_judged_during_a_fit_have_no_metrics():
    assert told(ModelCheckpoint(monitor="ood/sketch/acc", mode="max"), ood_during_fit=False)


def test_counters_none_and_metrics_of_other_callbacks_are_let_be():
    assert told(ModelCheckpoint(), ModelCheckpoint(monitor="epoch"), ModelCheckpoint(monitor="step", mode="max")) == []
    watched = ModelCheckpoint(monitor="val/insertion")
    assert told(watched, Own()) == [] == told(watched, Faithfulness(every_n_epochs=1))
    assert len(told(watched, Faithfulness())) == 1
