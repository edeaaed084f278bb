import numpy as np
import pytest
from tiny.shown import seed_of, shown

from aga_lightning.augment.base import Caption, Prompt, Request, Scene
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.gates.near_duplicate import NearDuplicate
from aga_lightning.augment.methods.text_to_image import TextToImage
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.prompts import SPATIAL, TEMPORAL, PromptEngine
from aga_lightning.images.codec import decode_rgb, encode_jpeg


def painter(weights, **settings):
    return DiffusionPainter(**{"weights": weights, "steps": 1, "batch_size": 1, "device": "cpu"} | settings)


def test_the_defaults_are_the_model_and_settings_of_the_papers_painter():
    method = TextToImage()
    assert fingerprint(method.painter) == fingerprint(DiffusionPainter())
    assert method.painter.denoiser_calls_per_image() == 100
    assert method.subjects is None and not method.gates


def test_each_picture_is_asked_for_by_class_and_scene(store, disc_records):
    method = TextToImage()
    texts = [shown(method, Request(record, variant), store).text for record in disc_records for variant in range(4)]
    heads = {text.split(", ")[0] for text in texts}
    scenes = {text.split(", ", 1)[1] for text in texts}
    assert heads == {"a photo of a plum", "a photo of a lime"}
    assert scenes <= {f"{spatial} {temporal}" for spatial in SPATIAL for temporal in TEMPORAL} and len(scenes) > 16
    assert shown(method, Request(disc_records[0], 1), store).text == texts[1]
    assert shown(method, Request(disc_records[0], 1, seed=1), store).text != texts[1]


def test_the_basic_prompt_names_the_class_alone(store, disc_records):
    method = TextToImage(text="a photo of a {class}", scenes=PromptEngine(spatial=["a lake"]))
    assert shown(method, Request(disc_records[0], 3), store).text == "a photo of a plum"


def test_a_picture_is_what_the_painter_paints_of_the_words(store, sd1, disc_records):
    method = TextToImage(painter=painter(sd1))
    collection = Collection(method, store, disc_records, 1, 0)
    (made,) = method.augment(collection.requests[:1], store)
    seed = seed_of(collection.requests[0], store)
    caption = Caption(made.facts["caption"], Prompt("", "", ""))
    (expected,) = painter(sd1).paint([Scene(caption, (64, 64), seed)])
    assert np.array_equal(made.image, decode_rgb(encode_jpeg(expected)))
    assert made.image.shape == (64, 64, 3) and contrast(made.image) > BLANK


def test_the_photo_lends_nothing_but_its_class_and_seed(store, sd1, disc_records):
    method = TextToImage(painter=painter(sd1), max_side=32)
    collection = Collection(method, store, disc_records[:2], 1, 0)
    first, second = method.augment(collection.requests, store)
    assert first.image.shape == (32, 32, 3)
    assert np.abs(first.image.astype(int) - second.image).mean() > 5
    (task, _) = workload(Collection(method, store, disc_records, 2, 0))
    assert (task.name, task.units, task.denoiser_calls) == ("Pictures", 14, 14 * 2)


def test_agas_gates_may_stay_where_they_are_and_those_of_images_are_asked():
    method = TextToImage(gates=[MaskSanity(), NearDuplicate()])
    assert [type(gate) for gate in method.goal.gates] == [NearDuplicate]


def test_bad_settings_are_told():
    with pytest.raises(ValueError, match=r"holds \{colour\}"):
        TextToImage(text="a {colour} bird")
