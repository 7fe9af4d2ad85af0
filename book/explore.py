"""Make what the figures of the book that run in the page are made of.

    python book/explore.py [NAME ...]           default: all models
    python book/explore.py --runtime FOLDER     the runtime instead

For each model book/_vendor/explore/NAME.js: an ONNX file with float16
weights, and what its figure has to know. For each figure a picture,
book/explore/NAME.png, which stands there until the model runs, on paper and
where scripts are off. book/explore/models.json: sizes, and FIDs beside
those of the models they stand for. The digits need the MNIST files; see
tinygen.data.mnist. FOLDER is dist/ of the npm package onnxruntime-web.
"""

import argparse
import base64
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tinygen as tg
from tinygen import training
from tinygen.sprites import _BACKGROUNDS, _COLOURS

BOOK = Path(__file__).resolve().parent
RUNS = BOOK.parent / "chapters" / "runs"
SCRIPTS = BOOK / "_vendor" / "explore"
PICTURES = BOOK / "explore"
COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "violet",
           "pink")
REACH = 2.5         # how far from 0 the map of the plane goes


def load(name):
    return training.load_model(RUNS / f"{name}.safetensors")[0]


def text(data):
    return base64.b64encode(data).decode()


# ------------------------------------------------------------- directions


def traits(images):
    """What directions are named after: [n, 4], from images in [-1, 1].

    The share of pixels that differ from the light ground, their mean place
    to the right and upwards (in half widths), and how much redder than blue
    they are.
    """
    ground = 2 * _BACKGROUNDS[0] / 255 - 1
    ink = np.clip(np.abs(images - ground).mean(axis=-1), 0, 0.5)  # N H W
    total = ink.sum(axis=(1, 2)) + 1e-6
    at = np.linspace(-1, 1, images.shape[1])
    return np.stack([
        (ink > 0.25).mean(axis=(1, 2)),
        (ink * at).sum(axis=(1, 2)) / total,
        -(ink * at[:, None]).sum(axis=(1, 2)) / total,
        (ink * (images[..., 0] - images[..., 2])).sum(axis=(1, 2)) / total,
    ], axis=1)


TRAITS = ("smaller, larger", "left, right", "down, up", "bluer, redder")


def directions(model, n=10_000):
    """A direction of z for each trait: along it this trait changes and, to
    first order, no other does.

    traits = W z + rest, by least squares; the columns of W's pseudoinverse,
    set to length 1. Also the share of variance that W z explains.
    """
    rng = np.random.default_rng(0)
    z = model.draw(n, rng)
    y = np.concatenate([traits(model.g(tg.Tensor(some)).data)
                        for some in np.array_split(z, n // 100)])
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    w, *_ = np.linalg.lstsq(z, y, rcond=None)
    ways = np.linalg.pinv(w)                                # 4 noise
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return ways, 1 - (y - z @ w).var(axis=0)


# ------------------------------------------------------------- pictures


def picture(path, rows, names=None, ends=None):
    """Rows of images, with a name at the left of each and, above, what the
    columns are, in a PNG of page width."""
    rows = [np.concatenate(tg.data.to_uint8(np.asarray(row)), axis=1)
            for row in rows]
    height, width = len(rows) * rows[0].shape[0], rows[0].shape[1]
    figure = Figure(figsize=(7, 7 * 0.78 * height / width + 0.3), dpi=120)
    axes = figure.subplots(len(rows), squeeze=False)[:, 0]
    figure.subplots_adjust(0.2 if names else 0.02, 0.02, 0.98, 0.9, 0, 0.06)
    for k, (one, row) in enumerate(zip(axes, rows)):
        one.imshow(row.repeat(3, axis=-1) if row.shape[-1] == 1 else row,
                   interpolation="nearest")
        one.set(xticks=[], yticks=[])
        one.spines[:].set_visible(False)
        if names:
            one.set_ylabel(names[k], rotation=0, ha="right", va="center")
    if ends:
        axes[0].set_title(ends, fontsize=10)
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(path)


# ------------------------------------------------------------- the models


def gan(model):
    """Sprites, their noise, and four directions of it."""
    ways, known = directions(model)
    rng = np.random.default_rng(3)
    a, b = model.draw(4, rng), model.draw(4, rng)
    t = np.linspace(0, np.pi / 2, 9, dtype=np.float32)[:, None]
    picture(PICTURES / "walk.png", [
        model.g(tg.Tensor(np.cos(t) * x + np.sin(t) * y)).data
        for x, y in zip(a, b)], ends="from one noise vector to another")
    t = np.linspace(-3, 3, 9, dtype=np.float32)[:, None]
    picture(PICTURES / "directions.png", [
        model.g(tg.Tensor(a[0] + t * way.astype(np.float32))).data
        for way in ways], TRAITS, "from $-3$ to $3$ along a direction")
    return {"noise": model.config.noise, "directions": [
        {"name": name, "z": way.round(4).tolist(), "explained": round(r, 3)}
        for name, way, r in zip(TRAITS, ways, known)]}


def plane(model):
    """The digits of a VAE with two latents."""
    at = (np.arange(12, dtype=np.float32) + 0.5) / 6 * REACH - REACH
    z = np.stack(np.meshgrid(at, at[::-1]), axis=-1)        # rows from above
    picture(PICTURES / "plane.png", [model.decode(row) for row in z],
            ends=f"$z_1$ from $-{REACH}$ to ${REACH}$; upwards $z_2$, alike")
    return {"reach": REACH}


def classes(model):
    """Sprites of a class that one asks for."""
    names, z = tg.data.SPRITE_NAMES, model.draw(4, np.random.default_rng(0))
    picture(PICTURES / "classes.png", [
        model.g(tg.Tensor(model.told(z[[k] * len(names)],
                                     np.arange(len(names))))).data
        for k in range(4)], ends="the same noise along each row; "
        + ", ".join(names))
    return {"noise": model.config.noise, "classes": names}


def restyle(model):
    """Striped sprites from solid ones, and eight of these to begin with."""
    rng = np.random.default_rng(5)
    some, labels = tg.data.sprites(200, "solid", rng, background="light")
    some = some[[np.flatnonzero(labels == k)[0] for k in range(8)]]
    picture(PICTURES / "restyle.png", [
        tg.data.to_float(some), model.translate(some)],
        ["drawn", "translated"])
    paints = dict(zip(COLOURS, _COLOURS)) | dict(
        zip(("light ground", "dark ground"), _BACKGROUNDS))
    return {"drawings": [{"name": name, "rgb": text(image.tobytes())}
                         for name, image in zip(tg.data.SPRITE_NAMES, some)],
            "colours": [{"name": name, "rgb": rgb.astype(int).tolist()}
                        for name, rgb in paints.items()]}


# name: (its run, the part that is exported, the larger run it stands for)
MODELS = {
    "gan": ("gan_sprites_small", "g", "gan_sprites"),
    "plane": ("vae_mnist_plane", "decoder", "vae_mnist"),
    "classes": ("future_classes", "g", "future_classes"),
    "restyle": ("cyclegan_sprites", "ab", "cyclegan_sprites")}


def distance(run):
    """FID of 2,000 images of a run against 4,000 it has not seen."""
    model = load(run)
    if run.startswith("vae_mnist"):
        real, of = tg.data.mnist("test")[0][:4000], "mnist"
    else:
        style = "striped" if run.startswith("cyclegan") else "solid"
        ground = "mixed" if run.startswith("cyclegan") else "light"
        real, of = tg.data.sprites(
            4000, style, 7, background=ground)[0], "sprites"
    rng = np.random.default_rng(0)
    fake = (model.translate(tg.data.sprites(2000, "solid", 8)[0])
            if run.startswith("cyclegan") else model.sample(2000, rng))
    fid = tg.metrics.fid(tg.metrics.features(real, of),
                         tg.metrics.features(fake, of))
    return [round(float(x), 1) for x in (fid, fid.low, fid.high)]


def make(name):
    """Write NAME.js and its pictures; returns its entry in models.json."""
    run, part, full = MODELS[name]
    model = load(run)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        tg.export.onnx(model, file, part=part, half=True)
        onnx = file.read_bytes()
    with tg.no_grad():
        spec = globals()[name](model)
    spec |= {"side": model.config.size, "onnx": text(onnx)}
    SCRIPTS.mkdir(exist_ok=True)
    (SCRIPTS / f"{name}.js").write_text(
        f"tinygenExplore.models.{name} = {json.dumps(spec)};\n",
        encoding="utf-8", newline="\n")
    return {"run": run, "bytes": len(onnx), "fid": distance(run),
            "full": full, "full_fid": distance(full)}


def runtime(folder):
    """Write runtime.js: onnxruntime-web as one script. Its WebAssembly is
    stored compressed, in letters: explore.js unpacks it."""
    def read(name):
        return (folder / name).read_bytes()

    wasm = gzip.compress(read("ort-wasm-simd-threaded.wasm"), 9, mtime=0)
    parts = {"wasm": text(wasm),
             "mjs": text(read("ort-wasm-simd-threaded.mjs"))}
    script = read("ort.wasm.min.js").decode().split("//# sourceMapping")[0]
    (SCRIPTS / "runtime.js").write_text(
        f"{script}\ntinygenExplore.runtime = {json.dumps(parts)};\n",
        encoding="utf-8", newline="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--runtime", type=Path)
    given = parser.parse_args()
    if given.runtime:
        return runtime(given.runtime)
    table = PICTURES / "models.json"
    known = json.loads(table.read_text()) if table.exists() else {}
    for name in given.names or MODELS:
        known[name] = make(name)
        print(name, known[name])
        table.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
