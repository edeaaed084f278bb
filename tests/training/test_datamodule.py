"""The data module: which images enter training, in which number, and which no augmenter ever sees."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from conftest import COLOURS
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from PIL import Image
from torch.utils.data import SequentialSampler

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Gate, Rejected
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.records import DatasetError
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.transforms import UNCHANGED, build_transforms


class Witness(Augmenter):
    """A plain grey for each photo, but for the variants it rejects; keeps all it is shown."""

    def __init__(self, rejects=()):
        self.rejects = tuple(rejects)
        self.shown = []

    def prepare(self, records, cache):
        self.shown += [record.path for record in records]

    def augment(self, requests, cache):
        for request in requests:
            self.shown.append(request.record.path)
            if request.variant in self.rejects:
                yield Rejected(request, f"variant {request.variant} is blurred")
            else:
                yield Augmented(request, np.full((48, 48, 3), 90 + 50 * request.variant, np.uint8))

    def recombine(self, request, background, seed, cache):
        self.shown += [request.record.path, background.record.path]
        return Augmented(request, np.full((48, 48, 3), 250, np.uint8))


class Worker(Witness):
    """Keeps what it is asked to augment alone; photos without a subject may well be lent to it as backgrounds."""

    def prepare(self, records, cache):
        pass


class Tally(LightningModule):
    """Learns nothing; keeps what it is trained on, and counts the images of each set that it is judged by."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained = []
        self.judged = {}

    def training_step(self, batch):
        self.trained.append(batch)
        return self.weight.sum()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        name = self.trainer.datamodule.val_names[dataloader_idx]
        self.judged[name] = self.judged.get(name, 0) + len(batch[1])

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        name = self.trainer.datamodule.test_names[dataloader_idx]
        self.judged[name] = self.judged.get(name, 0) + len(batch[1])

    def predict_step(self, batch):
        return batch[1]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def open_data(disc_folder, tmp_path):
    """Makes a data module of `disc_folder`: 8 photos to train on, 6 to validate, 4 out of distribution."""

    def open_data(augmenter=None, kind=ImageFolder, superclasses="fruit", **settings):
        dataset = kind(str(disc_folder), superclasses=superclasses, ood={"dusk": str(disc_folder / "dusk")})
        cache = {"cache_dir": str(tmp_path / "cache"), "num_workers": 0, "batch_size": 3, "image_size": 32}
        data = AGADataModule(dataset, augmenter, **(cache | {"recipe": "alia_cub"} | settings))
        data.train_transform, data.eval_transform = build_transforms("alia_cub", 32, normalised_by=UNCHANGED)
        return data

    return open_data


def filled(data):
    for requests in data.collection.pending():
        data.collection.make(requests)
    return data


def trainer(tmp_path, **settings):
    return Trainer(
        **({"max_epochs": 1} | settings),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )


def images_of(loader):
    return torch.cat([images for images, _ in loader])


def kinds(loader):
    """How many originals, and how many of each grey, a pass shows."""
    plain = [bool(image.max() - image.min() < 0.02) for image in images_of(loader)]
    levels = [round(float(image.mean()) * 255) for image in images_of(loader)]
    return Counter(level if is_plain else "original" for level, is_plain in zip(levels, plain, strict=True))


@pytest.mark.parametrize("settings", [{"mode": "off"}, {"degree": 0}, {"augmenter": None}])
def test_without_augmentation_originals_are_shown_and_nothing_is_written(open_data, tmp_path, settings):
    data = open_data(**({"augmenter": Witness()} | settings))
    assert not data.pregenerates
    assert kinds(data.train_dataloader()) == {"original": 8}
    assert not (tmp_path / "cache").exists()
    with pytest.raises(DatasetError, match=r"nothing to augment with: set --data\.augmenter"):
        data.collection  # noqa: B018


def test_lazy_needs_no_store_and_fills_it(open_data):
    data = open_data(Witness(), mode="lazy", degree=2)
    assert not data.pregenerates
    assert data.collection.find_all() == {}
    assert kinds(data.train_dataloader()) == {"original": 8, 90: 8, 140: 8}
    assert data.collection.pending() == []


def test_online_needs_the_store_and_merges_anew(open_data):
    data = open_data(Witness(), mode="online", degree=2)
    assert data.pregenerates
    with pytest.raises(DatasetError, match="lacks 16 of 16"):
        data.train_dataloader()
    data = filled(open_data(Witness(), mode="online", degree=2))
    assert kinds(data.train_dataloader()) == {"original": 8, 250: 16}


def test_the_last_epochs_show_originals_only(open_data, tmp_path):
    data = filled(open_data(Witness(), real_only_epochs=1))
    model = Tally()
    trainer(tmp_path, max_epochs=2, limit_val_batches=0).fit(model, datamodule=data)
    assert kinds(model.trained[:5]) == {"original": 8, 90: 8}  # 3, 3, 3, 3 and 4
    assert kinds(model.trained[5:]) == {"original": 16}  # as many steps as the epoch before


def test_an_epoch_is_set_by_the_runs_seed(open_data, monkeypatch):
    def first(seed):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        return next(iter(open_data().train_dataloader()))[0]

    assert torch.equal(first("1"), first("1"))
    assert not torch.equal(first("1"), first("2"))


def test_evaluation_sets_stand_in_the_order_of_their_names(open_data):
    data = open_data()
    assert data.val_names == ["val", "ood/dusk"]
    assert data.test_names == ["val", "ood/dusk"], "there are no test images"
    for loaders in (data.val_dataloader(), data.test_dataloader()):
        assert [len(loader.dataset) for loader in loaders] == [6, 4]
        assert all(isinstance(loader.sampler, SequentialSampler) for loader in loaders)


@pytest.mark.parametrize(("during_fit", "judged"), [(True, {"val": 6, "ood/dusk": 4}), (False, {"val": 6})])
def test_out_of_distribution_sets_are_judged_when_asked(open_data, tmp_path, during_fit, judged):
    data, model = open_data(ood_during_fit=during_fit), Tally()
    run = trainer(tmp_path, limit_train_batches=1, num_sanity_val_steps=0)
    run.fit(model, datamodule=data)
    assert model.judged == judged
    for verb in (run.validate, run.test):
        model.judged = {}
        verb(model, datamodule=data, verbose=False)
        assert model.judged == {"val": 6, "ood/dusk": 4}


class Cameras(ImageFolder):
    """Photos by the cameras that took them: two for training, another one in its place for evaluation."""

    def records(self, split):
        second = "b" if split == "train" else "c/north"
        return [replace(one, group=("a", second)[int(one.path.stem[-1]) % 2]) for one in super().records(split)]


def test_evaluation_batches_tell_groups_and_training_batches_do_not(open_data):
    data = open_data(kind=Cameras, batch_size=8)
    assert data.group_names == ("", "a", "c/north")  # dusk says nothing of its cameras; none but training knows b
    for loader, records in zip(data.val_dataloader(), [data.records.val, data.records.ood["dusk"]], strict=True):
        ((images, labels, groups),) = loader
        assert len(images) == len(records)
        assert labels.tolist() == [record.label for record in records]
        assert [data.group_names[group] for group in groups] == [record.group for record in records]
    assert [len(batch) for loader in data.test_dataloader() for batch in loader] == [3, 3]
    assert [len(batch) for batch in data.train_dataloader()] == [2]


def test_the_verb_test_needs_no_validation_set(open_data, monkeypatch):
    data = open_data(kind=Cameras)
    data.trainer = Trainer(accelerator="cpu", logger=False)
    data.trainer.state.fn = TrainerFn.TESTING
    monkeypatch.setattr(type(data.records), "val", property(lambda self: pytest.fail("listed")))
    assert data.group_names == ("", "a", "c/north")
    data.trainer.state.fn = TrainerFn.VALIDATING
    with pytest.raises(pytest.fail.Exception):
        _ = data.group_names


def test_batches_are_pinned_for_a_gpu_only(open_data, monkeypatch):
    data = open_data()
    data.trainer = Trainer(accelerator="cpu", logger=False)
    assert not data.train_dataloader().pin_memory
    monkeypatch.setattr(data.trainer.strategy, "_root_device", torch.device("cuda", 0), raising=False)
    monkeypatch.setattr(type(data.trainer.strategy), "root_device", property(lambda self: self._root_device))
    loaders = [data.train_dataloader(), *data.val_dataloader(), *data.test_dataloader()]
    assert [loader.pin_memory for loader in loaders] == [True] * 5


def test_what_is_not_used_is_told_in_a_line_before_a_fit(open_data, disc_folder):
    open_data().look_ahead()  # nothing to tell
    for name in ("train/lime/a.CR2", "val/lime/notes.txt", "dusk/lime/b.cr2"):
        (disc_folder / name).touch()
    for file in (disc_folder / "val" / "plum").iterdir():
        file.unlink()
    told = (
        r"^not used: 2 x \.cr2 .* such as .*/a\.CR2\)\. 1 of 2 classes have no validation image: plum\. The verb check"
    )
    with pytest.warns(UserWarning, match=told):
        open_data().look_ahead()


def test_where_no_image_has_a_subject_the_remedy_is_told(open_data):
    with pytest.raises(DatasetError, match=r"no training image shows a subject: set --data\.dataset\.superclasses"):
        open_data(Witness(), superclasses={"plum": "", "lime": ""}).collection  # noqa: B018


@pytest.mark.parametrize("mode", ["pregenerate", "lazy", "online"])
def test_no_augmenter_ever_sees_an_image_to_judge_by(open_data, disc_folder, tmp_path, mode):
    witness = Witness()
    data = open_data(witness, mode=mode)
    if data.pregenerates:
        filled(data)
    model = Tally()
    run = trainer(tmp_path)
    run.fit(model, datamodule=data)
    run.test(model, datamodule=data, verbose=False)
    assert model.judged == {"val": 18, "ood/dusk": 12}  # val with the sanity check, and as the test set
    assert set(witness.shown) == set((disc_folder / "train").rglob("*.png"))


def test_a_quota_of_an_unknown_class_is_found_before_anything_is_made(open_data, tmp_path):
    data = open_data(Witness(), augmented_per_class={"lemon": 2})
    with pytest.raises(DatasetError, match="augmented_per_class names 'lemon', but the classes are lime, plum"):
        data.look_ahead()
    assert not (tmp_path / "cache").exists()


def test_the_images_to_augment_are_known_before_anything_is_made(open_data, tmp_path):
    witness = Worker()
    filled(open_data(witness, augment_share=0.25))
    assert len({path for path in witness.shown}) == 2
    assert {path.parent.name for path in witness.shown} == {"lime", "plum"}
    table = tmp_path / "of_another_set.csv"
    table.write_text("label,probability,sha256\nlime,0.5,0000\n")
    with pytest.raises(DatasetError, match="lacks 8 of 8 training images"):
        open_data(witness, augment_share=0.25, augment_order=str(table)).look_ahead()
    open_data(None, augment_share=0.25, augment_order=str(table)).look_ahead()  # nothing is augmented


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_truncated_photos_can_be_left_out_of_every_set(open_data, disc_folder, tmp_path):
    bad = [
        truncate(disc_folder / name)
        for name in ("train/lime/lime_2.png", "val/plum/plum_0.png", "dusk/lime/lime_1.png")
    ]
    data = open_data(bad_images="skip", predict_folder=str(disc_folder / "dusk"))
    listing = tmp_path / "cache" / "unreadable.txt"
    with pytest.warns(UserWarning, match=rf"1 of \d images cannot be read and are left out; listed in {listing}"):
        sets = [data.train_dataloader(), *data.val_dataloader(), *data.test_dataloader(), data.predict_dataloader()]
        assert [len(images_of(loader)) for loader in sets] == [7, 5, 3, 5, 3, 3]
    lines = listing.read_text().splitlines()
    assert len(lines) == 3
    assert all(any(str(path) in line for line in lines) for path in bad)
    assert data.class_counts() == [3, 4]


def test_the_test_set_is_predicted_unless_a_folder_is_named(open_data, disc_folder, tmp_path):
    data = open_data()
    assert [record.label for record in data.predict_records] == [0] * 3 + [1] * 3
    data = open_data(predict_folder=str(disc_folder / "dusk"))
    assert [record.path for record in data.predict_records] == sorted((disc_folder / "dusk").rglob("*.png"))
    labels = trainer(tmp_path).predict(Tally(), datamodule=data)
    assert torch.cat(labels).tolist() == [-1] * 4
    photo = next((disc_folder / "dusk").rglob("*.png"))
    assert [record.path for record in open_data(predict_folder=str(photo)).predict_records] == [photo]


@pytest.fixture
def masked_data(open_data, disc_folder):
    """The same with masks of its validation photos, which are its test photos too."""
    for photo in sorted((disc_folder / "val").rglob("*.png")):
        disc = np.abs(np.asarray(Image.open(photo)).astype(int) - COLOURS[photo.parent.name]).sum(axis=2) == 0
        mask = disc_folder.with_name("masks") / photo.relative_to(disc_folder)
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(disc).save(mask)
    masked = partial(ImageFolder, masks=str(disc_folder.with_name("masks")))
    return lambda *arguments, **settings: open_data(*arguments, kind=masked, **settings)


def test_a_fit_makes_background_sets_before_it_generates(masked_data, tmp_path):
    data = masked_data(Witness(), background_sets="all")
    data.look_ahead()
    assert len(list((tmp_path / "cache" / "background_sets").rglob("*.png"))) == 8 * 6


class Guard(Gate):
    """Keeps the hashes it is given."""

    stage = "image"
    guards = True

    def guard(self, hashes):
        self.hashes = sorted(hashes)

    def objection(self, draft):
        return None


def test_background_sets_change_nothing_for_an_augmenter(masked_data, tmp_path):
    plain, other = Guard(), Guard()
    name = masked_data(AGA(segmenter=GrabCut(size=48), gates=[plain])).collection.name
    assert masked_data(AGA(segmenter=GrabCut(size=48), gates=[other]), background_sets="all").collection.name == name
    assert other.hashes == plain.hashes and len(plain.hashes) == 10
    assert not (tmp_path / "cache" / "background_sets").exists()


def test_wrong_settings_are_refused(open_data):
    with pytest.raises(DatasetError, match="no background set 'mixed': the sets are only_fg, "):
        open_data(background_sets=["mixed"])
    with pytest.raises(ValueError, match="not -1"):
        open_data(degree=-1)
    with pytest.raises(ValueError, match="unknown recipe"):
        open_data(recipe="cubist")


@pytest.mark.parametrize(
    ("settings", "shown", "counts"),
    [
        ({}, {"original": 8, 90: 8, 140: 8}, [12, 12]),
        ({"replace_probability": 0.5}, None, [4, 4]),  # an augmentation comes in an original's place
        ({"augmented_per_class": {"plum": 1}}, None, [12, 5]),
        ({"augmented_per_class": 3, "mode": "lazy"}, None, [7, 7]),
        ({"augmented_per_class": {"lime": 0, "plum": 8}, "mode": "online"}, {"original": 8, 250: 8}, [4, 12]),
        ({"rejects": [1]}, {"original": 8, 90: 8}, [8, 8]),
        ({"rejects": [1], "rejected": "original"}, {"original": 16, 90: 8}, [12, 12]),
        ({"rejects": [1], "mode": "lazy"}, {"original": 16, 90: 8}, [12, 12]),
        ({"empty": True}, {"original": 8, 90: 4, 140: 4}, [12, 4]),
        ({"empty": True, "rejected": "original"}, {"original": 16, 90: 4, 140: 4}, [12, 12]),
        ({"empty": True, "mode": "lazy"}, {"original": 16, 90: 4, 140: 4}, [12, 12]),
        ({"empty": True, "mode": "online"}, {"original": 8, 250: 8}, [12, 4]),
        ({"empty": True, "mode": "online", "rejected": "original"}, {"original": 16, 250: 8}, [12, 12]),
        ({"augment_share": 0.5}, {"original": 8, 90: 4, 140: 4}, [8, 8]),
        ({"augment_share": 0.5, "mode": "lazy"}, {"original": 8, 90: 4, 140: 4}, [8, 8]),
        ({"augment_share": 0.5, "mode": "online"}, {"original": 8, 250: 8}, [8, 8]),
        ({"augment_share": 0.5, "replace_probability": 1, "rejects": [1]}, {"original": 4, 90: 4}, [4, 4]),
        ({"augment_share": 0.5, "empty": True, "rejected": "original"}, {"original": 12, 90: 2, 140: 2}, [8, 8]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*augmentations were rejected", "ignore:.*lack .* augmentations in all")
def test_an_epoch_shows_what_is_counted_and_photos_without_a_subject_stay(open_data, settings, shown, counts):
    settings = dict(settings)
    worker = Worker(rejects=settings.pop("rejects", ()))
    names = {"plum": ""} if settings.pop("empty", False) else "fruit"
    data = open_data(worker, degree=2, superclasses=names, **settings)
    if data.pregenerates:
        filled(data)
    assert data.class_counts() == counts
    found = Counter(torch.cat([labels for _, labels in data.train_dataloader()]).tolist())
    assert [found[label] for label in range(2)] == counts
    assert shown is None or kinds(data.train_dataloader()) == shown
    if names != "fruit":
        assert {path.parent.name for path in worker.shown} == {"lime"}


@pytest.mark.parametrize(
    ("settings", "run_settings", "steps", "sizes"),
    [
        ({"steps_per_epoch": 7}, {"max_epochs": 2}, 14, [3] * 14),
        ({"steps_per_epoch": 7, "augment_share": 0.25}, {"max_epochs": 2}, 14, [3] * 14),
        ({"steps_per_epoch": 7, "replace_probability": 0.5}, {"max_epochs": 2}, 14, [3] * 14),
        ({"steps_per_epoch": 4}, {"accumulate_grad_batches": 2}, 4, [3] * 8),
        ({"steps_per_epoch": 2, "real_only_epochs": 1}, {"max_epochs": -1, "max_steps": 4}, 4, [3] * 4),
        ({"batch_size": 7, "augmenter": None}, {"max_epochs": 2}, 2, [8, 8]),  # of 8 images, none is left alone
    ],
)
def test_an_epoch_has_the_optimiser_steps_that_are_set(open_data, tmp_path, settings, run_settings, steps, sizes):
    data = open_data(**({"augmenter": Witness()} | settings))
    if data.pregenerates:
        filled(data)
    model, run = Tally(), trainer(tmp_path, limit_val_batches=0, **run_settings)
    run.fit(model, datamodule=data)
    assert [len(labels) for _, labels in model.trained] == sizes
    assert run.global_step == run.estimated_stepping_batches == steps
