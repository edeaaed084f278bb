"""A word for each class: spelled like no other, learned once from the class's images, taught when it is needed."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from safetensors.torch import load, save

from aga_lightning.augment.base import Request
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.stage import StepStage
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.methods.class_words import ClassPhotos, ClassWords, TaughtPictures, tokens_for
from aga_lightning.augment.methods.inversion import Inversion, Inverter
from aga_lightning.augment.methods.texts import Texts
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.seeds import seed_from


class Scribe(Inverter):
    """Learns nothing, but writes down what it is given."""

    def __init__(self, log, weights="nowhere/at-all", seed=0):
        super().__init__(Inversion(steps=3, batch_size=2, resolution=16, seed=seed), weights)
        self.log = log
        self.seed = seed

    def load(self):
        self.log.append("load")
        return object()

    def release(self):
        if self._model is not None:
            self.log.append("release")
        super().release()

    def invert(self, token, photos):
        assert self.model is not None
        self.log.append((token, len(photos)))
        if token == "<mortal>":
            raise KeyboardInterrupt
        return save({token: torch.full((4,), seed_from(photos.tobytes().hex()) % 1000 / 1.0)})

    not_in_key = Inverter.not_in_key | {"log"}


@pytest.fixture
def log():
    return []


class Words:
    """The steps up to the words, for some training images."""

    def __init__(self, records, store, log, **settings):
        self.scribe = Scribe(log, **settings)
        self.photos = ClassPhotos(16)
        self.step = ClassWords(self.scribe, self.photos)
        for step in Runner.ordered(self.step):
            step.prepare(TrainingImages(Photo(None), None, records, store))
        self.record, self.store = {record.label: record for record in records}, store

    def key(self, label):
        return Runner(self.store).key(self.step, Request(self.record[label], 0))

    def learn(self, records):
        """All of them, in a stage; how many there were."""
        stage = StepStage(self.step, self.step, self.store)
        units = stage.pending([Request(record, 0) for record in records], self.store)
        for unit in units:
            stage.advance([unit], [stage.load(unit)], self.store)
        stage.release()
        return len(units)


def test_words_are_written_as_tokenizers_look_for_them():
    names = ["water ouzel", "Water_Ouzel", "crane", "crane", "crane 2", "Æsir & Über", "犬", "<b>", "123", "..."]
    assert tokens_for(names) == [
        *("<water_ouzel>", "<water_ouzel_2>", "<crane>", "<crane_2>", "<crane_2_2>"),
        *("<sir_uber>", "<class>", "<b>", "<123>", "<class_2>"),
    ]


@given(some.lists(some.text(max_size=12), max_size=12))
def test_no_two_classes_share_a_word(names):
    tokens = tokens_for(names)
    assert len(set(tokens)) == len(names)
    assert all(re.fullmatch(r"<[a-z0-9_]+>", token) for token in tokens)
    assert tokens_for(names[:5]) == tokens[:5]


def test_the_key_knows_settings_weights_and_images_but_no_order(disc_records, store, log):
    key = Words(disc_records, store, log).key(0)
    assert Words(disc_records[::-1], store, log).key(0) == key
    assert Words(disc_records[:-1], store, log).key(0) == key  # less an image of the other class
    others = [
        Words(disc_records, store, log).key(1),
        Words(disc_records[1:], store, log).key(0),
        Words(disc_records, store, log, seed=1).key(0),
        Words(disc_records, store, log, weights="nowhere/else").key(0),
    ]
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(disc_records[0].path)
    others.append(Words(disc_records, store, log).key(0))
    assert len({key, *others}) == 6


def test_photos_are_squashed_and_come_in_one_order(disc_records, store, log):
    path = disc_records[0].path
    Image.fromarray(np.full((30, 90, 3), 77, np.uint8)).save(path)
    request = Request(disc_records[0], 0)
    photos, mirrored = (
        Runner(store).value(Words(records, store, log).photos, request)
        for records in (disc_records, disc_records[::-1])
    )
    assert {(photo.shape, photo.dtype) for photo in photos} == {((16, 16, 3), np.dtype(np.uint8))}
    assert sum((photo == 77).all() for photo in photos) == 1
    assert all(np.array_equal(one, other) for one, other in zip(photos, mirrored, strict=True))


def test_images_that_cannot_be_read_are_named_and_left_out(disc_records, store, log):
    disc_records[2].path.write_bytes(b"no image at all")
    words = Words(disc_records, store, log)
    with pytest.warns(UserWarning, match=r"the word <plum> is learned without 1 images: .*plum_2\.png is not an image"):
        words.learn(disc_records)
    assert log == ["load", ("<plum>", 3), ("<lime>", 4), "release"]
    assert store.facts("embeddings", words.key(0)) == {"class": "plum", "token": "<plum>", "images": 3, "left_out": 1}


def test_a_class_without_an_image_that_can_be_read_is_an_error(disc_records, store, log):
    for record in disc_records[:4]:
        record.path.write_bytes(record.path.name.encode())
    with pytest.raises(
        DatasetError, match=r"'plum', because none of its 4 training images can be read; the first: .*png"
    ):
        Words(disc_records, store, log).learn(disc_records)
    assert log == []


def test_each_word_is_learned_once_and_finished_ones_outlive_a_crash(disc_records, store, log):
    mortal = [ImageRecord(record.path, 2, "mortal", "fruit") for record in disc_records[:1]]
    words = Words([*disc_records, *mortal], store, log)
    with pytest.raises(KeyboardInterrupt):
        words.learn([*disc_records, *mortal])
    kept = [store.load("embeddings", words.key(label)) for label in (0, 1)]
    assert all(data is not None and load(data).keys() == {facts["token"]} for facts, data in kept)
    log.clear()
    assert Words(disc_records, Store(store.cache_dir), log).learn(disc_records[::-1]) == 0
    assert log == []


def test_an_empty_class_has_no_word(disc_records, store, log):
    empty = ImageRecord(disc_records[0].path, 2, "empty", "")
    assert Words([*disc_records, empty], store, log).step.learned == Words(disc_records, store, log).step.learned


def test_a_stage_counts_what_its_training_takes(disc_records, store, log):
    words = Words(disc_records, store, log)
    stage = StepStage(words.step, words.step, store)
    assert stage.denoiser_calls_per_unit == 3 * 2
    assert stage.batch_size == 1 and stage.models == [words.scribe]


class Reader(DiffusionEditor):
    """Has a pipeline that writes down what it is taught."""

    log: list

    def load(self):
        self.log.append("reader")
        tokenizer = SimpleNamespace(added_tokens_encoder={})

        def teach(states):
            assert states
            for state in states:
                self.log.append(("taught", *state))
                tokenizer.added_tokens_encoder |= dict.fromkeys(state, 0)

        return SimpleNamespace(tokenizer=tokenizer, load_textual_inversion=teach)

    def release(self):
        if self._model is not None:
            self.log.append("reader gone")
        super().release()

    def edit(self, edits):
        assert self.model is not None
        return [edit.image for edit in edits]


def test_an_editor_is_taught_each_word_once_and_missing_ones_are_learned_without_it(disc_records, store, log):
    third = [ImageRecord(record.path, 2, "cherry", "fruit") for record in disc_records]
    Words(disc_records, store, log).learn(disc_records)
    log.clear()
    words = Words([*disc_records, *third], store, log)
    reader = Reader()
    reader.log = log
    photo = Photo(None)
    pictures = TaughtPictures(reader, photo, Texts("a {class}"), None, None, [1.0], words.step)

    def edit(*records):
        for record in records:
            assert Runner(store).value(pictures, Request(record, 0)).shape == (48, 48, 3)

    edit(disc_records[-1], disc_records[-2], disc_records[0])
    assert log == ["reader", ("taught", "<lime>"), ("taught", "<plum>")]
    log.clear()
    edit(third[0])  # with one model in memory at a time
    assert log == ["reader gone", "load", ("<cherry>", 8), "release", "reader", ("taught", "<cherry>")]
