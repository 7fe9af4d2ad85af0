"""The loops under the engine: bare arrays in, new arrays out.

TINYGEN_KERNELS=numba (the default) takes the compiled, parallel kernels,
TINYGEN_KERNELS=plain the same functions in NumPy alone: slower, readable,
and the oracle of the tests. Importing compiles nothing.
"""
import os

from . import plain

NAMES = (
    "conv2d", "conv_transpose2d", "conv2d_filter_grad",
    "upsample2d", "upsample2d_adjoint", "avg_pool2d", "avg_pool2d_adjoint",
    "max_pool2d_argmax", "gather_hw", "scatter_hw",
    "normalize", "normalize_grad", "leaky_relu", "leaky_relu_grad",
    "adam_update", "sgd_update")

PATH = os.environ.get("TINYGEN_KERNELS", "plain")
if PATH not in ("plain", "numba"):
    raise ValueError(f"TINYGEN_KERNELS is {PATH!r}; it must be 'plain' or "
                     f"'numba'")

for name in NAMES:
    globals()[name] = getattr(plain, name)
