"""Inputs compiled as constants, and shapes that depend on values."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import amdc
from amdc.bundle import Bundle
from amdc.errors import InputError, ModelError, UsageError
from amdc.frontends.onnx.importer import NeedsConstants, import_model

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SHAPE = np.array([3, 2])


def reshape_model() -> onnx.ModelProto:
    """y = reshape(x, shape) + 1, w = shape * 2; the shape is an input."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"], name="form"),
        helper.make_node("Add", ["r", "one"], ["y"]),
        helper.make_node("Add", ["shape", "shape"], ["w"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]),
        helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
    ]
    outputs = [helper.make_empty_tensor_value_info("y"), helper.make_empty_tensor_value_info("w")]
    one = onnx.numpy_helper.from_array(np.array(1, np.float32), "one")
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, [one]), opset_imports=[helper.make_opsetid("", 17)])


def test_without_values_the_error_says_what_is_needed() -> None:
    with pytest.raises(NeedsConstants, match="'form'") as caught:
        import_model(reshape_model())
    assert caught.value.inputs == {"shape"}


def test_session_runs_the_values_and_refuses_others(tmp_path: object) -> None:
    bundle = amdc.compile(reshape_model(), specialize_inputs={"shape": SHAPE})
    assert isinstance(bundle, Bundle)
    with amdc.load(bundle, "sim") as session:
        results = session.run({"x": X, "shape": SHAPE})
        assert results["y"].tolist() == (X.reshape(3, 2) + 1).tolist()
        assert results["w"].tolist() == [6, 4]  # computed by a kernel from the input, not at import
        with pytest.raises(InputError, match=r"input 'shape' is \[2, 3\], but the model is compiled for \[3, 2\] alone"):
            session.run({"x": X, "shape": SHAPE[::-1].copy()})


@pytest.mark.parametrize(
    ("values", "said"),
    [({"other": SHAPE}, "no input is called 'other'"), ({"shape": np.zeros(3, np.int64)}, r"is int64 \[2\]; .* int64 \[3\]")],
)
def test_values_that_do_not_fit(values: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        import_model(reshape_model(), specialize_inputs=values)


def test_shapes_that_depend_on_values_are_refused_by_name() -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["i"], name="places"), helper.make_node("Add", ["i", "i"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(ModelError, match=r"1 node makes tensors whose shape depends on values(.|\n)*places"):
        amdc.compile(model)
