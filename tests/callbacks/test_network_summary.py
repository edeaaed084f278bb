import logging

import pytest
from lightning.pytorch.demos.boring_classes import BoringModel

from aga_lightning.callbacks.network_summary import NetworkSummary


@pytest.mark.parametrize(
    ("freeze", "share"),
    [(False, "all of them trained; training starts from DEFAULT"), (True, "64 of them trained")],
    ids=["whole", "frozen"],
)
def test_the_size_of_the_network_and_its_start_are_told_in_a_line(caplog, freeze, share):
    model = BoringModel()
    model.backbone = "resnet18"
    if freeze:
        model.layer.bias.requires_grad_(False)
    else:
        model.weights = "DEFAULT"
    with caplog.at_level(logging.INFO):
        NetworkSummary().on_fit_start(None, model)
    assert caplog.messages == [f"Network: resnet18 with 66 parameters (0.0 MB), {share}"]
