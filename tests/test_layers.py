"""Every layer: names, shapes, gradients, state, and what it refuses."""

import copy

import numpy as np
import pytest
from torch_nets import to_float64, torch_layer

import tinygen as tg
from tinygen.engine import layers

RNG = np.random.default_rng(0)


def rng(seed=0):
    return np.random.default_rng(seed)


# One of each, its input's shape, and its output's.
LAYERS = {
    "Linear": (lambda: tg.Linear(3, 2, rng=rng()), (4, 3), (4, 2)),
    "Linear without bias": (lambda: tg.Linear(3, 2, bias=False, rng=rng()),
                            (4, 3), (4, 2)),
    "Conv2d": (lambda: tg.Conv2d(2, 3, 3, rng=rng()), (2, 4, 3, 2),
               (2, 4, 3, 3)),
    "Conv2d stride 2": (lambda: tg.Conv2d(2, 1, 4, stride=2, pad=1,
                                          rng=rng()), (1, 4, 6, 2),
                        (1, 2, 3, 1)),
    "Conv2d 1x1": (lambda: tg.Conv2d(2, 3, 1, rng=rng()), (1, 2, 2, 2),
                   (1, 2, 2, 3)),
    "Conv2d pad 0": (lambda: tg.Conv2d(1, 1, 3, pad=0, rng=rng()),
                     (1, 3, 4, 1), (1, 1, 2, 1)),
    "ConvTranspose2d": (lambda: tg.ConvTranspose2d(2, 1, rng=rng()),
                        (2, 2, 3, 2), (2, 4, 6, 1)),
    "ConvTranspose2d stride 1": (
        lambda: tg.ConvTranspose2d(1, 2, 3, stride=1, pad=0, rng=rng()),
        (1, 2, 2, 1), (1, 4, 4, 2)),
    "UpsampleConv2d": (lambda: tg.UpsampleConv2d(2, 1, rng=rng()),
                       (2, 2, 3, 2), (2, 4, 6, 1)),
    "BatchNorm": (lambda: tg.BatchNorm(2), (2, 2, 3, 2), (2, 2, 3, 2)),
    "InstanceNorm": (lambda: tg.InstanceNorm(2), (2, 2, 3, 2), (2, 2, 3, 2)),
    "LayerNorm": (lambda: tg.LayerNorm(3), (2, 3), (2, 3)),
    "SpectralNorm": (lambda: tg.SpectralNorm(tg.Linear(3, 2, rng=rng()),
                                             rng=rng()), (4, 3), (4, 2)),
    "SpectralNorm of a convolution": (
        lambda: tg.SpectralNorm(tg.Conv2d(2, 2, 3, rng=rng()), rng=rng()),
        (1, 3, 3, 2), (1, 3, 3, 2)),
    "Dropout": (lambda: tg.Dropout(0.5), (3, 4), (3, 4)),
    "LeakyReLU": (lambda: tg.LeakyReLU(0.1), (2, 3), (2, 3)),
    "ReLU": (tg.ReLU, (2, 3), (2, 3)), "Tanh": (tg.Tanh, (2, 3), (2, 3)),
    "Sigmoid": (tg.Sigmoid, (2, 3), (2, 3)),
    "Activation": (lambda: tg.Activation(tg.softplus), (2, 3), (2, 3)),
    "Pool": (tg.Pool, (1, 4, 5, 2), (1, 2, 2, 2)),
    "Pool max": (lambda: tg.Pool("max", 3, 1), (1, 4, 5, 1), (1, 2, 3, 1)),
    "Upsample2d": (tg.Upsample2d, (1, 2, 3, 1), (1, 4, 6, 1)),
    "ReflectPad": (lambda: tg.ReflectPad(1), (1, 2, 3, 2), (1, 4, 5, 2)),
    "Flatten": (tg.Flatten, (2, 2, 3, 2), (2, 12)),
    "Reshape": (lambda: tg.Reshape(2, 3, 1), (2, 6), (2, 2, 3, 1)),
    "Residual": (lambda: tg.Residual(tg.Linear(3, 3, rng=rng()), tg.Tanh()),
                 (2, 3), (2, 3)),
    "Sequential": (lambda: tg.Sequential(tg.Linear(3, 3, rng=rng()),
                                         tg.Dropout(), tg.BatchNorm(3)),
                   (4, 3), (4, 3)),
}


def test_no_layer_is_left_out():
    public = {name for name in vars(layers) if name[0].isupper()
              and hasattr(tg, name) and name != "Tensor"}
    assert public - {name.split()[0] for name in LAYERS} == {"Embedding"}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("train", [False, True])
def test_shapes_types_and_call(name, train):
    make, shape, out = LAYERS[name]
    x = RNG.standard_normal(shape)
    y = make()(tg.Tensor(x.astype(np.float32)), train, rng())
    assert y.shape == out and y.dtype == np.float32
    layer = to_float64(make())
    y = layer(tg.Tensor(x), train=train, rng=rng())
    assert y.shape == out and y.dtype == np.float64


# In training the power iteration moves u, and finite differences with it.
@pytest.mark.parametrize("name, train", [
    (name, train) for name in LAYERS for train in (False, True)
    if not (train and "Spectral" in name)])
def test_first_and_second_derivatives(name, train):
    make, shape, _ = LAYERS[name]
    layer = to_float64(make())
    params = tg.parameters(layer)
    buffers = {k: a.copy() for k, a in tg.state(layer).items()}

    def f(x, *values):
        """The layer as a function of its parameters too."""
        again = copy.deepcopy(layer)
        tg.load_state(again, buffers)
        _put(again, dict(zip(params, values, strict=True)))
        return again(x, train=train, rng=rng())

    x = np.random.default_rng(1).standard_normal(shape)
    tg.check_grads(f, x, *[p.data for p in params.values()])


def _put(obj, values):
    """Replace the parameter at each path by a Tensor."""
    for path, value in values.items():
        *way, last = path.split(".")
        owner = obj
        for step in way:
            items = getattr(owner, "layers", None)
            owner = items[step] if items else getattr(owner, step)
        setattr(owner, last, value)


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "Conv2d stride 2",
                                  "ConvTranspose2d", "UpsampleConv2d"])
def test_like_torch(name, require):
    torch = require("torch")
    make, shape, _ = LAYERS[name]
    layer = to_float64(make())
    layer.b.data = RNG.standard_normal(layer.b.shape)
    module, x = torch_layer(torch, layer), RNG.standard_normal(shape)
    want = module(torch.tensor(x).movedim(-1, 1)).movedim(1, -1)
    np.testing.assert_allclose(layer(tg.Tensor(x)).data,
                               want.detach().numpy(), atol=1e-10)


# -------------------------------------------------------- names and state


class Block:
    """What a reader writes: attributes, and a call."""

    def __init__(self):
        self.note, self.sizes = "words", (1, 2)
        self.conv = tg.Conv2d(1, 2, rng=rng())
        self.norm = tg.BatchNorm(2)
        self._hidden = tg.Tensor([1.0])


def test_names_are_paths_in_order_of_definition():
    net = tg.Sequential(up1=Block(), out=tg.Linear(2, 1, rng=rng()))
    assert list(tg.parameters(net)) == [
        "up1.conv.w", "up1.conv.b", "up1.norm.scale", "up1.norm.shift",
        "out.w", "out.b"]
    assert list(tg.state(net)) == [
        "up1.conv.w", "up1.conv.b", "up1.norm.scale", "up1.norm.shift",
        "up1.norm.running_mean", "up1.norm.running_var", "out.w", "out.b"]
    numbered = tg.Sequential(tg.Tanh(), tg.Residual(Block()))
    assert list(tg.parameters(numbered))[0] == "1.body.0.conv.w"
    assert list(tg.parameters([Block(), {"a": Block()}]))[::4] == [
        "0.conv.w", "1.a.conv.w"]
    assert list(tg.parameters(tg.Tensor([1.0]))) == [""]


def test_a_parameter_keeps_the_fullest_name_it_was_given():
    net = tg.Sequential(up1=Block())
    tg.parameters(net)
    tg.parameters(net[0])
    assert net[0].conv.w.name == "up1.conv.w"


def test_a_shared_layer_is_counted_once():
    shared = tg.Linear(2, 2, rng=rng())
    net = tg.Sequential(shared, tg.Tanh(), shared)
    assert list(tg.parameters(net)) == ["0.w", "0.b"]
    x = tg.Tensor(np.ones((1, 2), np.float32))
    assert len(tg.grad(net(x).sum(), list(tg.parameters(net).values()))) == 2


def test_a_layer_that_knows_its_parent_is_no_endless_walk():
    block = Block()
    block.conv.parent = block
    assert list(tg.parameters(block))[:2] == ["conv.w", "conv.b"]


def test_state_loads_in_place():
    net, other = Block(), Block()
    other.norm.running_mean += 1
    other.conv.w.assign(np.ones(other.conv.w.shape))
    arrays = tg.state(net)
    tg.load_state(net, tg.state(other))
    assert (arrays["norm.running_mean"] == 1).all()
    assert (net.conv.w.data == 1).all() and net.conv.w.version == 1
    assert net.conv.w.data is arrays["conv.w"]
    tg.load_state(net, {k: a.astype(np.float16)     # as chapters/runs hold it
                        for k, a in tg.state(other).items()})


@pytest.mark.parametrize("change, message", [
    (lambda s: s.pop("norm.scale"), "norm.scale is missing"),
    (lambda s: s.update(extra=np.ones(1)), "extra is unknown to this Block"),
    (lambda s: s.update({"conv.b": np.ones(3)}),
     r"conv.b is float64 of shape \(3,\).*float32 of \(2,\) here"),
    (lambda s: s.update({"conv.b": np.ones(2, complex)}), "conv.b is complex"),
    (lambda s: [s.pop("norm.shift"), s.pop("norm.scale"),
                s.update(a=1)], "norm.scale is missing"),
])
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    net = Block()
    before = {k: a.copy() for k, a in tg.state(net).items()}
    given = {k: a + 1 for k, a in before.items()}
    change(given)
    with pytest.raises(ValueError, match=message):
        tg.load_state(net, given)
    assert all((tg.state(net)[k] == a).all() for k, a in before.items())


def test_fractions_do_not_fit_into_integers():
    opt = tg.SGD({"w": tg.Tensor([1.0])})
    with pytest.raises(ValueError, match="t is float64.*int64"):
        tg.load_state(opt, {"t": np.array(1.5), "v.w": np.ones(1)})


# ------------------------------------------------------------- randomness


@pytest.mark.parametrize("make", [
    lambda: tg.Linear(2, 2), lambda: tg.Conv2d(1, 1),
    lambda: tg.ConvTranspose2d(1, 1), lambda: tg.UpsampleConv2d(1, 1),
    lambda: tg.Embedding(2, 2),
    lambda: tg.SpectralNorm(tg.Linear(2, 2, rng=rng())),
    lambda: tg.Dropout()(tg.Tensor([1.0]), train=True)])
def test_random_numbers_come_from_a_named_generator(make):
    before = np.random.get_state()[1].copy()        # noqa: NPY002
    with pytest.raises(ValueError, match="give rng=np.random.default_rng"):
        make()
    assert (np.random.get_state()[1] == before).all()   # noqa: NPY002


def test_equal_generators_give_equal_layers():
    for make in (lambda: tg.Linear(3, 2, rng=rng()),
                 lambda: tg.Conv2d(3, 2, rng=rng())):
        assert (make().w.data == make().w.data).all()


@pytest.mark.parametrize("make, shape", [
    (lambda r: tg.Linear(200, 300, rng=r), (512, 200)),
    (lambda r: tg.Conv2d(32, 64, rng=r), (4, 12, 12, 32)),
    (lambda r: tg.ConvTranspose2d(32, 64, rng=r), (4, 12, 12, 32)),
    (lambda r: tg.UpsampleConv2d(32, 64, rng=r), (4, 12, 12, 32))])
def test_first_weights_keep_the_size_of_signals(make, shape):
    x = tg.Tensor(rng(1).standard_normal(shape).astype(np.float32))
    y = tg.leaky_relu(make(rng())(x)).data
    inner = y if y.ndim == 2 else y[:, 2:-2, 2:-2]
    assert np.mean(inner ** 2) == pytest.approx(1, rel=0.05)


def test_gain_multiplies_the_first_weights():
    one, small = (tg.Conv2d(2, 3, gain=gain, rng=rng()).w.data
                  for gain in (1.0, 0.5))
    assert (small == one / 2).all() and small.dtype == np.float32


# ---------------------------------------------------------- one at a time


def test_dropout_scales_forward_and_backward_alike():
    x = tg.Tensor(np.ones(1000, np.float32))
    layer = tg.Dropout(0.25)
    assert layer(x) is x and tg.Dropout(0)(x, train=True) is x
    y = layer(x, train=True, rng=rng())
    g, = tg.grad(y.sum(), [x])
    assert set(np.unique(y.data)) == {0, np.float32(4 / 3)}
    assert (g.data == y.data).all()
    assert y.data.mean() == pytest.approx(1, abs=0.06)
    for p in (1, -0.1):
        with pytest.raises(ValueError, match="Dropout: p must be"):
            tg.Dropout(p)


def test_embedding_picks_rows_and_adds_their_gradients():
    layer = tg.Embedding(4, 3, rng=rng())
    y = layer(np.array([2, 0, 2]))
    assert (y.data == layer.w.data[[2, 0, 2]]).all()
    g, = tg.grad(y.sum(), [layer.w])
    assert g.data[:, 0].tolist() == [1, 0, 2, 0]
    assert layer(tg.Tensor([1, 3])).shape == (2, 3)
    for bad in ([4], [-1]):
        with pytest.raises(IndexError, match=r"0\.\.3, got (4|-1)"):
            layer(np.array(bad))
    with pytest.raises(IndexError, match="Embedding.*whole numbers"):
        layer(np.array([0.5]))


def test_spectral_norm_makes_the_largest_singular_value_1():
    for layer in (tg.Linear(6, 5, rng=rng()), tg.Conv2d(2, 3, rng=rng()),
                  tg.ConvTranspose2d(2, 3, rng=rng())):
        normed = to_float64(tg.SpectralNorm(layer, rng=rng()))
        for _ in range(300):
            normed._power_step(layer.w)
        w = normed._matrix(layer.w).data
        sigma = np.linalg.svd(w)[1][0]
        x = RNG.standard_normal((2, 6) if w.shape == (6, 5) else (2, 4, 4, 2))
        y = normed(tg.Tensor(x), train=True)
        np.testing.assert_allclose(
            y.data * sigma, layer(tg.Tensor(x)).data, atol=1e-10)


def test_spectral_norm_changes_u_only_in_training():
    normed = tg.SpectralNorm(tg.Linear(6, 5, rng=rng()), rng=rng())
    w, u = normed.layer.w, normed.u.copy()
    x = tg.Tensor(np.ones((1, 6), np.float32))
    normed(x)
    assert (normed.u == u).all()
    w.assign(RNG.standard_normal(w.shape))
    normed(x, train=True)
    assert (normed.u != u).any() and normed.layer.w is w
    assert list(tg.state(normed)) == ["layer.w", "layer.b", "u"]


@pytest.mark.parametrize("kind", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_spectral_norm_like_torch(kind, require):
    torch = require("torch")
    from torch.nn.utils.parametrizations import spectral_norm
    layer = to_float64(getattr(tg, kind)(3, 2, rng=rng()))
    normed = to_float64(tg.SpectralNorm(layer, rng=rng()))
    module = spectral_norm(torch_layer(torch, layer),
                           dim=1 if kind == "ConvTranspose2d" else 0)
    module.eval()
    # Their u goes with outputs, ours with inputs: ours is their v.
    state = module.parametrizations.weight[0]
    matrix = normed._matrix(layer.w).data
    v = torch.tensor(normed.u)
    if kind == "Conv2d":            # H W I rows against their I H W
        v = v.reshape(3, 3, 3).permute(2, 0, 1).flatten()
    if kind == "ConvTranspose2d":
        v = v.reshape(4, 4, 3).permute(2, 0, 1).flatten()
    state._v.copy_(v)
    u = normed.u @ matrix
    state._u.copy_(torch.tensor(u / np.linalg.norm(u)))
    array = RNG.standard_normal((2, 3) if kind == "Linear" else (2, 4, 4, 3))
    want = module(torch.tensor(array).movedim(-1, 1)).movedim(1, -1)
    y = normed(tg.Tensor(array))
    np.testing.assert_allclose(y.data, want.detach().numpy(), atol=1e-10)
    g, = tg.grad((y ** 2).sum(), [layer.w])
    want, = torch.autograd.grad((want ** 2).sum(),
                                module.parametrizations.weight.original)
    want = want.numpy().T if kind == "Linear" else (
        want.numpy().transpose(2, 3, 1, 0))
    np.testing.assert_allclose(g.data, want, atol=1e-10)


def test_sequential_passes_train_and_rng_on():
    seen = []

    class Spy:
        def __call__(self, x, train=False, rng=None):
            seen.append((train, rng))
            return x

    net = tg.Sequential(Spy(), tg.Residual(Spy()), last=Spy())
    generator = rng()
    net(tg.Tensor([1.0]), train=True, rng=generator)
    net(tg.Tensor([1.0]))
    assert seen == [(True, generator)] * 3 + [(False, None)] * 3
    assert len(net) == 3 and net[-1] is net.layers["last"]
    assert list(net.layers) == ["0", "1", "last"]


def test_convtranspose_doubles_and_conv_keeps_the_sides():
    x = tg.Tensor(np.ones((1, 7, 5, 2), np.float32))
    assert tg.ConvTranspose2d(2, 1, rng=rng())(x).shape == (1, 14, 10, 1)
    for size in (1, 3, 5, 7):
        assert tg.Conv2d(2, 1, size, rng=rng())(x).shape == (1, 7, 5, 1)


def test_pool_of_no_known_kind():
    with pytest.raises(ValueError, match='Pool: kind is "avg" or "max"'):
        tg.Pool("mean")


def test_a_subclass_of_sequential_keeps_its_own_parameters():
    class Net(tg.Sequential):
        def __init__(self):
            super().__init__(tg.Linear(2, 1, rng=np.random.default_rng(0)))
            self.extra = tg.Tensor([1.0])

    assert list(tg.parameters(Net())) == ["0.w", "0.b", "extra"]


def test_spectral_norm_of_a_weight_of_zeros():
    """0 / 0 gave NaN, and u, once 0, infinity for ever after."""
    rng = np.random.default_rng(0)
    layer = tg.SpectralNorm(tg.Linear(3, 4, bias=False, rng=rng), rng=rng)
    w, x = layer.layer.w, tg.Tensor([[1.0, 2.0, 3.0]])
    w.assign(np.zeros((3, 4)))
    y = layer(x, train=True)
    assert (y.data == 0).all()
    assert np.isfinite(tg.grad(y.sum(), [w])[0].data).all()
    assert np.linalg.norm(layer.u) == pytest.approx(1)
    for scale in (1, 1e-8):
        new = scale * rng.standard_normal((3, 4))
        w.assign(new)
        for _ in range(50):
            y = layer(x, train=True)
        np.testing.assert_allclose(
            y.data, x.data @ (new / np.linalg.norm(new, 2)), rtol=1e-4)
