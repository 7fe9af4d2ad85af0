"""The same 1,636 emoji as two companies draw them, 32 x 32, in pairs.

Noto Emoji (Google, Apache 2.0) and Twemoji (Twitter, CC BY 4.0), as the
packages emoji-datasource-google and emoji-datasource-twitter, version
16.0.0, publish them: one sheet of 32 x 32 cells each, and a list of names.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

# What to unpack both packages into one folder for -> SHA-256
EMOJI_FILES = {
    "img/google/sheets/32.png":
        "b417e9f6cd4bbc10656bbfd5e13b6e9a2545b55e6a4cf7312d75be1faaa34952",
    "img/twitter/sheets/32.png":
        "2767ef2e87cbfb6cc12ac46596c339549afaf0ae8771cf51100c8853f6bde632",
    "emoji.json":     # that of emoji-datasource-google
        "1d602e65be88772bf8cc368ce16b855d719eeddbafe128d471b80203f494d29f"}
MEMBER = 1 << 23    # bytes: an array in emoji32.npz has 5 million
# Of the bytes of both arrays in emoji32.npz, one behind the other
PAIRS_SHA256 = (
    "46b8ce39204228ab0eb165a93b81f828552983cf4670977a7cf6271426e0fd08")


def emoji(split="train", sheets=None):
    """(Noto, Twemoji): uint8 [n, 32, 32, 3] on white, row i the same emoji.

    split: "train" 1,472 pairs, "test" the other 164, every tenth in the
    order of the keyboard. Read from $TINYGEN_DATA/emoji/emoji32.npz; else
    cut from the published sheets in the folder `sheets` (or
    $TINYGEN_DATA/emoji), which holds img/google/sheets/32.png,
    img/twitter/sheets/32.png and emoji.json; their SHA-256 is checked.
    ValueError: another split, a damaged file. FileNotFoundError: not there.
    """
    if split not in ("train", "test"):
        raise ValueError(f'split is "train" or "test", not {split!r}')
    place = Path(os.environ.get("TINYGEN_DATA") or ".") / "emoji"
    if sheets is None and (place / "emoji32.npz").is_file():
        pair = _read_pairs(place / "emoji32.npz")
    else:
        pair = _cut(Path(sheets or place))
    held_out = np.arange(len(pair[0])) % 10 == 5
    rows = held_out if split == "test" else ~held_out
    return pair[0][rows], pair[1][rows]


def _read_pairs(path):
    """Both arrays of an npz, by hand: np.load believes what a header says
    of shape and kind, here the SHA-256 of the bytes alone decides."""
    try:
        with zipfile.ZipFile(path) as archive:
            pair = [_pixels(archive.getinfo(f"{name}.npy"), archive)
                    for name in ("noto", "twemoji")]
    except PermissionError:     # there, and perhaps whole
        raise
    except Exception as error:  # zipfile raises many kinds
        raise ValueError(f"{path} is damaged ({error})") from None
    if hashlib.sha256(b"".join(pair)).hexdigest() != PAIRS_SHA256:
        raise ValueError(f"{path} is damaged: the SHA-256 of its images is "
                         "not the known one")
    return tuple(np.frombuffer(bytearray(pixels), np.uint8).reshape(
        -1, 32, 32, 3) for pixels in pair)


def _pixels(member, archive):
    """The bytes behind the header of an .npy file, at most MEMBER."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is not deflated")
    with archive.open(member) as file:
        content = file.read(MEMBER + 1)  # no more, come what may
    if len(content) > MEMBER:
        raise ValueError(f"{member.filename} is larger than {MEMBER} bytes")
    return content[10 + int.from_bytes(content[8:10], "little"):]


def _cut(folder):
    """Both sheets cut into cells, in the order of the keyboard."""
    for name, sha256 in EMOJI_FILES.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"the emoji are not on this machine ({folder / name} is "
                "missing): unpack the packages emoji-datasource-google and "
                "emoji-datasource-twitter, version 16.0.0, into one folder "
                "and name it (sheets=...) or set TINYGEN_DATA so that it is "
                "$TINYGEN_DATA/emoji; or go on with the sprites")
        with open(folder / name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(f"{folder / name} is not the file of version "
                             "16.0.0 (its SHA-256 is another)")
    google, twitter, names = EMOJI_FILES
    with open(folder / names, encoding="utf-8") as file:
        wanted = sorted((e for e in json.load(file)
                         if e["has_img_google"] and e["has_img_twitter"]
                         and e["category"] not in ("Component", "Flags")),
                        key=lambda e: e["sort_order"])
    cells = [(34 * e["sheet_y"] + 1, 34 * e["sheet_x"] + 1) for e in wanted]
    return tuple(_cells(folder / name, cells) for name in (google, twitter))


def _cells(path, corners):
    """The 32 x 32 pixels at each (row, column) of a sheet, on white."""
    from PIL import Image
    with Image.open(path) as sheet:
        sheet = sheet.convert("RGBA")
    white = Image.new("RGBA", sheet.size, "white")
    pixels = np.asarray(Image.alpha_composite(white, sheet).convert("RGB"))
    return np.stack([pixels[y:y + 32, x:x + 32] for y, x in corners])
