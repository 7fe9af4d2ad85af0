"""import tinygen as tg: what it gives, and how little it loads."""

import importlib
import os
import subprocess
import sys

import pytest

import tinygen as tg

PROMISED = """
    Tensor grad no_grad op
    exp log sqrt abs max maximum minimum sum mean matmul reshape transpose
    concatenate stack pad reflect_pad where broadcast_to sum_to
    sigmoid softplus logsumexp softmax log_softmax tanh relu leaky_relu
    sin cos conv2d conv_transpose2d conv2d_filter_grad upsample2d
    upsample_conv2d avg_pool2d max_pool2d normalize
    Linear Conv2d ConvTranspose2d UpsampleConv2d Pool Upsample2d
    BatchNorm InstanceNorm LayerNorm SpectralNorm Dropout Embedding
    ReflectPad Residual Flatten Reshape Activation LeakyReLU ReLU Tanh
    Sigmoid Sequential parameters state load_state
    SGD Adam AdamW MovingAverage linear_decay
    losses models data checking check_grads check_adjoint summary fit check
    diagnose
    """.split()


@pytest.mark.parametrize("name", PROMISED)
def test_public_names(name):
    assert getattr(tg, name) is not None and name in dir(tg)


def test_losses_by_name():
    for name in ("bce_with_logits cross_entropy non_saturating minimax "
                 "least_squares hinge wasserstein gradient_penalty "
                 "kl_terms gaussian_kl bernoulli_reconstruction "
                 "gaussian_reconstruction l1").split():
        assert callable(getattr(tg.losses, name))


def test_every_public_function_has_a_docstring():
    for name in PROMISED:
        assert getattr(tg, name).__doc__, name


def test_every_lazy_name_can_be_loaded():
    for name, where in tg._LAZY.items():
        module, _, attribute = where.partition(":")
        module = importlib.import_module(module)
        assert getattr(tg, name) is (
            getattr(module, attribute) if attribute else module)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="tinygen has no 'Conv3d'"):
        tg.Conv3d  # noqa: B018
    assert not hasattr(tg, "_nothing")


def run(code, **env):
    out = subprocess.run([sys.executable, "-W", "error", "-c", code],
                         env=os.environ | env, capture_output=True,
                         text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    return out.stdout.split()


def test_importing_is_light():
    """No Matplotlib, no Pillow, no notebook; and nothing is compiled."""
    loaded = run("import sys, tinygen as tg; tg.summary; tg.check_grads\n"
                 "print(*sys.modules)", TINYGEN_KERNELS="plain")
    for heavy in ("matplotlib", "PIL", "IPython", "numba", "torch", "scipy"):
        assert heavy not in loaded, heavy


def test_a_fresh_interpreter_trains_with_the_plain_kernels():
    assert run("import numpy as np, tinygen as tg\n"
               "from tinygen.models import GAN, GANConfig\n"
               "m, r = GAN(GANConfig(size=4, width=1)), np.random\n"
               "x = np.zeros((2, 4, 4, 3), np.float32)\n"
               "print(len(m.step(x, r.default_rng(0))))",
               TINYGEN_KERNELS="plain") == ["3"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_while_the_command_line_imports_shows_no_traceback(tmp_path):
    """It comes when the engine has begun to load."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "numba.py").write_text(code)
    for module, quiet in (("tinygen", True), ("tinygen.doctor", False)):
        done = subprocess.run(
            [sys.executable, "-m", module, "sample", "r"], capture_output=True,
            text=True, timeout=60,
            env=os.environ | {"PYTHONPATH": str(tmp_path)})
        assert done.returncode != 0 and done.stdout == ""
        assert ("Traceback" not in done.stderr) == quiet, done.stderr
