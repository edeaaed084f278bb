"""All settings that are paths are given in the same ways, and are kept absolute."""

import contextlib
import importlib
import inspect
import pkgutil
import re
import typing
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import aga_lightning
from aga_lightning.cli.parser import OneLineErrorParser
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.images.records import DatasetError
from aga_lightning.paths import PATH_TYPES, NameOrPath, PathError, UserPath, WordOrFile


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A working directory, a home and a variable."""
    for name in ("here", "home", "data"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path


GIVEN = {
    "x": "here/x",
    "./x/": "here/x",
    "../x": "here/../x",  # not home/x: `here` may be a link
    "~/x": "home/x",
    "$HOME/x": "home/x",
    "$DATA/x": "data/x",
    "${DATA}/x": "data/x",
    "caf\udce9\n[x]": "here/caf\udce9\n[x]",
}


@pytest.mark.parametrize("given", GIVEN, ids=ascii)
def test_paths_are_expanded_and_made_absolute_once(places, given):
    found = UserPath.of(given)
    assert found == str(places / GIVEN[given]) and type(found) is str
    assert UserPath.of(found) == found and UserPath.is_found(found) and not UserPath.is_found(given)


def test_a_variable_that_is_not_set_is_told_and_a_dollar_in_a_name_is_a_dollar(places):
    with pytest.raises(PathError, match=r"\$NOWHERE is set"):
        UserPath.of("$NOWHERE/photos")
    assert not UserPath.is_found("/data/$NOWHERE/photos")
    (places / "here" / "$NOWHERE").mkdir()
    assert UserPath.of("./$NOWHERE/new") == str(places / "here" / "$NOWHERE" / "new")
    (places / "here" / "$DATA").mkdir()
    kept = str(places / "here" / "$DATA" / "new")
    assert UserPath.of(kept) == kept


def test_names_and_addresses_are_no_paths(places):
    for name in ("org/model", "org/model/file.safetensors", "resnet18", "IMAGENET1K_V1", "s3://bucket/x"):
        assert NameOrPath.of(name) == name
    assert UserPath.of("s3://bucket/x") == "s3://bucket/x"
    for name in ("org/model", "IMAGENET1K_V1"):
        (places / "here" / name).mkdir(parents=True)
    assert NameOrPath.of("org/model") == str(places / "here" / "org" / "model")
    assert NameOrPath.of("IMAGENET1K_V1") == "IMAGENET1K_V1"
    assert NameOrPath.of("~/missing.pth") == str(places / "home" / "missing.pth")
    assert WordOrFile.of("bird") == "bird" and WordOrFile.of("~/b.YAML") == str(places / "home" / "b.YAML")


def settings():
    """Every setting of every class of ours: the class, its name, its type and what is said of it."""
    found = {}
    for module in pkgutil.walk_packages(aga_lightning.__path__, "aga_lightning."):
        if not module.name.endswith("__main__"):
            found |= vars(importlib.import_module(module.name))
    kinds = {kind for kind in found.values() if inspect.isclass(kind) and not kind.__name__.startswith("_")}
    for kind in {*kinds, AgaTrainer.export}:
        if not kind.__module__.startswith("aga_lightning."):
            continue
        about = dict(re.findall(r"^ {8}(\w+): (.*)$", kind.__doc__ or "", re.MULTILINE))
        with contextlib.suppress(ValueError):  # kinds of errors and warnings have no signature
            for name, parameter in inspect.signature(kind).parameters.items():
                yield kind, parameter, parameter.annotation, about.get(name, "")


def path_types(hint):
    parts = {kind for argument in typing.get_args(hint) for kind in path_types(argument)}
    return parts | {kind for kind in PATH_TYPES if hint is kind}


SETTINGS = list(settings())
PATHS = {(kind, parameter.name): hint for kind, parameter, hint, _ in SETTINGS if path_types(hint)}
NO_PATHS = {
    "architecture",
    "name",
    "wordnet_id",
    "path_column",
    "backbone",
    "variant",
    "revision",
    "filename",
    "token",
    "url",
    "guide",
    "given",
}


def test_a_setting_that_leads_to_a_file_or_folder_has_a_type_of_paths():
    """By its name, or by what is said of it."""
    named = re.compile(r"root|folder|weights|unet|lora|masks|csvs|v2|sketch|compare_to|to|out|cells|.*_dir|.*_folder")
    lacking = [
        f"{kind.__name__}.{parameter.name}: {hint}"
        for kind, parameter, hint, about in SETTINGS
        if str in (hint, *typing.get_args(hint)) and not {*PATH_TYPES, Path} & {*typing.get_args(hint)}
        if parameter.name not in NO_PATHS
        if named.fullmatch(parameter.name) or re.match(r"(The|A|Where) .*\b(folder|file|path|checkpoint)\b", about)
    ]
    assert not lacking
    assert len(PATHS) > 40


def test_the_parser_makes_each_of_them_absolute(places):
    for (kind, name), hint in PATHS.items():
        parser = OneLineErrorParser(exit_on_error=False)
        parser.add_argument("--given", type=hint)
        value = parser.parse_object({"given": given_for(hint, "~/x.yaml")}).given
        assert "~" not in str(value) and str(places / "home" / "x.yaml") in str(value), f"{kind.__name__}.{name}"


def given_for(hint, path):
    origins = {typing.get_origin(part) for part in (hint, *typing.get_args(hint))}
    if WordOrFile in path_types(hint) or not origins & {dict, list}:
        return path
    return {"a": path} if dict in origins else [path]


NEEDED = {"num_classes": 2, "prefix": "", "split": "official", "embedding": None}


def test_constructors_make_each_of_them_absolute(places):
    """Those that users call: parts, data sets, the data module, the classifier and callbacks."""
    owners = {owner for owner, _ in PATHS if inspect.isclass(owner)}
    for owner in {owner for owner in owners if not (inspect.isabstract(owner) or is_dataclass(owner))}:
        names = {name: hint for (kind, name), hint in PATHS.items() if kind is owner}
        if any(WordOrFile in path_types(hint) for hint in names.values()):
            names = {name: hint for name, hint in names.items() if WordOrFile not in path_types(hint)}
        needed = [name for name, one in inspect.signature(owner).parameters.items() if one.default is one.empty]
        given = {name: given_for(hint, "~/x.safetensors") for name, hint in names.items()}
        given |= {name: NEEDED[name] for name in needed if name in NEEDED}
        if "dataset" in needed:
            given["dataset"] = FieldGuide()
        if set(needed) <= set(given):
            try:
                made = str(vars(owner(**given)))
            except DatasetError as error:  # reads the file at once
                made = str(error)
            assert "~" not in made and str(places / "home") in made, owner.__name__


@pytest.mark.parametrize("config", ["photos.yaml", "{tmp}/data/mine.yaml"])
def test_paths_of_a_configuration_in_another_folder_are_meant_from_the_working_directory(
    tmp_path, command, capsys, config
):
    (tmp_path / "data" / "mine.yaml").write_text(
        "data: {dataset: {class_path: ImageFolder, init_args: {root: photos}}, cache_dir: kept}"
    )
    with pytest.raises(SystemExit):
        command("fit", "--config", config.format(tmp=tmp_path), "--print_config")
    shown = capsys.readouterr().out
    assert f"root: {tmp_path / 'here' / 'photos'}\n" in shown
    assert f"cache_dir: {tmp_path / 'here'}/" in shown
