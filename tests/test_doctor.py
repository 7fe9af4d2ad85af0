"""python -m tinygen doctor: what it looks at, and what it says."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygen import __main__ as cli
from tinygen import data, doctor

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["python", "own", "settings", *doctor.NEEDS, "tinygen", "kernels",
         "kept", "notebooks", "memory", "this", "temporary", "cache", "mnist"]


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    """run() -> (exit code, {first word: line}), in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    for name in ("TINYGEN_DATA", "TINYGEN_KERNELS", "TINYGEN_REQUIRE"):
        monkeypatch.delenv(name, raising=False)

    def run():
        code = cli.main(["doctor"])
        out, _ = capfd.readouterr()
        return code, {line.split()[0]: line for line in out.splitlines()}

    return run


def wrong(look, *words):
    """look() finds something wrong, and says all these words."""
    with pytest.raises(doctor.Ill) as caught:
        look()
    for word in words:
        assert str(word) in str(caught.value)


@pytest.fixture
def book(monkeypatch):
    """This Python is the book's, though .venv may be another."""
    monkeypatch.setattr(doctor, "environment", lambda: None)


def process(folder, *options, **env):
    """(exit code, stdout, stderr) of the doctor, called as readers do."""
    done = subprocess.run(
        [sys.executable, *options, "-m", "tinygen", "doctor"], cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TINYGEN_KERNELS": "plain"}
        | env, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def test_all_is_well(run):
    code, lines = run()
    assert [name for name, line in lines.items() if "WRONG" in line] == []
    assert code == 0 and list(lines) == NAMES
    assert "not here" in lines["mnist"] and "numba" in lines["kernels"]


def test_one_thing_wrong_hides_no_other(run, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "file"))
    monkeypatch.setitem(doctor.NEEDS, "scipy", "99.1")
    code, lines = run()
    assert code == 1 and list(lines) == NAMES
    assert "set TINYGEN_CACHE" in lines["cache"]
    assert "too old, 99.1 is needed" in lines["scipy"]
    assert sum("WRONG" in line for line in lines.values()) == 2


def test_what_is_needed_is_what_pyproject_asks_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    asked = tomllib.loads(text)["project"]
    assert [f"{name}>={low}" for name, low in doctor.NEEDS.items()] == (
        asked["dependencies"])
    assert asked["requires-python"] == ">=3.11"


def test_all_settings_are_known():
    text = "".join(path.read_text(encoding="utf-8") for folder in (
        "tinygen", "tests", "book") for path in (ROOT / folder).glob("**/*.py")
        if path != Path(__file__))
    assert set(re.findall(r"\bTINYGEN_[A-Z]+\b", text)) <= doctor.SETTINGS


# ---- where nothing can be imported ----------------------------------------

def test_without_packages_it_speaks(tmp_path):
    code, out, err = process(tmp_path, "-S")  # -S: no site-packages
    assert code == 1 and err == ""
    assert re.search(r"^numpy +WRONG: not installed: .*", out, re.M)
    assert "Traceback" not in out and "this folder" in out


@pytest.mark.parametrize("name", ["numpy.py", "random.py",
                                  "inspect/__init__.py"])
def test_a_file_that_stands_in_the_way(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemError('mine')")
    code, out, err = process(tmp_path)
    assert code == 1 and err == ""
    assert f"{tmp_path / name.split('/')[0]} is imported in place" in out
    assert out.count("WRONG") == 1  # the rest was looked at without it


def test_no_false_alarm(tmp_path, monkeypatch):
    for name in ("test.py", "mine.py", "random.txt", "numpy.ipynb"):
        (tmp_path / name).touch()
    (tmp_path / "random").mkdir()  # a folder of data is no module
    monkeypatch.syspath_prepend(tmp_path)
    assert "none" in doctor.own_files()


def test_a_name_that_the_terminal_cannot_print(tmp_path):
    folder = tmp_path / "\u00e9t\u00e9 \u56fe\u50cf"
    folder.mkdir()
    code, out, err = process(folder, PYTHONIOENCODING="ascii",
                             TINYGEN_CACHE=str(folder))
    assert (code, err) == (0, "") and r"\xe9t\xe9 \u56fe" in out


def test_python_too_old_is_all_it_says(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 8, 18, "final", 0))
    assert doctor.doctor() == 1
    out = capsys.readouterr().out
    assert "3.8.18 is too old" in out and out.count("\n") == 1


def test_its_syntax_is_that_of_an_old_python():
    import ast
    for name in ("doctor.py", "__init__.py"):
        ast.parse((ROOT / "tinygen" / name).read_text(encoding="utf-8"),
                  feature_version=(3, 8))


# ---- one thing after another ----------------------------------------------

def test_another_python(monkeypatch):
    for where, what, value, word in (
            (sys, "maxsize", 2 ** 31 - 1, "64-bit"),
            (sys, "implementation", SimpleNamespace(name="pypy"), "CPython")):
        with monkeypatch.context() as patch:
            patch.setattr(where, what, value)
            wrong(doctor.python, word)


def test_asserts_left_out(tmp_path):
    assert "PYTHONOPTIMIZE" in process(tmp_path, "-O")[1]


def test_the_books_environment_is_named(monkeypatch, tmp_path):
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(doctor, "ROOT", str(tmp_path))
    assert "not the book's" in doctor.python()
    monkeypatch.setitem(doctor.NEEDS, "no-such-package", "1")
    wrong(lambda: doctor.package("no-such-package"), "not installed",
          tmp_path / ".venv", "python")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert "not the book's" not in doctor.python()
    wrong(lambda: doctor.package("no-such-package"),
          "-m pip install --upgrade no-such-package")


def test_a_package_that_cannot_be_imported(monkeypatch, book):
    monkeypatch.setitem(sys.modules, "scipy", None)
    wrong(lambda: doctor.package("scipy"), "cannot be imported",
          "--force-reinstall scipy")


def test_a_misspelt_setting(monkeypatch):
    monkeypatch.setenv("TINYGEN_THREAD", "2")
    wrong(doctor.settings, "TINYGEN_THREAD is none", "TINYGEN_THREADS")


@pytest.mark.parametrize("value, word", [
    ("two", "TINYGEN_THREADS is 'two'"), ("0", "positive number")])
def test_a_wrong_setting(tmp_path, value, word):
    code, out, _ = process(tmp_path, TINYGEN_THREADS=value,
                           TINYGEN_KERNELS="numba")
    assert code == 1 and word in out


def test_a_package_cut_short(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ROOT", str(tmp_path))
    wrong(doctor.tinygen, "lacks report.html", "install tinygen again")


def test_kernels_that_do_not_compile_or_compute(monkeypatch, book):
    from tinygen.engine import kernels

    def fails(*_):
        raise TypeError("LLVM\nand more")

    monkeypatch.setattr(kernels, "sgd_update", fails)
    wrong(doctor.kernels, "cannot compile (LLVM)", "TINYGEN_KERNELS=plain")
    monkeypatch.setattr(kernels, "sgd_update", lambda *_: None)
    wrong(doctor.kernels, "1 - 0.5 is 1.0", "--force-reinstall numba")


def test_numba_that_is_not_there(monkeypatch):
    from tinygen.engine import kernels
    monkeypatch.delenv("TINYGEN_KERNELS", raising=False)
    monkeypatch.setattr(kernels, "PATH", "plain")
    wrong(doctor.kernels, "NumPy alone", "Numba cannot be imported")
    monkeypatch.setenv("TINYGEN_KERNELS", "plain")
    assert "NumPy alone" in doctor.kernels()


def test_nowhere_to_keep_kernels(monkeypatch, tmp_path):
    compiling = pytest.importorskip("tinygen.engine.kernels.compiling")
    from numba.core.caching import NullCache
    (tmp_path / "file").touch()
    for cache in (NullCache(), SimpleNamespace(cache_path=tmp_path / "file")):
        monkeypatch.setattr(compiling.KERNELS[0], "_cache", cache)
        wrong(doctor.kept_in, "each start compiles", "NUMBA_CACHE_DIR")


def test_notebooks_need_a_clone_and_their_packages(
        monkeypatch, tmp_path, book):
    monkeypatch.setattr(doctor, "READERS", ("pytest", "no-such-package"))
    wrong(doctor.notebooks, "no-such-package not installed",
          "requirements.txt")
    monkeypatch.setattr(doctor, "ROOT", str(tmp_path))
    assert "clone the repository" in doctor.notebooks()


def test_a_kernel_of_another_python(monkeypatch, tmp_path):
    kernel = tmp_path / "kernels/python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({
        "argv": ["/opt/old/bin/python", "-m", "ipykernel_launcher"],
        "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    wrong(doctor.notebooks, "/opt/old/bin/python", kernel, "ipykernel")


def test_too_little_memory_and_disk(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, look in (("MEMORY", doctor.memory),
                       ("DISK", doctor.this_folder)):
        assert "MB free" in look()
        monkeypatch.setattr(doctor, name, 1 << 40)
        wrong(look, "MB are free", "are needed")


def test_folders_that_are_not_there(monkeypatch, tmp_path):
    import tempfile
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    wrong(doctor.this_folder, "deleted")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [])
    wrong(doctor.temporary, "TMPDIR")
    monkeypatch.setattr(data, "cache_folder", Path("~nobody-at-all/x")
                        .expanduser)
    wrong(doctor.cache, "TINYGEN_CACHE")


def test_digits_that_are_not_there_or_damaged(run, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    wrong(doctor.mnist, tmp_path, "no folder mnist")
    (tmp_path / "mnist").mkdir()
    for name in data.MNIST_FILES:
        (tmp_path / "mnist" / f"{name}.gz").write_bytes(
            gzip.compress(b"<html>"))
    code, lines = run()
    assert code == 1 and "WRONG" in lines["mnist"]
    assert "train-images" in lines["mnist"] and "delete it" in lines["mnist"]


def test_digits_that_are_intact(require):
    assert f"{require('data') / 'mnist'}, intact" in doctor.mnist()


def test_versions_are_compared_as_numbers():
    assert doctor.numbers("10.3") > doctor.numbers("9.12.0rc1")
    assert metadata.version("numpy") == doctor.package("numpy")


def test_ctrl_c_ends_the_doctor_without_a_traceback(tmp_path):
    with subprocess.Popen([sys.executable, "-m", "tinygen", "doctor"],
                          cwd=tmp_path, stdout=-1, stderr=-1) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGINT and err == b""
