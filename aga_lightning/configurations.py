"""Where a configuration lies that is given by its name; quick to import."""

from difflib import get_close_matches
from pathlib import Path

from aga_lightning.paths import PathError, UserPath

CONFIGS = Path(__file__).parent / "configs"
"""The configurations of an installed package."""

_CONFIGS_OF_A_CHECKOUT = Path(__file__).parents[1] / "configs"
_SUFFIXES = (".yaml", ".yml", ".json")


def find_config(name: str) -> str:
    """The path of a configuration, looked up in the working directory, then among those of the package.

    The name comes back as it is where none is found, so that the parser reports it.
    """
    try:
        expanded = Path(UserPath.of(name))
    except PathError:
        return name
    candidates = (Path(name), expanded, CONFIGS / name, _CONFIGS_OF_A_CHECKOUT / name)
    return next((str(path) for path in candidates if path.is_file()), name)


def objection(name: str) -> str | None:
    """What is wrong with the name of a configuration, with a name that is near; None where it can be found."""
    if Path(find_config(name)).is_file() or not name.lower().endswith(_SUFFIXES):
        return None  # what does not end like a file may be a configuration written out
    here = [path.name for path in Path().glob("*.yaml")]
    near = get_close_matches(name, [*here, *packaged_configs()], n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ": check the path"
    return f"there is no {name} in this folder or among the packaged configurations{hint}"


def packaged_configs() -> list[str]:
    """The names of all configurations of the package, parts included."""
    roots = (CONFIGS, _CONFIGS_OF_A_CHECKOUT)
    return sorted({path.relative_to(root).as_posix() for root in roots for path in root.rglob("*.yaml")})
