"""The two sets of emoji: read from pairs, or cut from the sheets."""

import hashlib
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from tinygen import data, emoji

NAMES = list(emoji.EMOJI_FILES)


def test_the_real_emoji(require):
    """1,636 pairs, all of them either for training or held out."""
    require("data")
    train, test = data.emoji(), data.emoji("test")
    for part, n in (train, 1472), (test, 164):
        assert [x.shape for x in part] == [(n, 32, 32, 3)] * 2
        assert all(x.dtype == np.uint8 for x in part)
    # Pairs: an emoji is nearest to its twin more often than chance, 1 %
    near = [np.argmin([np.abs(a.astype(int) - b).mean() for b in test[1]])
            for a in test[0]]
    assert np.mean(near == np.arange(164)) > 0.2


@pytest.fixture
def sheets(tmp_path, monkeypatch):
    """A folder as the packages make it: 2 x 15 cells of 32 x 32, of which
    the last four in the list are left out; (folder, the images)."""
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    rng = np.random.default_rng(0)
    order, entries, images = rng.permutation(30), [], {}
    for k in range(30):
        entries.append({
            "sort_order": int(order[k]), "sheet_x": k % 2, "sheet_y": k // 2,
            "has_img_google": k != 29, "has_img_twitter": k != 28,
            "category": {27: "Flags", 26: "Component"}.get(k, "Objects")})
    for name in NAMES[:2]:
        pixels = rng.integers(256, size=(15 * 34, 2 * 34, 4), dtype=np.uint8)
        pixels[..., 3] = 255 * (pixels[..., 3] > 99)
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / name)
        pixels[pixels[..., 3] == 0] = 255
        images[name] = np.stack([
            pixels[34 * (k // 2) + 1:34 * (k // 2) + 33,
                   34 * (k % 2) + 1:34 * (k % 2) + 33, :3]
            for k in np.argsort(order) if k < 26])
    (tmp_path / NAMES[2]).write_text(json.dumps(entries))
    monkeypatch.setattr(emoji, "EMOJI_FILES", {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in NAMES})
    return tmp_path, list(images.values())


def test_cut_from_the_sheets(sheets, monkeypatch):
    """In the order of the keyboard, on white, every tenth held out."""
    folder, images = sheets
    for split, rows in (("train", np.arange(26) % 10 != 5),
                        ("test", np.arange(26) % 10 == 5)):
        for found, want in zip(data.emoji(split, folder), images):
            assert np.array_equal(found, want[rows])
    monkeypatch.setenv("TINYGEN_DATA", str(folder.parent))
    (folder.parent / "emoji").symlink_to(folder)
    assert np.array_equal(data.emoji()[0], data.emoji(sheets=folder)[0])


def test_sheets_of_another_version_are_refused(sheets):
    folder, _ = sheets
    with open(folder / NAMES[1], "ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="twitter.*SHA-256 is another"):
        data.emoji(sheets=folder)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_named(sheets, name):
    folder, _ = sheets
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing.*16.0.0"
                       ".*TINYGEN_DATA.*sprites"):
        data.emoji(sheets=folder)


def test_without_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="not on this machine"):
        data.emoji()
    with pytest.raises(ValueError, match="not 'valid'"):
        data.emoji("valid")


def test_a_damaged_file_of_pairs(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    (tmp_path / "emoji").mkdir()
    path = tmp_path / "emoji" / "emoji32.npz"
    pair = np.zeros((2, 20, 32, 32, 3), np.uint8)
    np.savez(path, noto=pair[0], twemoji=pair[1])
    with pytest.raises(ValueError, match="emoji32.npz.*SHA-256"):
        data.emoji()
    monkeypatch.setattr(emoji, "PAIRS_SHA256",
                        hashlib.sha256(pair.tobytes()).hexdigest())
    assert len(data.emoji("test")[0]) == 2
    np.savez(path, noto=pair[0])
    for spoil in (lambda: None, lambda: path.write_bytes(b"PK"),
                  lambda: path.write_bytes(b"")):
        spoil()
        with pytest.raises(ValueError, match="emoji32.npz is damaged"):
            data.emoji()

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))
    monkeypatch.setattr(emoji.zipfile, "ZipFile", denied)
    with pytest.raises(PermissionError, match="denied: '.*emoji32.npz'"):
        data.emoji()


# ---- pairs from strangers --------------------------------------------------


def npy(shape, body, descr="|u1"):
    header = (f"{{'descr': {descr!r}, 'fortran_order': False, "
              f"'shape': {shape!r}, }}").encode()
    return (b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little")
            + header + body)


def packed(path, members, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members.items():
            with archive.open(name, "w") as file:
                for piece in content if not isinstance(
                        content, bytes) else [content]:
                    file.write(piece)


EVIL = b"cbuiltins\nopen\n(S'mark'\nS'w'\ntR."   # a pickle that makes a file
BOMBS = {
    "a shape of 2^60": lambda p: packed(p, dict.fromkeys(
        ("noto.npy", "twemoji.npy"), npy((2**60,), b"1234"))),
    "1 GB of zeros": lambda p: packed(p, {
        "noto.npy": [bytes(10**6)] * 1000, "twemoji.npy": b""}),
    "a pickle": lambda p: packed(p, dict.fromkeys(
        ("noto.npy", "twemoji.npy"), npy((1,), EVIL, "|O"))),
    "a bare pickle": lambda p: p.write_bytes(EVIL),
    "paths that lead out": lambda p: packed(p, {
        "../noto.npy": b"x", "/tmp/twemoji.npy": b"x"}),
    "another packing": lambda p: packed(p, {
        "noto.npy": b"x", "twemoji.npy": b"x"}, zipfile.ZIP_LZMA),
    "half a file": lambda p: (
        np.savez(p, noto=np.zeros(9), twemoji=np.zeros(9)),
        p.write_bytes(p.read_bytes()[:-30])),
    "header of 65 thousand": lambda p: packed(p, dict.fromkeys(
        ("noto.npy", "twemoji.npy"), b"\x93NUMPY\x01\0\xff\xff" + b"(" * 99)),
}


READ_ALL = """
import os
from tinygen import emoji
os.chdir(os.path.dirname(sys.argv[1]))
def read(path):
    try:
        print("read", emoji._read_pairs(path))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_pairs_that_would_fill_the_memory_or_run(tmp_path, measured):
    paths = [tmp_path / f"{bomb}.npz" for bomb in BOMBS]
    for path in paths:
        BOMBS[path.stem](path)
    said, megabytes = measured(READ_ALL, "[*map(read, sys.argv[1:])]", *paths)
    *lines, _ = said.splitlines()
    assert len(lines) == len(paths) and megabytes < 50
    for line, path in zip(lines, paths):
        assert line.startswith(f"ValueError {path} is damaged"), line
    assert set(tmp_path.iterdir()) == set(paths)    # and no file "mark"
