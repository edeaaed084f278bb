"""Rows of images: added in any batches, gathered in any shares, each image once."""

import math

import pytest
import torch

from aga_lightning.explain.image_metric import MeanOfImages
from aga_lightning.explain.per_image import Skip

NAN = math.nan


class Brightness(MeanOfImages):
    """The mean of each image, and the image as a longer row."""

    higher_is_better = True

    def __init__(self, **kwargs):
        super().__init__("brightness", {"seen": torch.float32, "label": torch.int8}, **kwargs)

    def update(self, images, ids=None):
        labels = images.argmax(dim=1)
        self.add(len(images), ids, brightness=images.mean(dim=1), seen=images, label=labels)


def images(*means):
    return torch.tensor(means)[:, None] + torch.tensor([-1.0, 0.0, 1.0])


def test_batches_of_any_size_count_by_image():
    metric = Brightness()
    metric.update(images(1.0, 2.0, 3.0))
    metric.update(images(6.0))
    assert metric.compute().item() == 3
    per_image = metric.per_image()
    assert per_image.values.tolist() == [1, 2, 3, 6]
    assert per_image.ids.tolist() == [-1] * 4, "images without ids all count"


def test_an_image_that_comes_twice_counts_once_and_ids_sort():
    metric = Brightness()
    metric.update(images(1.0, 2.0, 3.0), torch.tensor([7, 2, 5]))
    metric.update(images(1.0, 6.0), torch.tensor([7, 0]))
    assert metric.compute().item() == 3
    assert metric.per_image().ids.tolist() == [0, 2, 5, 7]
    assert metric.per_image().values.tolist() == [6, 2, 3, 1]
    assert metric.rows_by_id("seen")[0].equal(images(6.0, 2.0, 3.0, 1.0))


def test_images_without_a_value_are_left_out_and_counted():
    metric = Brightness()
    metric.update(images(NAN, 2.0, 4.0))
    assert metric.compute().item() == 3
    assert metric.per_image().skips.tolist() == [Skip.NOT_FINITE, Skip.USED, Skip.USED]
    metric.reset()
    metric.update(images(NAN))
    assert metric.compute().isnan()


def test_no_images_are_nan_without_a_warning():
    metric = Brightness()
    assert metric.compute().isnan()
    assert metric.per_image().values.shape == metric.per_image().ids.shape == (0,)
    metric.update(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert metric.compute().isnan()


def test_the_value_of_a_batch():
    metric = Brightness()
    assert metric(images(1.0, 3.0)).item() == 2
    assert metric(images(8.0)).item() == 8
    assert metric.compute().item() == 4


def as_on(ranks):
    """A gathering function as if `ranks` said the same, which notes what each rank would send."""
    sent = []

    def gather(state, group=None):
        sent.append((state.dtype, state.ndim))
        return [state] * ranks

    return gather, sent


def test_ranks_with_and_without_images_send_the_same_kind_of_states():
    sent = {}
    for share in ("some", "none"):
        gather, sent[share] = as_on(ranks=2)
        metric = Brightness(dist_sync_fn=gather, distributed_available_fn=lambda: True)
        if share == "some":
            metric.update(images(1.0), torch.tensor([0]))
            metric.update(images(2.0), torch.tensor([1]))
        metric.compute()
    assert (
        sent["some"]
        == sent["none"]
        == [(dtype, 1) for dtype in (torch.int64, torch.float32, torch.int8, torch.float32, torch.int8)]
    )


def test_after_gathering_a_rank_has_its_own_images_again():
    gather, _ = as_on(ranks=2)
    metric = Brightness(dist_sync_fn=gather, distributed_available_fn=lambda: True)
    metric.update(images(1.0))
    assert len(metric.per_image().values) == 2
    assert metric.flat("brightness").tolist() == [1]
    metric.update(images(4.0))
    assert sorted(metric.per_image().values.tolist()) == [1, 1, 4, 4]
    assert metric.compute().item() == 2.5


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (torch.tensor([0]), r"int64 \(2,\).*int64 \(1,\)"),
        (torch.tensor([0.0, 1.0]), "float32"),
        (torch.tensor([0, -1]), "from -1 on"),
    ],
)
def test_ids_that_do_not_fit_are_named(ids, words):
    with pytest.raises(ValueError, match=words):
        Brightness().update(images(1.0, 2.0), ids)
