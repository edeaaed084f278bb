"""Does AGA help, and why? The same network and the same number of optimiser steps for every arm.

    python benchmarks/effect.py                                        FieldGuide: all arms, 3 seeds
    python benchmarks/effect.py --data photos --root PATH              an ImageFolder of photos with train/ and val/
    python benchmarks/effect.py --arms none aga-4x --seeds 0
    python benchmarks/effect.py --explain                              Table 2 of the paper: none against aga-4x

Each cell is one `python -m aga_lightning fit` in a process of its own, on one thread; finished cells are kept, so that
the script can be stopped and started again. Seeds change the training images (FieldGuide), the network's start, the
order and the augmentations; the images judged on are always the same. The checkpoint that is judged is the one with
the best accuracy on the validation set. All arms take the same number of optimiser steps, so `none` is the control of
originals only at equal steps.

`--explain` tests the finished cells once more with the callback Faithfulness, each arm beside `none` of the same seed:
Grad-CAM for the true class, on the same images for both, and for AIC and SIC on those that both can use.
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

from aga_lightning.run_folder import set_aside

NO_AUGMENTER = ["--data.augmenter", "null"]
ALIKE = "[dunes, brick, skyline, flower, beach, canyon, fence, dusk, sunset]"

ARMS = {
    "none": NO_AUGMENTER,
    "randaugment": [*NO_AUGMENTER, "--data.policy", "randaugment"],
    "trivialaugment": [*NO_AUGMENTER, "--data.policy", "trivialaugment"],
    "augmix": [*NO_AUGMENTER, "--data.policy", "augmix"],
    "mixup": [*NO_AUGMENTER, "--model.mixing", "mixup"],
    "cutmix": [*NO_AUGMENTER, "--model.mixing", "cutmix"],
    "aga-1x": ["--data.degree", "1"],
    "aga-2x": ["--data.degree", "2"],
    "aga-4x": ["--data.degree", "4"],
    "no look-alikes 4x": ["--data.degree", "4", "--data.augmenter.prompts.exclude", ALIKE],
    "flat colour 4x": ["--data.degree", "4", "--data.augmenter.painter", "FlatColour"],
    "donor 4x": ["--data.degree", "4", "--data.augmenter.painter", "DonorPhotos"],
    "mean colour 4x": ["--data.degree", "4", "--data.augmenter", "MeanColourBackground"],
    "blurred background 4x": ["--data.degree", "4", "--data.augmenter", "BlurredBackground"],
    "own background 4x": ["--data.degree", "4", "--data.augmenter", "OwnBackground"],
    "background swap 4x": ["--data.degree", "4", "--data.augmenter", "BackgroundSwap"],
    "swap within class 4x": [
        *("--data.degree", "4", "--data.augmenter", "BackgroundSwap", "--data.augmenter.backgrounds", "same"),
    ],
    "flat colour 2x": ["--data.degree", "2", "--data.augmenter.painter", "FlatColour"],
    "donor 2x": ["--data.degree", "2", "--data.augmenter.painter", "DonorPhotos"],
    "aga swapped in at 0.3": ["--data.degree", "2", "--data.replace_probability", "0.3"],
    "donor swapped in at 0.3": [
        *("--data.degree", "2", "--data.replace_probability", "0.3", "--data.augmenter.painter", "DonorPhotos"),
    ],
}
ON_BIRDS = ("none", "randaugment", "trivialaugment", "augmix", "mixup", "cutmix", "aga-1x", "aga-2x", "aga-4x",
            "no look-alikes 4x", "flat colour 4x", "donor 4x", "mean colour 4x", "blurred background 4x",
            "own background 4x", "background swap 4x", "swap within class 4x")  # fmt: skip
ON_PHOTOS = ("none", "randaugment", "aga-2x", "flat colour 2x", "donor 2x", "aga swapped in at 0.3",
             "donor swapped in at 0.3")  # fmt: skip
RELIANCE = ("only_fg", "only_bg_t", "mixed_same", "mixed_rand")


@dataclass(frozen=True)
class Experiment:
    """A configuration, the arms that make sense for it, its sets made by masks, and how a seed enters its data."""

    config: str
    arms: tuple[str, ...]
    background_sets: tuple[str, ...] = ()
    seeded_data: str | None = None


EXPERIMENTS = {
    "fieldguide": Experiment("quickstart.yaml", ON_BIRDS, RELIANCE, "--data.dataset.seed"),
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
    parser.add_argument("--explain", action="store_true", help="where the arms look, and how faithful that is")
    parser.add_argument("--images", type=int, default=320, help="images of each set to explain")
    parser.add_argument("--layer", default="net.layer2", help="of Grad-CAM; at 64 px it has the 8 x 8 cells that the "
                        "last layer has at 224")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("runs/effect"))
    parser.add_argument("settings", nargs="*", help="more settings for every cell, after --")
    options = parser.parse_args()

    experiment = EXPERIMENTS[options.data]
    arms = tuple(options.arms or (("none", "aga-4x") if options.explain else experiment.arms))
    if options.explain and "none" not in arms:
        parser.error("--explain compares with the arm none: name it too")
    cells = [(arm, seed) for seed in options.seeds for arm in arms]
    with ThreadPoolExecutor(options.jobs) as pool:
        folders = list(pool.map(lambda cell: run(experiment, *cell, options), cells))
    if options.explain:
        others = [(arm, seed) for seed in options.seeds for arm in arms if arm != "none"]
        with ThreadPoolExecutor(options.jobs) as pool:
            tables = list(pool.map(lambda cell: explain(experiment, *cell, options), others))
        print_faithfulness(dict(zip(others, tables, strict=True)), options)
    else:
        print_table(dict(zip(cells, folders, strict=True)), arms, options.seeds)


def run(experiment: Experiment, arm: str, seed: int, options: argparse.Namespace) -> Path:
    """Fit one cell, unless it is finished; its folder."""
    folder = place(arm, seed, options)
    if not (folder / "results.json").exists():
        start("fit", experiment, arm, seed, folder, ["--trainer.callbacks", "[]"], options)
        print(f"{arm}, seed {seed}: {accuracies(folder)}", file=sys.stderr, flush=True)
    return folder


def place(arm: str, seed: int, options: argparse.Namespace) -> Path:
    """The folder of a cell."""
    folder: Path = options.out / options.data / arm.replace(" ", "-") / f"seed-{seed}"
    return folder


def start(
    verb: str,
    experiment: Experiment,
    arm: str,
    seed: int,
    folder: Path,
    settings: list[str],
    options: argparse.Namespace,
) -> None:
    """Run a verb with the settings of a cell, in a process of its own and on one thread."""
    command = [sys.executable, "-m", "aga_lightning", verb, "--config", experiment.config]
    command += ["--seed_everything", str(seed), "--data.augmentation_seed", str(seed)]
    command += [experiment.seeded_data, str(seed)] if experiment.seeded_data else []
    command += ["--data.dataset.root", options.root] if options.root else []
    sets = ",".join(experiment.background_sets if verb == "fit" else ())
    command += ["--data.background_sets", f"[{sets}]"] if sets else []
    command += ["--data.num_workers", "0", "--trainer.enable_progress_bar", "false", "--trainer.run_dir", str(folder)]
    command += [*settings, *ARMS[arm], *options.settings]
    folder.mkdir(parents=True, exist_ok=True)
    set_aside(folder)  # of a start that was killed
    with (folder / "log.txt").open("w") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if code.returncode:
        raise SystemExit(f"{arm}, seed {seed} failed: see {folder / 'log.txt'}")


def explain(experiment: Experiment, arm: str, seed: int, options: argparse.Namespace) -> list[dict[str, str]]:
    """The rows of Faithfulness for a finished cell beside `none` of its seed."""
    cell = place(arm, seed, options)
    folder = cell / f"explain-{options.layer}-{options.images}"
    table = folder / "explain" / "test" / "faithfulness.csv"
    if not table.exists():
        callback = {
            "class_path": "Faithfulness",
            "init_args": {
                "images": options.images,
                "layer": options.layer,
                "workers": 1,
                "compare_to": str(checkpoint(place("none", seed, options))),
            },
        }
        settings = ["--trainer.callbacks", json.dumps([callback]), "--ckpt_path", str(checkpoint(cell))]
        start("test", experiment, arm, seed, folder, settings, options)
    with table.open() as file:
        return list(csv.DictReader(file))


def checkpoint(cell: Path) -> Path:
    """The checkpoint of a cell that is judged."""
    return cell / "checkpoints" / "best.ckpt"


def accuracies(folder: Path) -> dict[str, float]:
    """Accuracy of a finished cell on each set, in per cent."""
    results = json.loads((folder / "results.json").read_text())
    return {name: round(100 * metrics["acc"], 2) for name, metrics in results.items() if "acc" in metrics}


def print_table(folders: dict[tuple[str, int], Path], arms: tuple[str, ...], seeds: list[int]) -> None:
    """Mean and standard deviation over the seeds, and the gain over `none` of the same seed."""
    cells = {cell: accuracies(folder) for cell, folder in folders.items()}
    steps = {cell: optimiser_steps(folder) for cell, folder in folders.items()}
    names = {arm: f"{arm} | {'/'.join(sorted({str(steps[arm, seed]) for seed in seeds}))}" for arm in arms}
    made = [f"ood/{name}" for name in RELIANCE]
    sets = list(next(iter(cells.values())))
    print(f"Accuracy in %, mean +- standard deviation over the seeds {seeds}; in brackets the mean gain over `none`,")
    print("paired by seed, and its lowest and highest value.\n")
    print_columns(names, cells, [name for name in sets if name not in made], seeds)
    if set(made) <= set(sets):
        for cell in cells.values():
            cell["gap"] = round(cell["ood/mixed_same"] - cell["ood/mixed_rand"], 2)
        print("\nHow much the arms go by backgrounds: the test images' subjects on black, their backgrounds alone, and")
        print("their subjects before other test images' backgrounds, of the same class or of any. The gap is the")
        print("difference of the last two, in points.\n")
        print_columns(names, cells, [*made, "gap"], seeds)


def print_columns(
    names: dict[str, str], cells: dict[tuple[str, int], dict[str, float]], sets: list[str], seeds: list[int]
) -> None:
    """A table: a row an arm, a column a set."""
    print("| arm | steps | " + " | ".join(sets) + " |")
    print("|---" * (len(sets) + 2) + "|")
    for arm, title in names.items():
        row = [title]
        for name in sets:
            values = [cells[arm, seed][name] for seed in seeds]
            text = f"{statistics.mean(values):.1f} +- {statistics.stdev(values) if len(values) > 1 else 0:.1f}"
            if arm != "none" and "none" in names:
                gains = [cells[arm, seed][name] - cells["none", seed][name] for seed in seeds]
                text += f" ({statistics.mean(gains):+.1f}: {min(gains):+.1f}..{max(gains):+.1f})"
            row.append(text)
        print("| " + " | ".join(row) + " |")


def print_faithfulness(tables: dict[tuple[str, int], list[dict[str, str]]], options: argparse.Namespace) -> None:
    """For each arm beside `none`, each measure's mean and standard deviation over the seeds, and the paired gain."""
    print(f"Mean +- standard deviation over the seeds {options.seeds}, for Grad-CAM of {options.layer} and the true")
    print(
        f"class on {options.images} images of each set. In brackets the mean gain over `none`, paired by seed, and its"
    )
    print("lowest and highest value. AIC and SIC are those of the images that both models can use; in square brackets,")
    print("how many. Higher is better in all rows but those of deletion.")
    for arm in dict.fromkeys(arm for arm, _ in tables):
        cells = {
            seed: {
                (row["set"], row["model"], row["measure"]): row
                for row in tables[arm, seed]
                if row["images"] == "common"
            }
            for seed in options.seeds
        }
        sets = list(dict.fromkeys(row["set"] for row in tables[arm, options.seeds[0]]))
        measures = dict.fromkeys(row["measure"] for row in tables[arm, options.seeds[0]])
        print("\n| measure | arm | " + " | ".join(sets) + " |")
        print("|---" * (len(sets) + 2) + "|")
        for measure in measures:
            for model, title in (("baseline", "none"), ("this model", arm)):
                row = [measure.replace("_", " "), title]
                for name in sets:
                    values = [value(cells[seed].get((name, model, measure))) for seed in options.seeds]
                    text = f"{statistics.mean(values):.3f} +- {statistics.stdev(values) if len(values) > 1 else 0:.3f}"
                    if model == "this model":
                        without = [value(cells[seed].get((name, "baseline", measure))) for seed in options.seeds]
                        gains = [ours - theirs for ours, theirs in zip(values, without, strict=True)]
                        text += f" ({statistics.mean(gains):+.3f}: {min(gains):+.3f}..{max(gains):+.3f})"
                    if measure in ("aic", "sic"):
                        used = sorted(int(cells[seed][name, model, measure]["used"]) for seed in options.seeds)
                        text += f" [{used[0]}..{used[-1]}]"
                    row.append(text)
                print("| " + " | ".join(row) + " |")


def value(row: dict[str, str] | None) -> float:
    """A number of Faithfulness; NaN where no image could be used."""
    return float(row["value"] or "nan") if row else float("nan")


def optimiser_steps(folder: Path) -> int:
    """How many optimiser steps a cell took: one more than the step at which its last epoch was logged."""
    with (folder / "metrics.csv").open() as file:
        return 1 + max(int(row["step"]) for row in csv.DictReader(file) if row["train/acc"])


if __name__ == "__main__":
    main()
