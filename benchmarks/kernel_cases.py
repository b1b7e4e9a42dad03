"""One-operator models: what the cost model and the kernel search are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
from onnx import numpy_helper

FLOAT = onnx.TensorProto.FLOAT


def _model(operator: str, x: tuple[int, ...], weights: Mapping[str, tuple[int, ...]], **attributes: Any) -> onnx.ModelProto:
    """y = operator(x, weights...); weights are drawn at random."""
    rng = np.random.default_rng(0)
    drawn = [numpy_helper.from_array(rng.standard_normal(shape, dtype=np.float32), name) for name, shape in weights.items()]
    node = oh.make_node(operator, ["x", *weights], ["y"], operator.lower(), **attributes)
    graph = oh.make_graph(
        [node], "case", [oh.make_tensor_value_info("x", FLOAT, x)], [oh.make_tensor_value_info("y", FLOAT, None)]
    )
    graph.initializer.extend(drawn)
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=8)


def matmul(m: int, n: int, k: int) -> onnx.ModelProto:
    """[m, k] x [k, n], the second a constant."""
    return _model("MatMul", (m, k), {"w": (k, n)})


def convolution(
    batch: int, channels: int, size: int, filters: int, kernel: int, stride: int = 1, groups: int = 1
) -> onnx.ModelProto:
    """A square convolution with padding that keeps the size (divided by the stride)."""
    pad = [kernel // 2] * 4
    weights = {"w": (filters, channels // groups, kernel, kernel), "b": (filters,)}
    return _model("Conv", (batch, channels, size, size), weights, pads=pad, strides=[stride, stride], group=groups)


PRODUCTS = (
    (1024, 1024, 1024),
    (512, 512, 512),
    (128, 768, 768),
    (128, 3072, 768),
    (128, 768, 3072),
    (1000, 64, 4096),
    (300, 200, 100),
)
CONVOLUTIONS = (
    (1, 64, 56, 64, 3), (1, 128, 28, 128, 3), (1, 256, 14, 256, 3), (1, 512, 7, 512, 3),
    (1, 64, 56, 256, 1), (1, 1024, 14, 256, 1), (1, 3, 224, 64, 7, 2), (8, 256, 14, 256, 3),
)  # fmt: skip

AGREEMENT = {
    **{f"matmul {m}x{n}x{k}": ("GEMM", matmul(m, n, k)) for m, n, k in PRODUCTS},
    **{f"convolution {' '.join(map(str, case))}": ("convolution", convolution(*case)) for case in CONVOLUTIONS},
    "matrix times vector 4096x4096": ("memory", matmul(1, 4096, 4096)),
    "relu 4M": ("memory", _model("Relu", (4, 1024, 1024), {})),
    "add 4M": ("memory", _model("Add", (4, 1024, 1024), {"b": (4, 1024, 1024)})),
    "sigmoid 1M": ("memory", _model("Sigmoid", (1024, 1024), {})),
    "softmax 1536x128": ("memory", _model("Softmax", (1536, 128), {}, axis=-1)),
    "softmax 1024x1024": ("memory", _model("Softmax", (1024, 1024), {}, axis=-1)),
    "layer norm 1024x768": ("memory", _model("LayerNormalization", (1024, 768), {"g": (768,), "b": (768,)}, axis=-1)),
    "transpose 1024x1024": ("memory", _model("Transpose", (1024, 1024), {}, perm=[1, 0])),
    "mean of rows 1024x4096": ("memory", _model("ReduceMean", (1024, 4096), {}, axes=[-1], keepdims=0)),
    "mean of columns 4096x1024": ("memory", _model("ReduceMean", (4096, 1024), {}, axes=[0], keepdims=0)),
    "max pool 64x112x112": (
        "memory",
        _model("MaxPool", (1, 64, 112, 112), {}, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    ),
    "depthwise 96x56x56": ("memory", convolution(1, 96, 56, 96, 3, 1, 96)),
}  # name -> (class, model)

# Of no model that amdc was tuned on, and of no row above.
UNSEEN = {
    "matmul 384x640x1280": matmul(384, 640, 1280),
    "matmul 77x2304x576": matmul(77, 2304, 576),
    "matmul 1536x160x2560": matmul(1536, 160, 2560),
    "matmul 48x4032x112": matmul(48, 4032, 112),
    "matmul 2048x2048x320": matmul(2048, 2048, 320),
    "convolution 1 48 60 80 3": convolution(1, 48, 60, 80, 3),
    "convolution 2 160 20 320 3": convolution(2, 160, 20, 320, 3),
    "convolution 4 72 30 216 1": convolution(4, 72, 30, 216, 1),
    "convolution 1 40 90 56 5 2": convolution(1, 40, 90, 56, 5, 2),
    "convolution 1 320 15 640 1": convolution(1, 320, 15, 640, 1),
}
