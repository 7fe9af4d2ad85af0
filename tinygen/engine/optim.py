"""Optimisers: they alone write to parameters.

Each is made with the dict that parameters() returns, and steps with the
list that grad() returns for its values. Moments are arrays beside the
parameters, so that state(optimiser) holds all it needs to go on.
"""

import numpy as np

from tinygen.engine import kernels


def finite(x):
    """Whether |x|^2 is a number: BLAS asks faster than np.isfinite, and
    Adam squares its gradients."""
    with np.errstate(all="ignore"):
        return np.isfinite(np.vdot(x, x))


class _Optimiser:
    """Holds parameters; step(grads) applies update() to all."""

    def __init__(self, parameters, lr, moments):
        if not parameters:
            raise ValueError("there are no parameters to optimise")
        self._parameters = dict(parameters)
        self.lr = lr
        self.t = np.zeros((), np.int64)             # steps taken
        for name in moments:
            setattr(self, name, {path: np.zeros_like(p.data)
                                 for path, p in self._parameters.items()})

    def step(self, grads, lr=None):
        """One update. grads: arrays or Tensors, in the parameters' order.

        lr, if given, replaces the optimiser's own for this step.
        FloatingPointError: a gradient with NaN or infinity, or so large that
        its square is; then no parameter has changed. Or an update that made
        a parameter so.
        """
        if len(grads) != len(self._parameters):
            raise ValueError(f"{len(self._parameters)} parameters, but "
                             f"{len(grads)} gradients")
        grads = [np.asarray(g, p.dtype, order="C")
                 for p, g in zip(self._parameters.values(), grads)]
        for (path, p), g in zip(self._parameters.items(), grads):
            if g.shape != p.shape:
                raise ValueError(f"the gradient for {path} has shape "
                                 f"{g.shape}, the parameter {p.shape}")
            if not finite(g):
                raise FloatingPointError(
                    f"the gradient for {path} reaches {np.abs(g).max():.3g}")
        self.t += 1
        lr = self.lr if lr is None else lr
        self.update([p.data for p in self._parameters.values()], grads, lr)
        for path, p in self._parameters.items():
            p.version += 1
            if not finite(p.data):
                raise FloatingPointError(
                    f"{type(self).__name__} with lr {lr:.3g} made {path} "
                    f"reach {np.abs(p.data).max():.3g}")


class SGD(_Optimiser):
    """v <- momentum v + g; p <- p - lr v."""

    def __init__(self, parameters, lr=0.01, momentum=0.0):
        super().__init__(parameters, lr, ["v"])
        self.momentum = momentum

    def update(self, params, grads, lr):
        kernels.sgd_update(params, grads, self.v.values(), lr, self.momentum)


class Adam(_Optimiser):
    """Steps of the size lr, in units of each gradient's own spread.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
    p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    Kingma and Ba (2015), algorithm 1.
    """

    weight_decay = 0.0

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr, ["m", "v"])
        self.betas, self.eps = betas, eps

    def update(self, params, grads, lr):
        kernels.adam_update(params, grads, self.m.values(), self.v.values(),
                            lr, *self.betas, self.eps, int(self.t),
                            self.weight_decay)


class AdamW(Adam):
    """Adam, and p <- p - lr weight_decay p. Loshchilov and Hutter (2019)."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8,
                 weight_decay=0.01):
        super().__init__(parameters, lr, betas, eps)
        self.weight_decay = weight_decay


def linear_decay(lr, step, start, end):
    """lr until `start`, then down in a straight line to 0 at `end`."""
    return lr * float(np.clip((end - step) / max(end - start, 1), 0, 1))


class MovingAverage:
    """a <- decay a + (1 - decay) p after each step: weights for sampling.

    Yazici et al. (2019). Early on the decay is (1 + t) / (10 + t), if that
    is smaller, so that the first weights are soon forgotten.
    """

    def __init__(self, parameters, decay=0.999):
        self._parameters = dict(parameters)
        self.decay = decay
        self.t = np.zeros((), np.int64)
        self.average = {path: p.data.copy()
                        for path, p in self._parameters.items()}

    def after_step(self):
        """Take the parameters as they are now into the average."""
        decay = min(self.decay, (1 + int(self.t)) / (10 + int(self.t)))
        self.t += 1
        for path, p in self._parameters.items():
            a = self.average[path]
            a += (1 - decay) * (p.data - a)

    def swap(self):
        """Exchange parameters and averages: call again to change back."""
        for path, p in self._parameters.items():
            kept = p.data.copy()
            p.assign(self.average[path])
            np.copyto(self.average[path], kept)
