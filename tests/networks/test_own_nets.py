import sys
import types
from functools import partial

import pytest
import torch
from torch import nn

from aga_lightning.networks.network import Inputs
from aga_lightning.networks.own_nets import OwnNet

HERE = "own_nets_of_a_user"


class Plain(nn.Module):
    """A network whose constructor takes the number of classes at its end."""

    def __init__(self, width: int = 4, num_classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Linear(width, num_classes)


class Described(Plain):
    def __init__(self, num_classes: int, *, depth: int = 1) -> None:
        super().__init__(depth, num_classes)
        assert self.layer.weight.sum().item() != 7  # no net without numbers can be asked
        self.default_cfg = {"input_size": (3, 96, 96), "mean": (0.5, 0.4, 0.3), "std": (0.1, 0.1, 0.1)}


class Demanding(Plain):
    def __init__(self, num_classes: int, depth: int) -> None:
        super().__init__(depth, num_classes)


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """These classes as a module that can be imported."""
    module = types.ModuleType(HERE)
    vars(module).update(Plain=Plain, Described=Described, Demanding=Demanding)
    monkeypatch.setitem(sys.modules, HERE, module)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (f"{HERE}.Plain", (3, 4)),
        ({"class_path": f"{HERE}.Plain"}, (3, 4)),
        ({"class_path": f"{HERE}.Plain", "init_args": {"width": 7}}, (3, 7)),
        ({"class_path": f"{HERE}.Plain", "init_args": {"width": 7}, "width": 2}, (3, 2)),  # as --model.backbone.width 2
        (lambda count: Plain(5, count), (3, 5)),
        (partial(Demanding, depth=9), (3, 9)),
    ],
)
def test_a_network_of_ones_own_is_built_for_the_classes(given, shape):
    assert OwnNet(given).build(3).layer.weight.shape == shape


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("os.abort", r"os\.abort is no class of torch\.nn\.Module"),
        ({"class_path": "os.abort"}, r"os\.abort is no class of torch\.nn\.Module"),
        ("no.such.Net", r"there is no class 'no\.such\.Net' \(No module named 'no'\).*PYTHONPATH"),
        (f"{HERE}.Plan", rf"there is no class '{HERE}\.Plan'"),
        ("torch.nn.Linear", r"torch\.nn\.Linear takes no num_classes"),
        ({"class_path": f"{HERE}.Plain", "init_args": {"widht": 3}}, "no setting 'widht'; did you mean width"),
        ({"class_path": f"{HERE}.Plain", "init_args": {"num_classes": 3}}, "gets num_classes from the data"),
        (f"{HERE}.Demanding", r"missing a required argument: 'depth': give it in init_args"),
        ({"width": 3}, r"model\.backbone is a name, or \{class_path"),
    ],
)
def test_what_is_no_such_class_is_refused_before_it_is_made(given, line):
    with pytest.raises(ValueError, match=line):
        OwnNet(given)


def test_what_makes_no_network_is_told():
    with pytest.raises(ValueError, match=r"lambda> makes a int, no nn\.Module"):
        OwnNet(lambda count: count).build(2)


def test_a_network_may_tell_its_images():
    before = torch.get_rng_state()
    assert OwnNet(f"{HERE}.Described").inputs == Inputs(96, (0.5, 0.4, 0.3), (0.1, 0.1, 0.1))
    assert OwnNet(f"{HERE}.Plain").inputs == Inputs()
    assert torch.equal(before, torch.get_rng_state())
