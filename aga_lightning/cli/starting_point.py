"""The checkpoint that a command starts from: found, read as data, and fitted to the configuration."""

from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.checkpoints.finding import find_checkpoint
from aga_lightning.checkpoints.reading import read_checkpoint
from aga_lightning.networks.architecture import architecture_in
from aga_lightning.networks.backbones import is_published

_WORDS = ("last", "best")
_LIGHTNINGS = ("hpc", "registry")  # what only Lightning can find


class StartingPoint:
    """What `--ckpt_path` says, taken out of the settings before Lightning's command line looks at it.

    Lightning would merge a checkpoint's hyper-parameters into the configuration and make the classes that they name. A
    checkpoint is data: of its settings only the network's architecture is taken over, which its weights need.

    Args:
        settings: Those of a verb, as they were parsed; `ckpt_path` is null in them until `restore`.
    """

    def __init__(self, settings: Namespace) -> None:
        self.path: str | None = settings.get("ckpt_path")
        self.content: dict[str, Any] | None = None
        if self.path is not None:
            settings["ckpt_path"] = None

    def restore(self, settings: Namespace) -> None:
        """Find and read the checkpoint; put its path and architecture into the settings.

        Args:
            settings: Those of the verb.

        Raises:
            CheckpointError: If there is no such checkpoint, or it is none of an ImageClassifier.
        """
        if self.path in _WORDS:
            runs = Path(settings.get("trainer.default_root_dir") or "").expanduser() / "runs"
            word, self.path = (
                self.path,
                str(find_checkpoint(self.path, runs, settings.get("trainer.run_dir")).absolute()),
            )
            rank_zero_info(f"The {word} checkpoint of the newest run: {self.path}")
        if self.path is None:
            return
        settings["ckpt_path"] = self.path
        if self.path.partition(":")[0] in _LIGHTNINGS:
            return
        self.content = read_checkpoint(self.path)
        self.content["state_dict"] = {key: value.to("meta") for key, value in self.content["state_dict"].items()}
        trained = architecture_in(self.content, self.path)
        # A network of one's own stays what the configuration makes: a checkpoint makes nothing.
        backbone = ("backbone",) if is_published(trained.backbone) else ()
        for name in (*backbone, "stem", "width"):
            before, now = settings[f"model.{name}"], getattr(trained, name)
            if before != now:
                rank_zero_info(f"model.{name} is {now}, as {self.path} has it; the configuration has {before}")
                settings[f"model.{name}"] = now
        # It brings its own weights, wherever its training started from.
        settings["model.weights"], settings["model.head"] = None, "new"
