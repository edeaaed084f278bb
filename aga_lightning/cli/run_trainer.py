"""Lightning's Trainer with a folder for each run."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.cli.flags import build_early
from aga_lightning.files import shown
from aga_lightning.paths import UserPath
from aga_lightning.run_folder import (
    CHECKPOINTS,
    HPARAMS,
    METRICS,
    RunFolderError,
    claim,
    give_back,
    next_folder,
    require_room,
)


class RunTrainer(Trainer):
    """Lightning's Trainer, which gives each run a folder of its own.

    A run that fits or evaluates has a folder of its own, whatever its loggers: configuration, checkpoints and results
    go there, beside metrics.csv and TensorBoard's files where no other loggers are named. Trial runs (`fast_dev_run`)
    have none.

    Args:
        run_dir: The run's folder, in which no run has written yet; null for the next free runs/version_<n> (below
            `default_root_dir` where that is set). Only a fit from a checkpoint of this very folder goes on in it.
        default_root_dir: The folder in which `runs` lies; null for the working directory.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 they are Trainer's
        run_dir: UserPath | str | None = None,
        default_root_dir: UserPath | str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        root = default_root_dir
        for setting, place in (("run_dir", run_dir), ("default_root_dir", root)):
            if "://" in str(place):
                raise RunFolderError(f"--trainer.{setting} is {place}: give a folder of this machine")
        self._runs = Path(UserPath.of(root or ""), "runs")
        self._named_folder = None if run_dir is None else Path(UserPath.of(run_dir))
        self._folder: Path | None = None  # on ranks other than the first one, what it may be called
        # What Lightning keeps at its root for a job that SLURM queues anew is no other job's.
        job = os.environ.get("SLURM_JOB_ID")
        own = self._runs / f"slurm_{job}" if job else self._runs
        kwargs["default_root_dir"] = own if root is None else UserPath.of(root)
        self._logs_itself = kwargs.get("logger") in (None, True) and not kwargs.get("fast_dev_run")
        if self._logs_itself:
            kwargs["logger"] = False  # until there is a folder
        super().__init__(*args, **kwargs)

    @property
    def keeps_files(self) -> bool:
        """Whether the present run has a folder; known on each rank without asking the others."""
        return self._folder is not None

    @property
    def log_dir(self) -> str | None:
        """The run's folder, whatever the loggers; None before the run and in trial runs. All ranks have to ask."""
        return self.strategy.broadcast(None if self._folder is None else str(self._folder))

    def open_run(self, model: LightningModule | None = None, ckpt_path: str | Path | None = None) -> None:
        """Give the run its folder, unless it has one: `fit` and the verbs that evaluate do so before they start.

        Args:
            model: What is to be trained: there has to be room for its checkpoints. None where nothing is trained.
            ckpt_path: What the training goes on from.

        Raises:
            RunFolderError: If the folder holds another run, or cannot be written; if a logger would write over files.
        """
        if self._folder is not None or getattr(self, "fast_dev_run", False):
            return
        folder = self._named_folder or self._runs / "version"
        if self.is_global_zero:
            for logger in self.loggers:
                names = (METRICS, HPARAMS) if isinstance(logger, CSVLogger) else ()
                if held := next((name for name in names if Path(logger.log_dir or "", name).exists()), None):
                    raise RunFolderError(f"{logger.log_dir} holds {held} already, and a run writes over nothing: "
                                         "give its CSVLogger another save_dir or version")  # fmt: skip
            start = None if ckpt_path is None else Path(ckpt_path).expanduser()
            goes_on = start is not None and start.is_file() and folder.resolve() in start.resolve().parents
            if model is not None and self.checkpoint_callbacks:
                weights = sum(one.numel() * one.element_size() for one in model.parameters())
                require_room(folder, 2 * weights)  # the best and the last
            folder = next_folder(self._runs) if self._named_folder is None else claim(folder, goes_on)
        self._folder = folder
        if self._logs_itself:
            table = CSVLogger(folder, "", "")
            with warnings.catch_warnings():  # the folder is not empty, but no metrics lie there
                warnings.filterwarnings("ignore", message="Experiment logs directory .* exists and is not empty")
                _ = table.experiment
            self.loggers = [table]
            if os.fsencode(folder).decode(errors="ignore") == str(folder):
                self.loggers = [TensorBoardLogger(folder, "", "", default_hp_metric=False), table]
            else:
                rank_zero_warn(
                    f"TensorBoard cannot write to {shown(folder)}, because of its name; metrics.csv is written"
                )
        for callback in self.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str((folder / CHECKPOINTS).absolute())

    @contextmanager
    def _opened(self, *args: Any, **kwargs: Any) -> Iterator[None]:  # noqa: ANN401 they are those of open_run
        """A block with a run's folder, which goes again if the block fails before anything is written."""
        had = self._folder
        self.open_run(*args, **kwargs)
        try:
            yield
        except BaseException:
            if had is None and self._folder is not None and self.is_global_zero:
                give_back(self._folder)
            raise

    def fit(  # type: ignore[override] # its last argument is not in all versions
        self,
        model: LightningModule,
        train_dataloaders: Any = None,  # noqa: ANN401 Lightning's types
        val_dataloaders: Any = None,  # noqa: ANN401
        datamodule: LightningDataModule | None = None,
        ckpt_path: str | Path | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Lightning's own, in the run's folder.

        Args:
            model: What to train.
            train_dataloaders: What to train on, where there is no data module.
            val_dataloaders: What to validate on, where there is no data module.
            datamodule: What to train and to validate on.
            ckpt_path: A checkpoint to go on from.
            kwargs: Lightning's further ones.
        """
        build_early(self, model)
        with self._opened(model, ckpt_path):
            super().fit(model, train_dataloaders, val_dataloaders, datamodule, ckpt_path, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 they are Trainer's
        """Lightning's own, in the run's folder.

        Args:
            args: Lightning's.
            kwargs: Lightning's.
        """
        with self._opened():
            return super().predict(*args, **kwargs)

    def validate(self, *args: Any, verbose: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401 they are Trainer's
        """Lightning's own, quiet unless asked: it would print each metric of each class once for each loader.

        Args:
            args: Lightning's.
            verbose: Whether to print that.
            kwargs: Lightning's.
        """
        with self._opened():
            return super().validate(*args, verbose=verbose, **kwargs)  # type: ignore[misc] # the fourth of its arguments

    def test(self, *args: Any, verbose: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401 they are Trainer's
        """Lightning's own, quiet unless asked: it would print each metric of each class once for each loader.

        Args:
            args: Lightning's.
            verbose: Whether to print that.
            kwargs: Lightning's.
        """
        with self._opened():
            return super().test(*args, verbose=verbose, **kwargs)  # type: ignore[misc] # the fourth of its arguments
