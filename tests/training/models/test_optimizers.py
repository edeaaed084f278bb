import pytest
import torch
from torch.optim import SGD, AdamW

from aga_lightning.training.models.optimizers import optimizer_in, plain_settings

PARAMETERS = [torch.nn.Parameter(torch.zeros(1))]


@pytest.mark.parametrize(
    "optimizer", [SGD(PARAMETERS, lr=0.2, momentum=0.9), AdamW(PARAMETERS, lr=0.002, betas=(0.5, 0.6))]
)
def test_an_optimizer_of_torch_comes_back_by_its_name(optimizer):
    told = {"optimizer": type(optimizer).__name__, "optimizer_settings": plain_settings(optimizer)}
    again = optimizer_in({"aga_lightning": told})["optimizer"](PARAMETERS)
    assert type(again) is type(optimizer) and again.defaults == optimizer.defaults


@pytest.mark.parametrize("name", ["os.system", "Optimizer", "lr_scheduler", "annotations", ["SGD"], None])
def test_no_other_name_is_looked_up(name):
    assert optimizer_in({"aga_lightning": {"optimizer": name, "optimizer_settings": {}}}) == {}
    assert optimizer_in({"hyper_parameters": {"optimizer": {"class_path": name}}}) == {}
