"""The package as it is shipped: what lies in the sdist and the wheel, and that they run where they are installed."""

import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
NOT_SOURCE = {"__pycache__", "build", "cache", "dist", "lightning_logs", "runs"}

# Packages that cost seconds and that few runs need. torchmetrics, which Lightning imports, takes two of them wherever
# they are installed; what counts is what we add to that.
HEAVY = {"diffusers", "matplotlib.pyplot", "transformers"}

# Run in a user's own folder: prints where our modules come from, what they import, and what --help says.
PROBE = """
import contextlib, io, json, runpy, sys

import lightning.pytorch.cli, torchmetrics

theirs = set(sys.modules)
import aga_lightning.callbacks.augmentation_gallery, aga_lightning.cli.main, aga_lightning.explain

imported = sorted(set(sys.modules) - theirs)
words = io.StringIO()
sys.argv = ["aga_lightning", "--help"]
with contextlib.redirect_stdout(words):
    try:
        runpy.run_module("aga_lightning", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
files = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("aga_lightning")}
config = aga_lightning.configurations.find_config("quickstart.yaml")
print(json.dumps({"files": files, "imported": imported, "help": words.getvalue(), "status": status, "config": config}))
"""


def source_files():
    """The files under version control; without git, all but hidden and made ones."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        return [Path(name) for name in listing.stdout.split("\0") if name and os.path.lexists(ROOT / name)]
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_symlink() or path.is_file())
    made = (*NOT_SOURCE, ".")
    return [path for path in files if not any(part.startswith(made) or ".egg-info" in part for part in path.parts)]


def run_python(*words, cwd, **environment):
    settings = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run([sys.executable, *map(str, words)], cwd=cwd, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder with a clean copy of the source (clone/), and the sdist and the wheel made of it (dist/)."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the workers share, so that only one of them builds
    folder = folder / "packaging"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            for path in source_files():
                (folder / "clone" / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, folder / "clone" / path, follow_symlinks=False)
            shutil.copytree(folder / "clone", folder / "source", symlinks=True)
            run_python("-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source", cwd=folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def wheel(built):
    (path,) = (built / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def expected(built):
    """What the package consists of, by the paths of the installed files."""
    clone = built / "clone"
    rooms = {"aga_lightning": "aga_lightning", "callbacks": "aga_lightning/callbacks"}
    rooms |= {"explain": "aga_lightning/explain", "configs": "aga_lightning/configs"}
    files = {
        f"{target}/{path.relative_to(clone / room).as_posix()}"
        for room, target in rooms.items()
        for path in (clone / room).rglob("*.yaml" if room == "configs" else "*.py*")
    }
    return files | {
        "aga_lightning/py.typed",
        "aga_lightning/study/report/page.html",
        "aga_lightning/study/report/style.css",
    }


@pytest.fixture
def desk(tmp_path):
    """A user's working folder, with rooms of the names of ours that must not be imported."""
    for name in ("callbacks", "configs", "explain"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the user\\'s own {name} was imported')\n")
    return tmp_path


def test_the_wheel_holds_every_module_and_configuration_and_nothing_else(wheel, expected):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    information = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"aga_lightning", information}
    assert {name for name in names if name.startswith("aga_lightning/")} == expected
    assert f"{information}/licenses/LICENSE" in names
    assert f"{information}/entry_points.txt" in names
    assert "aga_lightning/configs/quickstart.yaml" in names


def test_the_sdist_holds_what_a_build_needs(built):
    (path,) = (built / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
    sources = [
        path for room in ("aga_lightning", "callbacks", "explain") for path in (built / "clone" / room).rglob("*")
    ]
    sources += (built / "clone" / "configs").rglob("*.yaml")
    needed = {path.relative_to(built / "clone").as_posix() for path in sources if path.is_file()}
    assert needed | {"LICENSE", "pyproject.toml"} <= members


def test_the_metadata_says_what_pyproject_says(wheel):
    (distribution,) = importlib.metadata.distributions(name="aga_lightning", path=[str(wheel)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert distribution.metadata["Name"] == project["name"]
    assert distribution.metadata["License-Expression"] == project["license"]
    core = [requirement for requirement in distribution.requires if "extra ==" not in requirement]
    assert len(core) == len(project["dependencies"])
    assert set(distribution.metadata.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert f'"{distribution.version}"' in (ROOT / "aga_lightning" / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("installed", ["wheel", "clone"])
def test_it_runs_beside_a_users_own_folders_of_the_same_names(built, wheel, desk, installed):
    if installed == "wheel":
        home = desk / "site"
        options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
        run_python("-m", "pip", "install", *options, "--target", home, wheel, cwd=desk)
    else:
        home = built / "clone"
    report = json.loads(run_python("-c", PROBE, cwd=desk, PYTHONPATH=str(home)).splitlines()[-1])
    strangers = {name: file for name, file in report["files"].items() if not Path(file).is_relative_to(home)}
    assert not strangers, "modules of ours that come from elsewhere"
    assert {"aga_lightning.callbacks", "aga_lightning.explain"} <= set(report["files"])
    assert Path(report["config"]).resolve().is_relative_to(home.resolve())
    assert Path(report["config"]).is_file()
    assert report["status"] == 0
    assert "augment" in report["help"]
    assert not HEAVY & set(report["imported"])
