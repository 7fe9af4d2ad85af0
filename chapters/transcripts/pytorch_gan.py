"""The GAN of section 4.1 in PyTorch, beside tinygen's.

    pip install torch
    python pytorch_gan.py > pytorch_gan.txt

It also draws ../runs/pytorch.png. The appendix "The same model in PyTorch"
shows this file and its output; tests compare the two libraries by it.
PyTorch is no requirement of this book: only whoever remakes the output
needs it.
"""

import io
import textwrap
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import tinygen as tg
from tinygen import training

RUNS = Path(__file__).resolve().parent.parent / "runs"


# ---------------------------------------------------------------- networks

class UpsampleConv2d(nn.Conv2d):
    """Nearest x2, then the convolution."""

    def forward(self, x):
        return super().forward(F.interpolate(x, scale_factor=2))


def generator(noise, c, channels=3):
    """z N noise -> images N channels 28 28, in (-1, 1)."""
    return nn.Sequential(
        nn.Linear(noise, 4 * c * 7 * 7),
        nn.Unflatten(1, (4 * c, 7, 7)),                 # N 4c 7 7
        nn.BatchNorm2d(4 * c), nn.LeakyReLU(0.2),
        UpsampleConv2d(4 * c, 2 * c, 3, padding=1),     # N 2c 14 14
        nn.BatchNorm2d(2 * c), nn.LeakyReLU(0.2),
        UpsampleConv2d(2 * c, c, 3, padding=1),         # N c 28 28
        nn.BatchNorm2d(c), nn.LeakyReLU(0.2),
        nn.Conv2d(c, channels, 3, padding=1),           # N 3 28 28
        nn.Tanh())


def discriminator(c, channels=3):
    """Images N channels 28 28 -> logits N 1."""
    return nn.Sequential(
        nn.Conv2d(channels, c, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),                              # N c 14 14
        nn.Conv2d(c, 2 * c, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),                              # N 2c 7 7
        nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),                              # N 4c 4 4
        nn.Flatten(), nn.Linear(4 * c * 4 * 4, 1))


# -------------------------------------------------------------------- step

def step(g, d, opt_g, opt_d, real, noise):
    """One round. real N C H W; noise: z for D's step, z for G's."""
    g.train(), d.train()
    with torch.no_grad():
        fake = g(noise[0])
    on_real, on_fake = d(real), d(fake)
    one, zero = torch.ones_like(on_real), torch.zeros_like(on_fake)
    d_loss = (F.binary_cross_entropy_with_logits(on_real, one)
              + F.binary_cross_entropy_with_logits(on_fake, zero))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    g_loss = F.binary_cross_entropy_with_logits(d(g(noise[1])), one)
    opt_g.zero_grad()
    g_loss.backward()       # fills d's .grad too, until its zero_grad
    opt_g.step()
    return d_loss.item(), g_loss.item()


# ----------------------------------------------------------- side by side

def twins(gan):
    """tinygen's two networks in PyTorch, with their weights."""
    c = gan.config
    g = generator(c.noise, c.width, c.channels)
    d = discriminator(c.width, c.channels)
    g.load_state_dict(tg.export.to_torch_state_dict(gan.g))
    d.load_state_dict(tg.export.to_torch_state_dict(gan.d))
    return g, d


def images_of(g, z):
    """The images N H W C of a PyTorch generator, as tinygen has them."""
    with torch.no_grad():
        return g(torch.from_numpy(z)).permute(0, 2, 3, 1).numpy()


def ours(gan, z):
    """The images of tinygen's generator."""
    with tg.no_grad():
        return gan.g(tg.Tensor(z)).data


def race(gan, images, steps, batch=16):
    """Yields (step, tinygen's losses, PyTorch's, g) after each step: both
    train from the same weights, on the same batches and noise."""
    g, d = twins(gan)
    c, rng = gan.config, np.random.default_rng(1)
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), c.lr, (c.beta1, 0.999))
                    for net in (g, d))
    for k in range(1, steps + 1):
        real = tg.data.as_float(images[rng.choice(len(images), batch)])
        seed = np.random.default_rng(k)
        noise = [torch.from_numpy(gan.draw(batch, seed)) for _ in "dg"]
        report = gan.step(real, np.random.default_rng(k))
        losses = step(g, d, opt_g, opt_d,
                      torch.from_numpy(real).permute(0, 3, 1, 2), noise)
        yield k, (report["d_loss"], report["g_loss"]), losses, g


def differences(gan, g):
    """{name: mean difference} of the weights of the two generators."""
    theirs = g.state_dict()
    return {name: (w - theirs[name]).abs().mean().item() for name, w in
            tg.export.to_torch_state_dict(gan.g).items()
            if not name.endswith("num_batches_tracked")}


# ---------------------------------------------------------------- mistakes

def untransposed(gan, g):
    """The first weight as tinygen has it, I O."""
    g.load_state_dict(g.state_dict() | {
        "0.weight": torch.from_numpy(gan.g[0].w.data)})


def unordered(gan, g):
    """Transposed, but its columns still in the order H W C."""
    g.load_state_dict(g.state_dict() | {
        "0.weight": torch.from_numpy(gan.g[0].w.data.T.copy()),
        "0.bias": torch.from_numpy(gan.g[0].b.data)})


def turned(gan, g):
    """Kernels O I W H: rows and columns exchanged."""
    g.load_state_dict({k: w.transpose(2, 3).clone() if w.ndim == 4 else w
                       for k, w in g.state_dict().items()})


def slope(gan, g):
    """nn.LeakyReLU(), whose slope is 0.01."""
    for layer in g:
        if isinstance(layer, nn.LeakyReLU):
            layer.negative_slope = 0.01


def training_mode(gan, g):
    """Without g.eval(): a module starts in training mode."""
    g.train()


def smooth(gan, g):
    """Doubled with mode="bilinear"."""
    for layer in g:
        if isinstance(layer, UpsampleConv2d):
            layer.forward = lambda x, conv=layer: nn.Conv2d.forward(
                conv, F.interpolate(x, scale_factor=2, mode="bilinear"))


MISTAKES = {"weight not transposed": untransposed,
            "columns in H W C order": unordered,
            "kernels O I W H": turned,
            "LeakyReLU() as it comes": slope,
            "no eval()": training_mode,
            "bilinear doubling": smooth}


def made(mistake, gan, z):
    """The images that come of a mistake."""
    g = twins(gan)[0].eval()
    mistake(gan, g)
    return images_of(g, z)


# ---------------------------------------------------------------- the output

def picture(rows):
    """Rows of images, each with its name."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(len(rows), figsize=(5.6, 0.57 * len(rows)))
    for ax, (name, images) in zip(axes, rows.items()):
        ax.imshow(np.concatenate(images, axis=1) / 2 + 0.5)
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    figure.tight_layout(pad=0.3)
    return figure


def save(figure, path):
    """A PNG of 128 colours, a third as large."""
    whole = io.BytesIO()
    figure.savefig(whole, dpi=110, bbox_inches="tight")
    Image.open(whole).convert("RGB").quantize(128).save(path, optimize=True)


def main():
    print(f"PyTorch {torch.__version__.split('+')[0]}, tinygen "
          f"{tg.__version__}\n")
    gan, _ = training.load_model(RUNS / "gan_sprites.safetensors")
    z = gan.draw(10, np.random.default_rng(0))
    want = ours(gan, z)
    rows = {"tinygen": want, "PyTorch": made(lambda *_: None, gan, z)}
    print("The trained generator, ten images, tinygen's and PyTorch's")
    print(f"{'largest difference':26}"
          f"{np.abs(rows['PyTorch'] - want).max():.0e}\n")
    print("With one mistake: mean difference of a pixel")
    for name, mistake in MISTAKES.items():
        try:
            rows[name] = made(mistake, gan, z)
            print(f"{name:26}{np.abs(rows[name] - want).mean():.3f}")
        except RuntimeError as error:
            said = str(error).splitlines()[-1].strip()
            print(f"{name:26}RuntimeError:",
                  *textwrap.wrap(said, 60), sep="\n    ")
    save(picture(rows), RUNS / "pytorch.png")
    print("\nBoth trained from the same weights, on the same batches\n"
          "step   D's loss, twice     G's loss, twice")
    gan = tg.models.GAN(tg.models.GANConfig(width=8, lr=5e-4))
    images = tg.data.sprites(500, rng=0)[0]
    for k, (d, g), (d2, g2), net in race(gan, images, 50):
        if k in (1, 2, 5, 10, 20, 50):
            print(f"{k:4}   {d:.5f}   {d2:.5f}   {g:.5f}   {g2:.5f}")
        if k == 1:
            first = differences(gan, net)
    print("\nAfter the first step: mean difference of the weights")
    for name, off in sorted(first.items(), key=lambda pair: -pair[1])[:6]:
        print(f"{name:16}{off:.0e}")


if __name__ == "__main__":
    main()
