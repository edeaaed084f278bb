"""The pass itself: the same results from any pool, no more work than needed, and bounded memory."""

import multiprocessing
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aga_lightning.explain import revealing
from aga_lightning.explain.information import InformationMemory, lossless_bytes
from aga_lightning.explain.information_curve import curve_through
from aga_lightning.explain.per_image import Skip
from aga_lightning.explain.pic import PIC_THRESHOLDS, image_curves
from aga_lightning.explain.revealing import _beside_rises, _grows


def images(count, size=24):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    noise = torch.rand(count, 3, size, size, generator=generator)
    return (200 * smooth + 55 * noise).to(torch.uint8)


def maps(count, size=24):
    return torch.rand(count, size, size, generator=torch.Generator().manual_seed(1))


def by_detail(pixels):
    """Class 0 the more, the more an image varies from pixel to pixel."""
    detail = pixels.double().diff(dim=3).abs().mean((1, 2, 3))
    return torch.stack([detail, 18 + 0 * detail], dim=1).softmax(1)


def curves(count=6, predict=by_detail, **settings):
    return image_curves(
        images(count), maps(count), predict, torch.zeros(count, dtype=torch.int64), min_prediction=0.1, **settings
    )


def same(one, other):
    return all(
        part[kind].equal(again[kind])
        for part, again in ((one.curves, other.curves), (one.areas, other.areas), (one.skips, other.skips))
        for kind in part
    )


@pytest.fixture
def encoded(monkeypatch):
    """The images that were measured, in their order."""
    measured, lock = [], threading.Lock()

    def counting(image):
        with lock:
            measured.append(image)
        return lossless_bytes(image)

    monkeypatch.setattr(revealing, "lossless_bytes", counting)
    return measured


def test_the_example_has_curves():
    assert (curves().skips["aic"] == Skip.USED).all()


@pytest.mark.parametrize("batch_size", [1, 5, 64])
@pytest.mark.parametrize("threads", [None, 3])
def test_neither_threads_nor_batches_change_a_bit(batch_size, threads):
    expected = curves()
    if threads is None:
        assert same(curves(batch_size=batch_size), expected)
    else:
        with ThreadPoolExecutor(threads) as pool:
            assert same(curves(batch_size=batch_size, executor=pool), expected)


def test_processes_give_the_same_bits():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert same(curves(count=3, executor=pool), curves(count=3))


def test_the_pool_works_on_while_the_model_predicts():
    """As many reconstructions as a batch holds are under way, or done, when the model gets a batch."""
    submitted = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, /, *args):
            submitted.append(function)
            return super().submit(function, *args)

    def predict(pixels):
        counts.append(len(submitted))
        return by_detail(pixels)

    counts = []
    with Counting(1) as pool:
        curves(count=8, predict=predict, executor=pool, thresholds=(0.1, 0.5), batch_size=4)
    # Two batches of originals, two of hidden images, and then the first of revealed ones: 8 hidden images and 16
    # encodings came before, 4 revealed images are in the batch, and 3 more are under way.
    assert counts[4] >= 8 + 16 + 4 + 3


def test_memory_does_not_grow_with_the_number_of_images(monkeypatch):
    alive, most, lock = set(), [0], threading.Lock()

    def tracked(*args):
        result = reconstruct(*args)
        with lock:
            number = next(numbers)
            alive.add(number)
            most[0] = max(most[0], len(alive))
        weakref.finalize(result, alive.discard, number)
        return result

    numbers, reconstruct = iter(range(10**6)), revealing.reconstruct
    monkeypatch.setattr(revealing, "reconstruct", tracked)
    with ThreadPoolExecutor(2) as pool:
        curves(count=48, executor=pool, thresholds=(0.05, 0.2, 0.6), batch_size=6)
    assert next(numbers) == 48 * (1 + 3)
    assert most[0] <= 4 * 6 + 2


def test_a_memory_saves_the_encodings_that_do_not_depend_on_the_model(encoded):
    memory = InformationMemory()
    first = curves(memory=memory)
    before = len(encoded)
    assert len(memory) == 6
    assert same(curves(memory=memory), first)
    assert len(encoded) - before == before - 2 * 6
    assert len(memory) == 6


def test_images_that_no_kind_can_use_cost_one_prediction(encoded):
    seen = []

    def predict(pixels):
        seen.append(len(pixels))
        return 1 - by_detail(pixels)

    result = curves(predict=predict)
    assert (result.skips["sic"] == Skip.LOW_PREDICTION).all()
    assert seen == [6]
    assert not encoded


def test_accuracy_alone_needs_few_encodings_and_gives_the_same_curve(encoded, monkeypatch):
    lazy = curves(thresholds=PIC_THRESHOLDS, kinds=("aic",))
    assert len(encoded) <= 6 * (2 + 4)
    encoded.clear()
    monkeypatch.setattr(revealing, "_beside_rises", lambda predictions: np.ones(len(predictions), dtype=bool))
    assert same(curves(thresholds=PIC_THRESHOLDS, kinds=("aic",)), lazy)
    assert len(encoded) == 6 * (2 + len(PIC_THRESHOLDS))


def test_lengths_that_shrink_are_all_measured(monkeypatch):
    """A file that gets shorter though more is shown: then nothing is assumed of the others."""
    lengths = {}

    def odd(image):
        order = lengths.setdefault(image.tobytes(), len(lengths))
        return [1000, 10, 300, 200, 700, 650, 600, 800][order % 8]

    def predict(pixels):
        """Right from the fourth threshold on."""
        rank = torch.tensor([ranks[pixel.tobytes()] for pixel in pixels.permute(0, 2, 3, 1).contiguous().numpy()])
        right = ((rank >= 4) | (rank == 7)).double()
        return torch.stack([right, 1 - right], dim=1)

    thresholds = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
    image, importance = images(1), maps(1)
    height, width = importance.shape[1:]
    known = revealing.random_mask(height, width, 0)
    pixels = image[0].permute(1, 2, 0).contiguous().numpy()
    shown = [known, *((importance[0].numpy() >= np.quantile(importance[0].numpy(), 1 - t)) | known for t in thresholds)]
    steps = [revealing.reconstruct(pixels, mask) for mask in shown]
    ranks = {step.tobytes(): rank for rank, step in enumerate([*steps, pixels])}
    for step in (pixels, *steps):
        odd(step)
    monkeypatch.setattr(revealing, "lossless_bytes", odd)
    result = image_curves(image, importance, predict, torch.tensor([0]), thresholds=thresholds, kinds=("aic",))
    shares = (np.array([300, 200, 700, 650, 600, 800]) - 10) / 990
    assert result.curves["aic"][0].tolist() == curve_through(shares, np.array([0, 0, 0, 1, 1, 1.0]), 1000).tolist()


@settings(deadline=None)
@given(st.data())
def test_a_growing_curve_needs_only_what_stands_beside_its_rises(data):
    steps = data.draw(st.integers(1, 13))
    x = np.sort(data.draw(arrays.arrays(float, steps, elements=st.floats(0.001, 1), unique=True)))
    y = np.sort(data.draw(arrays.arrays(float, steps, elements=st.sampled_from([0, 0.25, 0.5, 1.0]))))
    needed = _beside_rises(y[:, None])
    assert _grows(x[needed])
    assert np.allclose(curve_through(x[needed], y[needed], 50), curve_through(x, y, 50), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("shares", "grows"),
    [([0.1, 0.5], True), ([], True), ([0.5, 1, 1], True), ([0.5, 0.5], False), ([0.0, 0.5], False), ([1, 0.5], False)],
)
def test_what_grows(shares, grows):
    assert _grows(np.array(shares, dtype=float)) == grows


def test_an_error_of_the_model_comes_through_and_leaves_the_pool_usable():
    calls = []

    def predict(pixels):
        calls.append(len(pixels))
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        return by_detail(pixels)

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(RuntimeError, match="out of memory"):
            curves(predict=predict, executor=pool, batch_size=4)
        assert same(curves(executor=pool), curves())
