from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tiny.summary import ANSWER, DOMAINS, Namer, Sayer

from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.gathering import Descriptions, TrainingSet
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Rejection
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.methods.alia import Domains
from aga_lightning.augment.pretrained import PretrainedError

PREFIX = "a photo of a {class}"


class Search:
    """ALIA's steps up to the domains, for some training images."""

    def __init__(self, records, store, captioner=None, summariser=None, max_side=None, prefix=PREFIX, count=10,
                 described=None, shown=None):  # fmt: skip
        self.captioner, self.summariser = captioner or Namer(), summariser or Sayer()
        self.descriptions = Descriptions(self.captioner, max_side)
        self.chosen = TrainingSet(self.descriptions, described)
        self.domains = Domains(self.summariser, self.chosen, prefix, count, shown)
        for step in Runner.ordered(self.domains):
            step.prepare(TrainingImages(Photo(max_side), None, records, store))
        self.record, self.store = records[0], store

    def find(self, seed=0):
        return Runner(self.store).value(self.domains, Request(self.record, 0, seed))

    def found(self, seed=0):
        return self.domains.peek(Request(self.record, 0, seed), Runner(self.store))

    def key(self, seed=0):
        return Runner(self.store).key(self.domains, Request(self.record, 0, seed))

    def drawn(self, seed=0):
        members = self.chosen.members(Request(self.record, 0, seed), Runner(self.store))
        return tuple(self.store.digest(member.record.path) for member in members)


def test_every_training_image_is_described_once_and_all_of_them_summarised_once(disc_records, store):
    doubled = [*disc_records, disc_records[0], replace(disc_records[1], superclass="")]
    search = Search(doubled, store)
    assert search.found() is None
    assert search.find() == DOMAINS == search.found()
    assert len(search.captioner._seen) == 8
    ((question, _),) = search.summariser._asked
    expected = {f"a disc of level {level}" for level in search.captioner._seen}
    assert set(Sayer.captions(question)) == expected and len(expected) == len(Sayer.captions(question))
    facts = store.facts("domains", search.key())
    assert facts["described"] == 8 and facts["summariser"] == "Sayer"
    # Another process finds all of it.
    again = Search(disc_records[::-1], Store(store.cache_dir))
    assert again.find() == DOMAINS
    assert not again.captioner._seen and not again.summariser._asked


def test_images_without_a_subject_are_described_and_do_not_name_the_kind(disc_records, store):
    empty = [replace(record, superclass="") if record.label else record for record in disc_records]
    search = Search(empty, store)
    search.find()
    assert len(search.captioner._seen) == 8
    assert '"a photo of a fruit ..."' in search.summariser._asked[0][0]


def test_only_so_many_are_described_and_shown_as_are_asked_for_by_a_seed(disc_records, store):
    few = Search(disc_records, store, described=3)
    few.find()
    assert len(few.captioner._seen) == 3
    mirrored = Search(disc_records[::-1], store, described=3)
    assert mirrored.drawn() == few.drawn()
    drawn = {few.drawn(seed) for seed in range(6)}
    assert len(drawn) > 1, "the seed should draw"

    shown = {}
    for records in (disc_records, disc_records[::-1]):
        for seed in (0, 1):
            search = Search(records, Store(store.cache_dir.parent / f"{len(shown)}"), shown=2)
            search.find(seed)
            shown[records is disc_records, seed] = Sayer.captions(search.summariser._asked[0][0])
    assert shown[True, 0] == shown[False, 0] and len(shown[True, 0]) == 2
    assert shown[True, 1] == shown[False, 1] != shown[True, 0]


def test_the_key_holds_images_and_settings_and_nothing_else(disc_records, store):
    def key(records=disc_records, seed=0, **settings):
        return Search(records, store, **settings).key(seed)

    assert key(disc_records[::-1]) == key()
    others = {
        "a training image less": key(disc_records[1:]),
        "another seed": key(seed=1),
        "another captioner": key(captioner=Namer("brightness")),
        "another summariser": key(summariser=Sayer(tries=2)),
        "fewer": key(count=5),
        "another prefix": key(prefix="put the {class}"),
        "another size": key(max_side=24),
        "another kind": key([replace(record, superclass="disc") for record in disc_records]),
        "fewer shown": key(shown=3),
    }
    assert len({key(), *others.values()}) == 1 + len(others)
    # Nothing but the images that are described: others may come and go.
    assert key(described=1) in {key([record], described=1) for record in disc_records}
    studied = [
        Search(records, store).domains.learned for records in (disc_records, disc_records[::-1], disc_records[1:])
    ]
    assert studied[0] == studied[1] != studied[2]


def test_an_answer_of_no_use_is_asked_for_again_with_another_seed(disc_records, store):
    model = Sayer(["I am sorry, I cannot.", "", ANSWER])
    assert Search(disc_records, store, summariser=model).find() == DOMAINS
    questions, seeds = zip(*model._asked, strict=True)
    assert len(seeds) == len(set(seeds)) == 3 and len(set(questions)) == 1


@pytest.mark.parametrize(("temperature", "tries"), [(1.0, 3), (0.0, 1)])
def test_after_the_last_try_the_error_says_what_to_do_and_nothing_is_kept(disc_records, store, temperature, tries):
    search = Search(disc_records, store, summariser=Sayer(["Sorry."], temperature=temperature))
    with pytest.raises(PretrainedError, match=f"the last of its {tries} answers begins 'Sorry.'.*name the domains"):
        search.find()
    assert len(search.summariser._asked) == tries
    assert search.found() is None


def test_captions_that_do_not_fit_are_summarised_in_parts_and_the_answers_once_more(disc_records, store):
    part = ["on a plate", "in a bowl"]
    answers = [f"- a photo of a fruit {part[number % 2]}" for number in range(4)]
    model = Sayer([*answers, ANSWER], room=2)
    assert Search(disc_records, store, summariser=model).find() == DOMAINS
    asked = [Sayer.captions(question) for question, _ in model._asked]
    assert len(asked) == 5 and max(map(len, asked)) <= 2
    assert Counter(text for captions in asked[:-1] for text in captions).most_common(1)[0][1] == 1
    assert asked[-1] == ["a photo of a fruit on a plate", "a photo of a fruit in a bowl"]


def test_a_summary_that_does_not_get_shorter_ends_with_as_many_as_asked(disc_records, store):
    many = "\n".join(f"- a photo of a fruit in field {letter * 3}" for letter in "abcdefgh")
    model = Sayer([many, many.replace("field", "forest")], room=4)
    found = Search(disc_records, store, summariser=model, count=8).find()
    assert len(found) == 8 and len(model._asked) <= 4


def test_an_image_that_cannot_be_read_is_left_out_and_none_at_all_is_an_error(disc_records, store):
    disc_records[0].path.write_bytes(b"no image")
    search = Search(disc_records, store)
    assert search.find() == DOMAINS
    assert len(search.captioner._seen) == 7
    assert isinstance(Runner(store).status(search.descriptions, Request(disc_records[0], 0)), Rejection)
    with pytest.raises(PretrainedError, match="described none of 1 training images"):
        Search(disc_records[:1], store).find()


def test_a_caption_depends_on_the_image_at_its_working_size_and_not_on_its_mask(disc_records, store):
    whole, small = Search(disc_records, store), Search(disc_records, store, max_side=24)
    request = Request(disc_records[0], 0)
    masked = Request(replace(disc_records[0], mask_path=disc_records[1].path, superclass="disc"), 0)
    keys = [Runner(store).key(search.descriptions, one) for search in (whole, small) for one in (request, masked)]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    (photo,) = small.descriptions.inputs
    assert np.shape(Runner(store).value(photo, request).image) == (24, 24, 3)
