"""No validation, test or out-of-distribution image reaches the augmenter, its donors or its bank.

The witness is Python itself: an audit hook that is told of every file that this process opens.
"""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny.cub import write_cub
from tiny.imagenet import write_imagenet, write_sketch, write_v2
from tiny.iwildcam import write_alia, write_wilds

from aga_lightning.augment.base import Gate
from aga_lightning.augment.detectors.embedded import CentrePrior, DatasetBoxes
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.gates.near_duplicate import CopiedBackground, NearDuplicate
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.methods.controls import BackgroundSwap
from aga_lightning.augment.painters.donors import DonorPhotos
from aga_lightning.augment.painters.empty_frames import EmptyFrames
from aga_lightning.augment.segmenters.embedded import DatasetMasks, GrabCut
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.csv_images import CsvImages
from aga_lightning.datasets.cub import CUB
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.datasets.hub_images import HubImages
from aga_lightning.datasets.imagenet import ImageNet10
from aga_lightning.datasets.iwildcam import IWildCam
from aga_lightning.training import augmenting
from aga_lightning.training.datamodule import AGADataModule

_opened = None


def _witness(event, arguments):
    if event == "open" and _opened is not None and isinstance(arguments[0], str | bytes | Path):
        path = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
        _opened.add(Path(path).resolve())


sys.addaudithook(_witness)  # stays until the process ends, and does nothing outside `watched`


@contextmanager
def watched():
    global _opened
    _opened = files = set()
    try:
        yield files
    finally:
        _opened = None


def folder(root):
    from conftest import write_disc_folder

    write_disc_folder(root)
    return ImageFolder(str(root), ood={"dusk": str(root / "dusk")})


def listed(root):
    from conftest import write_discs

    write_discs(root, "all", 8)
    paths = sorted(path.relative_to(root) for path in root.rglob("*.png"))
    rows = "".join(f"{path.as_posix()},{path.parent.name}\n" for path in paths)
    (root / "photos.csv").write_text(f"path,label\n{rows}")
    return CsvImages(str(root / "photos.csv"), val_fraction=0.25, test_fraction=0.25)


def hub(root):
    datasets = pytest.importorskip("datasets", reason="needs the extra [hub]")
    from conftest import write_discs

    write_discs(root, "all", 8)
    paths = sorted(root.rglob("*.png"))
    rows = {"image": [{"bytes": path.read_bytes(), "path": None} for path in paths]}
    table = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    table.add_column("label", [path.parent.name for path in paths]).to_parquet(root / "discs.parquet")
    return HubImages(str(root / "discs.parquet"), folder=str(root / "hub"), val_fraction=0.25, test_fraction=0.25)


def field_guide(root):
    return FieldGuide(str(root), train_per_class=3, val_per_class=1, test_per_class=1, ood_per_class=1)


def cub(root):
    return CUB(str(write_cub(root, classes=2)))


def alia(root):
    return IWildCam(str(write_alia(root)))


def wilds(root):
    return IWildCam(str(write_wilds(root)), split="wilds", classes="all")


def imagenet(root):
    v2, sketch = write_v2(root), write_sketch(root)
    return ImageNet10(str(write_imagenet(root)), val_per_class=1, v2=str(v2), sketch=str(sketch))


DATASETS = {
    "folder": folder,
    "csv": listed,
    "hub": hub,
    "fieldguide": field_guide,
    "cub": cub,
    "iwildcam alia": alia,
    "iwildcam wilds": wilds,
    "imagenet": imagenet,
}


class Curious(Gate):
    """Learns from all images that it is offered."""

    stage = "image"
    learns = True

    def learn(self, training):
        self.seen = [training[index][0].record.path for index in range(len(training))]

    def objection(self, draft):
        return None


def augmenters():
    grabcut = GrabCut(size=48)
    return {
        "painted for each": AGA(segmenter=grabcut, gates=[]),
        "bank": AGA(segmenter=grabcut, gates=[], bank=BackgroundBank(size=3)),
        "donors": AGA(segmenter=grabcut, gates=[], painter=DonorPhotos(max_hole=0.9)),
        "learning gate": AGA(segmenter=grabcut, gates=[Curious()]),
        "background swap": BackgroundSwap(segmenter=grabcut, max_hole=0.95, gates=[]),
        "own masks": AGA(
            detector=DatasetBoxes(fallback=CentrePrior()), segmenter=DatasetMasks(fallback=grabcut), gates=[]
        ),
    }


@pytest.fixture(params=DATASETS, scope="module")
def dataset(request, tmp_path_factory):
    made = DATASETS[request.param](tmp_path_factory.mktemp("leaks") / "data")
    made.prepare()
    return made


def files_of(records):
    masks = [record.mask_path for record in records if record.mask_path is not None]
    return {path.resolve() for path in [*(record.path for record in records), *masks]}


def evaluation_files(dataset):
    sets = [dataset.records("val"), dataset.records("test"), *dataset.ood_records().values()]
    return files_of([record for records in sets for record in records])


def augment(dataset, augmenter, tmp_path):
    data = AGADataModule(dataset, augmenter, degree=1, cache_dir=str(tmp_path / "cache"), num_workers=0)
    trainer = AgaTrainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    with watched() as opened:
        trainer.augment(datamodule=data)
    return data, opened


def test_training_and_evaluation_share_no_file(dataset):
    training, evaluation = files_of(dataset.records("train")), evaluation_files(dataset)
    assert len(evaluation) > 4
    assert not training & evaluation


@pytest.mark.parametrize("kind", augmenters())
def test_no_evaluation_file_is_opened_whatever_augments(kind, tmp_path):
    dataset = folder(tmp_path / "data")
    data, opened = augment(dataset, augmenters()[kind], tmp_path)
    assert files_of(dataset.records("train")) <= opened, "the witness is blind"
    assert any(outcome.path is not None for outcome in data.collection.find_all().values())
    assert not opened & evaluation_files(dataset)


def test_the_witness_sees_an_evaluation_file_that_is_opened(dataset):
    record = dataset.records("val")[0]
    with watched() as opened:
        record.path.read_bytes()
    assert opened & evaluation_files(dataset)


def test_all_of_a_data_set_augments_without_an_evaluation_file_but_for_its_hash(dataset, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(augmenting, "hashes_of", lambda paths: asked.extend(paths) or [])
    gates = [NearDuplicate(), CopiedBackground(), Curious()]
    augmenter = AGA(segmenter=GrabCut(size=48), gates=gates, painter=DonorPhotos(max_hole=0.9))
    _, opened = augment(dataset, augmenter, tmp_path)
    subjects = [record for record in dataset.records("train") if record.has_subject]
    assert {record.path.resolve() for record in subjects} <= opened, "the witness is blind"
    assert {path.resolve() for path in asked} <= evaluation_files(dataset)
    assert {record.path for record in dataset.records("val")} <= set(asked)
    assert not opened & evaluation_files(dataset)


@pytest.mark.parametrize("whose", ["own", "any"])
def test_empty_frames_of_evaluation_sets_are_lent_to_nobody(whose, tmp_path):
    cameras = alia(tmp_path / "data")
    augmenter = AGA(segmenter=GrabCut(size=48), gates=[], painter=EmptyFrames(cameras=whose))
    _, opened = augment(cameras, augmenter, tmp_path)
    empty = [record for record in cameras.records("train") if not record.has_subject]
    assert {record.path.resolve() for record in empty} & opened, "no frame was lent"
    assert any(not record.has_subject for record in cameras.records("val"))
    assert not opened & evaluation_files(cameras)
