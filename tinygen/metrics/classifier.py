"""python -m tinygen.metrics.classifier sprites | mnist: train it again.

Writes the weights that the package brings, or those that --out names.
"""

import argparse
import time

import numpy as np

from tinygen import checkpoint, data
from tinygen.engine.autograd import Tensor, grad, no_grad
from tinygen.engine.layers import parameters, state
from tinygen.engine.losses import cross_entropy
from tinygen.engine.optim import Adam, linear_decay
from tinygen.metrics.features import Classifier, weights
from tinygen.progress import Progress
from tinygen.sprites import _COLOURS, _draw_scene, _render


def labelled(of, split="train", n=60_000):
    """(images uint8, answers integers N Q): of MNIST all, of sprites n.

    A sprite's answers: shape, colour of the palette, striped, dark ground.
    """
    if of == "mnist":
        images, labels = data.mnist(split)
        return images, labels[:, None]
    scene = _draw_scene(n, np.random.default_rng(
        {"train": 100, "test": 101}[split]))
    striped = scene.pop("coin") < 0.5
    colour = np.stack([((scene["colour"] - c) ** 2).sum(axis=1)
                       for c in _COLOURS], axis=1).argmin(axis=1)
    answers = np.stack([scene["label"], colour, striped,
                        scene["background"][:, 0] < 128], axis=1)
    return _render(striped=striped, size=28, **scene), answers.astype(int)


def loss_of(net, images, answers):
    """The sum of the questions' cross-entropies."""
    logits, at, total = net(Tensor(images), train=True), 0, 0
    for question, count in enumerate(net.answers):
        total = total + cross_entropy(logits[:, at:at + count],
                                      answers[:, question])
        at += count
    return total


def train(of, images, answers, epochs=5, batch=64, lr=2e-3, seed=0):
    """A Classifier, trained: Adam, its rate falling to 0 in a line.

    Digits are moved by up to 2 pixels each way: their border is empty.
    """
    rng = np.random.default_rng(seed)
    net = Classifier(of, rng)
    weights = parameters(net)
    opt = Adam(weights, lr)
    steps = epochs * (len(images) // batch)
    with Progress(steps) as line:
        for step in range(steps):
            if step % (len(images) // batch) == 0:
                order = rng.permutation(len(images))
            at = step % (len(images) // batch) * batch
            rows = order[at:at + batch]
            x = data.to_float(images[rows])
            if of == "mnist":
                x = np.roll(x, rng.integers(-2, 3, 2), (1, 2))
            loss = loss_of(net, x, answers[rows])
            opt.step(grad(loss, list(weights.values())),
                     linear_decay(lr, step, 0, steps))
            line.update(step + 1, f"loss {loss.item():.3f}")
    standardize(net, images[:10_000])
    return net


def outputs(layer, images, at_once=500):
    """layer(images), an array; not all images pass through it at a time."""
    with no_grad():
        return np.concatenate([layer(Tensor(data.to_float(
            images[k:k + at_once]))).data
            for k in range(0, len(images), at_once)])


def standardize(net, images):
    """Set the mean and deviation of the features, as these images have
    them."""
    x = outputs(net.trunk, images)
    net.mean[:], net.std[:] = x.mean(axis=0), x.std(axis=0)


def accuracy(net, images, answers):
    """The share of right answers to each question: Q numbers."""
    parts = np.split(outputs(net, images), np.cumsum(net.answers)[:-1],
                     axis=1)
    said = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    return (said == answers).mean(axis=0)


def main():
    parser = argparse.ArgumentParser(prog="python -m tinygen.metrics."
                                     "classifier", description=__doc__)
    parser.add_argument("of", choices=("sprites", "mnist"))
    parser.add_argument("--out", help="the file; default: the package's own")
    args = parser.parse_args()
    began = time.perf_counter()
    net = train(args.of, *labelled(args.of))
    seconds = round(time.perf_counter() - began)
    found = accuracy(net, *labelled(args.of, "test", 10_000))
    path = args.out or weights(args.of)
    checkpoint.save(path, state(net), {
        "model": "classifier", "config": {"of": args.of}, "note": {
            "command": f"python -m tinygen.metrics.classifier {args.of}",
            "seed": 0, "seconds": seconds,
            "test accuracy": [round(float(a), 4) for a in found]}}, half=True)
    print(f"{path}: {seconds} s; right answers to unseen images: "
          + ", ".join(f"{100 * a:.2f} %" for a in found))


if __name__ == "__main__":
    main()
