"""Look a run's data set and weights over before it starts: the verb `check`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from lightning.pytorch import LightningModule
from rich import box
from rich.console import Console
from rich.table import Table

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.availability import allows_commercial_use, licence_for, locate, wanted_weights
from aga_lightning.cli.duplicate_report import DUPLICATES, report_duplicates
from aga_lightning.cli.image_report import Records, readable
from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.cli.store_report import damaged_files
from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.files import shown
from aga_lightning.images.finding import told
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.preflight import Run, SettingError, objections
from aga_lightning.terminal import Terminal
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.record_sets import unjudged
from aga_lightning.training.share import choose_images

LicencePolicy = Literal["any", "commercial"]

_CLASSES = 40  # rows of the table of classes


class CheckError(RuntimeError):
    """What stands in the way of a run, a line each."""


def check(
    data: AGADataModule,
    policy: LicencePolicy = "any",
    console: Console | None = None,
    duplicates: bool = False,
    store: bool = False,
    decode: bool = False,
    problems: Sequence[str] = (),
) -> None:
    """Print what is there and what is missing.

    Args:
        data: The data set, and the augmenter that will work on it.
        policy: What the licences of all weights must allow.
        console: Where to print; the terminal by default.
        duplicates: Also read all images, and list those of the evaluation sets that nearly equal a training image.
        store: Also read all that the cache directory holds, and set aside what is damaged.
        decode: Decode every image file; a fit that skips unreadable images does, so then they always are.
        problems: What is known already to stand in the way.

    Raises:
        CheckError: If something stands in the way; a line for each problem.
    """
    if policy not in get_args(LicencePolicy):
        raise SettingError(f"--license is {policy!r}; give any or commercial")
    console = console or Terminal()
    missing: list[str] = []
    records = _records(data, missing)
    problems = [*problems, *missing]
    if missing and (guide := data.dataset.guide()):
        console.print(guide, soft_wrap=True, markup=False, highlight=False)
    records = readable(data, records, decode or data.bad_images == "skip", console, problems)
    if records.get("train"):
        problems += _report_classes(data, records, console)
        problems += [*_shared_files(records), *_order(data, records["train"])]
        remarks = data.dataset.remarks()
        for remark in [*remarks, *(f"not used: {line}" for line in told(data.dataset.unused()))]:
            console.print(f"Note: {remark}", soft_wrap=True, markup=False, highlight=False)
        if duplicates:
            report_duplicates(records, data.store.cache_dir / DUPLICATES, console)
    if store:
        problems += damaged_files(data.store, console)
    if data.augmenter is None:
        console.print("Nothing is augmented: data.augmenter is null, the degree is 0 or the mode is off.")
    else:
        problems += _report_weights(data.augmenter, policy, console)
    if problems:
        problems = list(dict.fromkeys(problems))
        count = f"{len(problems)} problems\n" if len(problems) > 1 else ""
        raise CheckError(count + "\n".join(problems))
    counts = ", ".join(f"{len(found)} {name}" for name, found in records.items())
    console.print(f"All is well: {data.num_classes} classes; images: {counts}.", soft_wrap=True, highlight=False)


def _records(data: AGADataModule, problems: list[str]) -> dict[str, list[ImageRecord]]:
    """All records that the data set gives, and the problem where it gives none."""
    dataset: ImageDataset = data.dataset
    records: dict[str, list[ImageRecord]] = {}
    try:
        if not dataset.download:  # a look must not fetch gigabytes
            data.prepare_data()
    except DatasetError as error:
        problems.append(str(error))
        return records
    complaints = []
    for split in get_args(Split):
        try:
            records[split] = dataset.records(split)
        except DatasetError as error:
            complaints.append(str(error))
    try:
        records |= {f"ood/{name}": found for name, found in dataset.ood_records().items()}
    except DatasetError as error:
        complaints.append(str(error))
    problems += dict.fromkeys(complaints)
    return records


def _shared_files(records: Records) -> list[str]:
    """A problem for each evaluation set that has a file of the training set, be it by a link."""
    training = {record.path.resolve() for record in records["train"]}
    shared = {
        name: [record.path for record in found if record.path.resolve() in training] for name, found in records.items()
    }
    return [
        f"{len(paths)} files are in the training set and in {name}, such as {shown(paths[0])}: take them out of one"
        for name, paths in shared.items()
        if paths and name != "train"
    ]


def _order(data: AGADataModule, training: Sequence[ImageRecord]) -> list[str]:
    """What is wrong with a table that says which training images are augmented, if there is one."""
    if data.augmenter is None or data.augment_order is None or not Path(data.augment_order).is_file():
        return []  # that there is no such file is told before
    try:
        choose_images(training, data.augment_share, data.augment_order, data.store.sha256, data.augmentation_seed)
    except DatasetError as error:
        return [str(error)]
    except (ImageReadError, OSError):
        return []  # the image is told of among those that cannot be read
    return []


def _report_classes(data: AGADataModule, records: Records, console: Console) -> list[str]:
    """Print the classes with their superclasses and counts."""
    dataset = data.dataset
    counts = {name: Counter(record.label for record in found) for name, found in records.items()}
    splits = [name for name in counts if not name.startswith("ood/")]
    table = Table(title=f"{dataset.num_classes} classes")
    table.add_column("class", overflow="fold")
    table.add_column("superclass", overflow="fold")
    for name in splits:
        table.add_column(name, justify="right")
    named = list(enumerate(dataset.classes))
    for label, class_name in named[:_CLASSES]:
        table.add_row(
            shown(class_name),
            shown(dataset.superclass(class_name) or "(none)"),
            *(str(counts[name][label]) for name in splits),
        )
    if len(named) > _CLASSES:
        table.add_row(f"... and {len(named) - _CLASSES} more")
    table.add_section()
    table.add_row("all", "", *(str(len(records[name])) for name in splits))
    console.print(table)
    for name in list(counts)[len(splits) :]:
        console.print(
            f"{name}: {len(records[name])} images of {len(counts[name])} classes", markup=False, highlight=False
        )
    _remark(data, records, console)
    empty = [name for label, name in named if not counts["train"][label]]
    return [f"{len(empty)} classes have no training image: {', '.join(empty[:5])}"] if empty else []


def _remark(data: AGADataModule, records: Records, console: Console) -> None:
    """Say what is no error, but may not be what was meant."""
    alike = [name for name in data.dataset.classes if data.dataset.superclass(name) == name]
    bare = [name for name in data.dataset.classes if not data.dataset.superclass(name)]
    if bare and data.augmenter is not None:
        console.print(
            f"Note: {', '.join(bare[:5])}: no subject, so the augmenter is not given these images.",
            markup=False,
            highlight=False,
        )
    if alike and data.augmenter is not None:
        console.print(
            f"Note: {len(alike)} of {data.num_classes} classes are their own superclass, such as {alike[0]!r}: a "
            "detector is asked for that word. One that a detector knows (\"bird\" for 'water ouzel') finds more: see "
            "--data.dataset.superclasses.",
            markup=False,
            highlight=False,
        )
    val = records.get("val", records["train"])
    for remark in unjudged(records["train"], val, records.get("test", val)):
        console.print(f"Note: {remark}.", soft_wrap=True, markup=False, highlight=False)
    if records.get("test") == val:
        what = "the validation images, which choose the checkpoint, are judged at the end"
        console.print(f"Note: there are no test images: {what}.", highlight=False)


def _report_weights(augmenter: Augmenter, policy: LicencePolicy, console: Console) -> list[str]:
    """Print where the weights of each part are, and their licences."""
    wanted = wanted_weights(augmenter)
    if not wanted:
        console.print(f"{type(augmenter).__name__} needs no weights.")
        return []
    table = Table(title=f"Weights of {type(augmenter).__name__}", box=box.SIMPLE_HEAD)
    table.add_column("weights", overflow="fold")
    table.add_column("found", no_wrap=True)
    table.add_column("licence")
    table.add_column("commercial")
    table.add_column("GB", justify="right", no_wrap=True)
    problems = []
    notes = []
    for one in wanted:
        place, licence = locate(one), licence_for(one)
        may = allows_commercial_use(licence)
        parts = ", ".join(one.parts)
        table.add_row(
            f"{parts}\n  {one.name}",
            place.kind,
            "unknown" if licence is None else licence.name,
            {True: "yes", False: "no", None: "unknown"}[may],
            "" if licence is None or licence.download_gb is None else f"{licence.download_gb:.2g}",
        )
        if licence is not None and licence.note:
            notes.append(f"{one.name}: {licence.note}")
        if place.kind == "missing" and one.optional:
            notes.append(f"{one.name} is missing; it is downloaded if a photo needs it, or by hand: {place.remedy}")
        elif place.kind == "missing":
            problems.append(f"{parts}: {one.name} is missing: {place.remedy}")
        if policy == "commercial" and one.kind != "config" and may is not True:
            named = "which is unknown" if licence is None else licence.name
            verdict = "forbids commercial use" if may is False else "is not known to allow commercial use"
            problems.append(f"{parts}: the licence of {one.name} ({named}) {verdict}")
    console.print(table)
    for note in notes:
        console.print(f"Note: {note}.", soft_wrap=True, markup=False, highlight=False)
    return problems


class ChecksRuns(RunTrainer):
    """A Trainer with the verb `check`."""

    def check(
        self,
        model: LightningModule | None = None,
        datamodule: AGADataModule | None = None,
        license: LicencePolicy = "any",
        duplicates: bool = False,
        store: bool = False,
        decode: bool = False,
    ) -> None:
        """Look over data set, settings and weights before a long run; asks no network and loads no model.

        All that would stop a fit before it starts is told, such as a network that cannot be built or a metric that does
        not exist. Header and end of every image file are read, classes and superclasses are listed, and the weights of
        each part are looked for, with their licences. The exit status is 1, with a line for each problem, where
        something stands in the way.

        Args:
            model: What would be trained.
            datamodule: What to look at.
            license: What the licences of all weights must allow. commercial refuses those that forbid commercial use,
                and those that are not known; a folder of weights may tell its licence in README.md or LICENSE.
            duplicates: Also read all images and list those of the evaluation sets that nearly equal a training image.
            store: Also read all files of the cache directory and compare them with the digests that they were written
                with; those that are damaged are set aside, and the next augment or fit makes them anew.
            decode: Decode every image file, which finds damage between header and end too.
        """
        if datamodule is not None and self.is_global_zero:
            problems = [] if model is None else objections(Run("fit", self, model, datamodule, network=False))
            _tell_start(model)
            check(datamodule, license, duplicates=duplicates, store=store, decode=decode, problems=problems)


def _tell_start(model: LightningModule | None) -> None:
    """Say that published weights which training is to start from are still to be downloaded."""
    if isinstance(model, ImageClassifier) and model.weights is not None:
        file = model.network.file(model.weights)
        if file is not None and not file.is_file():
            otherwise = " or, where that fails, random weights" if model.missing_weights == "scratch" else ""
            print(f"Note: {model.weights} of {model.backbone} is downloaded at the first fit{otherwise}: {shown(file)}")
