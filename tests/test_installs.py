"""The wheel and the sdist hold what they should, and the wheel works alone.

reliability/installs.py does the same with pip and several Pythons.
"""

import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/reliability"))

import installs  # noqa: E402

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def built(require, tmp_path_factory):
    require("build")
    return installs.built(tmp_path_factory.mktemp("built"))


def committed():
    """The package's files, as git lists them."""
    done = subprocess.run(["git", "ls-files", "tinygen"], cwd=ROOT,
                          stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return set(done.stdout.splitlines())


def test_a_wheel_holds_the_package_and_nothing_else(built):
    names = zipfile.ZipFile(built["wheel"]).namelist()
    assert {n for n in names if ".dist-info/" not in n} == committed()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_sdist_holds_the_package_and_no_tests(built):
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert committed() <= names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.fixture(scope="module")
def alone(built, tmp_path_factory):
    """The Python of an environment with the wheel, and the packages of this
    one."""
    folder = tmp_path_factory.mktemp("alone \u00e9\u56fe")
    installs.must(sys.executable, "-m", "venv", "--without-pip",
                  folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    place, = (folder / "venv/lib").glob("python*/site-packages")
    (place / "others.pth").write_text("\n".join(site.getsitepackages()))
    installs.must(sys.executable, "-m", "pip", "--python", python, "install",
                  "--quiet", "--no-deps", "--no-index", "--force-reinstall",
                  built["wheel"], cwd=folder)
    return python


def test_a_wheel_alone_trains_draws_measures_and_checks(alone, tmp_path):
    assert installs.tour(alone, tmp_path, installs.PLAIN) == {}


def test_a_wheel_says_that_exercises_need_a_clone(alone, tmp_path):
    code, said = installs.run(alone, "-m", "tinygen.exercises", "copy",
                              cwd=tmp_path)
    assert code == 1 and "Clone the repository" in said
    assert "Traceback" not in said and str(ROOT) not in said
