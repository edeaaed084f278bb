"""The stages fill the store as the search alone would, whatever is asked for and by how many jobs."""

from dataclasses import replace

import pytest
import torch
from tiny.summary import DOMAINS, Namer, Sayer

from aga_lightning.augment.base import Request
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.isolation import Isolation
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.domain_stages import Descriptions, Domains
from aga_lightning.augment.methods.domains import DomainSearch
from aga_lightning.augment.segmenters.embedded import GrabCut


def stages_for(records, store, described=None):
    isolation = Isolation(CentrePrior(), GrabCut(), None)
    search = DomainSearch(Namer(), Sayer(), isolation, "a photo of a {class}", 10, described, None)
    search.open(records)
    return search, Descriptions(search, store), Domains(search, store)


def run(stage, requests, store):
    units = stage.pending(requests, store)
    for start in range(0, len(units), stage.batch_size):
        batch = units[start : start + stage.batch_size]
        stage.advance(batch, [stage.load(unit) for unit in batch], store)
    return len(units)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def test_all_training_images_are_described_for_a_single_request_and_summarised_once(disc_records, store):
    empty = [replace(disc_records[0], superclass=""), *disc_records[1:]]
    search, descriptions, domains = stages_for(empty, store)
    requests = [Request(disc_records[3], variant) for variant in range(3)]
    assert (descriptions.batch_size, domains.batch_size) == (16, 1)
    assert run(descriptions, requests, store) == 8
    assert run(domains, requests, store) == 1
    assert search.found(0, store) == DOMAINS
    assert run(descriptions, requests, store) == run(domains, requests, store) == 0
    assert run(descriptions, [], store) == 0
    # Stage or no stage, the same is kept.
    alone = Store(store.cache_dir.parent / "alone")
    other = stages_for(empty, alone)[0]
    assert other.find(0, alone) == DOMAINS
    for shelf in ("descriptions", "domains"):
        assert store.finished(shelf) == alone.finished(shelf)
        assert all(store.facts(shelf, key) == alone.facts(shelf, key) for key in store.finished(shelf))


def test_work_goes_on_where_it_was_broken_off(disc_records, store):
    _, descriptions, _ = stages_for(disc_records, store)
    units = descriptions.pending([Request(disc_records[0], 0)], store)[:3]
    descriptions.advance(units, [descriptions.load(unit) for unit in units], store)
    search, descriptions, domains = stages_for(disc_records, Store(store.cache_dir))
    requests = [Request(record, 0) for record in disc_records]
    assert run(descriptions, requests, store) == 5
    assert run(domains, requests, store) == 1
    assert len(search.captioner._seen) == 5


def test_each_seed_has_domains_of_its_own_and_descriptions_are_shared(disc_records, store):
    _, descriptions, domains = stages_for(disc_records, store, described=6)
    first, second = ([Request(record, 0, seed) for record in disc_records] for seed in (0, 1))
    assert run(descriptions, first, store) == 6
    assert 0 < run(descriptions, second, store) <= 2
    assert run(domains, [*first, *second], store) == 2


def test_a_request_needs_its_own_description_only_where_it_is_among_those_drawn(disc_records, store):
    search, descriptions, domains = stages_for(disc_records, store, described=6)
    keys = [descriptions.key(Request(record, 0)) for record in disc_records]
    assert keys.count(None) == 2
    assert {key for key in keys if key} == set(search.chosen(0, store))
    assert {domains.key(Request(record, 0)) for record in disc_records} == {search.key(0, store)}


def test_what_another_job_is_describing_is_left_to_it(disc_records, store):
    search, descriptions, _ = stages_for(disc_records, store)
    units = descriptions.pending([Request(disc_records[0], 0)], store)
    loaded = [descriptions.load(unit) for unit in units]
    with Store(store.cache_dir).claim("descriptions", [units[0].key]):
        assert descriptions.advance(units, loaded, store) >= 1
    assert descriptions.advance(descriptions.pending([Request(disc_records[0], 0)], store), loaded[:1], store) == 0
    assert len(search.captioner._seen) == 8


def test_the_models_run_where_the_stage_is_placed(disc_records, store):
    _, descriptions, domains = stages_for(disc_records, store)
    domains.place(torch.device("meta"))
    assert [model.torch_device.type for model in domains.models] == ["meta"]
    assert descriptions.models == []
    assert domains.gathers and not descriptions.gathers
