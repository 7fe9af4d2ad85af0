"""tinygen: image generation, from NumPy up.

import tinygen as tg. The names below are the public ones, in the order in
which the book meets them.
"""

import importlib
import signal
import sys

# python -m tinygen: until __main__ runs, Ctrl-C ends it without a traceback
if (sys.argv[:1] == ["-m"] and (sys.argv[1:2] == ["doctor"]
                                or sys.orig_argv[-len(sys.argv)] == "tinygen")
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler):
    signal.signal(signal.SIGINT, signal.SIG_DFL)

if sys.argv[:2] == ["-m", "doctor"]:  # python -m tinygen doctor, while it
    from tinygen.doctor import doctor  # is looked for: speaks of what cannot
    sys.exit(doctor())                 # be imported below

from tinygen.engine.anomaly import detect_anomaly
from tinygen.engine.autograd import Tensor, grad, no_grad, op
from tinygen.engine.convolution import (
    avg_pool2d,
    conv2d,
    conv2d_filter_grad,
    conv_transpose2d,
    max_pool2d,
    upsample2d,
    upsample_conv2d,
)
from tinygen.engine.layers import (
    Activation,
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    Linear,
    Pool,
    ReflectPad,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SpectralNorm,
    Tanh,
    Upsample2d,
    UpsampleConv2d,
    load_state,
    parameters,
    state,
)
from tinygen.engine.norms import normalize
from tinygen.engine.ops import (
    abs,
    broadcast_to,
    concatenate,
    cos,
    exp,
    leaky_relu,
    log,
    log_softmax,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    minimum,
    pad,
    reflect_pad,
    relu,
    reshape,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    stack,
    sum,
    sum_to,
    tanh,
    transpose,
    where,
)
from tinygen.engine.optim import SGD, Adam, AdamW, MovingAverage, linear_decay

__version__ = "0.1.0"

# Loaded when first asked for, so that `import tinygen` stays quick.
_LAZY = {
    "losses": "tinygen.engine.losses", "data": "tinygen.data",
    "models": "tinygen.models", "metrics": "tinygen.metrics",
    "checking": "tinygen.checking",
    "checkpoint": "tinygen.checkpoint", "show": "tinygen.show",
    "training": "tinygen.training", "exercises": "tinygen.exercises",
    "export": "tinygen.extras.export",
    "check_grads": "tinygen.checking:check_grads",
    "check_adjoint": "tinygen.checking:check_adjoint",
    "fit": "tinygen.training:fit",
    "diagnose": "tinygen.training:diagnose",
    "summary": "tinygen.summary:summary",
    "check": "tinygen.exercises:check",
    "explore": "tinygen.extras.explore",
    "warmup": "tinygen.engine.kernels:warmup",
}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"tinygen has no {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    value = importlib.import_module(module)
    globals()[name] = getattr(value, attribute) if attribute else value
    return globals()[name]


def __dir__():
    return sorted([*globals(), *_LAZY])
