"""Whole quantised networks, as ONNX Runtime's quantiser writes them: the QOperator and the QDQ form, and dynamic quantisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from amdc.frontends.onnx import import_model
from tests.frontends.cases_arithmetic import floats
from tests.frontends.models import model
from tests.frontends.single_node import run_graph, run_oracle

SHAPE = [1, 3, 12, 12]


def network() -> onnx.ModelProto:
    """Two convolutions with a gate and a residual, pooling, and a classifier."""
    held = {
        "w1": floats(4, 3, 3, 3),
        "b1": floats(4),
        "w2": floats(4, 4, 3, 3),
        "b2": floats(4),
        "w3": floats(8, 5),
        "b3": floats(5),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["a"], "first", pads=[1] * 4),
        node("Relu", ["a"], ["r"], "relu"),
        node("MaxPool", ["r"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p", "w2", "b2"], ["c"], "second", pads=[1] * 4),
        node("Sigmoid", ["c"], ["s"], "sigmoid"),
        node("Mul", ["c", "s"], ["m"], "gate"),
        node("Add", ["m", "p"], ["d"], "residual"),
        node("Concat", ["d", "p"], ["both"], "concat", axis=1),
        node("AveragePool", ["both"], ["v"], "average", kernel_shape=[2, 2]),
        node("GlobalAveragePool", ["v"], ["g"], "global"),
        node("Flatten", ["g"], ["f"], "flatten"),
        node("Gemm", ["f", "w3", "b3"], ["y"], "classifier"),
    ]
    proto = model(nodes, {"x": SHAPE}, {name: value * 0.3 for name, value in held.items()})
    proto.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return proto


def quantised(form: str, per_channel: bool, folder: Path) -> onnx.ModelProto:
    from onnxruntime import quantization as q

    class Samples(q.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": floats(*SHAPE)} for _ in range(4)]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    before, after = folder / "float.onnx", folder / "quantised.onnx"
    onnx.save(network(), before)
    if form == "dynamic":
        q.quantize_dynamic(before, after, reduce_range=True)
    else:
        kind = q.QuantType.QInt8 if per_channel else q.QuantType.QUInt8
        layout = q.QuantFormat.QOperator if form == "QOperator" else q.QuantFormat.QDQ
        options = {"per_channel": per_channel, "activation_type": kind, "weight_type": kind}
        # 7 bits of weights: ONNX Runtime's products saturate at 16 bits on processors without VNNI
        q.quantize_static(before, after, Samples(), quant_format=layout, reduce_range=True, **options)
    return onnx.load(after)


@pytest.mark.parametrize(
    ("form", "per_channel"), [("QOperator", False), ("QOperator", True), ("QDQ", False), ("QDQ", True), ("dynamic", False)]
)
def test_quantised_network(form: str, per_channel: bool, tmp_path: Path) -> None:
    """Within two levels of the result: a rounding on the way may fall the other way."""
    proto = quantised(form, per_channel, tmp_path)
    operators = {node.op_type for node in proto.graph.node}
    assert operators & {"QOperator": {"QLinearConv"}, "QDQ": {"DequantizeLinear"}, "dynamic": {"ConvInteger"}}[form]
    feeds = {"x": floats(*SHAPE)}
    (expected,) = run_oracle(proto, feeds)
    (got,) = run_graph(import_model(proto), feeds)
    np.testing.assert_allclose(got, expected, atol=2 * np.ptp(expected) / 255 + 1e-5)
