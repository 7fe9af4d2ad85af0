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
