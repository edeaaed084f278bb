"""The command line: verbs, configurations found by name, and `num_classes` taken from the data.

    python -m aga_lightning fit      --config quickstart.yaml     augment, train, judge
    python -m aga_lightning check    --config quickstart.yaml     are images, classes and weights there?
    python -m aga_lightning estimate --config quickstart.yaml     what will augment take?
    python -m aga_lightning augment  --config quickstart.yaml     fill the store only
    python -m aga_lightning export   --config quickstart.yaml --to DIR     its images for other trainers
    python -m aga_lightning validate --config quickstart.yaml --ckpt_path best.ckpt
    python -m aga_lightning test     --config quickstart.yaml --ckpt_path best.ckpt
    python -m aga_lightning predict  --config quickstart.yaml --ckpt_path best.ckpt
    python -m aga_lightning study    --config studies/quick.yaml  many runs, and their report
    python -m aga_lightning report   --config studies/quick.yaml  the report of what is finished

Any setting can be changed behind the configuration: `--data.degree 2 --model.backbone resnet50`.
"""

import inspect
import io
import os
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only

import aga_lightning.cli.parts  # noqa: F401 configurations name parts by their bare class names
from aga_lightning.callbacks.augmentation_record import AugmentationRecord
from aga_lightning.callbacks.epoch_seed import EpochSeed
from aga_lightning.callbacks.prediction_writer import PredictionWriter
from aga_lightning.callbacks.predictions_table import PredictionsTable
from aga_lightning.callbacks.training_record import TrainingRecord
from aga_lightning.checkpoints.keeping import BestCheckpoint, LastCheckpoint, judged_checkpoint
from aga_lightning.cli.containing import contain
from aga_lightning.cli.help import ALL
from aga_lightning.cli.mistakes import TRACEBACK, told
from aga_lightning.cli.parser import FindConfig, OneLineErrorParser, check_optimizer, make_plain
from aga_lightning.cli.quiet import hush
from aga_lightning.cli.results import ResultsFirst, report_results
from aga_lightning.cli.starting_point import StartingPoint
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.cli.usage import STUDIES
from aga_lightning.preflight import Run, require
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier

_EPILOG = f"--traceback shows where an error was raised; so does the environment variable {TRACEBACK}=1."


class AgaCLI(LightningCLI):
    """Lightning's command line with four more verbs; `fit` augments first and judges at the end."""

    trainer: AgaTrainer

    def __init__(self) -> None:
        with told(lambda: hasattr(self, "trainer"), self._folder):
            self._start()

    def _start(self) -> None:
        super().__init__(
            ImageClassifier,
            AGADataModule,
            trainer_class=AgaTrainer,
            trainer_defaults={"callbacks": [LastCheckpoint(), EpochSeed(), *_run_files()]},
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # it would write class paths into checkpoints
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The verbs, or the one that was typed, as listing a verb's settings takes time; what of them is no setting."""
        ours = {verb: {"model", "datamodule"} for verb in ("check", "estimate", "augment", "export")}
        lightnings = {
            verb: skipped | {"weights_only"} & {*inspect.signature(getattr(Trainer, verb)).parameters}
            for verb, skipped in LightningCLI.subcommands().items()
        }
        verbs = lightnings | ours
        typed = {verb: verbs[verb] for verb in sys.argv[1:2] if verb in verbs}
        return typed or verbs

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:  # noqa: ANN401 they are the parser's
        """A parser that finds configurations by name."""
        parser = OneLineErrorParser(**{"epilog": _EPILOG} | kwargs)
        parser.add_argument("-c", "--config", action=FindConfig, help="A configuration, by path or packaged name.")
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 Lightning's type
        """Read the command, with all paths made absolute, so that the configuration can be used elsewhere."""
        super().parse_arguments(parser, args)
        make_plain(self.config)
        settings = self.config[self.config["subcommand"]]
        check_optimizer(parser, settings["model.optimizer"])
        self.start = StartingPoint(settings)  # out of Lightning's hands, which would make what a checkpoint names

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Settings outside the three groups, and links between them."""
        self.parser.verbs.append(parser)  # type: ignore[attr-defined] # it is ours
        for known in ("num_classes", "imagenet_indices"):
            parser.link_arguments(f"data.{known}", f"model.{known}", apply_on="instantiate")
        parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/acc",
                "checkpoint.mode": "max",
                "checkpoint.filename": "best",
            }
        )

    def before_instantiate_classes(self) -> None:
        """Read the checkpoint that the command starts from."""
        self.start.restore(self.config[self.subcommand])

    def after_instantiate_classes(self) -> None:
        """Fit the data to the network, and compare that checkpoint with both, before anything expensive starts."""
        self.datamodule.follow(self.model)
        self.model.goes_on = self.start.path is not None
        if self.start.content is not None:
            fitting, source = self.subcommand == "fit", str(self.start.path)
            self.model.differences(self.start.content, self.trainer, self.datamodule, fitting, source)
            self.start.content = None

    def instantiate_trainer(self, **kwargs: Any) -> AgaTrainer:  # noqa: ANN401 Lightning's type
        """A trainer whose run files come before what may take hours, and whose callbacks cost no results."""
        trainer = super().instantiate_trainer(**kwargs)
        assert isinstance(trainer, AgaTrainer)
        first = tuple(type(callback) for callback in _run_files())
        trainer.callbacks.sort(key=lambda callback: not isinstance(callback, first))
        self._failures = contain(trainer)
        return trainer

    def before_fit(self) -> None:
        """Refuse what cannot work, make the run's folder, and list the images, before anything is made."""
        require(Run("fit", self.trainer, self.model, self.datamodule))
        self.trainer.open_run(self.model, self.config["fit"]["ckpt_path"])
        rank_zero_only(self.datamodule.look_ahead)()

    def before_validate(self) -> None:
        """Refuse what cannot work."""
        require(Run("validate", self.trainer, self.model, self.datamodule))
        self._warn_of_random_weights()

    def before_test(self) -> None:
        """Refuse what cannot work."""
        require(Run("test", self.trainer, self.model, self.datamodule))
        self._warn_of_random_weights()

    def after_fit(self) -> None:
        """Judge the best checkpoint in and out of distribution."""
        if getattr(self.trainer, "fast_dev_run", False):
            return
        best = self.config_init[self.subcommand]["checkpoint"]  # there may be others, of the user's
        path = judged_checkpoint(self.trainer, best if best in self.trainer.callbacks else None)
        if self.trainer.limit_test_batches == 0:
            rank_zero_info("Nothing is judged, since trainer.limit_test_batches is 0")
            return
        self.trainer.test(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
        report_results(self.trainer)

    def before_predict(self) -> None:
        """Refuse what cannot work, and have the predictions written."""
        require(Run("predict", self.trainer, self.model, self.datamodule))
        self._warn_of_random_weights()
        if not any(isinstance(callback, PredictionWriter) for callback in self.trainer.callbacks):
            self.trainer.callbacks.append(PredictionWriter())

    def after_validate(self) -> None:
        """Print and keep the results."""
        report_results(self.trainer)
        if self._failures:  # they were what was asked for; after a fit they are extras
            sys.exit(1)

    after_test = after_validate

    def _warn_of_random_weights(self) -> None:
        """Say so where what is evaluated was not trained."""
        if self.start.path is None and self.model.head_rows is None:
            what = "network's weights are" if self.model.weights is None else "network's last layer is"
            rank_zero_info(f"Warning: the {what} random, since no --ckpt_path is given")

    def _folder(self) -> Path | None:
        """The run's folder, as far as this process knows."""
        trainer = getattr(self, "trainer", None)
        folders = (getattr(logger, "log_dir", None) for logger in getattr(trainer, "loggers", []))
        return next((Path(folder) for folder in folders if folder), None)


def _run_files() -> list[Callback]:
    """What keeps a run's files beside the results: no setting turns them off."""
    return [ResultsFirst(), PredictionsTable(), TrainingRecord(), AugmentationRecord()]


def run() -> None:
    """Run the command that this process was given."""
    if "--traceback" in sys.argv:  # kept in the environment, so that ranks and a study's jobs do alike
        sys.argv = [word for word in sys.argv if word != "--traceback"]
        os.environ[TRACEBACK] = "1"
    if ALL in sys.argv:  # which Lightning's parser does not know
        sys.argv.insert(sys.argv.index(ALL), "--help")
    if sys.argv[1:2] and sys.argv[1] in STUDIES:
        from aga_lightning.cli.verbs.study import run as run_study  # its sections draw, which other verbs need not load

        with told(lambda: True):
            return run_study(sys.argv[1], sys.argv[2:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: a name that cannot be printed ends no run
    hush()
    AgaCLI()
    end_process_group()


def end_process_group() -> None:
    """Let several ranks part in good order: threads of gloo that outlive Python may abort a run that has finished."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
