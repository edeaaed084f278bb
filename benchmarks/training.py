"""The speed of `fit` beside torchvision's reference training loop, in images a second. Prints a Markdown table.

Both sides train the same network on the same files, with the same batches, loader processes, threads, precision, memory
layout and optimiser, turn by turn (ours first, then theirs first) in one process.

- Ours is what the verb `fit` puts together: AGADataModule, ImageClassifier and AgaTrainer with the recipe and the
  settings of recipes/torchvision.yaml, both of its loggers and its progress bar.
- Theirs is written for this benchmark and does what references/classification/train.py of torchvision does by default:
  ImageFolder, random resized crops and flips of PIL images, a loader that starts its processes anew each epoch, SGD and
  StepLR; after each step loss, top-1 and top-5 accuracy are read, and every tenth step is printed. Its batches go to a
  GPU without waiting, which it does not do itself.

Nothing is validated, and nothing is saved unless `--checkpoints` (ours then keeps last.ckpt, theirs its two files an
epoch). Output goes to a terminal that shows nothing. A turn's time runs from the end of one step to the end of
the same step some epochs later, so that each epoch's end is in it once; *inside epochs* leaves out the first step of
each, which waits for the loader to start. The row of stored augmentations (one of each photo, made beforehand) is
compared with ImageFolder over as many files, the same ones.

Photos are drawn; `--root` takes a folder with `train/<class>/` and `val/<class>/` instead, with as many images an epoch
as with drawn photos. The row of stored augmentations then augments all of its training photos first.
"""

import gc
import io
import logging
import math
import os
import shutil
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `python -m aga_lightning` does, here for both sides

import lightning
import numpy as np
import PIL
import torch
import torchvision
import torchvision_loop
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from loading import mirror
from measuring import SIZE, head, parser, row, write_photo

from aga_lightning.augment.methods.aga import AGA
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.models.schedules import Schedule
from aga_lightning.workers import default_workers

WARM_UP = 4  # steps before the time begins: by then the loader is as far ahead as it gets
DIFFERENT = 256  # photos that are drawn; more files repeat them


class Setting(NamedTuple):
    """A row: the network, the side of its images in pixels, images a step, steps an epoch, augmentations a photo."""

    backbone: str
    image_size: int
    batch_size: int
    steps: int
    degree: int = 0

    def __str__(self) -> str:
        stored = f", originals and {self.degree} stored augmentation of each" if self.degree else ""
        return f"{self.backbone}, {self.image_size} px, batches of {self.batch_size}{stored}"


class Way(NamedTuple):
    """Options of both sides."""

    device: torch.device
    precision: str
    channels_last: bool
    workers: int
    epochs: int
    checkpoints: bool


class Clock:
    """Notes when each step of a side ends.

    Args:
        steps: Steps an epoch.
        epochs: Epochs to be timed.
        device: Waited for where an interval begins or ends.
    """

    def __init__(self, steps: int, epochs: int, device: torch.device) -> None:
        self.steps = steps
        self.device = device
        self.last = WARM_UP + steps * epochs
        self.times: list[float] = []
        self.images: list[int] = []

    def tick(self, images: int) -> bool:
        """Note the end of a step and its number of images; returns whether to continue."""
        done = len(self.times) + 1
        if self.device.type == "cuda" and (done in (WARM_UP, self.last) or done % self.steps in (0, 1)):
            torch.cuda.synchronize(self.device)
        self.times.append(time.perf_counter())
        self.images.append(images)
        return done < self.last

    def speeds(self) -> tuple[float, float]:
        """Images a second over all timed steps, and over all but the first step of each epoch."""
        assert len(self.times) == self.last, (len(self.times), self.last)
        timed = np.arange(WARM_UP, self.last)
        inside = timed[timed % self.steps > 0]
        seconds, images = np.diff(self.times, prepend=np.nan), np.array(self.images)
        return images[timed].sum() / seconds[timed].sum(), images[inside].sum() / seconds[inside].sum()


class Terminal(io.StringIO):
    """Takes what a terminal would show and forgets it; progress bars draw as they do on a real one."""

    def isatty(self) -> bool:
        """Say yes."""
        return True

    def write(self, text: str) -> int:
        """Forget it."""
        return len(text)


class Ticker(Callback):
    """Tells the clock of each step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(self, *args: Any) -> None:  # noqa: ANN401 they are Lightning's
        """A step of ours has ended."""
        _, _, _, (_, labels), _ = args
        self.clock.tick(len(labels))


def data_module(root: Path, cache: Path, setting: Setting, workers: int, limited: bool) -> AGADataModule:
    return AGADataModule(
        ImageFolder(str(root), superclasses="object"),
        AGA() if setting.degree else None,
        mode="pregenerate" if setting.degree else "off",
        degree=setting.degree,
        steps_per_epoch=setting.steps if limited else None,
        cache_dir=str(cache),
        recipe="torchvision",
        image_size=setting.image_size,
        batch_size=setting.batch_size,
        num_workers=workers,
    )


def fit(data: AGADataModule, setting: Setting, way: Way, clock: Clock, folder: Path) -> None:
    """Our side."""
    classifier = ImageClassifier(
        data.num_classes,
        setting.backbone,
        optimizer=partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=1e-4),
        decay_norms=True,
        schedule=Schedule("step", step_size=30, gamma=0.1),
        channels_last=way.channels_last,
    )
    callbacks: list[Callback] = [Ticker(clock)]
    if way.checkpoints:
        callbacks.append(ModelCheckpoint(filename="last", save_on_train_epoch_end=True, enable_version_counter=False))
    trainer = AgaTrainer(
        run_dir=str(folder),
        accelerator=way.device.type,
        devices=1,
        precision=way.precision,
        benchmark=True,  # both sides let cuDNN choose, as the reference does
        max_epochs=math.ceil(clock.last / setting.steps),
        max_steps=clock.last,
        limit_val_batches=0,
        log_every_n_steps=torchvision_loop.PRINT_EVERY,
        enable_checkpointing=way.checkpoints,
        callbacks=callbacks,
    )
    trainer.fit(classifier, datamodule=data)


def reference(train: Path, setting: Setting, way: Way, clock: Clock, folder: Path) -> None:
    """Their side."""
    torchvision_loop.train(
        torchvision_loop.Options(
            data=train,
            model=setting.backbone,
            crop=setting.image_size,
            batch_size=setting.batch_size,
            samples=setting.steps * setting.batch_size,
            workers=way.workers,
            device=way.device,
            precision=way.precision,
            memory_format=torch.channels_last if way.channels_last else torch.contiguous_format,
            output=folder if way.checkpoints else None,
        ),
        clock.tick,
    )


def draw_photos(folder: Path, setting: Setting) -> Path:
    """As many photos as an epoch shows originals, in ten classes: 500 x 375 pixels, or 64 to 96 for small images."""
    rng = np.random.default_rng(0)
    count = setting.steps * setting.batch_size
    for number in range(count):
        path = folder / "train" / f"class {number % 10}" / f"{number}.jpg"
        if number < DIFFERENT:
            width, height = rng.integers(64, 97, 2) if setting.image_size < 128 else SIZE
            write_photo(path, width, height, number, number + DIFFERENT)
        else:
            same = number % DIFFERENT
            shutil.copyfile(folder / "train" / f"class {same % 10}" / f"{same}.jpg", path)
    shutil.copytree(folder / "train" / "class 0", folder / "val" / "class 0", dirs_exist_ok=True)  # never looked at
    return folder


def measured(setting: Setting, way: Way, turns: int, root: Path | None, folder: Path) -> str:
    """The row of a setting."""
    photos = draw_photos(folder / f"photos-{setting.image_size}", setting) if root is None else root
    cache = folder / f"cache-{setting.image_size}"
    data = data_module(photos, cache, setting, way.workers, limited=False)
    train = photos / "train"
    if setting.degree:
        AgaTrainer(run_dir=str(folder / "augment"), accelerator="cpu", devices=1).augment(datamodule=data)
        train = mirror(data, folder / f"mirror-{setting.image_size}")
    files = len(data.train_records) + len(data.augmented)
    # A large folder's epoch is cut short, on both sides; all other epochs are whole.
    limited = root is not None and files > setting.steps * setting.batch_size
    if not limited:
        setting = setting._replace(steps=math.ceil(files / setting.batch_size))
    speeds = []
    for turn in range(-1, turns):
        clocks = [Clock(setting.steps, way.epochs, way.device) for _ in range(2)]
        if turn < 0:  # the first steps in a process find nothing prepared; they are not counted
            for clock in clocks:
                clock.last = WARM_UP
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            place = folder / f"{setting.backbone}-{setting.degree}-{turn}-{side}"
            place.mkdir()
            seed_everything(turn + 1, verbose=False)
            if side == 0:
                fit(data_module(photos, cache, setting, way.workers, limited), setting, way, clocks[0], place)
            else:
                reference(train, setting, way, clocks[1], place)
            gc.collect()
            if way.device.type == "cuda":
                torch.cuda.empty_cache()
            shutil.rmtree(place)
        if turn >= 0:
            speeds.append([clock.speeds() for clock in clocks])
    return line(setting, np.array(speeds))


def line(setting: Setting, speeds: np.ndarray) -> str:
    """Of (turns, sides, 2) images a second, the second over the inside of epochs: a line of the table."""
    ours, theirs = np.median(speeds[:, :, 0], axis=0)
    ratios = speeds[:, 0] / speeds[:, 1]
    quartiles = np.quantile(ratios, [0.25, 0.5, 0.75], axis=0).T
    cells = [text for low, middle, high in quartiles for text in (f"{middle:.3f}", f"{low:.3f}-{high:.3f}")]
    return row(f"{setting}, {setting.steps} steps an epoch", f"{ours:.1f}", f"{theirs:.1f}", *cells)


def versions(way: Way) -> str:
    machine = torch.cuda.get_device_name(way.device) if way.device.type == "cuda" else "CPU"
    return (
        f"{machine}, {torch.get_num_threads()} threads, {way.workers} loader processes, {way.precision}, "
        f"channels {'last' if way.channels_last else 'first'}, OMP_WAIT_POLICY {os.environ['OMP_WAIT_POLICY']}, "
        f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}, Lightning {lightning.__version__}, "
        f"Pillow {PIL.__version__}; {way.epochs} epochs a turn, checkpoints {'on' if way.checkpoints else 'off'}"
    )


def main() -> None:
    script = parser(__doc__)
    script.add_argument(
        "--rows", nargs="+", choices=("small", "stored", "large"), help="by default all; without stored on a GPU"
    )
    script.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    script.add_argument("--precision", choices=("32-true", "bf16-mixed"), default="32-true")
    script.add_argument("--channels-last", action="store_true", help="on both sides")
    script.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the main process")
    script.add_argument(
        "--workers", type=int, default=default_workers(), help="loader processes; 0: the main one loads"
    )
    script.add_argument("--turns", type=int, default=6, help="of each side")
    script.add_argument("--epochs", type=int, help="timed in a turn; by default 1, on a GPU 3")
    script.add_argument("--batch-size", type=int, nargs=2, help="at 64 px and at 224 px")
    script.add_argument("--steps", type=int, nargs=2, help="an epoch of originals, at 64 px and at 224 px")
    script.add_argument("--checkpoints", action="store_true", help="both sides save after each epoch")
    script.add_argument("--root", type=Path, help="a folder of train/<class>/ and val/<class>/, not drawn photos")
    script.add_argument("--folder", type=Path, help="where files are written; by default the system's own place")
    script.add_argument("--quick", action="store_true", help="two turns of a few steps: whether it works, not how fast")
    options = script.parse_args()
    on_gpu = options.device == "cuda"
    batch_size = options.batch_size or ((512, 256) if on_gpu else (64, 8))
    steps = options.steps or ((6, 3) if options.quick else (40, 40) if on_gpu else (16, 10))
    epochs = options.epochs or (3 if on_gpu else 1)
    rows = {
        "small": Setting("resnet18", 64, batch_size[0], steps[0]),
        "stored": Setting("resnet18", 64, batch_size[0], steps[0], degree=1),
        "large": Setting("resnet50", 224, batch_size[1], steps[1]),
    }
    device = torch.device(options.device, 0) if on_gpu else torch.device("cpu")
    way = Way(device, options.precision, options.channels_last, options.workers, epochs, options.checkpoints)
    torch.set_num_threads(options.threads)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")  # advice on loader processes, and the augmentations that were rejected

    print(versions(way), end="\n\n")
    print(head("", "ours, images/s", "theirs", "ratio", "quartiles", "inside epochs", "quartiles"))
    with TemporaryDirectory(dir=options.folder) as place:
        for name in options.rows or (["small", "large"] if on_gpu else rows):
            with redirect_stdout(Terminal()), redirect_stderr(Terminal()):
                measurement = measured(
                    rows[name], way, 2 if options.quick else options.turns, options.root, Path(place)
                )
            print(measurement, flush=True)


if __name__ == "__main__":
    main()
