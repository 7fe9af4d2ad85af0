"""One training step of each model, as a reader would write it.

Each class: networks and optimisers; step(*batch) trains once and returns
its losses. steps_pytorch.py says the same in PyTorch.
"""
import numpy as np
from networks import discriminator, generator, patches, translator, trunk

import tinygen as tg
from tinygen.engine.losses import (
    bernoulli_reconstruction,
    gaussian_kl,
    l1,
    least_squares,
    non_saturating,
)

LR, BETAS = 2e-4, (0.5, 0.999)


class GAN:
    """Section 4.1's, without batch norm; both updates on one set of fakes."""

    def __init__(self, rng):
        self.g, self.d = generator(100, rng, tg.Tanh()), discriminator(rng)
        self.opt_g, self.opt_d = (
            tg.Adam(tg.parameters(net), LR, BETAS) for net in (self.g, self.d))

    def step(self, real, noise):
        fake = self.g(tg.Tensor(noise), train=True)
        d_loss = non_saturating(self.d(tg.Tensor(real), train=True),
                                self.d(fake.detach(), train=True))
        self.opt_d.step(tg.grad(d_loss, weights(self.d)))
        g_loss = non_saturating(self.d(fake, train=True))
        self.opt_g.step(tg.grad(g_loss, weights(self.g)))
        return d_loss.item(), g_loss.item()


class VAE:
    """The discriminator's trunk as encoder, the generator as decoder."""

    def __init__(self, rng):
        self.trunk = trunk(rng)
        self.mu, self.logvar = (tg.Linear(4 * 4 * 256, 64, gain=0.1, rng=rng)
                                for _ in range(2))
        self.decoder = generator(64, rng)
        self.opt = tg.Adam(tg.parameters([
            self.trunk, self.mu, self.logvar, self.decoder]), LR, BETAS)

    def step(self, images, noise):
        h = self.trunk(tg.Tensor(images), train=True)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + tg.exp(0.5 * logvar) * noise
        loss = (bernoulli_reconstruction(self.decoder(z, train=True), images)
                + gaussian_kl(mu, logvar))
        self.opt.step(tg.grad(loss, weights([
            self.trunk, self.mu, self.logvar, self.decoder])))
        return loss.item(),


class CycleGAN:
    """Two translators, two judges of patches."""

    def __init__(self, rng):
        self.ab, self.ba = translator(rng), translator(rng)
        self.d_a, self.d_b = patches(rng), patches(rng)
        self.opt_g = tg.Adam(tg.parameters([self.ab, self.ba]), LR, BETAS)
        self.opt_d = tg.Adam(tg.parameters([self.d_a, self.d_b]), LR, BETAS)

    def step(self, a, b):
        a, b = tg.Tensor(a), tg.Tensor(b)
        fake_a, fake_b = self.ba(b, train=True), self.ab(a, train=True)
        g_loss = (least_squares(self.d_a(fake_a, train=True))
                  + least_squares(self.d_b(fake_b, train=True))
                  + 10 * (l1(self.ba(fake_b, train=True), a)
                          + l1(self.ab(fake_a, train=True), b))
                  + 5 * (l1(self.ba(a, train=True), a)
                         + l1(self.ab(b, train=True), b)))
        self.opt_g.step(tg.grad(g_loss, weights([self.ab, self.ba])))
        d_loss = (least_squares(self.d_a(a, train=True),
                                self.d_a(fake_a.detach(), train=True))
                  + least_squares(self.d_b(b, train=True),
                                  self.d_b(fake_b.detach(), train=True)))
        self.opt_d.step(tg.grad(d_loss, weights([self.d_a, self.d_b])))
        return g_loss.item(), d_loss.item()


def weights(nets):
    return list(tg.parameters(nets).values())


def images(n, side, rng):
    return rng.uniform(-1, 1, (n, side, side, 3)).astype(np.float32)


# name: (class, a batch from a generator)
STEPS = {
    "GAN": (GAN, lambda rng: (images(32, 28, rng),
                              rng.standard_normal((32, 100), np.float32))),
    "VAE": (VAE, lambda rng: (images(32, 28, rng),
                              rng.standard_normal((32, 64), np.float32))),
    "CycleGAN, batch 4": (CycleGAN, lambda rng: (images(4, 32, rng),
                                                 images(4, 32, rng))),
    "CycleGAN, batch 1": (CycleGAN, lambda rng: (images(1, 32, rng),
                                                 images(1, 32, rng)))}
