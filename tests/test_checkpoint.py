import json
import re
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from tinygen import checkpoint

META = {"model": "gan", "config": {"width": 8, "loss": "hinge"}, "step": 7}


def arrays():
    rng = np.random.default_rng(0)
    return {"g.0.w": rng.standard_normal((3, 4)).astype(np.float32),
            "g.0.b": rng.standard_normal(4),
            "t": np.array(12, np.int64), "empty": np.zeros((0, 3)),
            "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T}


def test_what_goes_in_comes_out(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META)
    loaded, meta = checkpoint.load(path)
    assert meta == META and loaded.keys() == arrays().keys()
    for name, array in arrays().items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert np.array_equal(loaded[name], array)
    assert list(tmp_path.iterdir()) == [path]


def test_equal_contents_make_equal_files(tmp_path):
    for name in "ab":
        checkpoint.save(tmp_path / name, arrays(), META)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_half_precision(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META, half=True)
    loaded, _ = checkpoint.load(path)
    want = arrays()["g.0.w"]
    assert loaded["g.0.w"].dtype == np.float32
    assert loaded["t"].dtype == np.int64
    assert np.array_equal(loaded["g.0.w"], want.astype(np.float16))
    with pytest.raises(ValueError, match="large holds NaN or infinity"):
        checkpoint.save(path, {"large": np.array([1e6])}, META, half=True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_numbers_are_not_saved(tmp_path, value):
    path = tmp_path / "c.safetensors"
    with pytest.raises(ValueError, match="w holds NaN or infinity"):
        checkpoint.save(path, {"w": np.array([1, value])}, META)
    assert not list(tmp_path.iterdir())


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def cut_header(path):
    path.write_bytes(path.read_bytes()[:30])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("<!DOCTYPE html><html>Sign in</html>")


def foreign(path):
    save_file({"w": np.zeros(3)}, path, {"format": "pt"})


def foreign_header(path):
    save_file({"w": np.zeros(3)}, path, {"tinygen": "[1, 2"})


def odd_header(path):
    save_file({"w": np.zeros(3)}, path, {"tinygen": "[1, 2]"})


def newer(path):
    save_file({"w": np.zeros(3)}, path, {
        "tinygen": json.dumps({**META, "format": checkpoint.FORMAT + 1})})


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def unsigned(path):
    header = json.dumps({**META, "format": checkpoint.FORMAT})
    save_file({"w": np.zeros(3)}, path, {"tinygen": header})


@pytest.mark.parametrize(("spoil", "words"), [
    (cut, "cut short or no checkpoint"), (cut_header, "cut short"),
    (empty, "cut short"), (text, "cut short or no checkpoint"),
    (foreign, "was not written by tinygen"),
    (foreign_header, "was not written by tinygen"),
    (odd_header, "was not written by tinygen"),
    (newer, "install the newer tinygen"),
    (flipped, "is damaged"), (unsigned, "is damaged"),
])
def test_a_bad_file_gets_one_sentence_with_its_name(tmp_path, spoil, words):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META)
    spoil(path)
    with pytest.raises(ValueError, match=words) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def one_sentence(path):
    """load() refuses the file in one sentence that begins with its name."""
    with pytest.raises(ValueError) as caught:
        checkpoint.load(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said, said
    return said


def test_a_file_cut_at_every_percent(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META)
    whole = path.read_bytes()
    for percent in range(100):
        path.write_bytes(whole[:len(whole) * percent // 100])
        assert "is cut short or no checkpoint" in one_sentence(path)


def test_no_flipped_bit_loads_in_silence(tmp_path):
    """In the length of the header, the header, the numbers: every byte."""
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    assert 0 < header < len(whole) < 1000
    for k in range(len(whole)):
        data = bytearray(whole)
        data[k] ^= 1 << k % 8
        path.write_bytes(data)
        one_sentence(path)


def test_files_from_before_the_checksum_load(tmp_path):
    path = tmp_path / "c.safetensors"
    save_file(arrays(), path, {"tinygen": json.dumps({**META, "format": 1})})
    loaded, meta = checkpoint.load(path)
    assert meta == META and np.array_equal(loaded["g.0.w"],
                                           arrays()["g.0.w"])


def test_no_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match="no checkpoint"):
            checkpoint.load(path)


@pytest.mark.parametrize(("name", "config", "words"), [
    ("vae", META["config"], "holds a 'gan' model, not 'vae'"),
    ("gan", {"width": 16, "loss": "hinge"}, "width=8.*width=16"),
    ("gan", {"width": 8}, "loss='hinge'.*loss=None"),
])
def test_another_architecture_is_named(name, config, words):
    with pytest.raises(ValueError, match=words):
        checkpoint.check_model("c.safetensors", META, name, config)


def test_the_same_architecture_passes():
    meta = {"model": "gan", "config": {"betas": [0.5, 0.9]}}
    checkpoint.check_model("c", meta, "gan", {"betas": (0.5, 0.9)})


FULL_DISK = """
import resource, sys
import numpy as np
from tinygen import checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    checkpoint.save(sys.argv[1], {"w": np.ones(10_000)}, {})
except OSError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"w": np.zeros(3)}, META)
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], text=True,
                          capture_output=True, timeout=60)
    assert "(File too large)" in done.stdout, done.stderr
    assert np.array_equal(checkpoint.load(path)[0]["w"], np.zeros(3))
    assert list(tmp_path.iterdir()) == [path]


# ---- files from strangers ------------------------------------------------

def built(path, header, body=b"", size=None):
    """A safetensors file of this header, which may be bytes or JSON."""
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    length = len(header) if size is None else size
    path.write_bytes(length.to_bytes(8, "little") + header + body)


def meta(**more):
    return {"__metadata__": {"tinygen": json.dumps(
        {"format": checkpoint.FORMAT, **META, **more})}}


def entry(dtype, shape, size):
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}


BOMBS = {
    "header of 2^60 bytes": lambda p: built(p, b"{}", size=2**60),
    "header of 2^64 - 1 bytes": lambda p: built(p, b"{}", size=2**64 - 1),
    "header longer than the file": lambda p: built(p, b"{}", size=90_000_000),
    "tensor of 2^60 numbers": lambda p: built(
        p, meta() | entry("F32", [2**30, 2**30], 4), bytes(4)),
    "sizes that overflow": lambda p: built(
        p, meta() | entry("F32", [2**32, 2**32], 0)),
    "none of very many": lambda p: built(
        p, meta() | entry("F32", [0, 2**62, 2**62], 0)),
    "data behind the end": lambda p: built(
        p, meta() | entry("F32", [1], 2**40), bytes(4)),
    "nested lists in the file's header": lambda p: built(
        p, b'{"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}"),
    "nested lists in tinygen's header": lambda p: built(
        p, {"__metadata__": {"tinygen": "[" * 10**6}}),
    "a number NumPy does not have": lambda p: built(
        p, meta() | entry("BF16", [2], 4), bytes(4)),
    "one byte of a number of eight": lambda p: built(
        p, meta() | entry("F8_E4M3", [4], 4), bytes(4)),
}


READ_ALL = """
from tinygen import checkpoint
def read(path):
    try:
        print("read", checkpoint.load(path))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_what_a_header_claims_is_not_believed(tmp_path, measured):
    paths = [tmp_path / f"{bomb}.safetensors" for bomb in BOMBS]
    for path in paths:
        BOMBS[path.stem](path)
    said, megabytes = measured(READ_ALL, "[*map(read, sys.argv[1:])]", *paths)
    *lines, _ = said.splitlines()
    assert len(lines) == len(paths) and megabytes < 50
    for line, path in zip(lines, paths):
        assert line.startswith(f"ValueError {path}"), line


class PanicException(BaseException):
    """As Rust's, where no memory is left."""


@pytest.mark.parametrize("error, raised", [
    (TypeError("no bfloat16"), "ValueError: c was not written by tinygen "
     r"\(w: no bfloat16\): train a new one"),
    (MemoryError("full"), "MemoryError: full"),
    (PanicException("pointer"), "MemoryError: w of c does not fit"),
    (KeyboardInterrupt(), "KeyboardInterrupt: ")])
def test_why_an_array_cannot_be_read(error, raised):
    class File:
        def get_tensor(self, name):
            raise error
    with pytest.raises(BaseException) as caught:
        checkpoint._tensor("c", File(), "w")
    assert re.match(raised, f"{caught.typename}: {caught.value}")


def test_a_file_of_ten_gigabytes_is_not_read(tmp_path, measured):
    path = tmp_path / "c.safetensors"
    size = 10 * 2**30
    built(path, meta() | entry("U8", [size], size))
    with open(path, "ab") as file:
        file.truncate(file.tell() + size)   # a hole: no disk is needed
    said, megabytes = measured(
        "from tinygen import checkpoint", "checkpoint.load(sys.argv[1])",
        path)
    assert "is too large (more than 8192 MB)" in said
    assert str(path) in said and megabytes < 50


@pytest.mark.parametrize(("key", "value"), [
    ("model", ["gan"]), ("config", [1]), ("part", 3), ("note", "data"),
    ("fixed", 1), ("columns", "step"), ("step", "7"), ("rng", []),
    ("batches", 0), ("seconds", None), ("batches", {"position": "7"}),
    ("batches", [{"position": 7}, {"position": None}]), ("batches", [3])])
def test_entries_of_another_kind_are_refused(key, value, tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, arrays(), META | {key: value})
    with pytest.raises(ValueError, match="was not written by tinygen"):
        checkpoint.load(path)


def test_a_pickle_is_not_opened(tmp_path):
    """What torch.save and np.save write may hold programs."""
    import pickle
    path, mark = tmp_path / "c.safetensors", tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return open, (str(mark), "w")

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="no checkpoint"):
        checkpoint.load(path)
    assert not mark.exists()
