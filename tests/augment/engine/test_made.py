"""What a data module says that it has made is what its parts were called for."""

import pytest
from tiny.costly import CostlyDetector, Denoiser, calls, costly_aga

from aga_lightning.augment.engine.workload import workload
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.training.datamodule import AGADataModule

VERBS = {"Boxes": "detect", "Subjects": "segment", "Captions": "caption", "Backgrounds": "paint"}


@pytest.fixture
def spend(tmp_path, log, shared_disc_folder):
    def spend(augmenter=None, degree=2, shard="0/1"):
        augmenter = augmenter or costly_aga(log, detector=CostlyDetector(str(log), 3), painter=Denoiser(str(log), 5))
        data = AGADataModule(
            ImageFolder(str(shared_disc_folder)),
            augmenter,
            degree=degree,
            cache_dir=str(tmp_path / "cache"),
            num_workers=0,
        )
        trainer = AgaTrainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
        assert data.spent is None
        trainer.augment(datamodule=data, shard=shard)
        return data.spent, data.collection

    return spend


def units(spent):
    return {made.task.name: made.task.units for made in spent.stages}


def test_what_was_made_is_what_the_parts_were_asked_for(spend, log):
    spent, collection = spend()
    asked = calls(log)
    assert {name: units(spent)[name] for name in VERBS} == {name: asked[verb] for name, verb in VERBS.items()}
    assert units(spent) == {"Boxes": 8, "Subjects": 8, "Captions": 16, "Backgrounds": 16, "Merging": 16}
    assert [made.task.name for made in spent.stages] == [task.name for task in workload(collection)]
    by_name = {made.task.name: made.task for made in spent.stages}
    assert by_name["Boxes"].calls == {"CostlyDetector": 3}
    assert (by_name["Backgrounds"].calls, by_name["Backgrounds"].denoiser_calls) == ({"Denoiser": 4}, 1600)
    assert 0 < sum(made.seconds for made in spent.stages) < spent.seconds


def test_a_complete_store_leaves_nothing_to_make_and_a_larger_degree_the_rest(spend, log):
    spend()
    before = calls(log)
    spent, _ = spend()
    assert set(units(spent).values()) == {0}
    assert calls(log)["detect"] == before["detect"]
    spent, _ = spend(degree=3)
    assert units(spent) == {"Boxes": 0, "Subjects": 0, "Captions": 8, "Backgrounds": 8, "Merging": 8}


def test_a_job_counts_its_own_share(spend):
    assert units(spend(shard="0/2")[0])["Merging"] == 8
    assert units(spend(shard="1/2")[0])["Merging"] == 8
    assert units(spend()[0])["Merging"] == 0


def test_a_method_without_models_has_made_images_and_nothing_else(spend):
    spent, _ = spend(AGA(segmenter=GrabCut(size=48)))
    assert units(spent) == {"Images": 16}
