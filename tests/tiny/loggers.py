"""Loggers of services, without the services: they keep what they are given, and need neither wandb nor mlflow."""

from types import SimpleNamespace

import numpy as np
from lightning.pytorch.loggers import MLFlowLogger, WandbLogger
from lightning.pytorch.loggers.logger import Logger


class _Keeping(Logger):
    """Keeps metrics, and takes all else that a trainer says."""

    def __init__(self, save_dir=None):
        self.kept_in = save_dir
        self.metrics, self.pictures, self.tables = {}, {}, {}

    save_dir = property(lambda self: self.kept_in)

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_hyperparams(self, params):
        pass

    def log_graph(self, *given):
        pass

    def finalize(self, status):
        pass

    def after_save_checkpoint(self, checkpoint_callback):
        pass


class FakeWandb(_Keeping, WandbLogger):
    """Weights & Biases: its run has an id once it has begun."""

    begun = False
    name = property(lambda self: "birds")
    version = property(lambda self: "a1b2" if self.begun else None)

    @property
    def experiment(self):
        self.begun = True
        return SimpleNamespace(config={})

    def log_image(self, key, images, step=None, **kwargs):
        self.pictures[key, step] = [np.asarray(image) for image in images]

    def log_table(self, key, columns=None, data=None, dataframe=None, step=None):
        self.tables[key, step] = [columns, *data]


class FakeMlflow(_Keeping, MLFlowLogger):
    """MLflow, whose client is called with the id of the run."""

    name = property(lambda self: "7")
    version = property(lambda self: self.run_id)
    run_id = property(lambda self: "c3d4")
    experiment = property(lambda self: SimpleNamespace(log_image=self._log_image, log_text=self._log_text))

    def _log_image(self, run_id, image, artifact_file):
        assert run_id == self.run_id
        self.pictures[artifact_file] = [np.asarray(image)]

    def _log_text(self, run_id, text, artifact_file):
        assert run_id == self.run_id
        self.tables[artifact_file] = [line.split(",") for line in text.splitlines()]
