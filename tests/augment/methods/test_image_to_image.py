import numpy as np
import pytest
from tiny.shown import seed_of, shown

from aga_lightning.augment.base import Edit, Request
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.methods.image_to_image import ImageToImage
from aga_lightning.augment.methods.text_to_image import TextToImage
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.images.codec import decode_rgb, encode_jpeg


def editor(weights, **settings):
    return DiffusionEditor(**{"weights": weights, "steps": 4, "batch_size": 1, "device": "cpu"} | settings)


def test_the_defaults_are_those_that_the_help_tells():
    method = ImageToImage()
    assert method.editor.weights == DiffusionPainter().weights and method.editor.guidance == DiffusionPainter().guidance
    assert method.editor.task == "image-to-image" and method.strength == 0.5
    assert method.editor.denoiser_calls_per_image(method.strength) == 50


def test_the_words_are_those_of_the_first_row(store, disc_records):
    for request in (Request(record, variant) for record in disc_records for variant in range(2)):
        assert shown(ImageToImage(), request, store).text == shown(TextToImage(), request, store).text


def test_a_picture_is_what_the_editor_makes_of_the_photo(store, sd1, disc_records):
    method = ImageToImage(editor=editor(sd1), strength=0.75, max_side=40)
    collection = Collection(method, store, disc_records, 1, 0)
    request = collection.requests[0]
    (made,) = method.augment([request], store)
    photo = method.photo.read(disc_records[0], store.digest).image
    seed = seed_of(request, store)
    (expected,) = editor(sd1).edit([Edit(photo, made.facts["caption"], seed, 0.75)])
    assert photo.shape == made.image.shape == (40, 40, 3)
    assert np.array_equal(made.image, decode_rgb(encode_jpeg(expected)))


def test_the_strength_makes_another_picture_and_another_cost(store, sd1, disc_records):
    pictures, costs = [], []
    for strength in (0.25, 1.0):
        method = ImageToImage(editor=editor(sd1, scheduler="DDIMScheduler"), strength=strength)
        collection = Collection(method, store, disc_records[:2], 2, 0)
        task, _ = workload(collection)
        costs.append((task.name, task.units, task.denoiser_calls))
        pictures.append(next(iter(method.augment(collection.requests, store))).image)
    assert costs == [("Pictures", 4, 4 * 1 * 2), ("Pictures", 4, 4 * 4 * 2)]
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize(
    ("settings", "words"), [({"strength": 0.0}, "strength is 0.0"), ({"text": "a {colour} bird"}, "colour")]
)
def test_bad_settings_are_told(settings, words):
    with pytest.raises(ValueError, match=words):
        ImageToImage(**settings)
