"""The loops under the engine: bare arrays in, new arrays out.

TINYGEN_KERNELS=numba (the default) takes the compiled, parallel kernels,
TINYGEN_KERNELS=plain the same functions in NumPy alone: slower, readable,
and the oracle of the tests. Importing compiles nothing: each kernel is
compiled at its first call, and kept on disk for the next process. On both
paths NumPy's and SciPy's own products (BLAS) get one thread, in the whole
process: see threads.calm_blas.
"""
import os
import warnings

import numpy as np

PATH = os.environ.get("TINYGEN_KERNELS", "numba")
if PATH not in ("plain", "numba"):
    raise ValueError(f"TINYGEN_KERNELS is {PATH!r}; it must be 'plain' or "
                     f"'numba'")
if PATH == "numba":
    try:
        from . import threads
    except ImportError as error:
        warnings.warn(f"Numba cannot be imported ({error}); the kernels run "
                      f"in plain NumPy, several times slower",
                      RuntimeWarning, stacklevel=2)
        PATH = "plain"

if PATH == "numba":
    from .compiling import compiling_all
    from .convolution import conv2d, conv2d_filter_grad, conv_transpose2d
    from .elementwise import (
        adam_update,
        leaky_relu,
        leaky_relu_grad,
        sgd_update,
    )
    from .norms import combine, moments, product_sums, sum_over
    from .plain import unless_empty
    from .pooling import (
        avg_pool2d,
        avg_pool2d_adjoint,
        gather_hw,
        max_pool2d_argmax,
        scatter_hw,
        upsample2d,
        upsample2d_adjoint,
    )
    from .products import matmul
    from .upsampling import (
        upsample_conv2d,
        upsample_conv2d_adjoint,
        upsample_conv2d_filter_grad,
    )

    conv2d, conv_transpose2d, conv2d_filter_grad = map(
        unless_empty, (conv2d, conv_transpose2d, conv2d_filter_grad))
    upsample_conv2d, upsample_conv2d_adjoint, upsample_conv2d_filter_grad = (
        map(unless_empty, (upsample_conv2d, upsample_conv2d_adjoint,
                           upsample_conv2d_filter_grad)))
else:
    from contextlib import nullcontext as compiling_all

    from threadpoolctl import threadpool_limits

    from .plain import (
        adam_update,
        avg_pool2d,
        avg_pool2d_adjoint,
        combine,
        conv2d,
        conv2d_filter_grad,
        conv_transpose2d,
        gather_hw,
        leaky_relu,
        leaky_relu_grad,
        matmul,
        max_pool2d_argmax,
        moments,
        product_sums,
        scatter_hw,
        sgd_update,
        sum_over,
        upsample2d,
        upsample2d_adjoint,
        upsample_conv2d,
        upsample_conv2d_adjoint,
        upsample_conv2d_filter_grad,
    )
    threadpool_limits(1, user_api="blas")  # several would round differently


def warmup(dtype=np.float32):
    """Compile all kernels for `dtype`, or load them from the disk.

    With nothing on the disk it takes up to half a minute, and a line says
    how far it is. Without it, each kernel is compiled at its first call.
    """
    with compiling_all():
        call_each(dtype)


def call_each(dtype):
    """A small call of each function; one is large enough for the threads."""
    x = np.ones((1, 4, 4, 2), dtype)
    w = np.ones((3, 3, 2, 2), dtype)
    conv2d(x, w, 1, 1)
    w32 = np.ones((3, 3, 32, 2), dtype)
    conv_transpose2d(conv2d(np.ones((1, 4, 4, 32), dtype), w32, 1, 1), w32,
                     (7, 7), 2, 1)
    conv2d_filter_grad(x, x, (3, 3), 1, 1)
    x32, w32 = np.ones((1, 8, 8, 32), dtype), np.ones((3, 3, 32, 32), dtype)
    conv_transpose2d(conv2d(x32, w32, 1, 1), w32, (8, 8), 1, 1)
    conv2d_filter_grad(x32, x32, (3, 3), 1, 1)
    upsample_conv2d_filter_grad(x, upsample_conv2d(x, w))
    upsample_conv2d_adjoint(x, w)
    upsample2d_adjoint(upsample2d(x))
    avg_pool2d_adjoint(avg_pool2d(x, 2, 2), (4, 4), 2, 2)
    index = max_pool2d_argmax(x, 2, 2)
    scatter_hw(gather_hw(x, index), index, (4, 4))
    mean, var = moments(x, (1, 2))
    sum_over(np.ones((1, 1 << 13, 2), dtype), (1,))
    product_sums(x, x, mean, (1, 2))
    combine(x, x, mean, 0, var, 0, (1, 2))
    leaky_relu(np.ones(1 << 18, dtype), 0.2)
    matmul(*np.ones((2, 256, 256), dtype))
    adam_update(*np.ones((4, 1, 2), dtype), 1e-3, 0.9, 0.999, 1e-8, 1, 0.0)
    sgd_update(*np.ones((3, 1, 2), dtype), 1e-3, 0.9)
