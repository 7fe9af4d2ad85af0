"""Kernels in rough company: threads, processes, forks, bad files, Ctrl-C."""
import ast
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from op_cases import CASES, inputs_of

import tinygen as tg
from tinygen.engine import kernels, losses
from tinygen.engine.autograd import registry
from tinygen.engine.kernels import compiling, threads

TESTS = Path(__file__).parent
OURS = {name: op for name, op in registry.items()
        if losses and op.__module__.startswith("tinygen.")}


def start(code, *arguments, **environment):
    """A new process that runs code; tests' modules can be imported."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def finish(process, timeout=120):
    """Its output and its errors, once it has ended well."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out, err


def python(code, *arguments, **environment):
    return finish(start(code, *arguments, **environment))


# --- BLAS, and what is compiled when ---------------------------------------

@pytest.mark.parametrize("path", ["numba", "plain"])
def test_every_blas_has_one_thread(path):
    """Several round differently."""
    out, _ = python("""
import tinygen, threadpoolctl
for one in threadpoolctl.threadpool_info():
    if one["user_api"] == "blas":
        print(one["num_threads"])""", TINYGEN_KERNELS=path)
    assert set(out.split()) == {"1"}


def test_importing_compiles_nothing(tmp_path):
    out, err = python("import tinygen", NUMBA_CACHE_DIR=str(tmp_path))
    assert out == err == ""
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


NOTHING_MORE = """
import numpy as np
import tinygen as tg
from test_threads import OURS, results_of
from tinygen.engine.kernels.compiling import KERNELS
from tinygen.models import GAN, GANConfig

tg.warmup()
first = [set(k.signatures) for k in KERNELS]
inner = {name for k in KERNELS for name in k.py_func.__code__.co_names}
never = {k.py_func.__name__ for k in KERNELS if not k.signatures} - inner
assert not never, f"warmup() does not call {never}"
rng = np.random.default_rng(0)
GAN(GANConfig(size=8, width=4), rng).step(
    np.zeros((4, 8, 8, 3), np.float32), rng)
for name in OURS:
    results_of(name, np.float32)
for k, known in zip(KERNELS, first):
    assert set(k.signatures) == known, (k, set(k.signatures) - known)
"""


def test_after_warmup_nothing_is_compiled():
    python(NOTHING_MORE, TINYGEN_THREADS="2")


@pytest.mark.long
def test_warmup_of_an_empty_cache(tmp_path):
    _, err = python(NOTHING_MORE + """
assert all(k.signatures for k in KERNELS)
""", TINYGEN_THREADS="2", NUMBA_CACHE_DIR=str(tmp_path))
    assert err == "compiling the kernels, once\n"


def test_progress_is_one_line_that_vanishes(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(compiling, "said", set())
    monkeypatch.delenv("TINYGEN_PROGRESS", raising=False)
    announcement = compiling.Announcement()
    for kernel in compiling.KERNELS[:2]:
        happening = SimpleNamespace(data={"dispatcher": kernel})
        inner = SimpleNamespace(data={"dispatcher": len})
        for event in (happening, inner):
            announcement.on_start(event)
        for event in (inner, happening):
            announcement.on_end(event)
    first, *lines = terminal.getvalue().split("\r")
    assert first == "compiling the kernels, once\n"
    shown = [line.strip() for line in lines]
    assert re.match(rf"\d+/{len(compiling.KERNELS)} [a-z_]+$", shown[0])
    assert [bool(text) for text in shown] == [
        True, False, False, False, True, False, False, False]


class Unread(io.StringIO):
    def isatty(self):
        return True

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [None, Unread()])
def test_what_nobody_reads_stops_nothing(monkeypatch, stream):
    """Started without a stderr, or with it in `| head`."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(compiling, "said", set())
    monkeypatch.delenv("TINYGEN_PROGRESS", raising=False)
    compiling.say("compiling")
    compiling.show("1/2")
    assert out.getvalue() == ""


def test_others_functions_are_not_announced(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    announcement = compiling.Announcement()
    announcement.on_start(SimpleNamespace(data={"dispatcher": len}))
    announcement.on_end(SimpleNamespace(data={"dispatcher": len}))
    assert sys.stderr.getvalue() == ""


# --- the same numbers, however they are computed ---------------------------

def results_of(name, dtype):
    """Values and gradients of an op's cases, as arrays."""
    found = []
    for case in CASES[name]:
        xs = [tg.Tensor(x, dtype) for x in inputs_of(case)]
        y = OURS[name](*xs, **case[1])
        g = np.cos(np.arange(y.data.size)).reshape(y.shape).astype(dtype)
        inputs = [x for x, rule in zip(xs, rules_of(OURS[name], xs)) if rule]
        found += [y.data, *(d.data for d in tg.grad(
            y, inputs, tg.Tensor(g), unused="zeros"))]
    return found


def rules_of(op, xs):
    return [True] * len(xs) if op.variadic else op.rules


OPS = """
import sys
import numpy as np
from test_threads import OURS, results_of
np.savez(sys.argv[1], **{
    f"{name} {dtype} {k}": a for name in OURS
    for dtype in ("float32", "float64")
    for k, a in enumerate(results_of(name, dtype))})"""


def test_both_paths_agree_on_every_op(tmp_path):
    python(OPS, tmp_path / "plain.npz", TINYGEN_KERNELS="plain")
    plain = np.load(tmp_path / "plain.npz")
    for name in OURS:
        for dtype, tolerance in (("float32", 1e-5), ("float64", 1e-10)):
            for k, a in enumerate(results_of(name, dtype)):
                b = plain[f"{name} {dtype} {k}"]
                assert a.shape == b.shape and a.dtype == b.dtype == dtype
                assert np.abs(a - b).max(initial=0) <= tolerance * np.abs(
                    b).max(initial=1e-30), (name, dtype)


def all_kernels(n=4):
    """What each function returns, on arrays that make many tiles."""
    rng = np.random.default_rng(0)

    def numbers(*shape):
        return rng.normal(size=shape).astype(np.float32)

    x, w, b = numbers(n, 26, 22, 40), numbers(3, 3, 40, 48), numbers(48)
    y = kernels.conv2d(x, w, 1, 1, b)
    up = kernels.upsample_conv2d(x, w, b)
    index = kernels.max_pool2d_argmax(x, 2, 2)
    mean, var = kernels.moments(x, (1, 2))
    p, g, m, v = numbers(4, 300, 500)
    kernels.adam_update(p, g, m, v * v, 0.1, 0.9, 0.99, 1e-8, 2, 0.01)
    q = p.copy()
    kernels.sgd_update(q, g, m, 0.1, 0.9)
    return [
        y, up, index, mean, var, p, q, m,
        kernels.conv_transpose2d(y, w, (26, 22), 1, 1),
        kernels.conv2d_filter_grad(x, y, (3, 3), 1, 1),
        kernels.upsample_conv2d_adjoint(up, w),
        kernels.upsample_conv2d_filter_grad(x, up),
        kernels.upsample2d(x), kernels.upsample2d_adjoint(x),
        kernels.avg_pool2d(x, 2, 2),
        kernels.avg_pool2d_adjoint(y, (52, 44), 2, 2),
        kernels.gather_hw(x, index),
        kernels.scatter_hw(kernels.gather_hw(x, index), index, (26, 22)),
        kernels.sum_over(x, (0, 1, 2)),
        *kernels.product_sums(x, x[::-1], mean, (1, 2)),
        kernels.combine(x, x[::-1], mean, var, mean, var, (1, 2)),
        kernels.leaky_relu(x, 0.2), kernels.leaky_relu_grad(x, x, 0.2)]


def test_the_number_of_threads_does_not_change_results(monkeypatch):
    results = []
    for n in (1, 2, 3, 8):
        monkeypatch.setattr(threads, "THREADS", n)
        results.append(all_kernels())
    one, *others = results
    for many in others:
        for k, (a, b) in enumerate(zip(one, many, strict=True)):
            assert np.array_equal(a, b), k


@pytest.mark.parametrize("size", [1000, 65_537, 300_001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nor_do_pieces_of_any_length(monkeypatch, size, dtype):
    """The last numbers of a piece, which no vector of the processor holds,
    round differently: so they must be the same ones."""
    def updated(n):
        monkeypatch.setattr(threads, "THREADS", n)
        p, g, m, v = np.random.default_rng(0).normal(
            size=(4, size)).astype(dtype)
        kernels.adam_update([p], [g], [m], [v * v], 0.1, 0.9, 0.99, 1e-8, 2,
                            0.01)
        kernels.sgd_update([p], [g], [m], 0.1, 0.9)
        return p, kernels.leaky_relu_grad(g, p, 0.2)

    one = updated(1)
    for n in (2, 3, 5, 8):
        assert all(map(np.array_equal, one, updated(n)))


def digest(*arrays):
    """All their bits, in 16 letters."""
    seen = hashlib.sha256()
    for array in arrays:
        seen.update(np.ascontiguousarray(array).tobytes())
    return seen.hexdigest()[:16]


def everything(steps):
    """{what: the digest of what comes of a seed}."""
    images, labels = tg.data.sprites(300, rng=0)
    found = {"sprites": digest(images, labels)}
    for name, settings in (
            ("gan", {"width": 8, "spectral": True, "average": 0.9}),
            ("vae", {"width": 8}), ("cyclegan", {"width": 8})):
        two = name == "cyclegan"
        data = (images[:150], images[150:]) if two else images
        model = tg.models.build(name, settings)
        history = tg.fit(model, data, steps, batch=4 if two else 16,
                         progress=False)
        found[f"{name}: weights, moments"] = digest(*tg.state(model).values())
        found[f"{name}: losses"] = digest(*[history[k] for k in history])
        samples = model.sample(40, np.random.default_rng(1), *[data] * two)
        found[f"{name}: samples"] = digest(samples)
    metrics = tg.metrics
    fake, real = metrics.features(samples), metrics.features(images)
    with warnings.catch_warnings(action="ignore"):  # few images, for FID
        found["metrics"] = digest(*map(np.array, (
            metrics.fid(real, fake).value, metrics.kid(real, fake).value,
            metrics.inception_score(metrics.probabilities(images)).value,
            metrics.ssim(samples[::2], samples[1::2]))))
    return found


def everything_in_a_process(steps, **environment):
    out, _ = finish(start(f"from test_threads import everything\n"
                          f"print(everything({steps}))", **environment), 600)
    return ast.literal_eval(out)


@pytest.fixture
def busy():
    """Two processes that want all of the time there is."""
    loops = [start("while True: pass") for _ in range(2)]
    yield
    for loop in loops:
        loop.kill()
        loop.communicate()


def test_the_same_seed_the_same_bits(request):
    """In another process, with other threads, Python's sets in another
    order, and while others want the processor."""
    one = everything_in_a_process(
        5, TINYGEN_THREADS="1", PYTHONHASHSEED="1")
    request.getfixturevalue("busy")
    assert one == everything_in_a_process(
        5, TINYGEN_THREADS="3", PYTHONHASHSEED="2")


@pytest.mark.long
@pytest.mark.parametrize("path", ["numba", "plain"])
def test_the_same_seed_the_same_bits_again_and_again(path, busy):
    runs = [everything_in_a_process(
        20, TINYGEN_KERNELS=path, TINYGEN_THREADS=n, OPENBLAS_NUM_THREADS=n,
        PYTHONHASHSEED=str(k)) for k, n in enumerate("1122")]
    for other in runs[1:]:
        assert other == runs[0]


# --- threads ---------------------------------------------------------------

def train(steps, out):
    """A small network's training, all from one seed; its last weights."""
    rng = np.random.default_rng(0)
    net = tg.Sequential(
        tg.Conv2d(8, 16, rng=rng), tg.BatchNorm(16), tg.LeakyReLU(),
        tg.UpsampleConv2d(16, 8, rng=rng))
    weights = tg.parameters(net)
    adam = tg.Adam(weights, 1e-3)
    for _ in range(steps):
        x = tg.Tensor(rng.normal(size=(4, 16, 16, 8)).astype(np.float32))
        y = net(x, train=True)
        adam.step(tg.grad(tg.mean(y * y), list(weights.values())))
    out.append(np.concatenate([w.data.ravel() for w in weights.values()]))


def test_two_threads_may_train_at_once(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", 3)
    alone, together = [], []
    train(5, alone)
    workers = [threading.Thread(target=train, args=(5, together))
               for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(together) == 3
    for weights in together:
        assert np.array_equal(weights, alone[0])


def test_each_part_is_done_once_and_an_error_ends_in_the_caller(monkeypatch):
    @threads.kernel
    def count(done, bad, part, parts):
        done[part] += 1
        if part == bad:
            raise MemoryError

    monkeypatch.setattr(threads, "THREADS", 4)
    for tiles in (1, 2, 3, 16, 100):
        for _ in range(50):
            done = np.zeros(100, int)
            threads.run(count, done, -1, tiles=tiles)
            assert done.tolist() == [1] * min(tiles, 16) + [0] * (
                100 - min(tiles, 16))
    done[:] = 0
    for bad in range(3):
        with pytest.raises(MemoryError, match="no memory left for count"):
            threads.run(count, done, bad, tiles=3)
    threads.run(count, done, -1, tiles=3)
    assert done[:3].tolist() == [4, 4, 4]


def test_helpers_let_go_of_the_arrays(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", 3)
    x = np.ones(1 << 18, np.float32)
    y = kernels.leaky_relu(x, 0.2)
    seen = [weakref.ref(x), weakref.ref(y)]
    del x, y
    end = time.monotonic() + 10
    while any(ref() is not None for ref in seen):
        assert time.monotonic() < end
        time.sleep(0.01)


# --- processes -------------------------------------------------------------

RELU = """
import os, sys
import numpy as np
from tinygen.engine import kernels
def relu(dtype):
    x = np.arange(-200_000, 200_000).astype(dtype)
    y = kernels.leaky_relu(x, 0.5)
    assert y.dtype == dtype and np.array_equal(y, np.where(x > 0, x, x / 2))
"""
BOTH = RELU + "relu(np.float32); relu(np.float64)"
ONCE = "compiling the kernels, once\n"


def test_processes_that_fill_one_cache_at_once(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    for process in [start(BOTH, **cache) for _ in range(2)]:
        assert finish(process)[1] in ("", ONCE)
    python(BOTH, **cache)               # may lack what two saved at once
    assert python(BOTH, **cache)[1] == ""


@pytest.mark.long
def test_processes_that_warm_up_at_once(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path), "TINYGEN_THREADS": "2"}
    code = "from test_threads import all_kernels\nall_kernels()"
    for process in [start(code, **cache) for _ in range(4)]:
        assert finish(process, timeout=300)[1] in ("", ONCE)
    python(code, **cache)
    assert python(code, **cache)[1] == ""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder with the code of the ReLU in two types."""
    folder = tmp_path_factory.mktemp("cache")
    python(BOTH, NUMBA_CACHE_DIR=str(folder))
    return folder


def files_of(folder, kind):
    return sorted(p for p in folder.rglob(f"*{kind}") if "gate" in p.name)


BAD = {"empty": lambda data: b"", "cut short": lambda data: data[:-20],
       "text": lambda data: b"<html>404</html>\n" * 9}


@pytest.mark.parametrize("kind, bad", [
    (".nbi", "empty"), (".nbc", "cut short"),
    pytest.param(".nbi", "text", marks=pytest.mark.long),
    pytest.param(".nbi", "cut short", marks=pytest.mark.long),
    pytest.param(".nbc", "empty", marks=pytest.mark.long),
    pytest.param(".nbc", "text", marks=pytest.mark.long)])
def test_a_bad_file_in_the_cache_is_replaced(cache, tmp_path, kind, bad):
    folder = shutil.copytree(cache, tmp_path / "cache")
    for path in files_of(folder, kind):
        path.write_bytes(BAD[bad](path.read_bytes()))
    again = {"NUMBA_CACHE_DIR": str(folder)}
    first, *rest = python(BOTH, **again)[1].splitlines(keepends=True)
    assert "cannot be read" in first and "compiling them again" in first
    assert rest == [ONCE]
    assert python(BOTH, **again)[1] == ""


def test_files_that_two_processes_mixed_up(cache, tmp_path):
    folder = shutil.copytree(cache, tmp_path / "cache")
    one, two = (path for path in files_of(folder, ".nbc")
                if "gate_shared" in path.name)
    one.rename(folder / "other")
    two.rename(one)
    (folder / "other").rename(two)
    assert python(BOTH, NUMBA_CACHE_DIR=str(folder))[1] == ONCE
    assert python(BOTH, NUMBA_CACHE_DIR=str(folder))[1] == ""


def test_a_cache_folder_that_vanishes(tmp_path):
    code = RELU + """
import shutil
import signal
shutil.rmtree(os.environ["NUMBA_CACHE_DIR"])
relu(np.float32)"""
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))[1] == ONCE


def test_a_disk_that_is_full(tmp_path):
    pytest.importorskip("resource")
    code = RELU + """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
relu(np.float32)"""     # five kernels, and one sentence
    for _ in range(2):
        _, err = python(code, NUMBA_CACHE_DIR=str(tmp_path))
        first, second = err.splitlines()
        assert first + "\n" == ONCE
        assert second.startswith("the compiled kernels cannot be kept in ")
        assert second.endswith("the next process compiles them again")


@pytest.mark.skipif(getattr(os, "geteuid", bool)() == 0, reason="root may "
                    "write everywhere")
def test_a_cache_that_can_only_be_read(cache, tmp_path):
    folder = shutil.copytree(cache, tmp_path / "cache")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    python(BOTH, NUMBA_CACHE_DIR=str(folder))


FORK = RELU + """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
relu(np.float32)
child = os.fork()
for _ in range(3):
    relu(np.float32)
if child == 0:
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(relu, [np.float32, np.float64] * 4)
relu(np.float64)"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_have_threads_of_their_own():
    assert python(FORK, TINYGEN_THREADS="3")[1] == ""


# --- Ctrl-C and the end ----------------------------------------------------

INTERRUPT = RELU + """
import signal, time
signal.signal(signal.SIGALRM, signal.default_int_handler)
def interrupted(function, seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        while True:
            function()
    except KeyboardInterrupt:
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no SIGALRM here")
def test_ctrl_c_while_kernels_run():
    code = INTERRUPT + """
relu(np.float32)
for k in range(40):
    interrupted(lambda: relu(np.float32), 0.005 + 0.0007 * k)
    relu(np.float32)"""
    assert python(code, TINYGEN_THREADS="3")[1] == ""


def test_ctrl_c_waits_while_numba_loads():
    reached = []
    with pytest.raises(KeyboardInterrupt), compiling.later_ctrl_c:
        with compiling.later_ctrl_c:
            signal.raise_signal(signal.SIGINT)
            reached.append("inner")
        reached.append("outer")
    assert reached == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("moments", [(0.2, 0.4), pytest.param(
    (0.05, 0.1, 0.3, 0.6, 0.8), marks=pytest.mark.long)])
def test_ctrl_c_while_compiling(tmp_path, moments):
    code = RELU + """
import _thread, threading
ctrl_c = threading.Timer(float(sys.argv[1]), _thread.interrupt_main)
ctrl_c.start()
try:
    while True:
        relu(np.float32)
except KeyboardInterrupt:
    relu(np.float32)"""
    for k, seconds in enumerate(moments):
        cache = {"NUMBA_CACHE_DIR": str(tmp_path / str(k))}
        assert python(code, seconds, **cache)[1] == ONCE
        assert python(BOTH, **cache)[1] in ("", ONCE)


def test_the_end_does_not_wait_for_a_thread_that_sleeps():
    code = RELU + """
import threading, time
relu(np.float32)
threading.Thread(target=lambda: [relu(np.float32) for _ in range(300)],
                 daemon=True).start()
time.sleep(0.05)"""
    assert python(code, TINYGEN_THREADS="3") == ("", "")
