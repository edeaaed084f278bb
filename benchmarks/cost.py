"""The cost of an augmented image, counted in calls of models. Prints Markdown tables.

The paper's size: ten augmentations of each of 13,046 images of ten classes. Side by side: the published script, which
repeats all work for each output image; `parts/paper.yaml`; the same with a bank of backgrounds, and with a painter of
four steps; and `parts/everyday.yaml`. Ours are counted by the stages themselves, the code that does the work, on real
requests and with the parts of the configurations, whose weights are not loaded: files of noise replace the photos,
since only their number, bytes, classes and sizes matter here.

The count assumes that every subject is found and accepted, that the first background is accepted, and that the first
answer of a language model is usable. If a stage depends on the result of an earlier one, the count is checked: by a
small run with parts that note each call, and by a tiny random Stable Diffusion XL whose denoiser calls are counted.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import diffusers
import jsonargparse
import numpy as np
import transformers
import yaml
from measuring import head, parser, row
from PIL import Image as PillowImage

import aga_lightning.cli.parts  # noqa: F401 configurations name parts by their bare class names
from aga_lightning.augment.base import Caption, Gate, Prompt, Scene, accelerated
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.configurations import find_config
from aga_lightning.datasets.imagenet.classes import IMAGENET10
from aga_lightning.images.records import ImageRecord

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny.costly import CostlyCaptioner, CostlyDetector, CostlyGate, CostlyPainter, CostlySegmenter, calls
from tiny.sdxl import save_tiny_sdxl

COUNTED = {
    "Boxes": "images through the detector",
    "Subjects": "images encoded by the segmenter",
    "Captions": "answers of the language model",
    "Backgrounds": "backgrounds painted",
    "denoiser": "evaluations of the denoiser",
    "BackgroundVerdicts": "backgrounds through a gate's detector",
    "Merging": "images merged (no model)",
}
"""Words for the counts, by the name of the stage."""

VERBS = {"Boxes": "detect", "Subjects": "segment", "Captions": "caption", "Backgrounds": "paint",
         "BackgroundVerdicts": "judge"}  # fmt: skip
"""The calls that the parts of `tests/tiny/costly.py` note, by the name of the stage that makes them."""


class Way(NamedTuple):
    """A way to augment: its counts, and the seconds of one core that counting took."""

    name: str
    counts: Mapping[str, int]
    seconds: float = 0.0


def draw_images(folder: Path, count: int) -> list[ImageRecord]:
    """Write distinct files of about 1 KB; classes differ in size by one image at most."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        label = number % len(IMAGENET10)
        kind = IMAGENET10[label]
        path = folder / kind.name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(rng.integers(60, 200, (17, 17, 3), np.uint8)).save(path)
        records.append(ImageRecord(path, label, kind.name, kind.superclass))
    return sorted(records, key=lambda record: record.label)


def merged(settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Two configurations as one; the second wins."""
    both = dict(settings)
    for name, value in others.items():
        before = both.get(name)
        both[name] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return both


def configured(*names: str, **settings: object) -> AGA:
    """The method of some shipped configurations and of further settings; later ones win."""
    content: dict[str, Any] = {}
    for name in names:
        content = merged(content, yaml.safe_load(Path(find_config(name)).read_text(encoding="utf-8")))
    augmenter = merged(content["data"]["augmenter"], {"init_args": settings})
    reader = jsonargparse.ArgumentParser(exit_on_error=False)
    reader.add_subclass_arguments(AGA, "augmenter")
    method = reader.instantiate(reader.parse_object({"augmenter": augmenter})).augmenter
    assert isinstance(method, AGA)
    return method


def published(images: int, degree: int) -> dict[str, int]:
    """Count the calls of the authors' script (their generate_new_image.py, with utils.py).

    One run makes one output of each image and keeps nothing else, so that `degree` outputs take as many runs.
    """
    counts: Counter[str] = Counter()
    for _ in range(degree):
        for _ in range(images):
            counts["Boxes"] += 1  # GroundingDINO, asked for the superclass
            counts["Subjects"] += 1  # SamPredictor.set_image
            counts["Captions"] += 1  # the language model, up to 512 new tokens
            counts["Backgrounds"] += 1
            counts["denoiser"] += 50 * 2  # the pipeline's defaults: 50 steps, guidance 5.0
            counts["Merging"] += 1
    return counts


def counted(collection: Collection) -> dict[str, int]:
    """The work that our stages announce."""
    tasks = workload(collection)
    return {task.name: task.units for task in tasks} | {"denoiser": sum(task.denoiser_calls for task in tasks)}


def our_way(name: str, method: AGA, records: Sequence[ImageRecord], degree: int, cache: Path) -> Way:
    """Count a method for an empty store."""
    started = time.process_time()
    counts = counted(Collection(method, Store(cache), records, degree, 0))
    return Way(name, counts, time.process_time() - started)


def count_table(ways: Sequence[Way], outputs: int) -> Iterator[str]:
    """Totals, and in brackets the share of one augmented image."""
    yield head("counted", *(way.name for way in ways))
    for stage, words in COUNTED.items():
        cells = [f"{way.counts.get(stage, 0):,} ({way.counts.get(stage, 0) / outputs:.3g})" for way in ways]
        yield row(words, *cells)


def saving_table(ways: Sequence[Way]) -> Iterator[str]:
    """Factors by which the counts are smaller than in the first way."""
    yield head("times fewer", *(way.name for way in ways[1:]))
    for stage, words in COUNTED.items():
        before = ways[0].counts.get(stage, 0)
        if before and stage != "Merging":
            cells = [f"{before / way.counts[stage]:,.1f}" for way in ways[1:]]
            yield row(words, *cells)


def with_fakes(method: AGA, log: Path, bank: int) -> AGA:
    """The same method with parts that note their calls in place of those with models, and a bank of another size."""
    path = str(log)

    def gate(given: Gate) -> Gate:
        return CostlyGate(path) if accelerated(given) else given

    return AGA(
        CostlyDetector(path),
        CostlySegmenter(path),
        method.prompts,
        CostlyCaptioner(path),
        method.captions_per_combination,
        CostlyPainter(path),
        None if method.bank is None else BackgroundBank(size=bank, max_reuse=method.bank.max_reuse),
        method.attempts,
        method.merging,
        [gate(given) for given in method.gates],
        method.max_side,
    )


def small_run(method: AGA, records: Sequence[ImageRecord], degree: int, folder: Path) -> tuple[dict[str, int], ...]:
    """Count beforehand, then run everything with fakes and count their calls: both counts, by stage."""
    log = folder / "calls.txt"
    fakes = with_fakes(method, log, max(1, len(records) * degree // 10))
    collection = Collection(fakes, Store(folder / "cache"), records, degree, 0)
    before = counted(collection)
    fill(collection, images=False)
    finished = [outcome for group in collection.pending() for outcome in collection.make(group)]
    made = calls(log)
    after = {stage: made[verb] for stage, verb in VERBS.items() if stage in before}
    after["Merging"] = sum(outcome.path is not None for outcome in finished)
    return {stage: before[stage] for stage in after}, after


def denoiser_check(painter: DiffusionPainter, weights: Path, images: int = 3) -> tuple[int, int]:
    """Evaluations of the denoiser for one image: by the settings, and as counted on a tiny random SDXL."""
    tiny = DiffusionPainter(
        weights=str(weights),
        steps=painter.steps,
        guidance=painter.guidance,
        scheduler=painter.scheduler,
        scheduler_settings=painter.scheduler_settings,
        redraws=0,
        batch_size=images,
        device="cpu",
    )
    rows = Counter[str]()

    def count(_: object, given: Sequence[Any], options: Mapping[str, Any]) -> None:
        latents = given[0] if given else options["sample"]
        rows["all"] += len(latents)

    hook = tiny.model.unet.register_forward_pre_hook(count, with_kwargs=True)
    prompt = Prompt("", "on a beach", "at dusk")
    tiny.paint([Scene(Caption("a beach at dusk", prompt), (64, 64), seed) for seed in range(images)])
    hook.remove()
    return painter.denoiser_calls_per_image(), rows["all"] // images


def information(table: np.ndarray) -> float:
    """Mutual information of the two sides of a table of counts, in bits."""
    joint = table / table.sum()
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log2(joint[seen] / alone[seen])).sum())


def bank_facts(size: int, records: Sequence[ImageRecord], degree: int, cache: Path) -> Iterator[str]:
    """Facts about the distribution of a bank's backgrounds, beside a random distribution."""
    store, bank = Store(cache), BackgroundBank(size=size)
    images = [(record.class_name, store.digest(record.path)) for record in records]
    started = time.process_time()
    bank.open(images)
    dealt = np.array([[bank.background(name, digest, v) for v in range(degree)] for name, digest in images])
    took = time.process_time() - started
    labels = np.repeat([record.label for record in records], degree)
    titles = (
        "backgrounds",
        "dealt",
        "used",
        "uses of each",
        "a class's uses of each",
        "repeats within an image",
        "bits",
    )
    yield head(*titles)
    rng = np.random.default_rng(0)
    for name, cards in (("by the bank", dealt), ("at random", rng.integers(0, size, dealt.shape))):
        table = np.zeros((len(IMAGENET10), size), np.int64)
        np.add.at(table, (labels, cards.ravel()), 1)
        used = table.sum(0)
        within = sum(degree - len(set(drawn)) for drawn in cards.tolist())
        uses = (f"{(used > 0).sum():,}", f"{used.min()} to {used.max()}", f"{table.min()} to {table.max()}")
        yield row(f"{size:,}", name, *uses, f"{within:,} of {dealt.size:,}", f"{information(table):.5f}")
    random = (len(IMAGENET10) - 1) * (size - 1) / (2 * dealt.size * np.log(2))
    yield ""
    yield (
        "Bits: mutual information of background and class. Of random dealing about (classes - 1) (backgrounds - 1) / "
        f"(2 images ln 2) = {random:.5f} is expected; the class itself has {np.log2(len(IMAGENET10)):.2f}. "
        f"Dealing took {took:.2f} s."
    )


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--images", type=int, default=13_046, help="training images")
    script.add_argument("--degree", type=int, default=10, help="augmentations of each")
    script.add_argument("--bank", type=int, default=2_000, help="backgrounds, where a bank is put into paper.yaml")
    script.add_argument("--check-images", type=int, default=60, help="images of the check with fakes; 0 leaves it out")
    script.add_argument("--check-degree", type=int, default=4, help="augmentations of each in the check")
    options = script.parse_args()
    images, degree = options.images, options.degree
    paper, lightning = "parts/paper.yaml", "parts/sdxl-lightning.yaml"
    methods = {
        "paper.yaml": configured(paper),
        f"paper.yaml + bank of {options.bank:,}": configured(paper, bank={"size": options.bank}),
        "paper.yaml + sdxl-lightning.yaml": configured(paper, lightning),
        "everyday.yaml": configured("parts/everyday.yaml"),
    }
    with TemporaryDirectory() as place:
        folder = Path(place)
        records = draw_images(folder / "images", images)
        ways = [Way("published script", published(images, degree))]
        ways += [our_way(name, method, records, degree, folder / "cache") for name, method in methods.items()]
        outputs = images * degree
        print(f"{images:,} images x {degree} = {outputs:,} augmented images; in brackets per augmented image.\n")
        print(*count_table(ways, outputs), "", *saving_table(ways), "", sep="\n")
        times = ", ".join(f"{way.seconds:.0f} s ({way.name})" for way in ways[1:])
        print(f"Counting took one core {times}; the first of them hashed the files.\n", flush=True)
        for size in {method.bank.size: None for method in methods.values() if method.bank is not None}:
            print(*bank_facts(size, records, degree, folder / "cache"), "", sep="\n")
        if options.check_images:
            check(methods, options.check_images, options.check_degree, folder)


def check(methods: Mapping[str, AGA], images: int, degree: int, folder: Path) -> None:
    """Print the announced counts beside the counted calls."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    records = draw_images(folder / "few", images)
    weights = save_tiny_sdxl(folder / "sdxl")
    print(f"The check: {images} images x {degree}, with fakes (and a bank of a tenth, where there is one).\n")
    print(head("configuration", "stage", "counted beforehand", "called"))
    for number, (name, method) in enumerate(methods.items()):
        before, after = small_run(method, records, degree, folder / f"check-{number}")
        for stage, units in after.items():
            print(row(name, stage, before[stage], f"{units}{'' if units == before[stage] else ' DIFFERS'}"))
        if isinstance(method.painter, DiffusionPainter):
            said, called = denoiser_check(method.painter, weights)
            print(row(name, "denoiser, an image", said, f"{called}{'' if said == called else ' DIFFERS'}"), flush=True)


if __name__ == "__main__":
    main()
