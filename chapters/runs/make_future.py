"""Train and measure again what chapter 5 shows, and store it.

    python chapters/runs/make_future.py [NAME ...]      default: all of them

future.json holds the numbers, future.png samples that are only looked at,
future_NAME.safetensors the weights, as float16, that the chapter works
with. All is small: a GAN of width 12 trains for 1,500 steps. FIDs are of
2,000 samples against 4,000 sprites that no run has seen, [value, low, high]
with 95 %. Trainings go on where they stopped (in runs/, which git ignores),
and what is in future.json is not measured again. The digits need the MNIST
files; see tinygen.data.mnist.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.files import replacing
from tinygen.models import build

HERE = Path(__file__).parent

SMALL = {"noise": 32, "width": 12, "lr": 5e-4, "average": 0.99}
HINGE = SMALL | {"loss": "hinge"}
SPECTRAL = HINGE | {"spectral": True}
CODES = {"width": 8, "latent": 8, "sigma": 1.0, "lr": 2e-3, "classes": 8}
PLANE = {"width": 8, "latent": 2, "sigma": 0.3, "lr": 2e-3}

# name: (model, settings, steps, what is not as usual: the seed, how many
# images, whether copies of them are moved about)
RUNS = {
    "plain": ("gan", SMALL, 1500, {}),
    "hinge": ("gan", HINGE, 1500, {}),
    "spectral": ("gan", SPECTRAL, 1500, {}),
    "plain_1": ("gan", SMALL, 1500, {"seed": 1}),
    "hinge_1": ("gan", HINGE, 1500, {"seed": 1}),
    "spectral_1": ("gan", SPECTRAL, 1500, {"seed": 1}),
    "few": ("gan", SMALL, 1500, {"n": 50}),
    "few_moved": ("gan", SMALL, 1500, {"n": 50, "moved": True}),
    "few_moved_1": ("gan", SMALL, 1500, {"n": 50, "moved": True, "seed": 1}),
    "some": ("gan", SMALL, 1500, {"n": 250}),
    "some_moved": ("gan", SMALL, 1500, {"n": 250, "moved": True}),
    "width_4": ("gan", SMALL | {"width": 4}, 1500, {}),
    "width_8": ("gan", SMALL | {"width": 8}, 1500, {}),
    "width_4_1": ("gan", SMALL | {"width": 4}, 1500, {"seed": 1}),
    "width_8_1": ("gan", SMALL | {"width": 8}, 1500, {"seed": 1}),
    "classes": ("gan", SMALL | {"classes": 8}, 2000, {}),
    "vae": ("vae", CODES, 2500, {}),
    "vae_sharp": ("vae", CODES | {"sigma": 0.2}, 2500, {}),
    "hoard": ("vae", PLANE, 2000, {"n": 50}),
    "share": ("vae", PLANE, 2000, {}),
    "colour": ("cyclegan", {"width": 8, "blocks": 2, "schedule": 600}, 600,
               {}),
}
STORED = ("plain", "classes", "vae", "hoard", "share", "colour")  # weights


def sprites(n, rng):
    """Plain sprites on light ground, and their labels."""
    return tg.data.sprites(n, "solid", rng, background="light")


def grey(images):
    """0.299 R + 0.587 G + 0.114 B in all three channels, uint8."""
    luma = images @ np.array([0.299, 0.587, 0.114])
    return np.rint(luma[..., None]).astype(np.uint8).repeat(3, axis=-1)


def moved(images, copies=40, most=2, rng=0):
    """Copies of the images, each moved by up to `most` pixels each way; what
    comes in at the border is as the border was."""
    rng, size = np.random.default_rng(rng), images.shape[1]
    wide = np.pad(images, [(0, 0), (most, most), (most, most), (0, 0)],
                  "edge")
    return np.stack([wide[k, y:y + size, x:x + size]
                     for k in range(len(images))
                     for y, x in rng.integers(2 * most + 1,
                                              size=(copies, 2))])


def data_of(kind, settings, how):
    """(images, labels or None) that a run is trained on."""
    images, labels = sprites(how.get("n", 10_000), 0)
    if kind == "cyclegan":      # not one image in both
        return (grey(images), sprites(10_000, 1)[0]), None
    if how.get("moved"):
        images = moved(images)
    return images, labels if settings.get("classes") else None


def trained(name):
    """The model of a run, trained, and its checkpoint's header."""
    kind, settings, steps, how = RUNS[name]
    out, seed = Path("runs") / f"future_{name}", how.get("seed", 0)
    path = out / training.CHECKPOINT
    model = build(kind, settings)
    model = type(model)(model.config, rng=np.random.default_rng(seed))
    images, labels = data_of(kind, settings, how)
    tg.fit(model, images, steps, batch=4 if kind == "cyclegan" else 32,
           seed=seed, out=out, resume=path.exists(), labels=labels,
           sample_every=500, progress=False)
    return model, training.load_model(path)[1]


# --------------------------------------------------------------- measuring


def reference():
    """Features of 4,000 sprites that no run was trained on."""
    return tg.metrics.Moments(tg.metrics.features(sprites(4000, 100)[0]))


def value(estimate):
    """An Estimate for JSON: [value, low, high]."""
    return [round(float(x), 3) for x in (
        estimate.value, estimate.low, estimate.high)]


def fids(model, real, n=2000):
    """FID of n samples: with the averaged weights, and without."""
    found = {}
    for which in ("averaged", "last"):
        if which == "last":
            model.average = 0
        images = model.sample(n, np.random.default_rng(7))
        found[which] = value(tg.metrics.fid(
            real, tg.metrics.Moments(tg.metrics.features(images))))
    return found


def agreement(model, n=2000):
    """counts[asked, seen]: the class asked for, the one the classifier sees.
    """
    images = model.sample(n, np.random.default_rng(8))
    seen = tg.metrics.probabilities(images).argmax(axis=1)
    counts = np.zeros((8, 8), int)
    np.add.at(counts, (np.arange(n) % 8, seen), 1)
    return counts.tolist()


def processor(model, batch, steps=10):
    """Milliseconds of processor time of one step, measured again alone."""
    c, rng = model.config, np.random.default_rng(0)
    x = np.zeros((batch, c.size, c.size, c.channels), np.float32)
    again = build(model.name, vars(c))
    wish = {"labels": np.zeros(batch, int)} if getattr(
        c, "classes", 0) else {}
    x = (x, x) if model.name == "cyclegan" else x
    again.step(x, rng, **wish)
    began = time.process_time()
    for _ in range(steps):
        again.step(x, rng, **wish)
    return round(1e3 * (time.process_time() - began) / steps, 1)


def decibels(model):
    """Mean PSNR against the true colours, and back; see make_cyclegan."""
    b = sprites(500, 3)[0]
    a = grey(b)
    return {which: round(float(tg.metrics.psnr(x, y).mean()), 2)
            for which, x, y in (
                ("a_to_b", model.translate(a, "b"), tg.data.to_float(b)),
                ("a_as_b", a, b),
                ("b_to_a", model.translate(b, "a"), tg.data.to_float(a)),
                ("b_as_a", b, a))}


def codes(model):
    """How well a VAE reconstructs 500 new sprites, in decibels, and how
    much its codes say, in nats."""
    x, labels = sprites(500, 3)
    labels = labels if model.config.classes else None
    x = tg.data.to_float(x)
    y = model.reconstruct(x, labels)
    kl = tg.losses.gaussian_kl(*map(tg.Tensor, model.encode(x, labels)))
    return {"reconstruction": round(float(tg.metrics.psnr(y, x).mean()), 2),
            "kl": round(kl.item(), 2)}


def measured(name, real):
    """What future.json says of a run; its weights and samples are stored."""
    model, meta = trained(name)
    how, seed = RUNS[name][3], meta["fixed"]["seed"]
    batch = meta["fixed"]["batch"]
    note = {"command": f"python chapters/runs/make_future.py {name}",
            "seed": seed, "steps": meta["step"], "batch": batch,
            "images": how.get("n", 10_000), "moved": "moved" in how,
            "seconds": round(meta["seconds"]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "milliseconds": processor(model, batch),
            "parameters": sum(p.size for p in tg.parameters(getattr(
                model, "g", model)).values())}
    note["cpu"] = round(note["milliseconds"] * note["steps"] / 1e3, 1)
    if model.name == "cyclegan":
        note["psnr"] = decibels(model)
    if getattr(model.config, "classes", 0):
        note["seen"] = agreement(model)
    if model.name == "vae":
        note |= codes(model)
    part = "generators" if model.name == "cyclegan" else "networks"
    if name in STORED:
        training.save_sampler(HERE / f"future_{name}.safetensors", model,
                              part, **note)
    if model.name == "gan":
        shown = tg.data.to_uint8(model.sample(16, np.random.default_rng(1)))
        np.save(f"runs/future_{name}.npy", shown)
        note["fid"] = fids(model, real)
    return note


# ----------------------------------------------- a classifier with few images


def small_classifier(rng):
    """Digits N 28 28 1 -> logits N 10."""
    return tg.Sequential(
        tg.Conv2d(1, 8, stride=2, rng=rng), tg.LeakyReLU(),
        tg.Conv2d(8, 16, stride=2, rng=rng), tg.LeakyReLU(), tg.Flatten(),
        tg.Linear(7 * 7 * 16, 10, gain=0.1, rng=rng))


def accuracy(images, labels, test, rng, steps=400):
    """Train a classifier on the images; its share of right test digits."""
    net = small_classifier(rng)
    weights = tg.parameters(net)
    opt, size = tg.Adam(weights, lr=1e-3), min(64, len(images))
    stream = tg.data.batches(images, size, rng)
    for x in (next(stream) for _ in range(steps)):
        loss = tg.losses.cross_entropy(net(tg.Tensor(x)), labels[stream.rows])
        opt.step(tg.grad(loss, list(weights.values())))
    with tg.no_grad():
        seen = net(tg.Tensor(tg.data.to_float(test[0]))).data.argmax(axis=1)
    return float((seen == test[1]).mean())


def few_digits(seed, each=10):
    """`each` training digits of every class."""
    images, labels = tg.data.mnist()
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.choice(np.flatnonzero(labels == k), each,
                                      replace=False) for k in range(10)])
    return images[rows], labels[rows]


def augmentation(seed):
    """Accuracies of one classifier trained on 100 digits, and on the same
    with more that were made of them. The VAE has seen these 100 alone."""
    images, labels = few_digits(seed)
    test = tuple(x[:2000] for x in tg.data.mnist("test"))
    copies, twice = moved(images, 20, rng=seed), labels.repeat(20)
    found = {}
    for name, x, y in (("real", images, labels), ("moved", copies, twice)):
        found[name] = accuracy(x, y, test, np.random.default_rng(seed))
        vae = build("vae", {"channels": 1, "width": 8, "latent": 4,
                            "decoder": "bernoulli", "classes": 10})
        tg.fit(vae, x, 600, seed=seed, labels=y, progress=False)
        made = tg.data.to_uint8(vae.sample(2000, np.random.default_rng(seed)))
        label = np.arange(2000) % 10
        if name == "real" and seed == 0:
            np.save("runs/future_digits.npy", made[:20])
        found[f"{name} and made"] = accuracy(
            np.concatenate([x.repeat(2000 // len(x), axis=0), made]),
            np.concatenate([y.repeat(2000 // len(x)), label]), test,
            np.random.default_rng(seed))
        if name == "real":
            found["made alone"] = accuracy(made, label, test,
                                           np.random.default_rng(seed))
    return {k: round(v, 4) for k, v in found.items()}


# -------------------------------------------------------------------- storing


def store(key, make):
    """Put make() into future.json under the key, unless it is there."""
    path = HERE / "future.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    if key not in found:
        found[key] = make()
        with replacing(path) as part:
            part.write_text(json.dumps(found, indent=1) + "\n")
    return found[key]


def published(real):
    """FIDs of the runs that chapter 4.1 stored, for comparison."""
    return {path.stem: value(tg.metrics.fid(real, tg.metrics.Moments(
        tg.metrics.features(training.load_model(path)[0].sample(
            2000, np.random.default_rng(7)))))) for path in sorted(
                HERE.glob("gan_sprites*.safetensors"))}


def picture():
    """future.png: a row of 16 samples for each GAN, below them 16 digits of
    a VAE that has seen 100. Returns the rows' names."""
    names = [name for name, run in RUNS.items() if run[0] == "gan"]
    rows = [np.load(f"runs/future_{name}.npy") for name in names]
    digits = np.load("runs/future_digits.npy")[:16].repeat(3, axis=-1)
    tg.data.save_grid(np.concatenate([*rows, digits]), HERE / "future.png",
                      16, scale=1)
    return [*names, "digits"]


def make(name, real):
    """Make one part of future.json, and say how long it took."""
    began, clock = time.time(), time.process_time()
    if name in RUNS:
        store(name, lambda: measured(name, real))
    elif name == "published":
        store(name, lambda: published(real))
    else:
        store(name, lambda: augmentation(int(name[-1])))
    print(time.strftime("%H:%M:%S"), name, round(time.time() - began), "s,",
          round(time.process_time() - clock), "s of processor", flush=True)


if __name__ == "__main__":
    DIGITS = [f"digits_{seed}" for seed in range(3)]
    for wanted in sys.argv[1:] or [*RUNS, "published", *DIGITS]:
        make(wanted, reference())
    if not sys.argv[1:]:
        store("rows", picture)
