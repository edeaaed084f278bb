import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from tiny.photos import crops

from aga_lightning.explain.imputation import NoisyLinearImputation
from aga_lightning.explain.insertion import deletion_curve, insertion_curve

KERNEL = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
QUIET = NoisyLinearImputation(noise=0)


@pytest.fixture(scope="module")
def photos():
    return torch.from_numpy(crops(2, 24)).permute(0, 3, 1, 2).float() / 255


def averaged(image, hidden, rounds=2000):
    """The definition as it is read: hidden pixels become the means of their neighbours until nothing changes."""
    image = np.where(hidden, 0, image.double().numpy())
    weight = convolve(np.ones(hidden.shape), KERNEL, mode="constant")
    for _ in range(rounds):
        means = np.stack([convolve(channel, KERNEL, mode="constant") for channel in image]) / weight
        image = np.where(hidden, means, image)
    return image


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.97])
def test_hidden_pixels_are_the_means_of_their_neighbours(photos, share):
    hidden = torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(0)) < share
    hidden[1, 0, :9, :9] = share > 0  # a hole at the border
    filled = QUIET.impute(photos, hidden)
    for image, holes, made in zip(photos, hidden[:, 0].numpy(), filled, strict=True):
        assert made.numpy() == pytest.approx(averaged(image, holes), abs=1e-4)
    assert torch.equal(filled.masked_select(~hidden), photos.masked_select(~hidden))


def test_the_noise_is_of_its_size_and_the_same_whatever_the_batch(photos):
    hidden = torch.ones(2, 1, 24, 24, dtype=torch.bool)
    hidden[:, :, ::4] = False
    noisy = NoisyLinearImputation(noise=0.3, seed=1)
    made = noisy.impute(photos, hidden)
    rest = (made - QUIET.impute(photos, hidden)).masked_select(hidden)
    assert abs(rest.mean()) < 0.03 and rest.std() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(made[1:], noisy.impute(photos[1:], hidden[1:]))
    nothing = noisy.impute(photos, torch.ones_like(hidden))
    assert nothing.std() == pytest.approx(0.3, abs=0.03) and torch.equal(nothing[0], nothing[1])


@pytest.mark.parametrize("curve", [insertion_curve, deletion_curve])
def test_curves_hide_what_is_not_there_yet_or_no_longer(photos, curve):
    def predict(images):  # of two classes by the mean of the upper left quarter
        level = images[:, :, :12, :12].mean(dim=(1, 2, 3))
        return torch.stack([level, 1 - level], dim=1)

    maps = torch.rand(2, 24, 24, generator=torch.Generator().manual_seed(2))
    found = curve(photos, maps, predict, torch.tensor([0, 1]), step=100, substrate=QUIET, batch_size=5)
    order = maps.flatten(1).argsort(dim=1, descending=True)
    for number, changed in enumerate([0, 100, 200, 300, 400, 500, 576]):
        mask = torch.zeros(2, 576, dtype=torch.bool).scatter_(1, order[:, :changed], True).view(2, 1, 24, 24)
        seen = predict(QUIET.impute(photos, mask if curve is deletion_curve else ~mask))
        assert found.scores[:, number].tolist() == pytest.approx([seen[0, 0].item(), seen[1, 1].item()], abs=1e-5)
