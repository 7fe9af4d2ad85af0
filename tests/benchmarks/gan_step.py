"""One step of the GAN, D's update and G's, against PyTorch's eager mode.

    python tests/benchmarks/gan_step.py [--batch 32] [--batch-norm] [--cpu]

The same networks with the same weights, the same work (G runs twice a step,
once without gradients), the same losses after the first step to 1e-3, as
many threads; PyTorch in both layouts. Milliseconds, medians, in turns.
--cpu: processor time instead of time, for a busy machine; set
TINYGEN_THREADS=1.
"""
import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from side_by_side import in_turns

import tinygen as tg
from tinygen.engine.kernels.threads import THREADS

sys.path.insert(0, str(Path(__file__).parent.parent))
from torch_nets import torch_layer  # noqa: E402


class TorchGAN:
    """model's networks in PyTorch, trained as model.step trains them."""

    def __init__(self, model, layout):
        self.noise, self.layout = model.config.noise, layout
        self.g, self.d = (torch_layer(torch, net).float().to(
            memory_format=layout) for net in (model.g, model.d))
        self.opt_g, self.opt_d = (torch.optim.Adam(
            net.parameters(), model.config.lr, (model.config.beta1, 0.999),
            fused=True) for net in (self.g, self.d))

    def draw(self, n, rng):
        return torch.from_numpy(
            rng.standard_normal((n, self.noise), np.float32))

    def step(self, images, rng):
        f = torch.nn.functional
        real = torch.from_numpy(images.transpose(0, 3, 1, 2)).contiguous(
            memory_format=self.layout)
        n = len(images)
        with torch.no_grad():
            fake = self.g(self.draw(n, rng))
        d_loss = (f.softplus(-self.d(real)).mean()
                  + f.softplus(self.d(fake)).mean())
        self.opt_d.zero_grad()
        d_loss.backward()
        self.opt_d.step()
        for p in self.d.parameters():
            p.requires_grad_(False)
        g_loss = f.softplus(-self.d(self.g(self.draw(n, rng)))).mean()
        self.opt_g.zero_grad()
        g_loss.backward()
        self.opt_g.step()
        for p in self.d.parameters():
            p.requires_grad_(True)
        return {"d_loss": d_loss.item(), "g_loss": g_loss.item()}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--batch-norm", action="store_true")
    options.add_argument("--cpu", action="store_true")
    options = options.parse_args()
    torch.set_num_threads(THREADS)
    model = tg.models.GAN(tg.models.GANConfig(batch_norm=options.batch_norm))
    models = {"tinygen": model,
              "torch": TorchGAN(model, torch.contiguous_format),
              "torch, channels last": TorchGAN(model, torch.channels_last)}
    images = np.random.default_rng(0).uniform(
        -1, 1, (options.batch, 28, 28, 3)).astype(np.float32)
    losses = [m.step(images, np.random.default_rng(1))
              for m in models.values()]
    for other in losses[1:]:
        for key, value in other.items():
            assert abs(value - losses[0][key]) < 1e-3, losses
    rng = np.random.default_rng(2)
    times = in_turns({name: lambda m=m: m.step(images, rng)
                      for name, m in models.items()}, turn=0.5, turns=8,
                     clock=time.process_time if options.cpu
                     else time.perf_counter)
    print(f"batch {options.batch}, {THREADS} threads, PyTorch "
          f"{torch.__version__}")
    for name, (middle, least) in times.items():
        print(f"{name:24}median {middle * 1e3:7.1f} ms   least "
              f"{least * 1e3:7.1f} ms")
    best = min(t for name, (t, _) in times.items() if name != "tinygen")
    print(f"tinygen / PyTorch's best: {times['tinygen'][0] / best:.2f}")


if __name__ == "__main__":
    main()
