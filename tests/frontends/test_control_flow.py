"""If, Loop and Scan written out, held against ONNX Runtime; and what is refused by name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, parser

from amdc.errors import ModelError
from amdc.frontends.onnx import control_flow, import_model
from amdc.frontends.onnx.importer import NeedsConstants
from amdc.ir import graph as ir
from tests.frontends.single_node import run_graph, run_oracle

X = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
HEAD = '<ir_version: 8, opset_import: ["" : 17]> '
BRANCHES = """
    then_branch = then () => (float[2,3] a) { a = Relu(x) },
    else_branch = other () => (float[2,3] b) { b = Neg(x) }
"""
BODY = """
    body = step (int64 i, bool go, float[2,3] s) => (bool on, float[2,3] t, float[2,3] row) {
        on = Identity(go)  f = Cast<to = 1>(i)  p = Add(s, f)  t = Mul(p, x)  row = Identity(t)
    }
"""


def parsed(text: str, **initializers: np.ndarray) -> onnx.ModelProto:
    proto = parser.parse_model(HEAD + text)
    proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in initializers.items())
    return proto


def targets(proto: onnx.ModelProto) -> list[str]:
    graph = import_model(proto)
    return [str(node.target) for node in graph.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize(("condition", "operator"), [(True, "aten.relu.default"), (False, "aten.neg.default")])
def test_if_with_a_constant_condition_is_one_branch(condition: bool, operator: str) -> None:
    proto = parsed("g (float[2,3] x) => (float[2,3] y) { y = If<" + BRANCHES + ">(c) }", c=np.array(condition))
    assert targets(proto) == [operator]
    assert run_graph(import_model(proto), {"x": X})[0].tolist() == run_oracle(proto, {"x": X})[0].tolist()


@pytest.mark.parametrize("condition", [True, False])
def test_if_with_a_traced_condition_chooses(condition: bool) -> None:
    proto = parsed("g (float[2,3] x, bool c) => (float[2,3] y) { y = If<" + BRANCHES + ">(c) }")
    feeds = {"x": X, "c": np.array(condition)}
    assert "aten.where.self" in targets(proto)
    assert run_graph(import_model(proto), feeds)[0].tolist() == run_oracle(proto, feeds)[0].tolist()


def test_branches_of_different_shapes_are_refused_by_name() -> None:
    branches = BRANCHES.replace("float[2,3] b) { b = Neg(x) }", "float[3,2] b) { b = Transpose(x) }")
    proto = parsed("g (float[2,3] x, bool c) => (y) { y = If<" + branches + ">(c) }")
    proto.graph.node[0].name = "choose"
    with pytest.raises(
        NeedsConstants, match=r"'choose' \(If\)(.|\n)*float32 \[2, 3\] in one branch, float32 \[3, 2\] in the other"
    ):
        import_model(proto)
    graph = import_model(proto, specialize_inputs={"c": np.array(False)})
    assert ir.shape(ir.output_nodes(graph)[0]) == (3, 2)


def test_loop_is_unrolled_and_its_rows_stacked() -> None:
    text = "g (float[2,3] x) => (float[2,3] y, float[3,2,3] rows) { y, rows = Loop<" + BODY + ">(n, go, x) }"
    proto = parsed(text, n=np.array(3), go=np.array(True))
    actual, expected = run_graph(import_model(proto), {"x": X}), run_oracle(proto, {"x": X})
    assert [a.tolist() for a in actual] == [np.asarray(e).tolist() for e in expected]


def test_loop_ends_when_its_condition_is_false() -> None:
    body = BODY.replace("on = Identity(go)", "two = Constant<value_int = 2>()  on = Less(i, two)")
    text = "g (float[2,3] x) => (float[2,3] y, float[3,2,3] rows) { y, rows = Loop<" + body + ">(n, go, x) }"
    proto = parsed(text, n=np.array(2**63 - 1), go=np.array(True))
    actual, expected = run_graph(import_model(proto), {"x": X}), run_oracle(proto, {"x": X})
    assert [a.tolist() for a in actual] == [np.asarray(e).tolist() for e in expected]


def test_loop_that_does_not_run() -> None:
    text = "g (float[2,3] x) => (float[2,3] y, float[0,2,3] rows) { y, rows = Loop<" + BODY + ">(n, go, x) }"
    y, rows = run_graph(import_model(parsed(text, n=np.array(0), go=np.array(True))), {"x": X})
    assert y.tolist() == X.tolist() and rows.shape == (0, 2, 3)


def test_loop_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_flow, "MOST_ITERATIONS", 32)
    text = "g (float[2,3] x) => (float[2,3] y, float[n,2,3] rows) { y, rows = Loop<" + BODY + ">(, go, x) }"
    with pytest.raises(ModelError, match="runs more than 32 times"):
        import_model(parsed(text, go=np.array(True)))


@pytest.mark.parametrize("direction", [0, 1])
def test_scan_is_unrolled(direction: int) -> None:
    body = "body = step (float[2] s, float[2] c) => (float[2] t, float[2] d) { t = Add(s, c)  d = Mul(t, c) }"
    settings = f"num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], scan_input_directions = [{direction}]"
    settings += f", scan_output_directions = [{direction}], " + body
    proto = parsed("g (float[2,3] x) => (float[2] y, float[2,3] z) { y, z = Scan<" + settings + ">(s0, x) }", s0=X[:, 0])
    actual, expected = run_graph(import_model(proto), {"x": X}), run_oracle(proto, {"x": X})
    assert [a.tolist() for a in actual] == [np.asarray(e).tolist() for e in expected]


def test_unknown_operator_inside_a_branch_is_named() -> None:
    proto = parsed("g (float[2,3] x) => (float[2,3] y) { y = If<" + BRANCHES.replace("Neg", "Nag") + ">(c) }", c=np.array(True))
    with pytest.raises(ModelError, match=r"Nag +1  If_0/Nag_0"):
        import_model(proto)


def test_value_that_a_branch_does_not_find_is_named() -> None:
    proto = parsed(
        "g (float[2,3] x) => (float[2,3] y) { y = If<" + BRANCHES.replace("Neg(x)", "Neg(z)") + ">(c) }", c=np.array(True)
    )
    with pytest.raises(ModelError, match="inside node 'If_0': node 'Neg_0' uses 'z', which nothing defines"):
        import_model(proto)


def test_functions_of_the_model_are_inlined() -> None:
    model = (
        '<ir_version: 8, opset_import: ["" : 18, "local" : 1]> g (float[2,3] x) => (float[2,3] y) { y = local.Times<k = 3.0>(x) }'
    )
    head = '<domain: "local", opset_import: ["" : 18]> Times <k> (a) => (b) '
    proto = parser.parse_model(model + head + "{ c = Constant<value_float: float = @k>()  b = Mul(a, c) }")
    assert run_graph(import_model(proto), {"x": X})[0].tolist() == (3 * X).tolist()


def test_function_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Softplus is imported by its function body where amdc knows no Softplus."""
    import amdc.frontends.onnx.registry as registry

    registry.supported_operators()
    monkeypatch.delitem(registry._OPERATORS, ("", "Softplus"))
    proto = parsed("g (float[2,3] x) => (float[2,3] y) { [plus] y = Softplus(x) }")
    graph = import_model(proto)
    made = [node for node in graph.graph.nodes if node.op == "call_function"]
    assert len(made) > 1 and {node.meta["source"] for node in made} == {("plus",)}
    eps = 2.0**-23  # of 1 + exp(x), whose logarithm the body takes
    np.testing.assert_allclose(run_graph(graph, {"x": X})[0], run_oracle(proto, {"x": X})[0], rtol=1e-6, atol=eps)


def test_gradient_of_a_value() -> None:
    """d/dw and d/dx of sum(tanh(x w)^2), held against torch's own."""
    text = """g (float[2,3] x, float[3,4] w) => (float y, float[3,4] dw, float[2,3] dx) {
        p = MatMul(x, w)  t = Tanh(p)  q = Mul(t, t)  y = ReduceSum<keepdims = 0>(q)
        dw, dx = ai.onnx.preview.training.Gradient<xs = ["w", "x"], y = "y">(w, x) }"""
    proto = parser.parse_model('<ir_version: 8, opset_import: ["" : 17, "ai.onnx.preview.training" : 1]> ' + text)
    w = np.linspace(-0.3, 0.3, 12, dtype=np.float32).reshape(3, 4)
    leaves = torch.tensor(X, requires_grad=True), torch.tensor(w, requires_grad=True)
    torch.tanh(leaves[0] @ leaves[1]).square().sum().backward()
    _, dw, dx = run_graph(import_model(proto), {"x": X, "w": w})
    np.testing.assert_allclose(dx, leaves[0].grad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dw, leaves[1].grad, rtol=1e-5, atol=1e-6)


def test_sparse_initializers_are_densified() -> None:
    values = numpy_helper.from_array(np.array([5, 7], np.float32), "w")
    for places in (np.array([1, 5]), np.array([[0, 1], [1, 2]])):
        proto = parsed("g (float[2,3] x) => (float[2,3] y) { y = Add(x, w) }")
        indices = numpy_helper.from_array(places, "places")
        proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2, 3]))
        assert run_graph(import_model(proto), {"x": X})[0].tolist() == (X + np.array([[0, 5, 0], [0, 0, 7]])).tolist()


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "FLOAT4E2M1", "INT2", "UINT2"])
def test_narrow_initializers_are_held_as_values(kind: str) -> None:
    element = getattr(TensorProto, kind)
    values = np.array([0, 1, 3 if kind.startswith("U") else -1, 1], np.float32)
    held = numpy_helper.from_array(values.astype(helper.tensor_dtype_to_np_dtype(element)), "w")
    proto = parsed("g (float[4] x) => (float[4] y, c) { f = Cast<to = 1>(w)  y = Add(x, f)  c = Identity(w) }")
    proto.graph.initializer.append(held)
    proto.opset_import[0].version = 25
    graph = import_model(proto)
    assert graph.meta["output_types"] == ("FLOAT", kind)
    assert run_graph(graph, {"x": np.zeros(4, np.float32)})[0].tolist() == values.tolist()
