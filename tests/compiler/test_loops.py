"""Loops whose number of iterations depends on the inputs: cut into programs that the session runs in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import amdc
from amdc.compiler.host_session import open_host_session
from amdc.compiler.verify import verify
from amdc.errors import BundleError, InputError, ModelError, UsageError
from amdc.runtime.session import open_session

WIDTH = 5


def _value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _halving(rows: int | str = 3, scanned: bool = False, grows: bool = False) -> onnx.ModelProto:
    """y = h @ w + sum|x|, where h is |x| halved until its sum is at most `limit`, at most `trips` times."""
    step = (
        helper.make_node("Concat", ["held", "held"], ["next"], axis=0)
        if grows
        else helper.make_node("Mul", ["held", "half"], ["next"])
    )
    body = helper.make_graph(
        [
            step,
            helper.make_node("ReduceSum", ["next"], ["sum"], keepdims=0),
            helper.make_node("Greater", ["sum", "limit"], ["again"]),
        ],
        "body",
        [_value("i", [], TensorProto.INT64), _value("going", [], TensorProto.BOOL), _value("held", [rows, 4])],
        [_value("again", [], TensorProto.BOOL), _value("next", [rows, 4]), *([_value("sum", [])] if scanned else [])],
        [helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])],
    )
    weights = np.random.default_rng(0).standard_normal((4, WIDTH)).astype(np.float32)
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("ReduceSum", ["size"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "limit"], ["first"]),
        helper.make_node(
            "Loop", ["trips", "first", "size"], ["halved", *(["sums"] if scanned else [])], name="halving", body=body
        ),
        helper.make_node("MatMul", ["halved", "w"], ["product"]),
        helper.make_node("Add", ["product", "total"], ["y"]),
    ]
    ports = [_value("x", [rows, 4]), _value("limit", []), _value("trips", [], TensorProto.INT64)]
    outputs = [_value("y", [rows, WIDTH]), *([_value("sums", ["n"])] if scanned else [])]
    graph = helper.make_graph(nodes, "halve", ports, outputs, [onnx.numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _inputs(seed: int, limit: float, trips: int) -> dict[str, np.ndarray]:
    x = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
    return {"x": x, "limit": np.array(limit, np.float32), "trips": np.array(trips)}


@pytest.mark.parametrize("opt_level", [0, 3])
def test_as_often_as_the_inputs_say(opt_level: int, tmp_path: Path) -> None:
    model = _halving()
    path = amdc.compile(model, opt_level=opt_level).save(tmp_path / "loop.amdc")
    reference = onnxruntime.InferenceSession(model.SerializeToString())
    with open_session(path, "sim") as sim, open_host_session(path) as host:
        for inputs, iterations in (
            (_inputs(0, 1.0, 50), 3),
            (_inputs(1, 100.0, 50), 0),
            (_inputs(0, 1.0, 2), 2),
            (_inputs(2, 1.0, 0), 0),
        ):
            (expected,) = reference.run(None, inputs)
            for session in (sim, host):
                np.testing.assert_allclose(session.run(inputs)["y"], expected, rtol=1e-5, atol=1e-5)
                assert session.executed == ["before halving", *["halving"] * iterations, "after"]


def test_verify_compares_the_last_programs_outputs() -> None:
    model = _halving()
    bundle = amdc.compile(model)
    with open_session(bundle, "sim") as session:
        assert verify(model, bundle, session, _inputs(0, 1.0, 50)).passed
        assert not verify(model, bundle, session, _inputs(0, 1.0, 50), rtol=0.0, atol=0.0).passed


def test_what_iterations_stack_has_no_known_length() -> None:
    with pytest.raises(ModelError, match=r"'halving' \(Loop\).*\n.*stacks 1 value of each iteration"):
        amdc.compile(_halving(scanned=True))


def test_carried_shapes_may_not_change() -> None:
    with pytest.raises(ModelError, match=r"carries 'next', FLOAT \[3, 4\] before and FLOAT \[6, 4\] after"):
        amdc.compile(_halving(grows=True))


def test_one_binding_at_a_time() -> None:
    with pytest.raises(UsageError, match="compiled for one binding at a time"):
        amdc.compile(_halving("N"), bindings={"N": (1, 3)})
    assert len(amdc.compile(_halving("N"), bindings={"N": 3}).schedule) == 3


def test_a_damaged_schedule_is_refused(tmp_path: Path) -> None:
    bundle = amdc.compile(_halving())
    bundle.schedule = tuple(type(step)(step.program, step.condition and "held.limit") for step in bundle.schedule)
    assert any("held.limit" in problem for problem in bundle.check())
    with pytest.raises(BundleError, match="no state of it that holds one bool"):
        open_session(bundle, "sim")


def test_an_input_bound_to_its_value_decides_a_branch() -> None:
    """Only the branch that the bound value takes is compiled; the session refuses other values."""
    shapes = {"then_branch": [2, 6], "else_branch": [5, 5]}
    branches = {
        name: helper.make_graph(
            [helper.make_node("Constant", [], ["s"], value=helper.make_tensor("s", TensorProto.INT64, [2], shape)),
             helper.make_node("Reshape", ["x", "s"], ["r"])],
            name, [], [_value("r", [2, 6])],
        )
        for name, shape in shapes.items()
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["mode"], ["first"], to=TensorProto.BOOL),
        helper.make_node("If", ["first"], ["picked"], name="choice", **branches),
        helper.make_node("Relu", ["picked"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "choose", [_value("x", [3, 4]), _value("mode", [], TensorProto.INT64)], [_value("y", [2, 6])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match=r"'choice' .If..*\n.*depends on the model's inputs .mode.*--bind"):
        amdc.compile(model)
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    with open_session(amdc.compile(model, bindings={"mode": 1}), "sim") as session:
        np.testing.assert_array_equal(session.run({"x": x, "mode": np.array(1)})["y"], np.maximum(x, 0).reshape(2, 6))
        with pytest.raises(InputError, match="'mode' is 0, but the model is compiled for 1 alone"):
            session.run({"x": x, "mode": np.array(0)})
