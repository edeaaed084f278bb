"""The memory of the callbacks that explain a model. Prints a Markdown table.

    python benchmarks/explain_memory.py                     2,000 images through each callback; Linux
    python benchmarks/explain_memory.py --callbacks BackgroundReliance --images 500

A small ResNet-18 is trained briefly on FieldGuide (64 px), so that it is sure of some images and not of others. Then
`Trainer.test` is run repeatedly on its four test sets with a callback in the trainer, each callback in a process of its
own: once to warm up, then until the wanted number of images has gone through the callback. *few at a time* takes the
same few images of each set in many tests, as a fit with validations does; *all at once* takes all images in one test.
Both draw to TensorBoard and write their files. AttributionPanels has the same checkpoint as its baseline, which doubles
its work; it never shows many images.

The table gives resident memory of the process: growth from the warm-up to the last test, growth in the second half of
the tests, and the peak, sampled every 10 ms, above the level after the warm-up. The row `none` is `Trainer.test` alone,
as often.
"""

import gc
import io
import logging
import math
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TypeVar

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from measuring import head, parser, row

from aga_lightning.callbacks.attribution_panels import AttributionPanels
from aga_lightning.callbacks.background_reliance import BackgroundReliance
from aga_lightning.callbacks.baseline import load_baseline
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier

NAMES = ("none", "AttributionPanels", "Faithfulness", "BackgroundReliance", "all three")
FEW = 16  # images of each set a test
SETS = 4
MEGABYTE = 1e6

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Task:
    """One row of the table: which callback, and how many images of each set it takes in each of how many tests."""

    name: str
    images: int
    tests: int
    folder: Path
    per_class: int

    @property
    def checkpoint(self) -> Path:
        """The trained model."""
        return self.folder / "model.ckpt"

    def data(self) -> AGADataModule:
        """FieldGuide with test sets of this size."""
        birds = FieldGuide(str(self.folder / "fieldguide"), test_per_class=self.per_class, ood_per_class=self.per_class)
        return AGADataModule(birds, recipe="fieldguide", steps_per_epoch=50, num_workers=0, ood_during_fit=False)

    def callbacks(self, images: int) -> list[Callback]:
        """The callbacks to measure."""
        made: dict[str, Callback] = {
            "AttributionPanels": AttributionPanels(
                images=min(images, FEW), compare_to=str(self.checkpoint), search=images, batch_size=32
            ),
            # A low bar for AIC and SIC, so that few images are left out before there is something to do.
            "Faithfulness": Faithfulness(images=images, min_prediction=0.2, triangulation="reduced"),
            "BackgroundReliance": BackgroundReliance(images=images),
        }
        return list(made.values()) if self.name == "all three" else [made[self.name]] if self.name in made else []


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process in MB after the warm-up and after each test, and the seconds that they took."""

    start: float
    after: tuple[float, ...]
    highest: float
    seconds: float

    @property
    def growth(self) -> float:
        """Between the warm-up and the last test."""
        return self.after[-1] - self.start

    @property
    def late(self) -> float:
        """Between the middle of the tests and the last one: growth that continues."""
        return self.after[-1] - self.after[len(self.after) // 2 - 1] if len(self.after) > 1 else math.nan


def resident() -> float:
    """Resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


class Watch(threading.Thread):
    """Looks at the resident memory while a block runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest = resident()
        self._over = threading.Event()

    def run(self) -> None:
        """Look, every 10 ms."""
        while not self._over.wait(0.01):
            self.highest = max(self.highest, resident())

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self.join()


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice, and without what the callbacks print."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*is deprecated")
        warnings.filterwarnings("ignore", message=".*Experiment logs directory .* exists")
        yield


def plain_trainer(folder: Path, callbacks: list[Callback], epochs: int = 1) -> Trainer:
    """A trainer with both loggers and nothing on the screen."""
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        limit_val_batches=0,
        limit_test_batches=1,  # the trainer's own loop is not measured; callbacks read as many images as they need
        logger=[TensorBoardLogger(folder, "", ""), CSVLogger(folder, "", "")],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def train(task: Task, epochs: int) -> None:
    """Draw the birds, train the model and keep it."""
    torch.set_num_threads(1)
    seed_everything(0, verbose=False)
    with quiet():
        trainer = plain_trainer(task.folder / "training", [], epochs)
        optimizer = lambda parameters: torch.optim.AdamW(parameters, lr=0.002, weight_decay=0.05)  # noqa: E731
        trainer.fit(ImageClassifier(8, width=32, optimizer=optimizer), datamodule=task.data())
        trainer.save_checkpoint(task.checkpoint)


def measure(task: Task) -> Memory:
    """Run the tests of a task, and look at the memory of this process."""
    torch.set_num_threads(1)
    seed_everything(0, verbose=False)
    data = task.data()
    model = load_baseline(task.checkpoint, 8, torch.device("cpu"))
    with quiet():
        trainer = plain_trainer(task.folder / f"{task.name}-{task.images}", task.callbacks(min(task.images, 4 * FEW)))
        trainer.test(model, datamodule=data, verbose=False)
        trainer = plain_trainer(task.folder / f"{task.name}-{task.images}", task.callbacks(task.images))
        gc.collect()
        start, begun = resident(), time.perf_counter()
        after = []
        with Watch() as watch:
            for _ in range(task.tests):
                trainer.test(model, datamodule=data, verbose=False)
                gc.collect()
                after.append(resident())
        return Memory(start, tuple(after), watch.highest, time.perf_counter() - begun)


def apart(function: Callable[..., Answer], *arguments: object) -> Answer:
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def main() -> None:
    """Train, measure each callback in a process of its own, and print the table."""
    script = parser(__doc__)
    script.add_argument("--callbacks", nargs="+", choices=NAMES, default=NAMES)
    script.add_argument("--images", type=int, default=2000, help="through each callback, at least")
    script.add_argument("--epochs", type=int, default=4, help="of 50 steps, to train the model")
    script.add_argument("--folder", type=Path, help="where the files are written; by default the system's own place")
    options = script.parse_args()
    per_class = math.ceil(options.images / SETS / 8)
    with TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        apart(train, Task("none", 0, 0, folder, per_class), options.epochs)
        titles = ("callback", "how", "images", "MB after", "growth, MB", "in the second half", "highest, MB", "s")
        print(head(*titles))
        for name in options.callbacks:
            few = Task(name, FEW, math.ceil(options.images / SETS / FEW), folder, per_class)
            whole = Task(name, 8 * per_class, 1, folder, per_class)
            tasks = {"few at a time": few, "all at once": whole}
            if name in ("none", "AttributionPanels"):
                del tasks["all at once"]
            for how, task in tasks.items():
                memory = apart(measure, task)
                images = SETS * task.images * task.tests if name != "none" else 0
                late = "" if math.isnan(memory.late) else f"{memory.late:+.1f}"
                cells = [
                    *(name, how, images, f"{memory.after[-1]:.0f}", f"{memory.growth:+.1f}", late),
                    *(f"{memory.highest - memory.start:+.1f}", f"{memory.seconds:.0f}"),
                ]
                print(row(*cells), flush=True)


if __name__ == "__main__":
    main()
