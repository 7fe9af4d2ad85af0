"""Damaged and hostile files for every loader: a value or a clear sentence.

    python tests/reliability/fuzz_loaders.py [--inputs 100000] [--seed 0]
                                             [--only image] [--at 4711]

Each input is a small valid file, changed: bits flipped, numbers made huge,
pieces cut out, doubled, moved or taken from another file; half of the time
sums and lengths are made right again, so that what lies behind them is
reached too. Input i depends on the seed and on i alone: --at makes one
again. A find is any exception but the loader's own kind in one line that
names the file, a crash, more than 1 s, or more MB than its `memory`.
"""

import argparse
import contextlib
import faulthandler
import gzip
import hashlib
import io
import json
import os
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tinygen import checkpoint, emoji, mnist, training
from tinygen.data import read_folder
from tinygen.engine.layers import state
from tinygen.exercises.lifting import Lifted, Unreadable, notebook_cells
from tinygen.models import build

SECONDS = 1.0
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31,
           2**32 - 1, 2**40, 2**60, 2**63, 2**64 - 1)


# ---- changing bytes ---------------------------------------------------------

def changed(data, rng, others=()):
    """data with 1 to 8 changes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at, n = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at + n] = rng.randbytes(n)
        elif kind == 2:
            n = min(n, 8)
            data[at:at + n] = (rng.choice(NUMBERS) % 256**n).to_bytes(
                n, rng.choice(("little", "big")))
        elif kind == 3:
            del data[at:at + n]
        elif kind == 4:
            data[at:at] = data[at:at + n] * rng.choice((1, 2, 100))
        elif kind == 5 and rng.random() < 0.3:
            del data[at:]
        elif kind == 6 and others:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            data[at:at + n] = other[start:start + 4 * n]
        elif kind == 7:
            to = rng.randrange(len(data) + 1)
            data[to:to] = data[at:at + n]
    return bytes(data)


def changed_json(value, rng):
    """A JSON value with one place in it exchanged for something else."""
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        value = value.copy()
        key = rng.choice(list(value) if isinstance(value, dict)
                         else range(len(value)))
        if rng.random() < 0.1:
            value.pop(key)
        else:
            value[key] = changed_json(value[key], rng)
        return value
    deep = []
    for _ in range(rng.choice((1, 50, 2000))):
        deep = [deep]
    return rng.choice((
        None, True, -1, 0, 1, 3, 4, 10**6, 10**12, 10**30, 0.5, -1e300,
        float("nan"), float("inf"), "", "x", "gan", "vae", "cyclegan", "\0",
        "\ud800", "a\nb", [], {}, [1], {"x": 1}, "x" * 1000, deep))


def as_json(value):
    """json.dumps, however deep."""
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(30_000)
    try:
        return json.dumps(value)
    finally:
        sys.setrecursionlimit(old)


# ---- the loaders: right files, a change, a reading --------------------------

class Checkpoints:
    """tinygen.training.load_model, on whole models and on samplers."""
    error, name, memory = ValueError, "c.safetensors", 64

    def __init__(self, folder):
        self.path = folder / self.name
        self.seeds, self.parts = [], []
        for kind, part in (("gan", "g"), ("vae", "decoder"),
                           ("cyclegan", "ab")):
            more = {"blocks": 1, "pool": 2} if kind == "cyclegan" else {}
            model = build(kind, {"width": 1, "channels": 1, **more,
                                 "size": 8 if kind == "cyclegan" else 4})
            training.save_sampler(self.path, model, part)
            self.seeds.append(self.path.read_bytes())
            self.parts.append(checkpoint.load(self.path))
            arrays = {"model." + k: v for k, v in state(model).items()}
            meta = {**training.describe(model), "note": {}, "step": 0}
            checkpoint.save(self.path, arrays, meta)
            self.seeds.append(self.path.read_bytes())
            self.parts.append((arrays, meta))

    def make(self, rng):
        if rng.random() < 0.5:
            return changed(rng.choice(self.seeds), rng, self.seeds)
        arrays, meta = rng.choice(self.parts)
        if rng.random() < 0.7:
            meta = changed_json(meta, rng)
        else:
            arrays = dict(arrays)
            name = rng.choice(list(arrays))
            arrays[rng.choice((name, "x", name + ".w"))] = np.zeros(
                rng.choice(((), (0,), (3,), (2, 0, 4), (1,) * 20, (4, 4))),
                rng.choice(("f2", "f4", "f8", "i8", "u1", "?")))
            if rng.random() < 0.3:
                del arrays[name]
        try:
            checkpoint.save(self.path, arrays, meta)
        except (ValueError, TypeError, RecursionError):
            return changed(rng.choice(self.seeds), rng, self.seeds)
        data = self.path.read_bytes()
        return data if rng.random() < 0.8 else changed_header(data, rng)

    def read(self):
        training.load_model(self.path)


def changed_header(data, rng):
    """A safetensors file whose header is changed, and its length right."""
    size, = struct.unpack("<Q", data[:8])
    header = changed(data[8:8 + size], rng, (data[8:8 + size],))
    return struct.pack("<Q", len(header)) + header + data[8 + size:]


class Histories:
    """tinygen.training.History.from_csv."""
    error, name, memory = ValueError, "history.csv", 64

    def __init__(self, folder):
        self.path = folder / self.name
        self.seeds = [b"step,d_loss,g_loss\r\n1,0.5,1e-3\r\n2,0.25,nan\r\n",
                      b"step\n", b"a,b\n" + b"1,2\n" * 50,
                      b'"a","b ""c"""\n-1.5,inf\n']

    def make(self, rng):
        return changed(rng.choice(self.seeds), rng, self.seeds)

    def read(self):
        training.History.from_csv(self.path)


class Images:
    """tinygen.data.read_folder, on files of every format it opens, and of
    some that it must not open. It promises to open none of more than 50
    million pixels, which take 12 bytes each, some 20."""
    error, name, memory = ValueError, "x.png", 1000

    def __init__(self, folder):
        self.path = folder / "images" / self.name
        self.path.parent.mkdir()
        self.seeds = list(pictures())

    def make(self, rng):
        data = changed(rng.choice(self.seeds), rng, self.seeds)
        right = data.startswith(b"\x89PNG") and rng.random() < 0.5
        return right_png(data) if right else data

    def read(self):
        read_folder(self.path.parent, 8)


def pictures():
    """Small files of all formats and modes."""
    draw = np.random.default_rng(0).integers
    rgb = Image.fromarray(draw(256, size=(12, 9, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind, image, more in (
            ("PNG", rgb, {"exif": exif}), ("PNG", rgb.convert("RGBA"), {}),
            ("PNG", rgb.quantize(4), {"transparency": 1}),
            ("PNG", rgb.convert("1"), {}), ("PNG", rgb.convert("I;16"), {}),
            ("PNG", rgb.convert("LA"), {"icc_profile": b"x" * 200}),
            ("JPEG", rgb, {"exif": exif}), ("JPEG", rgb, {"progressive": 1}),
            ("JPEG", rgb.convert("CMYK"), {}), ("JPEG", rgb.convert("L"), {}),
            ("GIF", rgb, {"save_all": True, "append_images": [rgb]}),
            ("GIF", rgb.quantize(4), {"transparency": 1}), ("BMP", rgb, {}),
            ("BMP", rgb.quantize(4), {}), ("WEBP", rgb, {}),
            ("WEBP", rgb.convert("RGBA"), {"lossless": True}),
            ("TIFF", rgb, {}), ("TIFF", rgb, {"compression": "tiff_lzw"}),
            ("TIFF", rgb, {"compression": "jpeg"}),
            ("TIFF", rgb, {"compression": "tiff_adobe_deflate"}),
            ("TIFF", rgb.convert("1"), {"compression": "group4"}),
            ("TIFF", rgb.convert("F"), {}), ("PPM", rgb, {}),
            ("PPM", rgb.convert("1"), {}), ("EPS", rgb, {}), ("ICO", rgb, {}),
            ("TGA", rgb, {}), ("PCX", rgb, {})):
        file = io.BytesIO()
        image.save(file, kind, **more)
        yield file.getvalue()
    yield b"P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12 "
    yield b"Pf 2 2 -1.0 " + bytes(16)


def right_png(data):
    """Each chunk of a PNG with its right CRC, as far as the lengths go."""
    out, at = data[:8], 8
    while at + 8 <= len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        body = data[at + 4:at + 8 + size]
        out += data[at:at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return out


class Idx:
    """tinygen.mnist's reader of IDX files."""
    error, name, memory = ValueError, "images", 64
    shape = (5, 28, 28)

    def __init__(self, folder):
        self.path = folder / self.name
        header = struct.pack(">4I", 2051, *self.shape)
        self.raw = header + bytes(range(140)) * 28
        mnist.MNIST_FILES = {self.name: (
            2051, self.shape, hashlib.sha256(self.raw).hexdigest())}
        self.seeds = [self.raw]

    def make(self, rng):
        if rng.random() < 0.3:      # in the header, not in the pixels
            return changed(self.raw[:16], rng) + self.raw[16:]
        return changed(rng.choice(self.seeds), rng, self.seeds)

    def read(self):
        mnist._read_idx(self.path, self.name)


class IdxGz(Idx):
    """The same, compressed: members changed, or what they hold."""

    def __init__(self, folder):
        super().__init__(folder)
        named = io.BytesIO()
        with gzip.GzipFile("name", "wb", fileobj=named, mtime=1) as file:
            file.write(self.raw)
        self.seeds = [gzip.compress(self.raw, level, mtime=0)
                      for level in (0, 1, 9)] + [
            named.getvalue(), gzip.compress(self.raw[:99], mtime=0)
            + gzip.compress(self.raw[99:], mtime=0)]

    def make(self, rng):
        if rng.random() < 0.3:
            return gzip.compress(super().make(rng), 1, mtime=0)
        return changed(rng.choice(self.seeds), rng, self.seeds)


class Emoji:
    """tinygen.emoji's reader of emoji32.npz."""
    error, name, memory = ValueError, "emoji32.npz", 64

    def __init__(self, folder):
        self.path = folder / self.name
        pair = np.arange(2 * 2 * 32 * 32 * 3, dtype=np.uint32)
        pair = (pair % 251).astype(np.uint8).reshape(2, 2, 32, 32, 3)
        emoji.PAIRS_SHA256 = hashlib.sha256(pair.tobytes()).hexdigest()
        self.seeds, self.npys = [], []
        for save in (np.savez, np.savez_compressed):
            save(self.path, noto=pair[0], twemoji=pair[1])
            self.seeds.append(self.path.read_bytes())
        with zipfile.ZipFile(self.path) as archive:
            self.npys = [archive.read(name) for name in archive.namelist()]

    def make(self, rng):
        if rng.random() < 0.6:
            return changed(rng.choice(self.seeds), rng, self.seeds)
        out = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")     # the same name twice
            with zipfile.ZipFile(out, "w", rng.choice((0, 8, 12, 14))) as z:
                for name, npy in zip(("noto.npy", "twemoji.npy"), self.npys):
                    head = changed(npy[:128], rng, (npy[:128],))
                    z.writestr(rng.choice((name,) * 9 + (
                        "../evil.npy", "/etc/noto.npy", "twemoji.npy")),
                        head + npy[128:])
        data = out.getvalue()
        return data if rng.random() < 0.7 else changed(data, rng)

    def read(self):
        emoji._read_pairs(self.path)


class Notebooks:
    """tinygen.exercises.lifting: the notebooks that answers are in."""
    error, name, memory = Unreadable, "n.ipynb", 64
    code = (
        "%matplotlib inline\nimport numpy as np\n!ls\nx = %timeit y\n",
        "def f(x):\n    '''A.'''\n    return g(x) + K\n",
        "K = 3\ng = lambda x: x\ng.rules = [1]\nfrom math import *\n",
        "%%time\nclass A:\n    def f(self):\n        return f'{1!r:>{2}}'\n",
        "%%bash\nls\n", "def f(x):\n    raise NotImplementedError\n",
        "for i in range(3):\n    h = i\nh += 1\na, (b, *c) = 1, (2, 3)\n",
        "@g\nasync def f(*a, k: int = 1, **b):\n    global K\n    K?\n")
    tokens = ("(", ")", "[", "]", "{", "}", ":", "=", "\n", "    ", "%", "!",
              "?", "def ", "f", "'", '"', "'''", "\\", "#", "lambda x: ",
              "0x" + "f" * 5000, "9" * 5000, "-" * 3000 + "1", "(" * 300,
              ".a" * 3000, " " * 3000, "\n" * 3000, "\0", "\ud800", "é", "𝒇",
              "f'{'", "await ", "*", "if x:\n", "\t", "\f", "\r", "x = %y\n",
              "!ls\n" * 30, "a=b\n" * 200)

    def __init__(self, folder):
        self.path = folder / self.name
        self.book = {
            "cells": [{"cell_type": "markdown", "source": ["# A", "def f("]},
                      *({"cell_type": "code", "source": source, "outputs": [],
                         "metadata": {}, "execution_count": 1}
                        for source in self.code)],
            "metadata": {"kernelspec": {"name": "python3"}},
            "nbformat": 4, "nbformat_minor": 5}
        self.seeds = [json.dumps(self.book).encode()]
        self.seeds += [json.dumps(self.book, indent=1).encode(code)
                       for code in ("utf-8-sig", "utf-16", "utf-32-be")]

    def make(self, rng):
        kind = rng.randrange(4)
        if kind == 0:
            return changed(rng.choice(self.seeds), rng, self.seeds)
        if kind == 1:
            return as_json(changed_json(self.book, rng)).encode()
        cells = [dict(cell) for cell in self.book["cells"]]
        for _ in range(rng.choice((1, 2, 5))):
            cell = rng.choice(cells[1:])
            at = rng.randrange(len(cell["source"]) + 1)
            cell["source"] = (cell["source"][:at] + rng.choice(self.tokens)
                              + cell["source"][at + rng.randrange(3):])
        return json.dumps(self.book | {"cells": cells}).encode()

    def read(self):
        lifted = Lifted(notebook_cells(self.path))
        for name in ("f", "g", "h"):
            lifted.mentions(name)
            lifted.leads_to(name, "K")
            for label, source, _ in lifted.pieces(name):
                assert label and source
            for statement in lifted.makers(name):
                lifted.is_stub(statement)


LOADERS = {"checkpoint": Checkpoints, "history": Histories, "image": Images,
           "idx": Idx, "idx.gz": IdxGz, "npz": Emoji, "notebook": Notebooks}


# ---- judging ----------------------------------------------------------------

def judge(loader, data):
    """(what happened, a find or None) for one input."""
    try:
        loader.path.write_bytes(data)
        began, before = time.perf_counter(), peak()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                loader.read()
                what = "a value"
            except loader.error as error:
                what = words(error)
                if "\n" in str(error) or loader.name not in str(error):
                    return what, f"not a clear sentence: {error!r}"
    except Exception as error:
        return type(error).__name__, repr(error)[:500]
    seconds, more = time.perf_counter() - began, peak() - before
    if seconds > SECONDS and (seconds := again(loader)) > SECONDS:
        return what, f"{seconds:.1f} s"
    return what, f"{more >> 20} MB" if more >> 20 > loader.memory else None


def again(loader):
    """The processor's seconds: a clock also counts what others do."""
    began = time.process_time()
    with contextlib.suppress(loader.error):
        loader.read()
    return time.process_time() - began


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def words(error):
    """An error without what differs between inputs, to count its kinds."""
    text = re.sub(r"\(.*|'[^']*'|/\S+|\d[\d,.]*", "_", str(error))
    return " ".join(text.split()[:9])


def run(name, inputs, seed=0, only=None):
    """(finds, {what happened: how often}) of `inputs` files."""
    finds, counts = [], {}
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        loader = LOADERS[name](Path(folder))
        for data in loader.seeds if only is None else ():   # warm, and right
            judge(loader, data)
        for i in range(inputs) if only is None else [only]:
            data = loader.make(random.Random(f"{seed} {name} {i}"))
            what, find = judge(loader, data)
            counts[what] = counts.get(what, 0) + 1
            if find:
                finds.append((i, find))
    return finds, counts


def memory_folder():
    """A folder in memory, where there is one: 100,000 files are written."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=LOADERS)
    parser.add_argument("--at", type=int)
    args = parser.parse_args()
    if args.only is None:       # each in a process: a crash is seen
        sys.exit(max(subprocess.run([
            sys.executable, __file__, "--only", name, "--inputs",
            str(args.inputs), "--seed", str(args.seed)]).returncode != 0
            for name in LOADERS))
    own = os.fdopen(os.dup(2), "w")     # the libraries of Pillow chatter
    faulthandler.enable(own)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    began = time.time()
    finds, counts = run(args.only, args.inputs, args.seed, args.at)
    print(f"{args.only}: {sum(counts.values()):,} inputs, {len(finds)} finds,"
          f" {time.time() - began:.0f} s, peak {peak() >> 20} MB")
    for what in sorted(counts, key=counts.get, reverse=True)[:20]:
        print(f"  {counts[what]:7} {what}")
    for i, find in finds[:50]:
        print(f"  FIND at {i}: {find}")
    sys.exit(bool(finds))


if __name__ == "__main__":
    main()
