"""Make what the figures of the book that run in the page are made of.

    python book/explore.py [NAME ...]           default: all models
    python book/explore.py --runtime FOLDER     the runtime instead

For each model book/_vendor/explore/NAME.js: an ONNX file with float16
weights; and specs.js, what all figures have to know. The picture that stands
there until the model runs, on paper and where scripts are off, is the output
of the chapter's cell; see tinygen/extras/explore.py. chapters/runs/
explore.json: sizes, and FIDs beside those of the models they stand for. The
digits need the MNIST files; see tinygen.data.mnist. FOLDER is dist/ of the
npm package onnxruntime-web.
"""

import argparse
import base64
import functools
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.sprites import _BACKGROUNDS, _COLOURS

BOOK = Path(__file__).resolve().parent
RUNS = BOOK.parent / "chapters" / "runs"
SCRIPTS = BOOK / "_vendor" / "explore"
COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "violet",
           "pink")


def load(name):
    """(model, header) of a stored run."""
    return training.load_model(RUNS / f"{name}.safetensors")


def text(data):
    return base64.b64encode(data).decode()


# ------------------------------------------------------------- the models


def gan(model):
    """Sprites, their noise, and four directions of it."""
    return {"noise": model.config.noise, "directions": [
        {"name": name, "z": way.round(4).tolist()}
        for name, way in tg.explore.ways(model).items()]}


def plane(model):
    """The digits of a VAE with two latents."""
    return {"reach": 2.5}


def classes(model):
    """Sprites of a class that one asks for."""
    return {"noise": model.config.noise, "classes": tg.data.SPRITE_NAMES}


def restyle(model):
    """Striped sprites from solid ones, and eight of these to begin with."""
    paints = dict(zip(COLOURS, _COLOURS)) | dict(
        zip(("light ground", "dark ground"), _BACKGROUNDS))
    return {"drawings": [
        {"name": name, "rgb": text(image.tobytes())} for name, image in zip(
            tg.data.SPRITE_NAMES, tg.explore.one_of_each())],
            "colours": [{"name": name, "rgb": rgb.astype(int).tolist()}
                        for name, rgb in paints.items()]}


# name: (what its figure has to know, its run, the part that is exported, the
# larger run it stands for)
MODELS = {
    "gan": (gan, "gan_sprites_small", "generator", "gan_sprites"),
    "plane": (plane, "vae_mnist_plane", "decoder", "vae_mnist"),
    "classes": (classes, "future_classes", "generator", "future_classes"),
    "restyle": (restyle, "cyclegan_sprites", "a-to-b", "cyclegan_sprites")}


@functools.cache      # two figures run the larger model itself
def distance(run):
    """FID of 2,000 images of a run against 4,000 it has not seen."""
    (model, _), of = load(run), "sprites"
    if model.name == "cyclegan":
        real, _ = tg.data.sprites(4000, "striped", 7)
        fake = model.translate(tg.data.sprites(2000, "solid", 8)[0])
    else:
        fake = model.sample(2000, np.random.default_rng(0))
        if model.name == "vae":
            real, of = tg.data.mnist("test")[0][:4000], "mnist"
        else:
            real, _ = tg.data.sprites(4000, "solid", 7, background="light")
    fid = tg.metrics.fid(tg.metrics.features(real, of),
                         tg.metrics.features(fake, of))
    return [round(float(x), 1) for x in (fid, fid.low, fid.high)]


def make(name):
    """Write NAME.js; returns its entry in explore.json, and in specs.js."""
    about, run, part, full = MODELS[name]
    model, header = load(run)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        tg.export.onnx(model, file, part, half=True, header=header)
        onnx = file.read_bytes()
    write(name, f"models.{name}", text(onnx))
    with tg.no_grad():
        spec = about(model) | {"side": model.config.size}
    return {"run": run, "bytes": len(onnx), "fid": distance(run),
            "full": full, "full_fid": distance(full)}, spec


def write(name, what, value):
    """Write NAME.js, which sets tinygenExplore's `what`."""
    SCRIPTS.mkdir(exist_ok=True)
    (SCRIPTS / f"{name}.js").write_text(
        f"tinygenExplore.{what} = {json.dumps(value)};\n",
        encoding="utf-8", newline="\n")


def specs():
    """What specs.js holds, {} if there is none yet."""
    file = SCRIPTS / "specs.js"
    return json.loads(file.read_text().partition("=")[2].rstrip(";\n")
                      ) if file.exists() else {}


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
    table = RUNS / "explore.json"
    known = json.loads(table.read_text()) if table.exists() else {}
    for name in given.names or MODELS:
        known[name], spec = make(name)
        write("specs", "specs", specs() | {name: spec})
        print(name, known[name])
        table.write_text(json.dumps(known, indent=1) + "\n",
                         encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
