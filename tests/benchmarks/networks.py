"""The networks of the benchmark, from the package's own layers.

generator and discriminator are those of tg.models.gan without batch norm.
"""
import tinygen as tg


def generator(noise, rng, *last):
    """Noise -> images N 28 28 3."""
    return tg.Sequential(
        tg.Linear(noise, 7 * 7 * 256, rng=rng), tg.Reshape(7, 7, 256),
        tg.LeakyReLU(),
        tg.UpsampleConv2d(256, 128, rng=rng), tg.LeakyReLU(),
        tg.UpsampleConv2d(128, 64, rng=rng), tg.LeakyReLU(),
        tg.Conv2d(64, 3, gain=0.1, rng=rng), *last)


def trunk(rng, *last):
    """Images N 28 28 3 -> 4096 features."""
    return tg.Sequential(
        tg.Conv2d(3, 64, stride=2, rng=rng), tg.LeakyReLU(),
        tg.Conv2d(64, 128, stride=2, rng=rng), tg.LeakyReLU(),
        tg.Conv2d(128, 256, stride=2, rng=rng), tg.LeakyReLU(),
        tg.Flatten(), *last)


def discriminator(rng):
    """Images N 28 28 3 -> logits N 1."""
    return trunk(rng, tg.Linear(4 * 4 * 256, 1, gain=0.1, rng=rng))


def translator(rng):
    """Images N 32 32 3 -> images: a generator of the CycleGAN."""
    def after(conv):
        return conv, tg.InstanceNorm(conv.w.shape[-1]), tg.ReLU()

    return tg.Sequential(
        *after(tg.Conv2d(3, 32, 7, rng=rng)),
        *after(tg.Conv2d(32, 64, stride=2, rng=rng)),
        *after(tg.Conv2d(64, 128, stride=2, rng=rng)),
        *[tg.Residual(*after(tg.Conv2d(128, 128, rng=rng)),
                      *after(tg.Conv2d(128, 128, rng=rng)))
          for _ in range(3)],
        *after(tg.UpsampleConv2d(128, 64, rng=rng)),
        *after(tg.UpsampleConv2d(64, 32, rng=rng)),
        tg.Conv2d(32, 3, 7, gain=0.1, rng=rng), tg.Tanh())


def patches(rng):
    """Images N 32 32 3 -> N 4 4 1: a verdict on each patch."""
    def conv(c_in, c_out):
        return tg.Conv2d(c_in, c_out, 4, stride=2, pad=1, rng=rng)

    return tg.Sequential(conv(3, 32), tg.LeakyReLU(),
                         conv(32, 64), tg.LeakyReLU(), conv(64, 1))
