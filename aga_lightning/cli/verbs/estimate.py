"""What `augment` will take, told before it is begun: the verb `estimate`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.seed import isolate_rng
from rich import box
from rich.console import Console
from rich.table import Table

from aga_lightning.augment.availability import missing_weights
from aga_lightning.augment.engine.probe import Measured, probe
from aga_lightning.augment.engine.workload import Task, workload
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.files import write_json
from aga_lightning.images.records import DatasetError
from aga_lightning.preflight import SettingError
from aga_lightning.terminal import Terminal
from aga_lightning.training.datamodule import AGADataModule

FILE = "estimate.json"


@dataclass(frozen=True, slots=True)
class Line:
    """A stage: what it has left to make, and what that takes going by the probe."""

    task: Task
    measured: Measured | None
    workers: int

    @property
    def seconds(self) -> float | None:
        """Seconds on one device; None where nothing was measured."""
        if self.task.units == 0:
            return 0.0
        if self.measured is None:
            return None
        return self.measured.first_seconds + self.task.units * self.measured.seconds(self.workers)

    @property
    def disk_bytes(self) -> float | None:
        """Bytes that will be kept; None where nothing was measured."""
        if self.task.units == 0:
            return 0.0
        return None if self.measured is None else self.task.units * self.measured.unit_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where `augment` will run.

    Args:
        device: One of the devices; the probe runs there.
        devices: How many there are, on all nodes.
        folder: Where the estimate is written.
    """

    device: torch.device
    devices: int
    folder: Path

    @property
    def name(self) -> str:
        """The device in words."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return "CPU" if self.device.type == "cpu" else self.device.type.upper()


def estimate(data: AGADataModule, place: Place, batches: int = 2, console: Console | None = None) -> None:
    """Print what is left to make and what it takes, and write it to `estimate.json`.

    Args:
        data: What to augment, and how.
        place: Where.
        batches: Batches of each stage that the probe makes and keeps; 0 only counts.
        console: Where to print; the terminal by default.

    Raises:
        DatasetError: If nothing is to be augmented.
        PretrainedError: If the probe needs weights that this machine lacks; a download would be timed with it.
        ValueError: If `batches` is below 0.
    """
    if batches < 0:
        raise SettingError(f"--probe is {batches}; give a number of batches, 0 for none")
    if data.augmenter is None:
        raise DatasetError("there is nothing to estimate: set --data.augmenter, a degree above 0 and a mode")
    if batches and (missing := missing_weights(data.augmenter)):
        others = f" ({len(missing) - 1} more: see the verb check)" if len(missing) > 1 else ""
        raise PretrainedError(f"nothing can be timed, because {missing[0]}{others}; --probe 0 only counts")
    console = console or Terminal()
    data.prepare_data()
    collection = data.collection
    measured: Sequence[Measured | None] = probe(collection, batches, place.device) if batches else []
    tasks = workload(collection)
    # A method without stages that needs a device finishes its images in the one process that holds it.
    workers = 0 if len(tasks) == 1 and data.augmenter.accelerated else data.generation_workers
    lines = [Line(task, found, workers) for task, found in zip(tasks, measured or [None] * len(tasks), strict=True)]
    asked, left = len(collection.requests), tasks[-1].units
    images = f"{len(collection.records)} training images"
    if left_out := len(collection.records) - len(collection.subjects):
        why = "without a subject" if data.augment_share == 1 else "not to be augmented"
        images += f", {left_out} of them {why}; {len(collection.subjects)}"
    console.print(
        f"{images} x {data.degree} augmentations: {asked} asked, {asked - left} finished, {left} to make.",
        highlight=False,
    )
    console.print(_table(lines, place))
    assumptions = _assumptions(lines, place, data, batches)
    for words in assumptions:
        console.print(f"- {words}", markup=False, highlight=False)
    augmentations = {"asked": asked, "finished": asked - left, "to_make": left}
    try:
        path = _write(lines, place, assumptions, {"training_images": len(collection.records)} | augmentations)
        kept = f"Written to {path}"
    except OSError as error:  # what was asked for is printed already
        kept = f"{place.folder / FILE} cannot be written ({error.strerror})"
    console.print(kept, soft_wrap=True, markup=False, highlight=False)


def total_seconds(lines: Sequence[Line], devices: int) -> float | None:
    """Seconds from start to end with all devices; None where something was not measured."""
    total = 0.0
    for line in lines:
        if line.seconds is None:
            return None
        first = 0.0 if line.measured is None or line.task.units == 0 else line.measured.first_seconds
        total += first + (line.seconds - first) / devices  # each device loads the models
    return total


def _table(lines: Sequence[Line], place: Place) -> Table:
    probed = any(line.measured for line in lines)
    calling = any(line.task.calls for line in lines)
    remembering = any(line.measured and line.measured.memory_bytes for line in lines)
    counts = ["to make", *["model calls"] * calling]
    measures = ["seconds each", "time", "disk", *["memory"] * remembering] if probed else []
    table = Table(title=f"Left to make, on one {place.name}" if probed else "Left to make", box=box.SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True)
    for title in counts + measures:
        table.add_column(title, justify="right")
    for line in lines:
        task = line.task
        if task.units == 0 and task.attempt:
            continue
        cells = [f"{'' if task.exact or not task.units else '<= '}{task.units:,}"]
        cells += ["\n".join(f"{number:,}" for number in task.calls.values())] * calling
        if probed:
            cells.append("" if line.measured is None else f"{line.measured.seconds(line.workers):.2g}")
            cells += [_time(line.seconds), _bytes(line.disk_bytes)]
            cells.append(_bytes(line.measured.memory_bytes) if line.measured and line.measured.memory_bytes else "")
        table.add_row(task.name, *cells[: len(counts + measures)])
    if probed:
        table.add_section()
        sizes = [line.disk_bytes for line in lines]
        whole = None if None in sizes else sum(size or 0 for size in sizes)
        peak = max(line.measured.memory_bytes for line in lines if line.measured)
        blanks = [""] * (len(counts) + 1)
        totals = [_time(total_seconds(lines, 1)), _bytes(whole), _bytes(peak)]
        table.add_row("in all", *blanks, *totals[: len(measures) - 1])
        if place.devices > 1:
            table.add_row(f"on {place.devices} devices", *blanks, _time(total_seconds(lines, place.devices)))
    return table


def _assumptions(lines: Sequence[Line], place: Place, data: AGADataModule, batches: int) -> list[str]:
    words = []
    if any(not line.task.exact and line.task.units for line in lines):
        words.append(
            "<= counts every subject as found, one in each image, and accepted by all gates; what is rejected costs no "
            "caption and no background."
        )
    words += [
        f"{line.task.name}: {line.task.denoiser_calls:,} calls of the denoiser, "
        f"{line.task.denoiser_calls // line.task.units:,} each."
        for line in lines
        if line.task.denoiser_calls
    ]
    if any(line.task.attempt for line in lines):
        words.append("Backgrounds to be painted again are counted once a gate has objected to them, not before.")
    if any(line.task.calls for line in lines):
        words.append(
            "Model calls assume full batches; detectors take images of one size together, and language models are "
            "asked again where an answer is of no use, both of which take more."
        )
    if data.mode == "lazy":
        words.append("The mode lazy makes an augmentation when it is first drawn, so it may never need all of these.")
    if not batches:
        return [*words, "Times, disk and memory need a probe: --probe 2."]
    if any(line.measured for line in lines):
        made = ", ".join(f"{line.measured.units} of {line.task.name}" for line in lines if line.measured)
        words.append(f"Seconds are those of a probe on one {place.name} ({made}), which is kept and counted as made.")
        words.append(
            "Times include loading and compiling once for each stage, and count on "
            f"{data.generation_workers} loaders a device, each on a core of its own."
        )
    if any(line.measured and line.measured.memory_bytes for line in lines):
        unit = "the peak on the device" if place.device.type == "cuda" else "that of parameters and buffers alone"
        words.append(f"Only the models of one stage are in memory at a time; memory is {unit}.")
    if (finished := lines[-1].measured) is not None and finished.rejected:
        words.append(f"Of the {finished.units} images that the probe finished, {finished.rejected} were rejected.")
    blind = [line.task.name for line in lines if line.seconds is None]
    if blind:
        words.append(
            f"The probe did not reach {', '.join(blind)}: its images were all rejected before, or a gate studies all "
            "training images first. Without them there are no totals."
        )
    return words


def _write(lines: Sequence[Line], place: Place, assumptions: Sequence[str], counts: dict[str, int]) -> Path:
    stages = [
        asdict(line.task)
        | {
            "seconds_each": None if line.measured is None else line.measured.seconds(line.workers),
            "seconds": line.seconds,
            "disk_bytes": line.disk_bytes,
            "probe": None if line.measured is None else asdict(line.measured),
        }
        for line in lines
    ]
    content = counts | {
        "stages": stages,
        "device": place.name,
        "devices": place.devices,
        "hours_on_one_device": _in_hours(total_seconds(lines, 1)),
        "hours_on_all_devices": _in_hours(total_seconds(lines, place.devices)),
        "assumptions": list(assumptions),
    }
    path = place.folder / FILE
    write_json(path, content)
    return path


def _in_hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def _bytes(size: float | None) -> str:
    if size is None:
        return "?"
    unit = next(unit for unit in ("TB", "GB", "MB", "kB", "B") if size >= _SIZES[unit] or unit == "B")
    return f"{size / _SIZES[unit]:.3g} {unit}"


_SIZES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


class EstimatesRuns(RunTrainer):
    """A Trainer with the verb `estimate`."""

    def estimate(
        self, model: LightningModule | None = None, datamodule: AGADataModule | None = None, probe: int = 2
    ) -> None:
        """Tell what `augment` has left to make, and how long it takes; also written to `estimate.json`.

        That file goes to the run's folder where there is one, else to the cache directory.

        Args:
            model: Not used.
            datamodule: What to augment, and how.
            probe: Batches of each stage that are made, timed and kept; 0 only counts.
        """
        if datamodule is None or not self.is_global_zero:
            return
        folder = self._named_folder
        place = Place(
            device=self.strategy.root_device,
            devices=self.num_devices * self.num_nodes,
            folder=folder if folder is not None and folder.is_dir() else datamodule.store.cache_dir,
        )
        with isolate_rng():
            estimate(datamodule, place, probe)
