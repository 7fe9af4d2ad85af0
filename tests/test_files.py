import errno
import os
from pathlib import Path

import pytest

from tinygen.files import replacing, writable_folder


def test_replacing_puts_the_whole_file_in_place(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("old", "new"):
        with replacing(path) as part:
            part.write_text(text)
            assert part.suffix == ".txt" and part.parent == tmp_path
            assert not path.exists() or path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"),
                                   KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)):
        with replacing(path) as part:
            part.write_text("half of the n")
            raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_what_cannot_be_written_is_named(tmp_path, number):
    with pytest.raises(OSError, match=r"cannot write .*a.txt \(") as caught:
        with replacing(tmp_path / "a.txt") as part:
            part.write_text("half")
            raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*a.png \("):
        with replacing(tmp_path / "a.png") as part:
            part.write_text("whole")


def test_a_full_disk_keeps_no_probe(tmp_path, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        writable_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*deep to write"):
        with replacing(tmp_path / "deep" / "a.txt"):
            pass


def test_writable_folder_is_made_and_left_empty(tmp_path):
    made = writable_folder(tmp_path / "deep" / "down")
    assert made.is_dir() and not list(made.iterdir())
    assert writable_folder(str(made)) == made


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for bad in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match="a file is in its place") as e:
            writable_folder(bad)
        assert str(bad) in str(e.value)
