"""The same in PyTorch, channels_last, without NumPy or tinygen.

    python tests/benchmarks/first_step_pytorch.py [STEPS]
"""
import os
import sys

import torch
from memory import peak
from torch import nn
from torch.nn import functional as f

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def up(c_in, c_out):
    return (nn.Upsample(scale_factor=2), nn.Conv2d(c_in, c_out, 3, padding=1),
            nn.LeakyReLU(0.2, True))


def down(c_in, c_out):
    return nn.Conv2d(c_in, c_out, 3, 2, 1), nn.LeakyReLU(0.2, True)


def adam(net):
    return torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True)


g = nn.Sequential(
    nn.Linear(100, 7 * 7 * 256), nn.Unflatten(1, (256, 7, 7)),
    nn.LeakyReLU(0.2), *up(256, 128), *up(128, 64),
    nn.Conv2d(64, 3, 3, padding=1), nn.Tanh())
d = nn.Sequential(*down(3, 64), *down(64, 128), *down(128, 256),
                  nn.Flatten(), nn.Linear(4 * 4 * 256, 1))
g, d = (net.to(memory_format=torch.channels_last) for net in (g, d))
opt_g, opt_d = adam(g), adam(d)
real = (torch.rand(32, 3, 28, 28) * 2 - 1).to(
    memory_format=torch.channels_last)
noise = torch.randn(32, 100)


def update(optimiser, loss):
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


for k in range(int(sys.argv[1])):
    fake = g(noise)
    update(opt_d, f.softplus(-d(real)).mean()
           + f.softplus(d(fake.detach())).mean())
    d.requires_grad_(False)
    update(opt_g, f.softplus(-d(fake)).mean())
    d.requires_grad_(True)
    if k == 0:
        print("stepped", flush=True)
print(peak())
