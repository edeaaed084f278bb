"""The parser of the command line: configurations found by name, errors of one line, and help that tells the whole."""

import inspect
import pkgutil
import re
import sys
from enum import Enum
from typing import Any, NoReturn

import jsonargparse
import yaml
from jsonargparse.typing import register_type
from lightning.pytorch.cli import LightningArgumentParser
from torch.optim import Optimizer

from aga_lightning import augment, callbacks, datasets
from aga_lightning.cli.help import Paragraphs, short_help, wants_all
from aga_lightning.cli.hints import class_hint, hint, keys_of_configurations
from aga_lightning.cli.renamed import with_new_name
from aga_lightning.cli.usage import VERBS
from aga_lightning.cli.yaml_names import loads_any_name
from aga_lightning.configurations import find_config
from aga_lightning.paths import PATH_TYPES, UserPath, meant_from_here

for _kind in PATH_TYPES:
    register_type(_kind, deserializer=_kind.of, type_check=lambda value, kind: kind.is_found(value))
jsonargparse.set_loader("yaml", loads_any_name(jsonargparse.get_loader("yaml")), (yaml.YAMLError,))

# Lines of jsonargparse's messages that say nothing to a reader who knows what was typed.
_NOISE = re.compile(
    r"Does not validate against any|Subtypes:|Errors:|Expected a <class 'NoneType'>|Given value|"
    r"Expected a path but|Problem with given class_path|Parser key|For details of|Not a valid subclass of|"
    r"Subclass types expect|a class path \(str\)|a dict with|Expected a <class '[\w.]+'>$|^Got value"
)
_KEY = re.compile(r"Parser key [\"'](?P<key>[^\"']+)[\"']")
_CLASS = re.compile(r"Problem with given class_path '(?:[\w.]*\.)?(?P<kind>\w+)'")
_NO_CLASS = re.compile(r"Expected a dot import path string: (?P<name>\S+)")
_LITERAL = re.compile(r"Expected a typing\.Literal\[(?P<choices>[^]]*)\]\. Got value: (?P<value>.*)")
_SUBTYPES = re.compile(r"Subtypes: \[(?P<kinds>.*)\]")
_GIVEN = re.compile(r"Given value: (?P<value>.*)")
_TYPE = re.compile(r"Expected an? <class '(?P<kind>\w+)'>\. Got value: (?P<value>.*)")


_UNKNOWN = re.compile(
    r"Option '(?P<option>\w+)' is not accepted|unrecognized arguments: --(?P<argument>[\w.]+)|"
    r"does not accept option '(?P<key>[\w.]+)'"
)
_PATH = re.compile(r"Problem with given class_path '([\w.]+)'")
_NO_SUCH_CLASS = re.compile(r"there is no class '(?P<name>[\w.]+)'")


class FindConfig(jsonargparse.ActionConfigFile):  # type: ignore[name-defined, misc] # public, but not listed as exported
    """Look a configuration up in the working directory, then among those of the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ANN401 jsonargparse's types
        """Parse the configuration that was found."""
        with meant_from_here():
            super().__call__(parser, cfg, find_config(values) if isinstance(values, str) else values, option_string)


_OF_LIGHTNING = ("dirpath", "save_dir", "root_dir", "ckpt_path")
_NO_FILES = re.compile("best|last|hpc|registry.*")


def make_plain(config: Any) -> None:  # noqa: ANN401 a configuration is a tree of anything
    """Make the settings of Lightning's own classes such that they can be saved, and used from other folders.

    Their paths, whose types are no types of paths, become absolute; members of enumerations, such as the default of
    Timer's `interval`, which YAML does not know, become words.

    Args:
        config: A parsed configuration, or a part of one; changed in place.
    """
    if isinstance(config, list):
        for part in config:
            make_plain(part)
    elif isinstance(config, dict | jsonargparse.Namespace):
        for key, value in vars(config).items() if isinstance(config, jsonargparse.Namespace) else config.items():
            if key in _OF_LIGHTNING and isinstance(value, str) and not _NO_FILES.fullmatch(value):
                config[key] = UserPath.of(value)
            elif isinstance(value, str) and isinstance(value, Enum):
                config[key] = str(value.value)
            else:
                make_plain(value)


class OneLineErrorParser(LightningArgumentParser):
    """Lightning's parser, which tells a mistake in one line and takes no abbreviated settings.

    The help of a class (`--data.augmenter.help ALIA`) starts with all that its docstring says before its settings.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 they are the parser's
        self.verbs: list[jsonargparse.ArgumentParser] = []
        """The parsers of the verbs, where this is that of the whole command."""
        super().__init__(*args, allow_abbrev=False, **{"formatter_class": Paragraphs} | kwargs)

    def add_class_arguments(self, class_type: type, nested_key: str | None = None, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 they are the parser's
        """Add a class's settings; a parser that is there for their help describes the class too."""
        added = super().add_class_arguments(class_type, nested_key, *args, **kwargs)
        group = (self.groups or {}).get(nested_key or "")
        if group is not None and (self.description or "").startswith("Help for "):
            about = re.split(r"\n\s*(?:Args|Raises|Returns):", inspect.getdoc(class_type) or "")[0]
            self.description = f"{self.description}\n\n{about.strip().replace('`', '')}"
            group.title = "Settings"
        return added

    def format_help(self, *args: Any) -> str:  # noqa: ANN401 they are the parser's
        """The help; of a verb in short, unless all is asked for."""
        verb = self.prog.rpartition(" ")[2]
        if verb not in VERBS or wants_all() or (self.description or "").startswith("Help for "):
            return super().format_help(*args)
        return short_help(verb, [(group.title or "", group._group_actions) for group in self._action_groups])

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong in a line, and end with exit status 2."""
        if not self.exit_on_error:  # a parser within a parser, whose owner adds where it stands
            super().error(message, ex)
        sys.stderr.write(f"error: {condense(message)}{self._hint(message)}\n")
        sys.exit(2)

    def _hint(self, message: str) -> str:
        """What may have been meant, where a name is wrong."""
        line = condense(message)
        if missing := _NO_SUCH_CLASS.search(line):
            rooms = (augment, callbacks, datasets)
            return class_hint(missing["name"], [name for room in rooms for name in room.__all__])
        if " is called " in line or not (unknown := _UNKNOWN.search(message)):
            return ""
        within = ".".join(_KEY.findall(message))
        name = f"{within}.{unknown['option']}" if unknown["option"] else unknown["argument"] or unknown["key"]
        keys = [*keys_of_configurations(), *(key for one in (*self.verbs, self) for key in one.get_defaults().keys())]
        if unknown["option"] and (path := _PATH.findall(message)):  # the settings of the innermost class
            keys = [
                *(f"{within}.{setting}" for setting in inspect.signature(pkgutil.resolve_name(path[-1])).parameters),
                *keys,
            ]
        return hint(name, keys)


def check_optimizer(parser: jsonargparse.ArgumentParser, chosen: object) -> None:
    """Refuse what is no optimiser: jsonargparse calls any function that a configuration names where one is asked for.

    Args:
        parser: Tells the mistake.
        chosen: The setting, as it was parsed.
    """
    path = chosen.get("class_path") if isinstance(chosen, jsonargparse.Namespace | dict) else chosen
    found = pkgutil.resolve_name(path) if isinstance(path, str) else Optimizer
    if not (inspect.isclass(found) and issubclass(found, Optimizer)):
        parser.error(f"model.optimizer: {path} is no optimiser: choose one of torch.optim, such as SGD")


def condense(message: str) -> str:
    """The one line of a message of jsonargparse that says what is wrong, and where."""
    where: list[str] = []
    what: list[str] = []
    kinds = misfit = ""  # of the innermost setting, which comes first, in case its types are all that is told
    for line in message.splitlines():
        text = line.strip().removeprefix("- ")
        if key := _KEY.search(text):
            where.append(key["key"])
            text = text[key.end() :].removeprefix(":").strip()
        if kind := _CLASS.search(text):
            where.append(kind["kind"])
        if missing := _NO_CLASS.search(text):
            text = f"there is no class {missing['name']!r}"
        if literal := _LITERAL.search(text):
            text = f"{literal['value']!r} is none of {literal['choices']}"
        if wrong := _TYPE.search(text):
            text = f"{wrong['value']!r} is not of type {wrong['kind']}"
        if subtypes := _SUBTYPES.search(text):
            kinds = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", subtypes["kinds"]).replace("NoneType", "null")
        if kinds and not misfit and (given := _GIVEN.match(text)):
            misfit = f"{given['value']!r} is of none of the types {kinds}"
            if given["value"] == "None":  # what jsonargparse makes of null two parts deep on the command line
                misfit = "null has to be written in a YAML file here"
        text = with_new_name(text, where[-1] if where else "")
        if text and not _NOISE.search(text):
            what.append(text)
    return ": ".join([".".join(where)] * bool(where) + ["; ".join(dict.fromkeys(what)) or misfit])
