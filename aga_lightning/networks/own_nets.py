"""Networks of one's own: a class by its import path and its settings, or anything that makes a network when called."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from aga_lightning.networks.network import Inputs, Network, without_numbers

_COUNT = "num_classes"


class OwnNet(Network):
    """A network that neither torchvision nor timm has.

    Where the network has an attribute `pretrained_cfg` or `default_cfg`, as timm's do, its `input_size`, `mean` and
    `std` tell which images it takes.

    Args:
        given: A class of nn.Module, by its import path, whose constructor takes `num_classes`; a mapping of this
            `class_path` and of `init_args`, its other settings; or a function from the number of classes to a network.

    Raises:
        ValueError: If there is no such class, or it does not take such settings.
    """

    def __init__(self, given: str | Mapping[str, Any] | Callable[[int], nn.Module]) -> None:
        if not isinstance(given, str | Mapping):
            self.name = _name(given)
            self._make: Callable[[int], object] = given
            return
        path, settings = _parts(given)
        kind = _class(path)
        _check_settings(kind, path, settings)
        self.name = path
        self._make = lambda count: kind(**{_COUNT: count}, **settings)

    @property
    def inputs(self) -> Inputs:
        """What the network says of itself."""
        net = without_numbers(lambda: self.build(2), surely=True)
        told = getattr(net, "pretrained_cfg", None) or getattr(net, "default_cfg", None)
        if not isinstance(told, Mapping):
            return Inputs()
        size, mean, std = (told.get(name) for name in ("input_size", "mean", "std"))
        return Inputs(int(size[-1]) if size else None, tuple(mean) if mean else None, tuple(std) if std else None)

    def build(self, num_classes: int, image_size: int | None = None) -> nn.Module:
        """The network as its class makes it."""
        net: object = self._make(num_classes)
        if not isinstance(net, nn.Module):
            raise ValueError(f"{self.name} makes a {type(net).__name__}, no nn.Module")
        return net


def _parts(given: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The import path and the settings; a command line may put these beside the path."""
    if isinstance(given, str):
        return given, {}
    others = {key: value for key, value in given.items() if key not in ("class_path", "init_args")}
    path, settings = given.get("class_path"), given.get("init_args") or {}
    if not isinstance(path, str) or not isinstance(settings, Mapping):
        raise ValueError(
            "model.backbone is a name, or {class_path: package.Class, init_args: {...}}; on the command line "
            "--model.backbone.class_path package.Class --model.backbone.width 32"
        )
    return path, {**settings, **others}


def _class(path: str) -> type[nn.Module]:
    try:
        found = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"there is no class {path!r} ({error}): check the name, and that its module can be imported from here "
            "(PYTHONPATH)"
        ) from error
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise ValueError(f"{path} is no class of torch.nn.Module: name one")
    return found


def _check_settings(kind: type[nn.Module], path: str, settings: Mapping[str, Any]) -> None:
    signature = inspect.signature(kind)
    known = [name for name in signature.parameters if name != _COUNT]
    if _COUNT in settings:
        raise ValueError(f"{path} gets {_COUNT} from the data: leave it out of its init_args")
    open_ended = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    if _COUNT not in signature.parameters and not open_ended:
        raise ValueError(f"{path} takes no {_COUNT}: give a class whose constructor does")
    for name in settings:
        if name not in known and not open_ended:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
            raise ValueError(f"{path} has no setting {name!r}; {hint}")
    try:
        signature.bind(**{_COUNT: 2}, **settings)
    except TypeError as error:
        raise ValueError(f"{path}: {error}: give it in init_args") from error


def _name(function: Callable[..., object]) -> str:
    function = getattr(function, "func", function)  # of a functools.partial
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
