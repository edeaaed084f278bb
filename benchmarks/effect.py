"""Does AGA help, and why? The same network and the same number of optimiser steps for every arm.

    python benchmarks/effect.py                                        FieldGuide: all arms, 3 seeds
    python benchmarks/effect.py --data photos --root PATH              an ImageFolder of photos with train/ and val/
    python benchmarks/effect.py --arms none aga-4x --seeds 0

Each cell is one `python -m aga_lightning fit` in a process of its own, on one thread; finished cells are kept, so that
the script can be stopped and started again. Seeds change the training images (FieldGuide), the network's start, the
order and the augmentations; the images judged on are always the same. The checkpoint that is judged is the one with
the best accuracy on the validation set.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

NO_AUGMENTER = ["--data.augmenter", "null"]
ALIKE = "[dunes, brick, skyline, flower, beach, canyon, fence, dusk, sunset]"

ARMS = {
    "none": NO_AUGMENTER,
    "randaugment": [*NO_AUGMENTER, "--data.randaugment", "true"],
    "mixup": [*NO_AUGMENTER, "--model.mixing", "mixup"],
    "cutmix": [*NO_AUGMENTER, "--model.mixing", "cutmix"],
    "aga-1x": ["--data.degree", "1"],
    "aga-2x": ["--data.degree", "2"],
    "aga-4x": ["--data.degree", "4"],
    "flat colour 4x": ["--data.degree", "4", "--data.augmenter.painter", "FlatColour"],
    "donor 4x": ["--data.degree", "4", "--data.augmenter.painter", "DonorPhotos"],
    "no look-alikes 4x": ["--data.degree", "4", "--data.augmenter.prompts.exclude", ALIKE],
    "flat colour 2x": ["--data.degree", "2", "--data.augmenter.painter", "FlatColour"],
    "donor 2x": ["--data.degree", "2", "--data.augmenter.painter", "DonorPhotos"],
    "aga swapped in at 0.3": ["--data.degree", "2", "--data.replace_probability", "0.3"],
    "donor swapped in at 0.3": [
        *("--data.degree", "2", "--data.replace_probability", "0.3", "--data.augmenter.painter", "DonorPhotos"),
    ],
}
ON_BIRDS = ("none", "randaugment", "mixup", "cutmix", "aga-1x", "aga-2x", "aga-4x", "flat colour 4x", "donor 4x",
            "no look-alikes 4x")  # fmt: skip
ON_PHOTOS = ("none", "randaugment", "aga-2x", "flat colour 2x", "donor 2x", "aga swapped in at 0.3",
             "donor swapped in at 0.3")  # fmt: skip


@dataclass(frozen=True)
class Experiment:
    """A configuration, the arms that make sense for it, and how a seed enters its data."""

    config: str
    arms: tuple[str, ...]
    seeded_data: str | None = None


EXPERIMENTS = {
    "fieldguide": Experiment("quickstart.yaml", ON_BIRDS, "--data.dataset.seed"),
    "photos": Experiment("photos.yaml", ON_PHOTOS),
}


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=EXPERIMENTS, default="fieldguide")
    parser.add_argument("--root", help="the images' folder, for photos")
    parser.add_argument("--arms", nargs="+", choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2)), help="cells at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/effect"))
    parser.add_argument("settings", nargs="*", help="more settings for every cell, after --")
    options = parser.parse_args()

    experiment = EXPERIMENTS[options.data]
    arms = options.arms or experiment.arms
    cells = [(arm, seed) for seed in options.seeds for arm in arms]
    with ThreadPoolExecutor(options.jobs) as pool:
        folders = list(pool.map(lambda cell: run(experiment, *cell, options), cells))
    print_table(dict(zip(cells, folders, strict=True)), arms, options.seeds)


def run(experiment: Experiment, arm: str, seed: int, options: argparse.Namespace) -> Path:
    """Fit one cell, unless it is finished; its folder."""
    folder = options.out / options.data / arm.replace(" ", "-") / f"seed-{seed}"
    if (folder / "results.json").exists():
        return folder
    command = [sys.executable, "-m", "aga_lightning", "fit", "--config", experiment.config]
    command += ["--seed_everything", str(seed), "--data.augmentation_seed", str(seed)]
    command += [experiment.seeded_data, str(seed)] if experiment.seeded_data else []
    command += ["--data.dataset.root", options.root] if options.root else []
    command += ["--data.num_workers", "0", "--trainer.enable_progress_bar", "false", "--trainer.callbacks", "[]"]
    command += ["--trainer.run_dir", str(folder), *ARMS[arm], *options.settings]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("w") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if code.returncode:
        raise SystemExit(f"{arm}, seed {seed} failed: see {folder / 'log.txt'}")
    print(f"{arm}, seed {seed}: {accuracies(folder)}", file=sys.stderr, flush=True)
    return folder


def accuracies(folder: Path) -> dict[str, float]:
    """Accuracy of a finished cell on each set, in per cent."""
    results = json.loads((folder / "results.json").read_text())
    return {name: round(100 * metrics["acc"], 2) for name, metrics in results.items()}


def print_table(folders: dict[tuple[str, int], Path], arms: tuple[str, ...], seeds: list[int]) -> None:
    """Mean and standard deviation over the seeds, and the gain over `none` of the same seed."""
    cells = {cell: accuracies(folder) for cell, folder in folders.items()}
    sets = list(next(iter(cells.values())))
    steps = {cell: optimiser_steps(folder) for cell, folder in folders.items()}
    print(f"Accuracy in %, mean +- standard deviation over the seeds {seeds}; in brackets the mean gain over `none`,")
    print("paired by seed, and its lowest and highest value.\n")
    print("| arm | steps | " + " | ".join(sets) + " |")
    print("|---" * (len(sets) + 2) + "|")
    for arm in arms:
        row = [f"{arm} | {'/'.join(sorted({str(steps[arm, seed]) for seed in seeds}))}"]
        for name in sets:
            values = [cells[arm, seed][name] for seed in seeds]
            text = f"{statistics.mean(values):.1f} +- {statistics.stdev(values) if len(values) > 1 else 0:.1f}"
            if arm != "none" and "none" in arms:
                gains = [cells[arm, seed][name] - cells["none", seed][name] for seed in seeds]
                text += f" ({statistics.mean(gains):+.1f}: {min(gains):+.1f}..{max(gains):+.1f})"
            row.append(text)
        print("| " + " | ".join(row) + " |")


def optimiser_steps(folder: Path) -> int:
    """How many optimiser steps a cell took: one more than the step at which its last epoch was logged."""
    with (folder / "metrics.csv").open() as file:
        return 1 + max(int(row["step"]) for row in csv.DictReader(file) if row["train/acc"])


if __name__ == "__main__":
    main()
