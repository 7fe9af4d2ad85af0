"""MNIST: 70,000 digits, read from this machine or downloaded once.

What comes over the net, or lies on a disk, is believed only by the SHA-256
of its bytes; and no more of it is read or unpacked than the file can have.
"""

import gzip
import hashlib
import http.client
import math
import os
import sys
import time
import urllib.request
import zlib
from pathlib import Path

import numpy as np

from .files import replacing, sweep, writable_folder
from .progress import Progress

# Seconds that a mirror may be silent, and bytes in 30 s that it must send
PATIENCE, SLOWEST = 30, 1 << 17
LARGEST = 1 << 26   # bytes: the largest file has 2^24

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
           "https://storage.googleapis.com/cvdf-datasets/mnist/")

# name -> IDX header, shape, SHA-256 of the uncompressed bytes
MNIST_FILES = {
    "train-images-idx3-ubyte": (
        2051, (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte": (
        2049, (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte": (
        2051, (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte": (
        2049, (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}


def cache_folder():
    """Where downloads go: $TINYGEN_CACHE, or the system's cache folder."""
    if os.environ.get("TINYGEN_CACHE"):
        return Path(os.environ["TINYGEN_CACHE"])
    home = Path.home()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "tinygen"


def mnist(split="train"):
    """(uint8 [n, 28, 28, 1], labels int64 [n]); "train" 60,000, "test"
    10,000 digits, 255 the ink.

    Read from $TINYGEN_DATA/mnist, else from cache_folder()/mnist, else
    downloaded there once. The SHA-256 of the uncompressed bytes is checked
    each time. ValueError: another split, a damaged file. ConnectionError:
    not there, and no mirror could be reached.
    Source: LeCun, Cortes and Burges, the MNIST database (CC BY-SA 3.0).
    """
    if split not in ("train", "test"):
        raise ValueError(f'split is "train" or "test", not {split!r}')
    start = {"train": "train", "test": "t10k"}[split]
    images, labels = (_read_idx(find_mnist(name) or _download(name), name)
                      for name in MNIST_FILES if name.startswith(start))
    return images[..., None], labels.astype(np.int64)


def find_mnist(name):
    """The path of one of MNIST_FILES on this machine, or None."""
    places = [cache_folder() / "mnist"]
    if os.environ.get("TINYGEN_DATA"):
        places.insert(0, Path(os.environ["TINYGEN_DATA"]) / "mnist")
    found = (p / n for p in places for n in (f"{name}.gz", name))
    return next((path for path in found if path.is_file()), None)


def _read_idx(path, name):
    """The array in an IDX file, compressed or not, checked three ways."""
    magic, shape, sha256 = MNIST_FILES[name]
    header = b"".join(n.to_bytes(4, "big") for n in (magic, *shape))
    size = len(header) + math.prod(shape)
    with open(path, "rb") as file:
        start = file.read(2)
    opened = gzip.open if start == b"\x1f\x8b" else open
    try:
        with opened(path, "rb") as file:
            content = bytearray(file.read(size + 1))  # no more, come what may
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it, and it "
                         "is downloaded again") from None
    wrong = None
    if not content.startswith(header):
        wrong = "is not MNIST (it begins with " + repr(bytes(content[:16]))
    elif len(content) != size:
        wrong = f"is not {name} (not {size} bytes uncompressed"
    elif hashlib.sha256(content).hexdigest() != sha256:
        wrong = "is damaged (its SHA-256 is not the published one"
    if wrong:
        raise ValueError(f"{path} {wrong}): delete it, and it is downloaded "
                         "again")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _download(name):
    """Fetch NAME.gz from the first mirror whose file is right."""
    place = writable_folder(cache_folder() / "mnist") / f"{name}.gz"
    sweep(place.parent, name, age=3600)     # others may be downloading
    failures, part = [], place
    for mirror in MIRRORS:
        try:
            with replacing(place) as part:
                _fetch(f"{mirror}{name}.gz", part)
                _read_idx(part, name)
            return place
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            reason = " ".join(str(reason).split())      # in one line
            failures.append(f"{mirror}: {reason}".replace(
                str(part), "the file").split(": delete it")[0])
    raise ConnectionError(
        f"MNIST is not on this machine and could not be downloaded "
        f"({'; '.join(failures)}): go on with the built-in sprites "
        f"(tg.data.sprites, or --data sprites), or put its four files "
        f"({name}.gz ...) into a folder mnist and set TINYGEN_DATA to the "
        "folder that holds that one")


def _fetch(url, path):
    request = urllib.request.Request(url, headers={"User-Agent": "tinygen"})
    with (urllib.request.urlopen(request, timeout=PATIENCE) as source,
          open(path, "wb") as file):
        size = int(source.headers.get("Content-Length", 0))
        if size > LARGEST:
            raise ConnectionError(f"offers {size} bytes")
        with Progress(size >> 10, "KB of " + url.split("/")[-1]) as line:
            done, began = 0, time.monotonic()
            while piece := source.read1(1 << 16):  # what there is, at once
                file.write(piece)
                done += len(piece)
                line.update(done >> 10)
                late = time.monotonic() - began - PATIENCE
                if late > done / SLOWEST * PATIENCE or done > LARGEST:
                    raise ConnectionError(f"gave {done} bytes so far, too "
                                          "slowly or too many")
    if done < size:
        raise ConnectionError(f"cut off after {done} of {size} bytes")
