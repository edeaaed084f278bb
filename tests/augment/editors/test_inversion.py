"""Words are learned under a Trainer of their own, wherever that is asked for, and leave no trace there."""

import os
import random
import signal
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import draw_disc
from hypothesis import given, settings
from hypothesis import strategies as some
from lightning.pytorch.utilities import rank_zero_only
from safetensors.torch import load
from tiny.processes import Job

from aga_lightning.augment.editors.inversion import TEMPLATES, Inversion, Inverter, Lessons
from aga_lightning.augment.editors.textual_inversion import TextualInversion

PHOTOS = np.stack([draw_disc(seed, (150, 40, 120), 64) for seed in range(4)])


@pytest.fixture(scope="session")
def inverter(sd1):
    return quick(sd1)


def quick(sd1, **settings):
    usual = {"steps": 2, "batch_size": 2, "initializer": "a", "resolution": 64, "learning_rate": 0.05}
    return Inverter(inversion=Inversion(**usual | settings), weights=sd1, device="cpu")


def test_the_defaults_are_those_of_the_authors_scripts():
    how = Inversion()
    assert (how.steps, how.batch_size, how.resolution, how.initializer) == (1000, 4, 512, "the")
    assert how.learning_rate == 5.0e-4 * how.batch_size  # their option --scale_lr
    assert how.weight_decay == 0.01
    assert len(set(how.templates)) == 27


def test_the_loss_falls(sd1):
    one = quick(sd1, steps=20, batch_size=4)
    for name, weights in one.model.unet.named_parameters():
        if "attn2.to_v" in name or "attn2.to_out.0.weight" in name:
            weights.mul_(10)  # random weights hardly listen to the text
    data = one.invert("<plum>", PHOTOS)
    word = TextualInversion(one.model, "<plum>", "a")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        images = torch.from_numpy(PHOTOS).permute(0, 3, 1, 2) / 127.5 - 1
        latents = one.model.vae.encode(images).latent_dist.mode().repeat(8, 1, 1, 1) * 0.18215
        noise = torch.randn(latents.shape, generator=generator)
        timesteps = torch.randint(0, 1000, (32,), generator=generator)
        exam = latents, noise, timesteps, ["a photo of a <plum>"] * 32
        before = word.loss(*exam)
        word.vector.copy_(load(data)["<plum>"])
        after = word.loss(*exam)
    assert after < before - 0.01  # 0.01 to 0.06 less for three models and four seeds each


def test_it_gives_the_same_bytes_for_a_seed_in_whatever_mode_and_with_parts_computed_twice(sd1, inverter):
    alone = inverter.invert("<plum>", PHOTOS)
    with torch.inference_mode():
        inside = quick(sd1)
        assert inside.invert("<plum>", PHOTOS) == alone
        assert torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert quick(sd1, checkpointing=False).invert("<plum>", PHOTOS) == alone
        assert not torch.is_grad_enabled()
    assert inverter.invert("<plum>", PHOTOS) == alone
    assert quick(sd1, seed=1).invert("<plum>", PHOTOS) != alone
    assert load(inverter.invert("<lime>", PHOTOS))["<lime>"].tolist() != load(alone)["<plum>"].tolist()


def test_it_leaves_no_trace(inverter, tmp_path, monkeypatch, capsys, caplog):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    rank = rank_zero_only.rank
    inverter.invert("<plum>", PHOTOS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == handlers
    assert rank_zero_only.rank == rank
    assert not any(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "") and not caplog.records


RANK_1 = """
import time, torch.distributed
torch.distributed.init_process_group("gloo", init_method={meeting!r}, rank=1, world_size=2)
time.sleep(240)
"""

# What is told to the second of two processes; under srun as Lightning itself would not take it.
TOLD = {
    "srun": {
        "SLURM_NTASKS": "2",
        "SLURM_JOB_NAME": "fit",
        "SLURM_JOB_ID": "17",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "1",
        "SLURM_NODELIST": "n1",
    },
    "torchrun": {
        "TORCHELASTIC_RUN_ID": "none",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29999",
    },
}


@pytest.mark.parametrize("launcher", sorted(TOLD))
def test_it_is_no_rank_of_the_job_that_it_is_trained_in(inverter, launcher, monkeypatch):
    alone = inverter.invert("<plum>", PHOTOS)
    for name, value in TOLD[launcher].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    environment = dict(os.environ)
    assert inverter.invert("<plum>", PHOTOS) == alone
    assert rank_zero_only.rank == 1
    assert dict(os.environ) == environment


def test_it_waits_for_no_other_rank(inverter, tmp_path):
    alone = inverter.invert("<plum>", PHOTOS)
    meeting = f"file://{tmp_path}/meeting"
    idle = Job(RANK_1.format(meeting=meeting), tmp_path)
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=2)
    try:
        assert inverter.invert("<plum>", PHOTOS) == alone  # the other rank never answers
    finally:
        torch.distributed.destroy_process_group()
        idle.kill()


def test_frozen_weights_compute_in_their_own_numbers(sd1):
    one = Inverter(inversion=Inversion(initializer="a"), weights=sd1, dtype="bfloat16", device="cpu")
    models = one.model.unet, one.model.vae, one.model.text_encoder
    assert [model.dtype for model in models] == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert not any(weights.requires_grad for model in models for weights in model.parameters())
    one.inversion = Inversion(steps=1, batch_size=1, initializer="a", resolution=64)
    (vector,) = load(one.invert("<plum>", PHOTOS)).values()
    assert vector.dtype == torch.float32 and vector.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(count=some.integers(1, 7), batch=some.integers(1, 9), steps=some.integers(1, 9), seed=some.integers(0, 99))
def test_each_photo_is_drawn_as_often_as_any_other(count, batch, steps, seed):
    photos = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3))
    lessons = Lessons(photos, "<plum>", Inversion(steps=steps, batch_size=batch), seed)
    images = [images for images, _ in lessons]
    assert len(images) == len(lessons) == steps and {tuple(one.shape) for one in images} == {(batch, 3, 8, 8)}
    drawn = Counter(torch.round((torch.cat(images)[:, 0, 0, 0] + 1) * 127.5).int().tolist())
    times = [drawn[number] for number in range(count)]
    assert sum(times) == steps * batch and max(times) - min(times) <= 1


def test_lessons_hold_photos_some_mirrored_and_the_word_in_all_texts():
    how = Inversion(steps=100, batch_size=4)
    lessons = Lessons(PHOTOS, "<plum>", how, 0)
    images = torch.cat([images for images, _ in lessons])
    texts = [text for _, texts in lessons for text in texts]
    upright = torch.from_numpy(PHOTOS).permute(0, 3, 1, 2) / 127.5 - 1
    same = (images[:, None] - upright).abs().amax((2, 3, 4)) < 1e-6
    turned = (images[:, None] - upright.flip(3)).abs().amax((2, 3, 4)) < 1e-6
    assert (same | turned).any(1).all()
    assert 160 < turned.any(1).sum() < 240  # 200 expected of 400, standard deviation 10
    assert images.min() >= -1 and images.max() <= 1
    assert set(texts) == {text.replace("{token}", "<plum>") for text in TEMPLATES}
    again = [text for _, texts in Lessons(PHOTOS, "<plum>", how, 0) for text in texts]
    other = [text for _, texts in Lessons(PHOTOS, "<plum>", how, 1) for text in texts]
    assert texts == again != other


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate above 0"),
        ({"weight_decay": -0.1}, "weight_decay of at least 0"),
        ({"resolution": 100}, "resolution is 100: give a multiple of 8"),
        ({"templates": ()}, "give templates"),
        ({"templates": ("a {token}", "a photo")}, "each hold"),
        ({"templates": ("a {token} in {scene}",)}, "holds {scene}"),
    ],
    ids=lambda value: str(value).replace(" ", "_")[:40],
)
def test_settings_that_cannot_be_are_refused(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        Inversion(**wrong)
