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


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "pipe" and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    elif kind in ("device", "link"):
        path = Path(os.devnull)
        if kind == "link":
            path = tmp_path / "a.png"
            path.symlink_to(os.devnull)
    else:
        path.mkdir()
    before = path.lstat()
    with pytest.raises(OSError, match=r"it is no file\): choose another"):
        with replacing(path):
            pytest.fail("it is too late to write")
    assert path.lstat().st_mode == before.st_mode


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


# ---- damaged and hostile files ---------------------------------------------

NAMES = ("checkpoint", "history", "image", "idx", "idx.gz", "npz", "notebook")


@pytest.fixture
def fuzz(monkeypatch, root):
    """The module tests/reliability/fuzz_loaders.py."""
    pytest.importorskip("resource")
    monkeypatch.syspath_prepend(root / "tests" / "reliability")
    monkeypatch.setenv("TINYGEN_PROGRESS", "0")
    from tinygen import emoji, mnist
    for place, name in (mnist, "MNIST_FILES"), (emoji, "PAIRS_SHA256"):
        monkeypatch.setattr(place, name, getattr(place, name))
    import fuzz_loaders
    return fuzz_loaders


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_gets_a_clear_sentence(name, fuzz):
    finds, counts = fuzz.run(name, 30)
    assert finds == [] and sum(counts.values()) == 30
    assert list(fuzz.LOADERS) == list(NAMES)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_thousands_of_damaged_files_get_clear_sentences(name, fuzz):
    """100,000 of each: see tests/README.md."""
    finds, counts = fuzz.run(name, 2000, seed=7)
    assert finds == [] and len(counts) > 1


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_bytes_of_any_kind_get_a_clear_sentence(name, fuzz, tmp_path):
    """Not changed files, but what hypothesis thinks of, and shrinks."""
    hypothesis = pytest.importorskip("hypothesis")
    from hypothesis import strategies as st
    loader = fuzz.LOADERS[name](tmp_path)
    start = st.sampled_from([b"", *(s[:n] for s in loader.seeds
                                    for n in (4, 16, 64))])

    @hypothesis.settings(max_examples=1000, deadline=None, database=None)
    @hypothesis.given(start, st.binary(max_size=200))
    def anything(head, tail):
        _, find = fuzz.judge(loader, head + tail)
        assert find is None

    anything()


def test_what_is_no_clear_sentence_is_a_find(fuzz, tmp_path):
    class Loader:
        error, name, memory, path = ValueError, "x", 10, tmp_path / "x"

        def __init__(self, read):
            self.read = read

    def raising(error):
        def read():
            raise error
        return read

    for read in (raising(KeyError("x")), raising(ValueError("which?")),
                 raising(ValueError("x is\nbad")),
                 lambda: sum(range(10**8))):
        assert fuzz.judge(Loader(read), b"")[1]
    for read in (raising(ValueError("x is bad")), lambda: None):
        assert fuzz.judge(Loader(read), b"")[1] is None
