"""python -m tinygen doctor: what it looks at, and what it says."""

import pytest

from tinygen import __main__ as cli


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    """run("doctor") -> (exit code, stdout, stderr), in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        return cli.main(list(argv)), *capfd.readouterr()

    return run


def test_doctor(run, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    code, out, err = run("doctor")
    assert code == 0 and err == ""
    names = [line.split()[0] for line in out.splitlines()]
    assert names == ["python", "numpy", "numba", "matplotlib", "pillow",
                     "safetensors", "kernels", "this", "cache", "mnist"]
    assert "not here" in out
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "file"))
    code, out, err = run("doctor")
    assert code == 1 and "cannot write" in out


def test_doctor_finds_mnist(run, require):
    assert str(require("data") / "mnist") in run("doctor")[1]
