"""The frame of the house, read from the files themselves: nothing of ours is imported here."""

import ast
import graphlib
import importlib.util
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"

# Where the packages stand on disk. Python finds the last two through links, which a search does not follow.
LINKS = {"aga_lightning/callbacks": "../callbacks", "aga_lightning/explain": "../explain"}
PACKAGES = {
    "aga_lightning": ROOT / "aga_lightning",
    "aga_lightning.callbacks": ROOT / "callbacks",
    "aga_lightning.explain": ROOT / "explain",
}

# The rooms, and the files beside them, from the top of the house down. A room imports from the floors below its own,
# so no two rooms import each other. The longest name that holds a module places it.
FLOORS = (
    "__main__",
    "cli",
    "study",
    "callbacks",
    "exporting training",
    "augment.methods",
    "augment.engine",
    "augment datasets explain",
    "networks",
    "checkpoints configurations images run_folder terminal",
    "downloads files intervals paths preflight progress stopping workers",
)
FLOOR_OF = {f"aga_lightning.{name}": -floor for floor, names in enumerate(FLOORS) for name in names.split()}

# Packages that cost seconds, or pick a window system, and that few runs need: imported by the methods that use them.
HEAVY = ["accelerate", "captum", "datasets", "diffusers", "gptqmodel", "groundingdino", "matplotlib.pyplot"]
HEAVY += ["segment_anything", "timm", "transformers"]

# Tests of the whole, which mirror no source file.
WHOLE = {
    "augment/test_methods_of_ones_own.py": "writes a painter and a whole method as CONTRIBUTING says",
    "test_arms.py": "runs every arm of the experiment as a user would",
    "test_configs.py": "makes every part that a file of configs/ names",
    "test_examples.py": "runs every file of examples/",
    "test_layout.py": "reads every file",
    "test_leaks.py": "watches which files the whole plugin opens, for each data set",
    "test_published_faults.py": "names the faults of the published script, whichever room would have them",
    "study/report/test_browser.py": "lays a report out in a browser",
    "test_studies.py": "runs the shipped studies on miniatures",
    "test_paper_pipeline.py": "runs all the models of the paper, tiny, as a user would",
    "test_packaging.py": "builds and installs the package",
    "test_thumbnails.py": "holds what the methods without weights make",
}
# Source files without a test file of their name.
UNMIRRORED = {"__main__.py": "one call, which test_packaging.py and test_cli.py make as users do"}
UNMIRRORED |= {
    f"datasets/fieldguide/{name}.py": "a part of a drawing engine, which test_render.py holds as a whole"
    for name in "anatomy bird canvas habitats perches pose".split()
}
UNMIRRORED |= {
    f"augment/painters/{name}.py": "a part of a drawing engine, which test_procedural.py holds as a whole"
    for name in "built canvas grounds landscapes light motifs noise ridges skies waters weather woods".split()
}

LONGEST = 350


def module_name(package, inside):
    parts = [*package.split("."), *inside.with_suffix("").parts]
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    module_name(package, path.relative_to(folder)): path
    for package, folder in PACKAGES.items()
    for path in sorted(folder.rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def is_package(module):
    return MODULES[module].name == "__init__.py"


def within(name, place):
    return name == place or name.startswith(f"{place}.")


def asked(nodes, module):
    """What the import statements among `nodes` ask for, by absolute names; `from a import b` asks for a and a.b."""
    package = module if is_package(module) else module.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (source, *(f"{source}.{alias.name}" for alias in node.names))


def imports_of(module):
    """The modules of ours that a module imports, also inside functions; not the packages on the way to them."""
    names = {name for name in asked(ast.walk(TREES[module]), module) if name in MODULES}
    return {name for name in names if not any(name != other and within(other, name) for other in names)}


def run_at_import(node):
    """All nodes but the bodies of functions and what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not typing_only and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from run_at_import(child)


def room_of(module):
    """The longest name of the table that holds the module; None where it has no place."""
    return max((place for place in FLOOR_OF if within(module, place)), key=len, default=None)


# The package's own file, which holds the version, imports nothing before it is asked for a name.
IMPORTS = {module: imports_of(module) - {"aga_lightning"} for module in MODULES}


def complain(complaints):
    complaints = sorted(complaints)
    assert not complaints, "\n" + "\n".join(complaints)


def test_the_search_sees_imports_of_every_form():
    statements = ast.parse(
        "import aga_lightning.a\nfrom aga_lightning import b\nfrom . import c\nfrom ..data.d import e\n"
        "def later(): import f"
    )
    names = set(asked(ast.walk(statements), "aga_lightning.augment.base"))
    assert names >= {"aga_lightning.a", "aga_lightning.b", "aga_lightning.augment.c", "aga_lightning.data.d", "f"}
    assert "f" not in set(asked(run_at_import(statements), "aga_lightning.augment.base"))


def test_every_module_has_a_room():
    complain(
        f"{module}: name its room in FLOORS"
        for module in IMPORTS
        if room_of(module) is None and module != "aga_lightning"
    )


def test_rooms_import_only_from_the_floors_below_their_own():
    steps = [(module, name) for module in MODULES for name in IMPORTS[module] if room_of(module) != room_of(name)]
    complain(f"{module} imports {name}, which is not below it"
             for module, name in steps if FLOOR_OF[room_of(name)] >= FLOOR_OF[room_of(module)])  # fmt: skip


def test_imports_run_in_no_circle():
    graphlib.TopologicalSorter(IMPORTS).prepare()


def test_heavy_packages_are_imported_where_they_are_used():
    early = [(module, name) for module, tree in TREES.items() for name in asked(run_at_import(tree), module)]
    banned = {module: [*HEAVY, "torch"] if is_package(module) else HEAVY for module in MODULES}
    heavy = [(module, name) for module, name in early if any(within(name, package) for package in banned[module])]
    complain(f"{module} imports {name} at its top: do it in the method that uses it" for module, name in heavy)


def opened_elsewhere(module):
    """Calls that decode an image file in any format that a library knows; `names` are those that it was imported by."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom) and node.module == "PIL"
        for alias in node.names
        if alias.name == "Image"
    }
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Attribute):
            bare = node.attr == "open" and ast.unparse(node.value) in {*names, "PIL.Image"}
            if bare or node.attr in ("imread", "decode_image", "decode_jpeg", "pil_loader"):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_image_files_are_opened_in_one_place():
    assert len([*opened_elsewhere("aga_lightning.images.formats")]) == 1, "the search finds the one place"
    others = [module for module in MODULES if module != "aga_lightning.images.formats"]
    complain(f"{module}, {found}: read it with images.reading, or open it with images.formats.open_image"
             for module in others for found in opened_elsewhere(module))  # fmt: skip


def test_the_packages_of_pyproject_are_the_folders_on_disk():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = {module for module in MODULES if is_package(module)}
    folders = {module if is_package(module) else module.rpartition(".")[0] for module in MODULES}
    assert folders == packages, "a folder lacks its __init__.py"
    assert set(settings["packages"]) == {*packages, "aga_lightning.configs"}
    for package, folder in settings["package-dir"].items():
        assert (ROOT / folder).resolve() == PACKAGES.get(package, ROOT / "configs")


def test_the_two_links_lead_to_the_rooms_at_the_top():
    listing = subprocess.run(["git", "ls-files", "--stage", *LINKS], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode != 0:
        pytest.skip("not a git checkout, and archives may leave links out")
    modes = {line.split("\t")[1]: line.split()[0] for line in listing.stdout.splitlines()}
    assert modes == dict.fromkeys(LINKS, "120000"), "the links are not committed as links"
    for link, target in LINKS.items():
        content = subprocess.run(["git", "show", f":{link}"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert content.stdout == target


def mirrored(test):
    """The source file that tests/x/test_y.py is about, as a path inside the package: x/y.py."""
    return test.relative_to(TESTS).with_name(test.name.removeprefix("test_"))


def inside(module):
    """A module's path inside the package, to which callbacks and explain belong."""
    path = Path(*module.split(".")[1:])
    return path / "__init__.py" if is_package(module) else path.with_suffix(".py")


TEST_FILES = [path for path in sorted(TESTS.rglob("test_*.py")) if path.relative_to(TESTS).as_posix() not in WHOLE]


def test_every_test_file_mirrors_a_source_file():
    sources = {inside(module) for module in MODULES}
    strays = [test.relative_to(ROOT) for test in TEST_FILES if mirrored(test) not in sources]
    complain(f"{test}: move the test when you move the code" for test in strays)


def test_every_source_file_with_code_has_a_test_file_of_its_name():
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    coded = [module for module, tree in TREES.items() if any(isinstance(node, definitions) for node in ast.walk(tree))]
    sources = {inside(module) for module in coded} - {Path(name) for name in UNMIRRORED}
    missing = sources - {mirrored(test) for test in TEST_FILES}
    complain(f"write tests/{source.with_name(f'test_{source.name}').as_posix()}" for source in missing)


def test_no_folder_of_tests_is_a_package():
    assert not list(TESTS.rglob("__init__.py"))


def test_no_file_outgrows_a_sitting():
    folders = (*PACKAGES.values(), ROOT / "benchmarks")
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for f in folders for path in f.rglob("*.py")}
    long = {path.relative_to(ROOT): count for path, count in lengths.items() if count > LONGEST}
    complain(f"{path} has {count} lines: split it by what it holds" for path, count in long.items())
