"""Exported models answer as tinygen does: in onnxruntime, and in PyTorch."""

import copy
import json
import sys

import numpy as np
import pytest
from torch_twins import twin

import tinygen as tg
from tinygen import __main__ as cli
from tinygen import training
from tinygen.extras import export
from tinygen.extras.export import nodes
from tinygen.models import build

SIZES = {"channels": 3, "size": 12, "width": 4}


def shaken(net, seed=0):
    """The network or model, every weight and buffer moved from its start."""
    rng = np.random.default_rng(seed)
    for path, array in tg.state(net).items():
        if array.dtype.kind == "f" and array.ndim and "opt" not in path:
            array += rng.normal(0, 0.05, array.shape).astype(array.dtype)
            if path.endswith("running_var"):
                np.abs(array, out=array)
    return net


def images(n, size=12, channels=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, size, size, channels)).astype(np.float32)


@pytest.fixture
def run(require, tmp_path):
    """run(file, **inputs): the outputs of onnxruntime, the file checked."""
    onnx, runtime = require("onnx"), require("onnxruntime")

    def run(file, **inputs):
        onnx.checker.check_model(str(file), full_check=True)
        return runtime.InferenceSession(str(file)).run(None, inputs)

    return run


def near(got, want, limit=1e-5):
    assert got.shape == want.shape and got.dtype == np.float32
    assert np.abs(got - want).max() < limit


def answer(net, x):
    with tg.no_grad():
        return net(tg.Tensor(x)).data


# ------------------------------------------------------------ each layer


def block(*layers):
    return tg.Sequential(*layers)


RNG = np.random.default_rng(0)
NETS = {  # name: (network, the shape of its input)
    "linear": (tg.Linear(5, 7, rng=RNG), (5,)),
    "linear, no bias": (tg.Linear(5, 7, bias=False, rng=RNG), (5,)),
    "conv": (tg.Conv2d(3, 5, 3, stride=2, rng=RNG), (7, 6, 3)),
    "conv, no bias": (tg.Conv2d(3, 5, 4, pad=1, bias=False, rng=RNG),
                      (7, 6, 3)),
    "conv transposed": (tg.ConvTranspose2d(3, 5, rng=RNG), (4, 5, 3)),
    "upsample conv": (tg.UpsampleConv2d(3, 5, rng=RNG), (4, 5, 3)),
    "upsample conv, no bias": (tg.UpsampleConv2d(3, 5, bias=False, rng=RNG),
                               (1, 3, 3)),
    "batch norm": (tg.BatchNorm(3), (4, 5, 3)),
    "batch norm of vectors": (tg.BatchNorm(6), (6,)),
    "instance norm": (tg.InstanceNorm(3), (4, 5, 3)),
    "layer norm": (tg.LayerNorm(3), (4, 5, 3)),
    "layer norm of vectors": (tg.LayerNorm(6), (6,)),
    "spectral conv": (tg.SpectralNorm(tg.Conv2d(3, 5, rng=RNG), rng=RNG),
                      (4, 5, 3)),
    "spectral conv transposed": (tg.SpectralNorm(
        tg.ConvTranspose2d(3, 5, rng=RNG), rng=RNG), (4, 5, 3)),
    "spectral upsample conv": (tg.SpectralNorm(
        tg.UpsampleConv2d(3, 5, rng=RNG), rng=RNG), (4, 5, 3)),
    "spectral linear": (block(tg.Flatten(), tg.SpectralNorm(
        tg.Linear(60, 4, rng=RNG), rng=RNG)), (4, 5, 3)),
    "spectral linear, reshaped": (block(tg.SpectralNorm(
        tg.Linear(5, 24, rng=RNG), rng=RNG), tg.Reshape(3, 2, 4)), (5,)),
    "leaky relu": (tg.LeakyReLU(0.3), (4, 5, 3)),
    "activations": (block(tg.ReLU(), tg.Tanh(), tg.Sigmoid(), *map(
        tg.Activation, (tg.softplus, tg.exp, tg.log, tg.sqrt, tg.sin, tg.cos,
                        tg.abs))), (4, 5, 3)),
    "dropout": (block(tg.Dropout(), tg.ReLU()), (5,)),
    "pools": (block(tg.Pool("avg", 3, 1), tg.Pool("max", 2)), (6, 7, 3)),
    "upsample": (tg.Upsample2d(), (4, 5, 3)),
    "reflect pad": (tg.ReflectPad(3), (4, 5, 3)),
    "flatten last": (block(tg.Conv2d(3, 2, rng=RNG), tg.Flatten()),
                     (4, 5, 3)),
    "there and back": (block(
        tg.Flatten(), tg.LeakyReLU(), tg.BatchNorm(60),
        tg.Linear(60, 24, rng=RNG), block(tg.ReLU(), tg.BatchNorm(24)),
        tg.Reshape(3, 2, 4), tg.Conv2d(4, 2, rng=RNG)), (4, 5, 3)),
    "residual": (tg.Residual(tg.ReflectPad(1), tg.Conv2d(
        3, 3, pad=0, rng=RNG), tg.InstanceNorm(3)), (4, 5, 3)),
    "residual of vectors": (tg.Residual(tg.Linear(5, 5, rng=RNG)), (5,)),
}


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", NETS)
def test_layers_in_onnx(run, tmp_path, name, n):
    net, shape = NETS[name]
    x = np.random.default_rng(1).normal(size=(n, *shape)).astype(np.float32)
    file, = tg.export.onnx(shaken(net), tmp_path / "net.onnx", shape=shape)
    got, = run(file, input=x)
    near(got, answer(net, x))


def test_a_spectral_norm_of_zeros(run, tmp_path):
    net = block(tg.SpectralNorm(tg.Linear(5, 3, rng=RNG), rng=RNG))
    tg.load_state(net, {name: 0 * a for name, a in tg.state(net).items()})
    x = np.ones((2, 5), np.float32)
    file, = tg.export.onnx(net, tmp_path / "net.onnx", shape=(5,))
    near(run(file, input=x)[0], answer(net, x))
    assert all(np.isfinite(a).all() for a in torch_arrays(net).values())


def drawn(seed=0):
    """Labels to images."""
    rng = np.random.default_rng(seed)
    return block(tg.Embedding(4, 12, rng=rng), tg.LeakyReLU(),
                 tg.Reshape(2, 3, 2), tg.Conv2d(2, 3, rng=rng))


def test_an_embedding_in_onnx(run, tmp_path):
    net, labels = drawn(), np.array([3, 0, 3])
    file, = tg.export.onnx(net, tmp_path / "net.onnx", shape=())
    with tg.no_grad():
        near(run(file, input=labels)[0], net(labels).data)


def test_every_layer_is_written_and_tested():
    kinds = {kind for kind in vars(tg).values() if isinstance(kind, type)
             and kind.__module__ == "tinygen.engine.layers"}
    assert kinds <= nodes.FORMS.keys()
    tested = {type(layer) for net, _ in NETS.values() for layer in
              [net, *(net.layers.values() if isinstance(net, tg.Sequential)
                      else [])]} | {tg.Embedding}     # see below
    assert kinds <= tested


class Doubled:
    def __call__(self, x, train=False, rng=None):
        return 2 * x


class Scaled:
    def __init__(self):
        self.w = tg.Tensor(np.ones(3, np.float32))


@pytest.mark.parametrize("net, shape, message", [
    (block(tg.ReLU(), Doubled()), (5,), "1 is a Doubled, which has no ONNX"),
    (tg.Sequential(a=tg.ReLU(), b=block(Scaled())), (5,),
     "b.0.w belongs to a Scaled, which is no layer that can be exported"),
    (block(tg.Activation(np.tanh)), (5,), "0 is an Activation of tanh"),
    (block(tg.Activation(tg.softmax)), (5,), "0 is an Activation of softmax"),
    (tg.Linear(3, 3, rng=RNG), (4, 5, 3), "a Linear on images"),
    (block(tg.Reshape(2, 3, 4)), (24,), "0 is a Reshape to .2, 3, 4., which"),
    (block(tg.Linear(5, 8, rng=RNG), tg.Reshape(2, 4)), (5,), "1 is a Resh"),
    (block(tg.Flatten(), tg.Residual(tg.Linear(60, 60, rng=RNG))), (4, 5, 3),
     "1 is a Residual of flattened images"),
    (block(tg.SpectralNorm(tg.Embedding(2, 2, rng=RNG), rng=RNG)), (),
     "0 norms a Embedding"),
])
def test_what_has_no_form_is_named(require, tmp_path, net, shape, message):
    require("onnx")
    with pytest.raises(ValueError, match=message):
        tg.export.onnx(net, tmp_path / "net.onnx", shape=shape)
    assert not any(tmp_path.iterdir())


# ------------------------------------------------------------ each model


def labelled(c, n):
    """The labels of n images, and the input for them."""
    if not c.classes:
        return None, {}
    labels = np.arange(n) % c.classes
    return labels, {"label": labels}


@pytest.mark.parametrize("settings", [
    {}, {"classes": 5}, {"batch_norm": False, "spectral": True},
    {"channels": 1, "classes": 2, "average": 0.5}], ids=str)
def test_gan(run, tmp_path, settings):
    gan = shaken(build("gan", {**SIZES, **settings}))
    if gan.average:
        gan.average.after_step()
        shaken(gan.g, seed=2)
    labels, given = labelled(gan.config, 6)
    z = gan.draw(6, np.random.default_rng(1))
    file, = tg.export.onnx(gan, tmp_path / "g.onnx")
    with gan.averaged():
        near(run(file, z=z, **given)[0], answer(gan.g, gan.told(z, labels)))
    x = images(6, channels=gan.config.channels)
    file, = tg.export.onnx(gan, tmp_path / "d.onnx", "discriminator")
    near(run(file, images=x, **given)[0],
         answer(gan.d, gan.told(x, labels)))


@pytest.mark.parametrize("settings", [
    {}, {"classes": 5, "decoder": "bernoulli", "channels": 1},
    {"network": "dense", "size": 9}], ids=str)
def test_vae(run, tmp_path, settings):
    vae = shaken(build("vae", {**SIZES, "latent": 6, **settings}))
    encoder, decoder = tg.export.onnx(vae, tmp_path / "vae.onnx")
    assert [encoder.name, decoder.name] == [
        "vae-encoder.onnx", "vae-decoder.onnx"]
    labels, given = labelled(vae.config, 6)
    x = images(6, vae.config.size, vae.config.channels)
    mu, logvar = vae.encode(x, labels)
    got = run(encoder, images=x, **given)
    near(got[0], mu)
    near(got[1], logvar)
    near(run(decoder, z=mu, **given)[0], vae.decode(mu, labels))


@pytest.mark.parametrize("skips", [True, False])
def test_cyclegan(run, tmp_path, skips):
    cyclegan = shaken(build("cyclegan", {**SIZES, "skips": skips}))
    x = images(5)
    for file, to in zip(tg.export.onnx(cyclegan, tmp_path / "c.onnx"), "ba"):
        near(run(file, images=x)[0], cyclegan.translate(x, to))
    for name in "ab":
        file, = tg.export.onnx(cyclegan, tmp_path / "d.onnx",
                               f"discriminator-{name}")
        near(run(file, images=x)[0],
             answer(getattr(cyclegan, f"d_{name}"), x))


# cyclegan_emoji: of noise its answers, in float32, are up to 1.4e-5 off those
# in float64, tinygen's and onnxruntime's alike; they are in (-1, 1), so that
# this is the relative error, too.
@pytest.mark.parametrize("name, limit", [
    ("gan_sprites", 1e-5), ("future_classes", 1e-5), ("vae_mnist", 1e-5),
    ("vae_mnist_plane", 1e-5), ("cyclegan_sprites", 1e-5),
    ("cyclegan_emoji", 2.8e-5)])
def test_models_that_the_book_trained(run, tmp_path, root, name, limit):
    model, header = training.load_model(
        root / f"chapters/runs/{name}.safetensors")
    files = tg.export.onnx(model, tmp_path / "m.onnx", header=header)
    rng, c = np.random.default_rng(0), model.config
    x = images(8, c.size, c.channels)
    if model.name == "gan":
        z, (labels, given) = model.draw(8, rng), labelled(c, 8)
        near(run(files[0], z=z, **given)[0],
             answer(model.g, model.told(z, labels)))
    elif model.name == "vae":
        for got, want in zip(run(files[0], images=x), model.encode(x)):
            near(got, want)
        z = model.draw(1, 8, rng)[0]
        near(run(files[1], z=z)[0], model.decode(z))
    else:
        for file, to in zip(files, "ba"):
            near(run(file, images=x)[0], model.translate(x, to), limit)


def test_half_is_half_as_large_and_as_if_the_weights_were_rounded(
        run, tmp_path):
    gan = shaken(build("gan", SIZES))
    full, = tg.export.onnx(gan, tmp_path / "full.onnx")
    half, = tg.export.onnx(gan, tmp_path / "half.onnx", half=True)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    for array in tg.state(gan.g).values():
        if array.size >= nodes.HALF_FROM:
            array[...] = array.astype(np.float16)
    z = gan.draw(3, np.random.default_rng(1))
    near(run(half, z=z)[0], answer(gan.g, z))


def test_the_file_says_what_it_holds(require, tmp_path):
    onnx = require("onnx")
    vae = build("vae", {**SIZES, "classes": 3})
    vae.step(images(4), np.random.default_rng(0), labels=[0, 1, 2, 0])
    encoder, decoder = map(onnx.load, tg.export.onnx(
        vae, tmp_path / "v.onnx"))
    said = {p.key: p.value for p in decoder.metadata_props}
    assert json.loads(said.pop("config")) == vars(vae.config)
    assert said == {"tinygen": tg.__version__, "model": "vae", "step": "1",
                    "part": "decoder", "classes": "3",
                    "images": "N H W C in [-1, 1]"}
    assert decoder.opset_import[0].version == 17 and decoder.ir_version == 8

    def shapes(values):
        return {v.name: [d.dim_param or d.dim_value
                         for d in v.type.tensor_type.shape.dim]
                for v in values}

    assert shapes(encoder.graph.input) == {"images": ["N", 12, 12, 3],
                                           "label": ["N"]}
    assert shapes(encoder.graph.output) == {"mu": ["N", 128],
                                            "logvar": ["N", 128]}
    assert shapes(decoder.graph.output) == {"images": ["N", 12, 12, 3]}


# ----------------------------------------------------- the command, errors


def command(capsys, *argv):
    code = cli.main([str(word) for word in ("export", *argv)])
    return code, capsys.readouterr()


def test_export_of_a_run(require, run, tmp_path, capsys):
    gan = build("gan", {**SIZES, "average": 0.9})
    training.fit(gan, images(32), 3, batch=8, out=tmp_path / "r",
                 progress=False)
    code, said = command(capsys, tmp_path / "r", "--onnx",
                         tmp_path / "g.onnx")
    assert code == 0 and said.out.startswith(f"{tmp_path / 'g.onnx'}: ")
    z = gan.draw(3, np.random.default_rng(1))
    with gan.averaged():
        near(run(tmp_path / "g.onnx", z=z)[0], answer(gan.g, z))
    made = require("onnx").load(tmp_path / "g.onnx")
    said = {p.key: p.value for p in made.metadata_props}
    assert said["step"] == "3" and said["weights"] == "averaged"
    code, _ = command(capsys, tmp_path / "r", "--onnx", tmp_path / "d.onnx",
                      "--part", "discriminator", "--half")
    assert code == 0
    near(run(tmp_path / "d.onnx", images=images(2))[0],
         answer(gan.d, images(2)), 2e-2)


def test_a_file_that_holds_one_part(require, tmp_path, capsys):
    require("onnx")
    gan, vae = build("gan", SIZES), build("vae", SIZES)
    training.save_sampler(tmp_path / "g.safetensors", gan, "g")
    training.save_sampler(tmp_path / "v.safetensors", vae, "decoder")
    code, said = command(capsys, tmp_path / "g.safetensors", "--onnx",
                         tmp_path / "d.onnx", "--part", "discriminator")
    assert code == 2 and "holds no discriminator, only g: name" in said.err
    code, said = command(capsys, tmp_path / "v.safetensors", "--onnx",
                         tmp_path / "v.onnx")
    assert code == 0 and said.out.count("\n") == 1
    assert (tmp_path / "v.onnx").exists()


@pytest.mark.parametrize("argv, message", [
    (["--onnx", "g.onnx", "--part", "encoder"],
     "a gan has no part 'encoder'; it has generator, discriminator"),
    (["--onnx", "none/g.onnx"], "there is no folder none to write g.onnx in"),
    (["--onnx", "folder"], "cannot write folder (it is no file)"),
    (["--onnx", "."], ". is no name for an ONNX file: let it end in .onnx"),
    (["--onnx", "g.safetensors"], "g.safetensors is no name for an ONNX fi"),
])
def test_what_cannot_be_exported(require, tmp_path, capsys, monkeypatch,
                                 argv, message):
    require("onnx")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    training.save_sampler(tmp_path / "g.safetensors", build("gan", SIZES),
                          "networks")
    code, said = command(capsys, "g.safetensors", *argv)
    assert code == 2 and message in said.err and said.err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "folder", "g.safetensors"]


def test_a_run_that_is_not_there(tmp_path, capsys):
    code, said = command(capsys, tmp_path, "--onnx", tmp_path / "g.onnx")
    assert code == 2 and "there is no checkpoint at" in said.err


def test_without_onnx_a_sentence_says_what_to_install(
        tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    training.save_sampler(tmp_path / "g.safetensors", build("gan", SIZES),
                          "g")
    code, said = command(capsys, tmp_path / "g.safetensors", "--onnx",
                         tmp_path / "g.onnx")
    assert code == 2 and said.err.count("\n") == 1
    assert "pip install onnx" in said.err


@pytest.mark.parametrize("value, half, message", [
    (np.nan, False, "g.0.weight holds NaN or infinity: not"),
    (1e5, True, "g.0.weight holds NaN or infinity as float16: not")])
def test_weights_that_are_no_numbers(require, tmp_path, value, half, message):
    require("onnx")
    gan = build("gan", SIZES)
    gan.g[0].w.data[0, 0] = value
    with pytest.raises(ValueError, match=message):
        tg.export.onnx(gan, tmp_path / "g.onnx", half=half)
    assert not any(tmp_path.iterdir())


def test_a_network_needs_its_shape(require, tmp_path):
    require("onnx")
    with pytest.raises(ValueError, match="give the shape of its input"):
        tg.export.onnx(tg.ReLU(), tmp_path / "net.onnx")


# ------------------------------------------------------------- and PyTorch


def run_torch(torch, module, x):
    """The outputs of a module for images N H W C, or vectors, as arrays."""
    x = torch.from_numpy(x)
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        y = module.eval()(x)
    many = y if isinstance(y, tuple) else [y]
    return [(y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()
            for y in many]


def there_and_back(torch, net, other, x, channels=None):
    """net in PyTorch answers as here; and `other`, of the same architecture,
    gets net's state from it to the bit."""
    module = twin(torch, net)
    module.load_state_dict(tg.export.to_torch_state_dict(net, channels))
    with tg.no_grad():
        want = net(tg.Tensor(x))
    for got, y in zip(run_torch(torch, module, x),
                      want if isinstance(want, tuple) else [want]):
        near(got, y.data)
    tg.export.from_torch_state_dict(other, module.state_dict(), channels)
    mine, theirs = tg.state(net), tg.state(other)
    assert mine.keys() == theirs.keys()
    assert all((mine[k] == theirs[k]).all() for k in mine)


@pytest.mark.parametrize("name", [n for n in NETS if n != "flatten last"])
def test_layers_in_torch(require, name):
    torch = require("torch")
    net, shape = NETS[name]
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    there_and_back(torch, shaken(net), shaken(copy.deepcopy(net), 7), x,
                   shape[-1])


def test_an_embedding_in_torch(require):
    torch = require("torch")
    net, other = drawn(0), drawn(1)
    module, labels = twin(torch, net), np.array([3, 0, 3])
    module.load_state_dict(tg.export.to_torch_state_dict(net))
    with tg.no_grad():
        near(run_torch(torch, module, labels)[0], net(labels).data)
    tg.export.from_torch_state_dict(other, module.state_dict())
    mine, theirs = tg.state(net), tg.state(other)
    assert all((mine[k] == theirs[k]).all() for k in mine)


@pytest.mark.parametrize("model, part, settings", [
    ("gan", "g", {}), ("gan", "g", {"batch_norm": False, "classes": 4}),
    ("gan", "d", {}), ("gan", "d", {"spectral": True}),
    ("vae", "encoder", {}), ("vae", "decoder", {}),
    ("vae", "encoder", {"network": "dense"}),
    ("vae", "decoder", {"network": "dense"}),
    ("cyclegan", "ab", {}), ("cyclegan", "ba", {"skips": False}),
    ("cyclegan", "d_a", {})], ids=str)
def test_models_in_torch(require, model, part, settings):
    torch = require("torch")
    nets = [getattr(shaken(build(model, {**SIZES, **settings}), seed), part)
            for seed in (0, 7)]
    x = images(5)
    if part in ("g", "decoder"):
        x = np.random.default_rng(1).normal(
            size=(5, len(nets[0][0].w))).astype(np.float32)
    there_and_back(torch, *nets, x, 3)


def test_running_statistics_move_alike(require):
    torch = require("torch")
    net = shaken(tg.BatchNorm(3, eps=1e-3, rate=0.3))
    module = twin(torch, net)
    module.load_state_dict(tg.export.to_torch_state_dict(net))
    x = images(4)
    got = module.train()(torch.from_numpy(x).permute(0, 3, 1, 2))
    near(got.permute(0, 2, 3, 1).detach().numpy(),
         net(tg.Tensor(x), train=True).data)
    near(module.running_mean.numpy(), net.running_mean, 1e-6)
    near(module.running_var.numpy(), net.running_var, 1e-6)


def test_what_torch_has_trained_comes_back(require):
    torch = require("torch")
    gan = build("gan", SIZES)
    module = twin(torch, gan.networks)
    module.load_state_dict(tg.export.to_torch_state_dict(gan.networks))
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    z = gan.draw(8, np.random.default_rng(0))
    for _ in range(3):
        module.train()
        module.d(module.g(torch.from_numpy(z))).square().mean().backward()
        optimiser.step()
    before = answer(gan.g, z)
    tg.export.from_torch_state_dict(gan.networks, module.state_dict())
    near(run_torch(torch, module.g, z)[0], answer(gan.g, z))
    assert np.abs(before - answer(gan.g, z)).max() > 1e-3


def test_files_that_either_side_reads(require, tmp_path):
    torch = require("torch")
    from safetensors.torch import load_file, save_file
    net, other = (shaken(build("gan", SIZES), seed).g for seed in (0, 7))
    tg.export.save_torch(net, tmp_path / "here.safetensors")
    module = twin(torch, net)
    module.load_state_dict(load_file(tmp_path / "here.safetensors"))
    save_file(module.state_dict(), tmp_path / "there.safetensors")
    tg.export.load_torch(other, tmp_path / "there.safetensors")
    mine, theirs = tg.state(net), tg.state(other)
    assert all((mine[k] == theirs[k]).all() for k in mine)


def torch_arrays(net):
    return export.torch_names.arrays(net)


def test_tensors_of_any_kind_come_back(require):
    """Parameters that record, of other dtypes. (cpu() for a graphics card's
    cannot be tested here.)"""
    torch = require("torch")
    net = tg.Linear(5, 3, rng=RNG)
    for dtype in torch.bfloat16, torch.float16, torch.float64:
        module = torch.nn.Linear(5, 3).to(dtype)
        tg.export.from_torch_state_dict(net, dict(module.named_parameters()))
        wanted = module.weight.detach().double().numpy().T
        np.testing.assert_array_equal(net.w.data, wanted.astype(np.float32))
    with pytest.raises(TypeError, match=r"state_dict\(\) .* not a Linear"):
        tg.export.from_torch_state_dict(net, module)


@pytest.mark.parametrize("change, message", [
    (lambda s: s.pop("0.weight"), "0.weight is missing from the given"),
    (lambda s: [s.update({f"module.{k}": s.pop(k)}) for k in list(s)],
     "0.weight is missing .*, which begins with module.0.weight; is it"),
    (lambda s: s.update(more=np.ones(3)), "more is unknown to this Sequent"),
    (lambda s: s.update({"0.weight": np.ones((5, 3))}),
     r"0.weight has shape \(5, 3\) in the given state, \(3, 5\) here"),
    (lambda s: s.update({"0.bias": np.ones(3, complex)}), "0.b is complex"),
])
def test_another_state_is_refused_before_it_is_written(change, message):
    net = tg.Sequential(tg.Linear(5, 3, rng=RNG), tg.BatchNorm(3))
    arrays = torch_arrays(net)
    before = {k: v.copy() for k, v in tg.state(net).items()}
    change(arrays)
    with pytest.raises(ValueError, match=message):
        tg.export.from_torch_state_dict(net, arrays)
    assert all((before[k] == v).all() for k, v in tg.state(net).items())


def test_a_flatten_first_needs_the_channels():
    net = tg.Sequential(tg.Flatten(), tg.Linear(12, 2, rng=RNG))
    with pytest.raises(ValueError, match="0 flattens images of unknown"):
        torch_arrays(net)


def test_a_file_cut_short(tmp_path):
    net, path = tg.Linear(5, 3, rng=RNG), tmp_path / "w.safetensors"
    tg.export.save_torch(net, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="is cut short or no safetensors"):
        tg.export.load_torch(net, path)


def test_a_file_of_numbers_that_numpy_lacks(tmp_path):
    path = tmp_path / "w.safetensors"
    header = b'{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"12")
    with pytest.raises(ValueError, match="w.safetensors .*save it again"):
        tg.export.load_torch(tg.Linear(5, 3, rng=RNG), path)
    with pytest.raises(FileNotFoundError):
        tg.export.load_torch(tg.Linear(5, 3, rng=RNG), tmp_path / "none")


def test_without_torch_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch; save_torch"):
        tg.export.to_torch_state_dict(tg.Linear(2, 2, rng=RNG))
