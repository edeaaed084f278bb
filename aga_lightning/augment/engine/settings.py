"""Settings whose default is a part, told to the command line by the part's class and settings."""

import inspect

from aga_lightning.augment.base import Part


def spell_defaults(kind: type) -> None:
    """Let the signature of a part say which parts its defaults are, as a configuration would.

    jsonargparse reads that from the source of a constructor, but a dataclass has none. Without it neither --help nor a
    saved configuration could name the default of a setting.

    Args:
        kind: A dataclass whose fields may have parts as defaults.
    """
    signature = inspect.signature(kind.__init__)  # type: ignore[misc] # of a class, and no instance
    parameters = [
        one.replace(default=spelled(one.default)) if isinstance(one.default, Part) else one
        for one in signature.parameters.values()
    ]
    kind.__init__.__signature__ = signature.replace(parameters=parameters)  # type: ignore[misc]


def spelled(part: Part) -> dict[str, object]:
    """A part as a configuration names it: its class, and those settings that are not the defaults."""
    kind = type(part)
    settings = {
        name: spelled(value) if isinstance(value, Part) else value
        for name, one in inspect.signature(kind).parameters.items()
        if (value := getattr(part, name)) != one.default
    }
    named: dict[str, object] = {"class_path": f"{kind.__module__}.{kind.__qualname__}"}
    return named | {"init_args": settings} if settings else named
