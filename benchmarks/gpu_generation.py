"""The time of generation on a GPU, stage by stage, at the size of the paper's models. Prints a Markdown table.

GroundingDINO with Swin-T, SAM with ViT-H, a Llama of 13 billion parameters (not quantised, while the paper's is) and
SDXL, built on the device with random weights: they cost as much as trained ones, except for answers of the language
model, which never end before `--tokens`. Each stage is run alone, as `augment` runs it: threads read and decode, the
stage's own code calls the model, a real store keeps the results. Side by side: one by one in the number format of the
published script, then in batches. All images have one size, 500 x 375 pixels, so that every batch is full.

The last two columns are the shares of a stage's time in which the part was not calling its model (waiting for files,
encoding, writing, keys), and in which no network was running (the former, and the work around a network in a call:
resizing, tokens, boxes and masks). Random weights paint little, so that encoding a painted image takes less than usual.

Without a GPU the same code runs tiny models on the CPU, and the figures say nothing about speed. `--check-sizes` counts
the parameters of the full-size models without building them.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

import diffusers
import torch
import transformers
from PIL import Image as PillowImage
from torch import nn

from aga_lightning.augment.augmenter import ModelStage, Unit
from aga_lightning.augment.base import Part
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import BatchesAhead
from aga_lightning.augment.engine.probe import model_bytes
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.images.records import ImageRecord
from aga_lightning.workers import default_workers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from full_size import Recipe, recipes
from measuring import SIZE, Clock, drawn, head, parser, row, wait_for_gpu

SLOTS = {"boxes": "detector", "subjects": "segmenter", "captions": "captioner", "backgrounds": "painter"}
"""The setting of the part of each stage."""

PUBLISHED_DTYPE = {"boxes": "float32", "subjects": "float32", "captions": "float16", "backgrounds": "float16"}

PARAMETERS = {
    "GroundingDinoForObjectDetection": 172e6,
    "SamModel": 641e6,
    "LlamaForCausalLM": 13.0e9,
    "UNet2DConditionModel": 2.57e9,
    "AutoencoderKL": 83.7e6,
    "CLIPTextModel": 123e6,
    "CLIPTextModelWithProjection": 695e6,
}
"""Of the published checkpoints."""


class Arm(NamedTuple):
    """A way to run a stage."""

    name: str
    batch_size: int
    dtype: str
    compile: bool = False


class Outcome(NamedTuple):
    """Measurements of a stage: images, seconds in all, in calls and in networks, and peak memory in bytes."""

    images: int
    seconds: float
    calling: float
    computing: float
    memory: int


class Watch(Clock):
    """Adds up the seconds of some calls; of nested calls the outermost counts."""

    busy = False

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, timed."""

        def timed(*given: object, **options: object) -> object:
            if self.busy:
                return call(*given, **options)
            self.busy = True
            try:
                with self.turn():
                    return call(*given, **options)
            finally:
                self.busy = False

        return timed


def networks(model: object) -> list[nn.Module]:
    """The networks in what a part has loaded."""
    if isinstance(model, nn.Module):
        # SAM encodes by a method of its own, which calls this network.
        return [model, *([model.vision_encoder] if hasattr(model, "vision_encoder") else [])]
    if isinstance(model, tuple):
        return [network for item in model for network in networks(item)]
    if hasattr(model, "network"):
        return [model.network]
    return [item for item in getattr(model, "components", {}).values() if isinstance(item, nn.Module)]


@contextmanager
def watched(part: Pretrained, calls: Watch, forwards: Watch) -> Iterator[None]:
    """Time the calls of a part's model, and those of the networks in it.

    Networks are timed at the call of their class, which also works where they are compiled.
    """
    batched = part.batched

    def timed(items: Sequence[Any], call: Callable[..., Any], pad: bool = True) -> list[Any]:
        return batched(items, calls.around(call), pad)

    with ExitStack() as patches:
        patches.enter_context(patch.object(part, "batched", timed))
        for network in networks(part.model):
            kind = type(network)
            patches.enter_context(patch.object(kind, "__call__", forwards.around(kind.__call__)))
            for method in ("generate", "decode"):  # of language models, and of the decoder of images
                if hasattr(network, method):
                    patches.enter_context(patch.object(network, method, forwards.around(getattr(network, method))))
        yield


def stage_of(part: Pretrained, name: str, records: Sequence[ImageRecord], cache: Path) -> tuple[Collection, ModelStage]:
    """A store, and the one stage in which this part works; the other parts of the recipe have no model."""
    others: dict[str, Part] = {"detector": CentrePrior(), "painter": FlatColour()}
    aga = AGA(**{**others, SLOTS[name]: part}, gates=[], max_side=None)  # type: ignore[arg-type] # the slot is a string
    collection = Collection(aga, Store(cache), records, 1, 0)
    return collection, next(stage for stage in aga.stages(collection.store) if stage.models)


def advance(stage: ModelStage, units: Sequence[Unit], collection: Collection, workers: int, until: float) -> int:
    """Make units as `augment` does, until a time; how many."""
    made = 0
    for batch in BatchesAhead(units, stage.load, stage.batch_size, workers if stage.loads else 0):
        stage.advance(batch.items, batch.loaded, collection.store)
        made += len(batch.items)
        if time.perf_counter() > until:
            break
    return made


def measure(part: Pretrained, name: str, records: Sequence[ImageRecord], cache: Path, options: Any) -> Outcome:  # noqa: ANN401
    """Run a stage: a batch to warm up, the rest with the watch."""
    device = part.torch_device
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    collection, stage = stage_of(part, name, records, cache)
    warm = stage.batch_size
    advance(stage, stage.pending(collection.requests[:warm], collection.store), collection, 0, float("inf"))
    calls, forwards = Watch(), Watch()
    with watched(part, calls, forwards):
        wait_for_gpu()
        started = time.perf_counter()
        units = stage.pending(collection.requests[warm : warm + options.images], collection.store)
        made = advance(stage, units, collection, options.workers, started + options.limit_seconds)
        wait_for_gpu()
        seconds = time.perf_counter() - started
    memory = torch.cuda.max_memory_allocated(device) if cuda else model_bytes([part])
    stage.release()
    return Outcome(made, seconds, calls.total, forwards.total, memory)


def arms(name: str, recipe: Recipe, options: Any, cuda: bool) -> Iterator[Arm]:  # noqa: ANN401 argparse's
    """The ways to run a stage, the published one first."""
    yield Arm("one by one", 1, PUBLISHED_DTYPE[name] if cuda else "float32")
    sizes = options.batch or [recipe.part().batch_size]
    for size in sizes:
        yield Arm("in batches", size, "auto")
    if recipe.kind.half == torch.float32:
        yield Arm("in batches", sizes[-1], "bfloat16")
    if options.compile and name == "backgrounds":
        yield Arm("in batches, compiled", sizes[-1], "auto", True)


def rows(name: str, recipe: Recipe, records: Sequence[ImageRecord], folder: Path, options: Any) -> Iterator[str]:  # noqa: ANN401
    """The lines of one stage."""
    first = 0.0
    for number, arm in enumerate(arms(name, recipe, options, torch.cuda.is_available())):
        settings = {"batch_size": arm.batch_size, "dtype": arm.dtype} | ({"compile": True} if arm.compile else {})
        part = recipe.part(**settings)
        dtype = str(part.torch_dtype).removeprefix("torch.")
        try:
            took = measure(part, name, records, folder / f"{name}-{number}", options)
        finally:
            part.release()
        speed = took.images / took.seconds
        first = first or speed
        how = (name, recipe.kind.__name__, arm.name, arm.batch_size, dtype, took.images)
        shares = (f"{1 - share / took.seconds:.1%}" for share in (took.calling, took.computing))
        yield row(*how, f"{speed:.3g}", f"{speed / first:.2f}", f"{took.memory / 1e9:.3g}", *shares)


def check_sizes(folder: Path) -> Iterator[str]:
    """The parameters of the full-size models, counted without memory for them."""
    yield head("model", "parameters", "published")
    for recipe in recipes(True, folder, 50, 64).values():
        for network in networks(recipe.build(torch.device("meta"), torch.float16)):
            name = type(network).__name__
            if name in PARAMETERS:
                count = sum(weight.numel() for weight in network.parameters())
                wrong = "" if abs(count / PARAMETERS[name] - 1) < 0.005 else " DIFFERS"
                yield row(name, f"{count:,}", f"{PARAMETERS[name]:.3g}{wrong}")


def draw_photos(folder: Path, count: int) -> list[ImageRecord]:
    """Write drawn photos."""
    folder.mkdir()
    records = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        PillowImage.fromarray(drawn(*SIZE, number)).save(path, quality=92)
        records.append(ImageRecord(path, 0, "chickadee", "bird"))
    return records


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--stages", nargs="+", choices=list(SLOTS), default=list(SLOTS), help="what to measure")
    script.add_argument("--images", type=int, default=128, help="images of each measurement, at most")
    script.add_argument("--batch", type=int, nargs="+", help="batch sizes; by default each part's own")
    script.add_argument("--steps", type=int, default=50, help="denoising steps of the painter")
    script.add_argument("--tokens", type=int, default=64, help="new tokens of an answer of the language model")
    script.add_argument("--compile", action="store_true", help="also paint with a compiled denoiser; takes minutes")
    script.add_argument("--workers", type=int, default=default_workers(spare=0), help="threads that load")
    script.add_argument("--limit-seconds", type=float, default=30.0, help="end a measurement after this long")
    script.add_argument("--check-sizes", action="store_true", help="count the parameters of the full-size models only")
    options = script.parse_args()
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, diffusers {diffusers.__version__}"
    full = torch.cuda.is_available()
    with TemporaryDirectory() as place:
        folder = Path(place)
        if options.check_sizes:
            print(f"Full size, built without memory ({versions}).\n")
            print(*check_sizes(folder), sep="\n")
            return
        if full:
            print(f"{torch.cuda.get_device_name()}, loading threads: {options.workers}; {versions}.")
        else:
            print("No GPU: tiny models of random weights on the CPU. The figures say NOTHING about speed.")
            print(f"Loading threads: {options.workers}; {versions}.")
        titles = ("stage", "part", "how", "batch", "dtype", "images", "a second", "against the first", "peak GB")
        print(f"\n{head(*titles, 'outside calls', 'outside networks')}")
        most = max([8, *(options.batch or [])]) * 4
        records = draw_photos(folder / "photos", options.images + most)
        for name, recipe in recipes(full, folder, options.steps, options.tokens).items():
            if name in options.stages:
                for line in rows(name, recipe, records, folder, options):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
