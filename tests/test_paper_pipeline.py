"""The shipped pipelines, whole: `parts/paper.yaml` and `everyday.yaml` on tiny checkpoints of the real classes."""

import json
from collections import Counter

import pytest
import torch
from tiny.gptq import build_gptq
from tiny.grounding_dino import save_grounding_dino
from tiny.llama import build_llama
from tiny.processes import Job
from tiny.sam import save_sam, save_sam2
from tiny.sdxl import save_tiny_sdxl

from aga_lightning.augment.detectors.zero_shot import ZeroShotDetector
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.segmenters.sam import SAM
from aga_lightning.images.codec import decode_rgb

pytestmark = pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")

QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A folder for each of the four models."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save_grounding_dino(folder / "grounding-dino")
    save_sam(folder / "sam")
    save_sam2(folder / "sam2")
    build_gptq(folder / "llama-gptq")
    build_llama(folder / "llama", chat=True)
    save_tiny_sdxl(folder / "sdxl")
    return folder


# What a user with other weights puts behind the paper's configuration. Random weights are sure of nothing, hence the
# thresholds; the rest makes it quick.
OWN = """
data:
  augmenter:
    class_path: AGA
    init_args:
      detector:
        class_path: GroundingDINO
        init_args: {{weights: {folder}/grounding-dino, threshold: 0.0, text_threshold: 0.0}}
      segmenter: {{class_path: SAM, init_args: {{weights: {folder}/sam}}}}
      captioner:
        class_path: Llama2GPTQ
        init_args: {{weights: {folder}/llama-gptq, max_new_tokens: 8, tries: 2}}
      painter:
        class_path: DiffusionPainter
        init_args: {{weights: {folder}/sdxl, variant: null, steps: 2, width: 64, height: 64}}
"""


@pytest.fixture
def words(checkpoints, disc_folder, tmp_path):
    """What is typed behind the verb: the paper's configuration, with local weights and few steps."""
    pytest.importorskip("gptqmodel", reason="the extra [gptq] is not installed")
    own = tmp_path / "own.yaml"
    own.write_text(OWN.format(folder=checkpoints))
    return [
        *("--config", "photos.yaml", "--config", "parts/paper.yaml", "--config", str(own)),
        *("--data.dataset.root", str(disc_folder), "--data.degree", "2", "--data.num_workers", "0", *QUIET),
    ]


def counting(monkeypatch):
    """Counts the items that the models are given, in this process."""
    seen = Counter()

    def count(kind, verb):
        call = getattr(kind, verb)

        def counted(self, items, *others):
            seen[verb] += len(items)
            return call(self, items, *others)

        monkeypatch.setattr(kind, verb, counted)

    count(ZeroShotDetector, "detect")
    count(SAM, "segment")
    count(DiffusionPainter, "paint")
    return seen


def images(folder):
    (collection,) = (folder / "cache" / "augmented").iterdir()
    return {str(path.relative_to(collection)): path.read_bytes() for path in sorted(collection.rglob("*.jpg"))}


def test_augment_and_fit_run_the_whole_of_it(words, command, tmp_path, monkeypatch, disc_folder, capsys):
    monkeypatch.chdir(tmp_path)
    seen = counting(monkeypatch)
    command("augment", *words)
    made = images(tmp_path)
    (collection,) = (tmp_path / "cache" / "augmented").iterdir()
    rows = [json.loads(line) for line in (collection / "metadata.jsonl").read_text().splitlines()]
    rejects = (collection / "rejected.jsonl").read_text().splitlines()
    assert len(made) == len(rows) >= 12
    assert len(rows) + len(rejects) == 16
    # Once a photo, and once a background.
    assert (seen["detect"], seen["segment"], seen["paint"]) == (8, 8, len(made))
    # Random weights write rubbish, which the template replaces.
    assert all(row["caption"] for row in rows)
    assert all(row["caption_fallback"] or row["caption_tries"] <= 2 for row in rows)
    assert len({row["caption"] for row in rows}) > len(rows) / 2
    card = (collection / "DATASET_CARD.md").read_text()
    for part in ("GroundingDINO", "SAM", "Llama2GPTQ", "DiffusionPainter"):
        assert part in card
    assert {decode_rgb(data).shape for data in made.values()} == {(48, 48, 3)}

    before = dict(seen)
    fit = [
        "--model.weights",
        "null",
        "--model.width",
        "8",
        "--trainer.max_epochs",
        "1",
        "--data.steps_per_epoch",
        "2",
        "--data.image_size",
        "32",
    ]
    fit += ["--data.batch_size", "4", "--trainer.check_val_every_n_epoch", "1", "--trainer.log_every_n_steps", "1"]
    command("fit", *words, *fit)
    assert dict(seen) == before
    assert images(tmp_path) == made
    assert list((tmp_path / "runs").glob("version_*/results.json"))


@pytest.fixture
def one_thread():
    """Sums are rounded in another order by another number of threads, and each of two ranks takes half of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_ranks_make_the_bytes_of_one_process(words, command, tmp_path, monkeypatch, one_thread):
    words += ["--data.degree", "1"]
    for name in ("alone", "ranks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    command("augment", *words)
    words += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    Job(
        f"import sys; from aga_lightning.cli import main; sys.argv += {['augment', *words]}; main.run()",
        tmp_path / "ranks",
        2,
    ).end()
    assert images(tmp_path / "ranks") == images(tmp_path / "alone") != {}


EVERYDAY = """
data:
  augmenter:
    class_path: AGA
    init_args:
      detector:
        class_path: GroundingDINO
        init_args: {{weights: {folder}/grounding-dino, threshold: 0.0, text_threshold: 0.0}}
      segmenter: {{class_path: SAM, init_args: {{weights: {folder}/sam2}}}}
      captioner: {{class_path: LanguageModel, init_args: {{weights: {folder}/llama, max_new_tokens: 8, tries: 2}}}}
      painter:
        class_path: DiffusionPainter
        init_args: {{weights: {folder}/sdxl, variant: null, unet: null, width: 64, height: 64}}
      bank: {{size: 3}}
      gates:
        - {{class_path: AvoidedWords}}
        - {{class_path: BlankBackground}}
        - class_path: SubjectLeak
          init_args:
            min_area: 0.99  # random weights see something everywhere, but not everywhere at once
            detector: {{class_path: GroundingDINO, init_args: {{weights: {folder}/grounding-dino}}}}
"""


def test_the_everyday_pipeline_paints_its_bank_and_no_more(checkpoints, command, tmp_path, monkeypatch, disc_folder):
    monkeypatch.chdir(tmp_path)
    seen = counting(monkeypatch)
    (tmp_path / "own.yaml").write_text(EVERYDAY.format(folder=checkpoints))
    words = ["--config", "photos.yaml", "--config", "parts/everyday.yaml", "--config", "own.yaml", *QUIET]
    words += ["--data.dataset.root", str(disc_folder), "--data.degree", "4", "--data.num_workers", "0"]
    command("augment", *words)
    assert len(images(tmp_path)) == 32
    assert seen["segment"] == 8
    # The photos, then each background of the bank before each of two kinds of thing.
    assert (seen["detect"], seen["paint"]) == (8 + 2 * 3, 3)
