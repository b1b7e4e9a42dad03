"""Small ONNX models whose own dtype is float16, bfloat16 or float64: a residual CNN and a transformer block."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def _model(
    name: str, nodes: list[onnx.NodeProto], x: list[int], y: list[int], weights: dict[str, np.ndarray], element: int
) -> onnx.ModelProto:
    kind = helper.tensor_dtype_to_np_dtype(element)
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", element, x)],
        [helper.make_tensor_value_info("y", element, y)],
        [numpy_helper.from_array(v if v.dtype == np.int64 else v.astype(kind), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def residual_cnn(element: int = TensorProto.FLOAT16, channels: int = 16, size: int = 16) -> onnx.ModelProto:
    """Convolutions 7x7 (stride 2), 3x3, 1x1 and depthwise, batch norm, residual sum, both poolings, linear, softmax."""
    rng = np.random.default_rng(0)
    c = channels

    def weight(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))

    weights = {
        "w0": weight(c, 3, 7, 7), "w1": weight(c, c, 3, 3), "b1": weight(c, 1)[:, 0], "w2": weight(c, c, 1, 1),
        "w3": weight(c, 1, 3, 3),
        "w4": weight(10, c), "b4": weight(10, 1)[:, 0], "scale": 1 + 0.1 * weight(c, 1)[:, 0], "shift": weight(c, 1)[:, 0],
        "mean": weight(c, 1)[:, 0], "variance": 1 + weight(c, 1)[:, 0] ** 2,
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w0"], ["c0"], pads=[3, 3, 3, 3], strides=[2, 2]),
        node("BatchNormalization", ["c0", "scale", "shift", "mean", "variance"], ["n0"]),
        node("Relu", ["n0"], ["r0"]),
        node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p0", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"]),
        node("Add", ["c2", "p0"], ["s2"]),
        node("Sigmoid", ["s2"], ["g2"]),
        node("Mul", ["s2", "g2"], ["r2"]),
        node("Conv", ["r2", "w3"], ["c3"], pads=[1, 1, 1, 1], group=c),
        node("GlobalAveragePool", ["c3"], ["p3"]),
        node("Flatten", ["p3"], ["f3"]),
        node("Gemm", ["f3", "w4", "b4"], ["g4"], transB=1),
        node("Softmax", ["g4"], ["y"]),
    ]
    return _model("residual_cnn", nodes, [1, 3, size, size], [1, 10], weights, element)


def transformer_block(element: int = TensorProto.FLOAT16, length: int = 9, width: int = 32, heads: int = 4) -> onnx.ModelProto:
    """Layer norm, self-attention spelled out, residual sums, a GELU by Erf."""
    rng = np.random.default_rng(1)
    d = width

    def weight(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) / np.sqrt(shape[0])

    weights = {f"w{name}": weight(d, d) for name in "qkvo"} | {
        "w1": weight(d, 2 * d), "w2": weight(2 * d, d), "b1": weight(2 * d), "ones": np.ones(d), "zeros": np.zeros(d),
        "split": np.array([1, length, heads, d // heads], np.int64), "join": np.array([1, length, d], np.int64),
        "scale": np.array((d // heads) ** -0.5), "half": np.array(0.5), "one": np.array(1.0), "root": np.array(0.5**0.5),
    }  # fmt: skip
    node = helper.make_node
    nodes = [node("LayerNormalization", ["x", "ones", "zeros"], ["n"])]
    for name in "qkv":
        order = [0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]
        nodes += [
            node("MatMul", ["n", f"w{name}"], [f"{name}0"]),
            node("Reshape", [f"{name}0", "split"], [f"{name}1"]),
            node("Transpose", [f"{name}1"], [name], perm=order),
        ]
    nodes += [
        node("MatMul", ["q", "k"], ["scores"]),
        node("Mul", ["scores", "scale"], ["scaled"]),
        node("Softmax", ["scaled"], ["shares"]),
        node("MatMul", ["shares", "v"], ["mixed"]),
        node("Transpose", ["mixed"], ["turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "join"], ["joined"]),
        node("MatMul", ["joined", "wo"], ["o"]),
        node("Add", ["o", "x"], ["r"]),
        node("LayerNormalization", ["r", "ones", "zeros"], ["m"]),
        node("MatMul", ["m", "w1"], ["h0"]),
        node("Add", ["h0", "b1"], ["h1"]),
        node("Mul", ["h1", "root"], ["e0"]),
        node("Erf", ["e0"], ["e1"]),
        node("Add", ["e1", "one"], ["e2"]),
        node("Mul", ["h1", "e2"], ["e3"]),
        node("Mul", ["e3", "half"], ["h2"]),
        node("MatMul", ["h2", "w2"], ["h3"]),
        node("Add", ["h3", "r"], ["y"]),
    ]
    return _model("transformer_block", nodes, [1, length, d], [1, length, d], weights, element)
