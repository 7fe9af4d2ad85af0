"""`require`: what is absent is skipped, unless it should be there."""

import runpy
import signal

import pytest


def test_what_is_here_is_returned(require, tmp_path, monkeypatch):
    assert require("json").dumps(1) == "1"
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    assert require("data") == tmp_path


@pytest.mark.parametrize("name", ["no_such_module", "data"])
def test_what_is_absent_is_skipped_and_named(require, monkeypatch, name):
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.delenv("TINYGEN_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="TINYGEN_DATA|no_such"):
        require(name)


@pytest.mark.parametrize("name", ["no_such_module", "data"])
def test_what_should_be_there_fails(require, monkeypatch, name):
    monkeypatch.setenv("TINYGEN_DATA", "/no/such/folder")
    monkeypatch.setenv("TINYGEN_REQUIRE", f"json,{name}")
    with pytest.raises(pytest.fail.Exception, match="TINYGEN_REQUIRE"):
        require(name)


def test_a_job_in_the_background_heeds_ctrl_c(root):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        runpy.run_path(str(root / "tests/conftest.py"))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
