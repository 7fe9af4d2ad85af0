"""A trained model for other programs: as ONNX, or as PyTorch's weights.

onnx() writes files that onnxruntime runs, on a server, a phone or in a web
page. The other functions take weights to PyTorch and back.
"""

import dataclasses
import json
from contextlib import nullcontext
from pathlib import Path

from tinygen import __version__
from tinygen.engine.layers import parameters
from tinygen.extras.export.torch_names import (
    from_torch_state_dict,
    load_torch,
    save_torch,
    to_torch_state_dict,
)
from tinygen.files import replacing

# Of each model: part -> (attribute, input, outputs)
PARTS = {
    "gan": {"generator": ("g", "z", ["images"]),
            "discriminator": ("d", "images", ["logits"])},
    "vae": {"encoder": ("encoder", "images", ["mu", "logvar"]),
            "decoder": ("decoder", "z", ["images"])},
    "cyclegan": {"a-to-b": ("ab", "images", ["translated"]),
                 "b-to-a": ("ba", "images", ["translated"]),
                 "discriminator-a": ("d_a", "images", ["verdicts"]),
                 "discriminator-b": ("d_b", "images", ["verdicts"])}}
# What is exported if no part is named
USUAL = {"gan": ["generator"], "vae": ["encoder", "decoder"],
         "cyclegan": ["a-to-b", "b-to-a"]}


def onnx(model, path, part=None, *, half=False, shape=None, header=None):
    """Write a model, as it is after training, in the format ONNX (opset 17,
    IR version 8: runtimes know them since 2022).

    model   a GAN, VAE or CycleGAN; or a network, and then the shape of its
            input without the batch, (28, 28, 3)
    path    the file; of two parts, names are made from it: vae.onnx becomes
            vae-encoder.onnx and vae-decoder.onnx
    part    one of "generator" (a GAN's usual one) and "discriminator";
            "encoder" and "decoder" (a VAE's, both); "a-to-b", "b-to-a" (a
            CycleGAN's, both), "discriminator-a", "discriminator-b"
    half    weights as float16, in a file half as large; they are widened
            when it is loaded, and all is computed as float32
    header  what training.load_model returned beside the model

    Images are floats N H W C in [-1, 1], in and out, N any number, the sides
    the model's; z is N noise or N latent. A model with classes has a second
    input, label: N whole numbers, int64. A generator's averaged weights are
    taken, if it has any. The metadata say what the file holds. Returns the
    files' paths.
    ValueError: a layer that has no form in ONNX here, named by its path.
    """
    path, header = Path(path), header or {}
    if path.suffix == ".safetensors" or not path.name:  # the one just read?
        raise ValueError(f"{path} is no name for an ONNX file: let it end in "
                         ".onnx")
    if shape is not None:
        files = {path: _file(model, "", "input", ["output"], shape, half=half,
                             facts={"model": type(model).__name__})}
    else:
        wanted = _wanted(model, part, header)
        with getattr(model, "averaged", nullcontext)():
            files = {path if len(wanted) == 1 else path.with_name(
                f"{path.stem}-{one}{path.suffix}"): _part(
                    model, one, half, header) for one in wanted}
    for name, content in files.items():
        with replacing(name) as new:
            new.write_bytes(content)
    return list(files)


def _wanted(model, part, header):
    """The parts to export: this one, or the usual ones that are there."""
    name = getattr(model, "name", None)
    if name not in PARTS:
        raise ValueError(f"a {type(model).__name__} is none of the models: "
                         "give the shape of its input, without the batch")
    if part is not None and part not in PARTS[name]:
        raise ValueError(f"a {name} has no part {part!r}; it has "
                         + ", ".join(PARTS[name]))
    wanted, stored = [part] if part else USUAL[name], header.get("part")
    if not stored:
        return wanted
    held = parameters({stored: getattr(model, stored)}).values()
    there = [one for one in wanted if {*map(id, parameters(getattr(
        model, PARTS[name][one][0])).values())} <= {*map(id, held)}]
    if not there:
        raise ValueError(f"the file holds no {' and no '.join(wanted)}, only "
                         f"{stored}: name a run's folder")
    return there


def _part(model, part, half, header):
    """The bytes of one part of a model."""
    attribute, source, outputs = PARTS[model.name][part]
    c = model.config
    steps = header.get("step", header.get("note", {}).get("steps")) or int(
        (getattr(model, "opt", None) or model.opt_g).t)
    shape = (c.size, c.size, c.channels) if source == "images" else (
        c.noise if model.name == "gan" else c.latent,)
    squash = model.name == "vae" and part == "decoder" and c.decoder
    return _file(
        getattr(model, attribute), attribute, source, outputs, shape,
        classes=getattr(c, "classes", 0) * (
            model.name != "cyclegan"), half=half, squash=squash,
        facts={"model": model.name, "part": part,
               **({"step": steps} if steps else {}),
               **({"weights": "averaged"} if part == "generator"
                  and c.average else {}),
               "images": "N H W C in [-1, 1]",
               "classes": getattr(c, "classes", 0),
               "config": json.dumps(dataclasses.asdict(c))})


def _file(net, path, source, outputs, shape, *, half, facts, classes=0,
          squash=None):
    """The bytes of a network as an ONNX model, checked."""
    try:
        from onnx import TensorProto, checker, helper, shape_inference
    except ImportError:
        raise ImportError("the export needs the package onnx: pip install "
                          "onnx") from None
    from tinygen.extras.export import nodes
    image = shape if len(shape) == 3 else None
    labels = [helper.make_tensor_value_info(
        "label", TensorProto.INT64, ["N"])] if classes else []
    g = nodes.Graph({path: net} if path else net, image and
                    image[-1] + classes, half)
    y = g.layer(net, nodes.taken(g, source, image, classes, "label"), path)
    for value, name in zip(y if isinstance(y, tuple) else [y], outputs):
        g.nodes.append(helper.make_node("Identity", [nodes.given(
            g, nodes.squashed(g, value, squash))], [name]))
    kind = TensorProto.INT64 if shape == () else TensorProto.FLOAT
    made = helper.make_model(
        helper.make_graph(
            g.nodes, "tinygen",
            [helper.make_tensor_value_info(source, kind, ["N", *shape]),
             *labels],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
             for name in outputs], list(g.weights.values())),
        opset_imports=[helper.make_opsetid("", nodes.OPSET)],
        ir_version=nodes.IR, producer_name="tinygen",
        producer_version=__version__)
    helper.set_model_props(made, {k: str(v) for k, v in {
        "tinygen": __version__, **facts}.items()})
    made = shape_inference.infer_shapes(made, strict_mode=True)
    del made.graph.value_info[:]
    checker.check_model(made, full_check=True)
    return made.SerializeToString()
