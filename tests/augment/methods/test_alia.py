from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.blip import save_blip
from tiny.clip_model import save_clip
from tiny.llama import build_llama
from tiny.sd1 import save_tiny_instruct, save_tiny_sd1
from tiny.shown import shown
from tiny.summary import DOMAINS, Namer, Sayer

from aga_lightning.augment.base import ImageEditor, Request
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.probe import probe
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.gates.confidence import ConfidenceRule
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.methods.alia import ALIA, PRESETS
from aga_lightning.images.codec import decode_rgb

CPU = torch.device("cpu")
STEP = 20


class Shades(ImageEditor):
    """Paints grey: as many times 20 as the last word of the text says, 0 where that is no number. Notes the edits."""

    needs_accelerator = True

    def __init__(self):
        self._edits = []

    def edit(self, edits):
        self._edits += edits
        words = [edit.text.split()[-1] for edit in edits]
        levels = [STEP * int(word) if word.isdigit() else 0 for word in words]
        return [np.full_like(edit.image, level) for edit, level in zip(edits, levels, strict=True)]


def number(image):
    """What `Shades` was told; photos of `plain_records` have numbers too."""
    return round(float(image.mean()) / STEP)


def arm(**settings):
    stand_ins = {"image_captioner": Namer(), "summariser": Sayer(), "editor": Shades(), "semantic_filter": None}
    return ALIA(**(stand_ins | settings))


def opened(method, records, folder, degree=2, seed=0):
    return Collection(method, Store(folder), records, degree, seed)


def made(collection):
    """All outcomes, and what is kept of them: the image's bytes, or the reason."""
    outcomes = collection.make(collection.requests)
    return [outcome.path.read_bytes() if outcome.path else outcome.reason for outcome in outcomes]


def facts(collection):
    return [dict(entry.facts) for entry in collection.shelf.entries().values()]


@pytest.fixture
def plain_records(tmp_path, disc_records):
    """A grey photo of number 0 and 1 of one class, and of number 2 of the other."""
    for level, record in enumerate(disc_records[:2] + disc_records[-1:]):
        Image.fromarray(np.full((16, 24, 3), STEP * level, np.uint8)).save(record.path)
    return disc_records[:2] + disc_records[-1:]


def test_the_defaults_are_those_that_were_published():
    method = ALIA()
    assert (method.strength, method.captions_shown, method.domain_count) == (0.6, 20, 10)
    assert method.image_captioner.weights == "Salesforce/blip-image-captioning-large"
    editor = method.editor
    assert editor.weights == "stable-diffusion-v1-5/stable-diffusion-v1-5" and editor.guidance == 7.5
    assert editor.denoiser_calls_per_image(method.strength) == 60
    clip = method.semantic_filter
    assert clip.weights == "openai/clip-vit-large-patch14" and clip.positives == ("a photo of a {superclass}",)
    negatives = ["a photo of an object", "a photo of geometric shapes", "a photo", "an image", "a painting"]
    assert list(clip.negatives) == negatives


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_published_list_needs_neither_captions_nor_a_language_model(preset, disc_records, tmp_path):
    method = arm(domains=preset)
    collection = opened(method, disc_records, tmp_path / "cache", degree=len(PRESETS[preset]))
    assert method.image_captioner is None and method.summariser is None
    assert [stage.title for stage in method.stages(collection.store)] == ["Pictures"]
    made(collection)
    assert {row["domain"] for row in facts(collection)} == set(PRESETS[preset])
    # It is the texts that count, wherever they come from, and no model beside them.
    listed = arm(domains=list(PRESETS[preset]), image_captioner=Namer("other"), summariser=None)
    requests = collection.requests
    texts = [[shown(one, request, collection.store) for request in requests] for one in (listed, method)]
    assert texts[0] == texts[1]


def test_each_training_image_is_edited_into_domains_that_are_found_in_all_of_them(disc_records, tmp_path):
    method = arm(strength=0.5)
    collection = opened(method, disc_records, tmp_path / "cache", degree=4)
    made(collection)
    edits = method.editor._edits
    assert len(edits) == 32 and {edit.strength for edit in edits} == {0.5} and all(edit.mask is None for edit in edits)
    assert len(method.image_captioner._seen) == 8 and len(method.summariser._asked) == 1
    rows = facts(collection)
    assert all(row["caption"] == row["domain"].replace("{class}", row["class"]) for row in rows)
    by_image = Counter((row["source"], row["domain"]) for row in rows)
    assert len(by_image) == 16 and set(by_image.values()) == {2}, "each image meets each domain once before one twice"
    first = {row["domain"] for row in rows if row["variant"] == 0}
    assert first == set(DOMAINS), "not all images begin with the same one"


def test_what_a_request_shows_is_its_own_affair(disc_records, tmp_path):
    orders = {}
    for records in (disc_records, disc_records[::-1]):
        method = arm()
        collection = opened(method, records, tmp_path / "cache", degree=3)
        for request in records:
            next(iter(method.augment([Request(request, 2)], collection.store)))
        orders[records is disc_records] = {record: shown(method, Request(record, 2), collection.store).text
                                           for record in disc_records}  # fmt: skip
    assert orders[True] == orders[False]
    given = arm(domains=["a 1", "a 2", "a 3"])
    seeds = [shown(given, Request(disc_records[0], 0, seed), collection.store).text for seed in range(12)]
    assert set(seeds) == {"a 1", "a 2", "a 3"}


def test_the_name_of_the_set_holds_the_training_images_that_domains_are_found_in(disc_records, tmp_path):
    def name(records, **settings):
        return opened(arm(**settings), records, tmp_path / "cache").name

    assert name(disc_records) == name(disc_records[::-1]) != name(disc_records[:-1])
    assert name(disc_records, domains=["x y"]) == name(disc_records[:-1], domains=["x y"]) != name(disc_records)
    assert name(disc_records, captions_shown=5) != name(disc_records) != name(disc_records, summariser=Sayer(tries=2))
    assert arm(domains=["x y"]).learned() == {}


ANGLES = {"a photo of a fruit": 0, "a photo of an object": 60, "a photo": 100}


class Hand(ClipFilter):
    """Embeddings in a plane: a picture of number n points to 10 n degrees, a text where `ANGLES` says."""

    def __init__(self):
        super().__init__(negatives=list(ANGLES)[1:])

    def image_features(self, images):
        return self.pointing([10 * number(image) for image in images])

    def text_features(self, texts):
        return self.pointing([ANGLES[text] for text in texts])

    @staticmethod
    def pointing(degrees):
        return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], 1).astype(np.float32)


def outcomes(collection):
    """The reason, or None, by class and by the number that `Shades` was told."""
    found = {}
    for request in collection.requests:
        told = int(shown(collection.augmenter, request, collection.store).text.split()[-1])
        found[request.record.class_name, told] = collection.find(request).reason
    return found


def test_the_semantic_filter_agrees_with_the_cosines_by_hand(plain_records, tmp_path):
    method = arm(domains=["a {class} 2", "a {class} 4"], semantic_filter=Hand())
    collection = opened(method, plain_records[:1], tmp_path / "cache")
    fill(collection, images=False)
    made(collection)
    # 20 degrees are nearer to 0 than to 60; 40 degrees are not: cos(20) = 0.940 and cos(40) = 0.766.
    assert outcomes(collection) == {
        ("plum", 2): None,
        ("plum", 4): "the image looks more like a negative text than like a positive one: "
        '"a photo of an object" (0.940), "a photo of a fruit" (0.766)',
    }


PLUM = (0.9, 0.7, 0.4, 0.85, 0.3, 0.75, 0.45)


class Sure(ConfidenceRule):
    """Finds a plum in a picture of some number with the probability in `PLUM`, in photos too, or else a lime."""

    def __init__(self):
        super().__init__(weights="none.ckpt", backbone="resnet18")

    def setting(self, argument):
        return None if argument == "weights" else super().setting(argument)

    def probabilities(self, images):
        plum = np.array([PLUM[number(image)] for image in images])
        return np.stack([plum, 1 - plum], 1)


def test_the_confidence_filter_agrees_with_the_thresholds_by_hand(plain_records, tmp_path):
    texts = [f"a {{class}} {told}" for told in (3, 4, 5, 6)]
    method = arm(domains=texts, confidence_filter=Sure())
    collection = opened(method, plain_records, tmp_path / "cache", degree=4)
    fill(collection, images=False)
    made(collection)
    # The means of the training images: plum (0.9 + 0.7) / 2 = 0.8, lime 1 - 0.4 = 0.6.
    kinds = {key: reason and reason.partition(":")[0] for key, reason in outcomes(collection).items()}
    assert kinds == {
        ("plum", 3): "the image is too easy",  # plum 0.85 > 0.8
        ("plum", 4): "the image looks like another class",  # lime 0.7 > 0.6
        ("plum", 5): None,  # plum 0.75
        ("plum", 6): None,  # lime 0.55
        ("lime", 3): "the image looks like another class",
        ("lime", 4): "the image is too easy",
        ("lime", 5): None,
        ("lime", 6): None,
    }


def test_gates_are_asked_in_addition_to_the_two_filters():
    method = arm(domains=["a {class} 4"], gates=[Hand(), MaskSanity()], confidence_filter=Sure())
    assert {type(gate) for gate in method.goal.gates} == {Hand, Sure}, "there is no subject to look at"


def test_before_domains_are_found_the_work_is_counted_and_nothing_is_made(disc_records, tmp_path):
    collection = opened(arm(), disc_records, tmp_path / "cache", degree=3)
    counted = {task.name: (task.units, task.exact) for task in workload(collection)}
    assert counted == {"Descriptions": (8, True), "Domains": (1, False), "Pictures": (24, False), "Merging": (24, True)}
    assert not collection.augmenter.image_captioner._seen
    # A probe describes, and does not wait for all images to be described.
    measured = probe(opened(arm(image_captioner=Slow()), disc_records, tmp_path / "probed", degree=3), 1, CPU)
    assert [found and found.units for found in measured] == [2, None, None, None]
    fill(collection, images=False)
    assert {task.name: task.units for task in workload(collection)} == {
        "Descriptions": 0,
        "Domains": 0,
        "Pictures": 0,
        "Merging": 24,
    }


class Slow(CaptioningModel):
    """A captioner with a batch size, but no model."""

    def __init__(self):
        super().__init__(weights="none", batch_size=2)

    def load(self):
        return None

    def describe(self, images):
        return [f"a disc of level {image.mean():.2f}" for image in images]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"domains": []}, "domains is empty"),
        ({"domains": "birds"}, "give one of cub, iwildcam"),
        ({"domains": ["a {colour} bird"]}, r"holds \{colour\}"),
        ({"prefix": "a {scene}"}, r"holds \{scene\}"),
        ({"strength": 0.0}, "strength is 0.0"),
        ({"captions_shown": 0}, "captions_shown is 0"),
        ({"captioned_images": 0}, "captioned_images is 0"),
        ({"domain_count": 0}, "domain_count is 0"),
        ({"summariser": None}, "takes an image_captioner and a summariser"),
        ({"image_captioner": None}, "takes an image_captioner and a summariser"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        arm(**settings)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alia")
    save_clip(folder / "clip")
    return {
        "blip": save_blip(folder / "blip"),
        "llama": build_llama(folder / "llama", chat=True),
        "sd1": save_tiny_sd1(folder / "sd1"),
        "instruct": save_tiny_instruct(folder / "instruct"),
        "clip": folder / "clip",
    }


def tiny(weights: dict[str, Path], editor: str = "sd1", **settings):
    task = "instruction" if editor == "instruct" else "image-to-image"
    return ALIA(
        image_captioner=CaptioningModel(weights=str(weights["blip"]), batch_size=4),
        summariser=LanguageModel(weights=str(weights["llama"]), max_new_tokens=48, temperature=1.0),
        editor=DiffusionEditor(weights=str(weights[editor]), task=task, steps=2, guidance=7.5, batch_size=8),
        semantic_filter=ClipFilter(weights=str(weights["clip"]), negatives=["a painting", "an image"], batch_size=8),
        **settings,
    )


@pytest.mark.filterwarnings("ignore:Token indices sequence length")
def test_with_the_real_models_stages_and_no_stages_make_the_same(weights, disc_records, tmp_path):
    staged = opened(tiny(weights), disc_records, tmp_path / "staged", degree=1)
    names = [stage.title for stage in staged.augmenter.stages(staged.store)]
    assert names == ["Descriptions", "Domains", "Pictures", "ImageVerdicts"]
    fill(staged, device=CPU, images=False)
    for part in (staged.augmenter.image_captioner, staged.augmenter.summariser, staged.augmenter.editor):
        assert part._model is None, "a stage leaves no model in memory"
    images = made(staged)
    direct = opened(tiny(weights), disc_records, tmp_path / "direct", degree=1)
    assert made(direct) == images
    (key,) = staged.store.finished("domains")
    domains = staged.store.facts("domains", key)["domains"]
    assert domains and all(text.startswith("a photo of a {class}") for text in domains)
    assert len(staged.store.finished("descriptions")) == 8
    pictures = [decode_rgb(staged.store.load("pictures", key)[1]) for key in staged.store.finished("pictures")]
    assert {picture.shape for picture in pictures} == {(48, 48, 3)}
    assert len({picture.tobytes() for picture in pictures}) == 8
