"""The steps of steps_tinygen.py in PyTorch, from the same weights.

Written for speed, as far as eager mode goes: fused Adam, activations in
place, frozen networks where no gradient is needed, batches laid out before
the clock runs.
"""
import sys
from pathlib import Path

import torch
from steps_tinygen import BETAS, LR
from timing import tuned
from torch.nn import functional as f

sys.path.insert(0, str(Path(__file__).parent.parent))
from torch_nets import torch_layer  # noqa: E402


def adam(*nets):
    return torch.optim.Adam([p for net in nets for p in net.parameters()],
                            LR, BETAS, fused=True)


def update(optimiser, loss):
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def freeze(on, *nets):
    for net in nets:
        net.requires_grad_(not on)


class TorchStep:
    """A model of steps_tinygen, its twin in PyTorch, in one layout."""

    def __init__(self, model, layout):
        self.layout = layout
        for name, net in vars(model).items():
            if not name.startswith("opt"):
                setattr(self, name, torch_layer(torch, net, layout).float()
                        .to(memory_format=layout))
        self.start()

    def batch(self, *arrays):
        """N H W C arrays as PyTorch wants them."""
        return [torch.from_numpy(x) if x.ndim == 2 else
                torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(
                    memory_format=self.layout) for x in arrays]


class GAN(TorchStep):
    def start(self):
        self.opt_g, self.opt_d = adam(self.g), adam(self.d)

    def step(self, real, noise):
        fake = self.g(noise)
        d_loss = (f.softplus(-self.d(real)).mean()
                  + f.softplus(self.d(fake.detach())).mean())
        update(self.opt_d, d_loss)
        freeze(True, self.d)
        g_loss = f.softplus(-self.d(fake)).mean()
        update(self.opt_g, g_loss)
        freeze(False, self.d)
        return d_loss.item(), g_loss.item()


class VAE(TorchStep):
    def start(self):
        self.opt = adam(self.trunk, self.mu, self.logvar, self.decoder)

    def step(self, images, noise):
        h = self.trunk(images)
        mu, logvar = self.mu(h), self.logvar(h)
        logits = self.decoder(mu + torch.exp(0.5 * logvar) * noise)
        kl = 0.5 * (mu * mu + logvar.exp() - 1 - logvar).sum()
        loss = (f.binary_cross_entropy_with_logits(
            logits, (images + 1) / 2, reduction="sum") + kl) / len(images)
        update(self.opt, loss)
        return loss.item(),


class CycleGAN(TorchStep):
    def start(self):
        self.opt_g = adam(self.ab, self.ba)
        self.opt_d = adam(self.d_a, self.d_b)

    def step(self, a, b):
        freeze(True, self.d_a, self.d_b)
        fake_a, fake_b = self.ba(b), self.ab(a)
        g_loss = (to_one(self.d_a(fake_a)) + to_one(self.d_b(fake_b))
                  + 10 * (f.l1_loss(self.ba(fake_b), a)
                          + f.l1_loss(self.ab(fake_a), b))
                  + 5 * (f.l1_loss(self.ba(a), a)
                         + f.l1_loss(self.ab(b), b)))
        update(self.opt_g, g_loss)
        freeze(False, self.d_a, self.d_b)
        d_loss = (to_one(self.d_a(a))
                  + self.d_a(fake_a.detach()).square().mean()
                  + to_one(self.d_b(b))
                  + self.d_b(fake_b.detach()).square().mean())
        update(self.opt_d, d_loss)
        return g_loss.item(), d_loss.item()


def to_one(logits):
    return (logits - 1).square().mean()


TWINS = {"GAN": GAN, "VAE": VAE, "CycleGAN": CycleGAN}


def twin(model, layout):
    """The PyTorch step of a model of steps_tinygen."""
    return TWINS[type(model).__name__](model, layout)


def settled(step, on):
    """step with PyTorch's settings for speed, if `on`."""
    def run():
        with tuned(on):
            return step()
    return run
