"""What the importer does with constants, shapes, names and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from amdc.errors import UsageError
from amdc.frontends.onnx import import_model, supported_operators
from amdc.frontends.onnx.operators.microsoft.domain import DOMAIN
from amdc.frontends.onnx.registry import NEWEST_OPSET, OLDEST_OPSET, find_operator
from amdc.ir import graph as ir
from tests.frontends.models import INPUT, model, weighted_model
from tests.frontends.single_node import run_graph, run_oracle


def test_shape_arithmetic_folds() -> None:
    """Shape, Gather, Cast, Concat of a traced input become the constant shape of a Reshape."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
        helper.make_node("Unsqueeze", ["batch", "axes"], ["batch1"]),
        helper.make_node("Cast", ["batch1"], ["batch64"], to=TensorProto.INT64),
        helper.make_node("Concat", ["batch64", "minus_one"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    held = {"zero": np.array(0), "axes": np.array([0]), "minus_one": np.array([-1])}
    graph = import_model(model(nodes, {"x": ["N", 3, "H"]}, held), bindings={"N": 2, "H": 5})
    assert [node.target for node in graph.graph.nodes if node.op == "call_function"] == [torch.ops.aten.view.default]
    assert ir.shape(ir.output_nodes(graph)[0]) == (2, 15)


def test_identity_and_dropout_leave_nothing() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["a"]), helper.make_node("Dropout", ["a"], ["y"])]
    graph = import_model(model(nodes, {"x": [2, 3]}))
    assert ir.output_nodes(graph) == ir.placeholders(graph)


def test_constant_output_and_repeated_output() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Constant", [], ["c"], value_ints=[1, 2])]
    graph = import_model(model(nodes, {"x": [2]}, outputs=["y", "c", "y"]))
    assert ir.outputs(graph) == ("y", "c", "y")
    first, held, last = run_graph(graph, {"x": np.array([-1, 2], np.float32)})
    assert first.tolist() == last.tolist() == [0, 2]
    assert held.tolist() == [1, 2]


def test_a_constant_used_twice_is_held_once() -> None:
    nodes = [helper.make_node("Add", ["x", "w"], ["a"]), helper.make_node("Mul", ["a", "w"], ["y"])]
    graph = import_model(model(nodes, {"x": [2, 3]}, {"w": np.ones((2, 3), np.float32)}))
    assert sum(node.op == "get_attr" for node in graph.graph.nodes) == 1


def test_names_that_are_no_identifiers() -> None:
    """Attributes get identifiers of their own, also where users' names collide, or are words of Python or torch."""
    names = ["a.b", "a/b", "1st", "class", "forward", "graph"]
    nodes, last = [], "x"
    for name in names:
        nodes.append(helper.make_node("Add", [last, name], [f"sum of {name}"]))
        last = f"sum of {name}"
    nodes[-1].output[0] = "y"
    held = {name: np.full(3, index, np.float32) for index, name in enumerate(names)}
    graph = import_model(model(nodes, {"x": [3]}, held))
    assert set(graph.meta["constants"].values()) == set(names)
    assert all(attribute.isidentifier() for attribute in graph.meta["constants"])
    assert run_graph(graph, {"x": np.zeros(3, np.float32)})[0].tolist() == [15, 15, 15]


def test_nameless_nodes_are_called_by_operator_and_place() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"], name="named"), helper.make_node("Exp", ["a"], ["y"])]
    graph = import_model(model(nodes, {"x": [3]}))
    assert [node.meta["source"] for node in graph.graph.nodes if node.op == "call_function"] == [("named",), ("Exp_1",)]


def test_weights_are_mapped_not_copied(tmp_path: Path) -> None:
    """An aligned initializer is a view of the file; one that stands at an odd place is copied; both have the right values."""
    weight = np.arange(1024, dtype=np.float32).reshape(1024)
    mapped = 0
    for padding in range(4):
        proto = weighted_model(weight)
        proto.producer_name = "p" * (padding + 1)
        path = tmp_path / f"model{padding}.onnx"
        path.write_bytes(proto.SerializeToString())
        graph = import_model(path)
        held = next(ir.constant(graph, node) for node in graph.graph.nodes if node.op == "get_attr")
        assert held.numpy().tolist() == weight.tolist()
        mapped += _backed_by_file(held.data_ptr(), path)
    assert mapped == 1


def _backed_by_file(address: int, path: Path) -> bool:
    """Whether an address of this process lies in a mapping of the file."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, name = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        if start <= address < end:
            return name.strip() == str(path)
    return False


def test_external_data(tmp_path: Path) -> None:
    weight = np.arange(300, dtype=np.float32)
    proto = weighted_model(weight)
    path = tmp_path / "model.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size >= weight.nbytes
    x = np.ones(300, np.float32)
    assert run_graph(import_model(path), {"x": x})[0].tolist() == (x + weight).tolist()


def test_bytes_path_and_proto_agree(tmp_path: Path) -> None:
    proto = weighted_model(np.linspace(0, 1, 500, dtype=np.float32))
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    x = np.random.default_rng(0).random(500, np.float32)
    results = [run_graph(import_model(form), {"x": x})[0] for form in (path, str(path), path.read_bytes(), proto)]
    assert all(np.array_equal(result, results[0]) for result in results)


def test_an_attribute_tensor_is_not_mistaken_for_a_weight_of_the_same_name(tmp_path: Path) -> None:
    weight, other = np.ones(300, np.float32), np.full(300, 2, np.float32)
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(other, "w")),
        helper.make_node("Add", ["w", "c"], ["sum"]),
        helper.make_node("Mul", ["x", "sum"], ["y"]),
    ]
    path = tmp_path / "model.onnx"
    path.write_bytes(model(nodes, {"x": [300]}, {"w": weight}).SerializeToString())
    assert run_graph(import_model(path), {"x": weight})[0].tolist() == [3.0] * 300


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("raw", [True, False])
def test_initializer_dtypes(dtype: type, raw: bool) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = helper.make_tensor("w", kind, values.shape, values.tobytes() if raw else values.flatten().tolist(), raw=raw)
    proto = model(
        [helper.make_node("Identity", ["w"], ["y"]), helper.make_node("Relu", ["x"], ["z"])], {"x": [1]}, outputs=["y", "z"]
    )
    proto.graph.initializer.append(tensor)
    held = run_graph(import_model(proto), {"x": np.ones(1, np.float32)})[0]
    assert held.dtype == values.dtype
    assert held.tolist() == values.tolist()


def test_functions_of_the_model_are_expanded() -> None:
    body = [helper.make_node("Mul", ["a", "a"], ["square"]), helper.make_node("Add", ["square", "a"], ["b"])]
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("own", "SquarePlus", ["a"], ["b"], body, [opset])
    proto = model([helper.make_node("SquarePlus", ["x"], ["y"], domain="own")], {"x": [3]})
    proto.opset_import.append(helper.make_opsetid("own", 1))
    proto.functions.append(function)
    x = np.array([1, 2, 3], np.float32)
    assert run_graph(import_model(proto), {"x": x})[0].tolist() == run_oracle(proto, {"x": x})[0].tolist() == [2, 6, 12]


def test_both_names_of_the_default_domain() -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")], {"x": [2]})
    proto.opset_import[0].domain = "ai.onnx"
    assert run_graph(import_model(proto), {"x": np.array([-1, 1], np.float32)})[0].tolist() == [0, 1]


def test_inputs_with_default_values_are_constants() -> None:
    proto = weighted_model(np.ones(4, np.float32))
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4]))
    assert ir.inputs(import_model(proto)) == ("x",)


SHAPES = [
    ({"x": (1, 3, 8, 8)}, {}, (1, 3, 8, 8)),
    ({}, {"N": 2, "H": 4, "W": 5}, (2, 3, 4, 5)),
    ({"x": (2, 3, 4, 5)}, {"N": 2}, (2, 3, 4, 5)),
]


@pytest.mark.parametrize(("shapes", "bindings", "expected"), SHAPES)
def test_shapes_are_bound(shapes: dict, bindings: dict, expected: tuple[int, ...]) -> None:
    graph = import_model(model([helper.make_node("Relu", ["x"], ["y"])], INPUT), shapes, bindings)
    assert ir.shape(ir.placeholders(graph)[0]) == ir.shape(ir.output_nodes(graph)[0]) == expected


def test_a_shape_binds_its_symbols_for_other_inputs() -> None:
    graph = import_model(model([helper.make_node("Add", ["x", "z"], ["y"])], {"x": ["N", 3], "z": ["N", 1]}), {"x": (4, 3)})
    assert [ir.shape(node) for node in ir.placeholders(graph)] == [(4, 3), (4, 1)]


def test_no_dimension_is_guessed() -> None:
    for open_dimension in ("N", "?", -1, None):
        with pytest.raises(UsageError, match="open dimensions"):
            import_model(model([helper.make_node("Relu", ["x"], ["y"])], {"x": [open_dimension, 3]}))


RUNTIME = {("", "SimplifiedLayerNormalization")}  # ONNX Runtime's, in the default domain


def test_each_operator_is_one_of_the_standard() -> None:
    """Names exist, and a version from which a meaning holds is not newer than the standard, nor the operator older than said."""
    for domain, name, since in supported_operators():
        if (domain, name) in RUNTIME or domain == DOMAIN:
            continue
        schema = onnx.defs.get_schema(name, max_inclusive_version=NEWEST_OPSET, domain=domain)
        assert max(since) <= NEWEST_OPSET
        assert find_operator(domain, name, max(OLDEST_OPSET, schema.since_version)) is not None


def test_each_meaning_takes_the_inputs_and_attributes_of_its_schema() -> None:
    """For every opset from the oldest to the newest: the function has a parameter for each input and attribute."""
    for domain, name, _ in supported_operators():
        for opset in range(OLDEST_OPSET, NEWEST_OPSET + 1):
            operator = find_operator(domain, name, opset)
            if operator is None or not onnx.defs.has(name, opset, domain):
                continue
            schema = onnx.defs.get_schema(name, max_inclusive_version=opset, domain=domain)
            if schema.deprecated:
                continue
            known = {parameter.name for parameter in operator.parameters}
            graphs = {a for a, entry in schema.attributes.items() if entry.type == onnx.defs.OpSchema.AttrType.GRAPH}
            unknown = set(schema.attributes) - graphs - known - {"value_string", "value_strings", "sparse_value"}
            assert not unknown, f"{name}-{opset} has attributes {unknown}"
            variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in operator.parameters)
            assert variadic or len(operator.positional) >= len(schema.inputs), (
                f"{name}-{opset}: {[i.name for i in schema.inputs]}"
            )


def test_the_structure_is_parsed_without_the_weights() -> None:
    """Everything but the raw data of large initializers is as it was; fields of every wire type around them stay."""
    from amdc.frontends.onnx.wire import raw_data_spans, without_raw_data

    rng = np.random.default_rng(0)
    arrays = {"large": rng.standard_normal((40, 300)).astype(np.float32), "small": np.arange(3), "wide": np.ones((9, 9, 9))}
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    node = onnx.helper.make_node("Identity", ["large"], ["y"], "identity", doc_string="x" * 300)
    value = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [40, 300])
    proto = onnx.helper.make_model(onnx.helper.make_graph([node], "weights", [], [value], initializer=tensors, doc_string="d"))
    data = memoryview(proto.SerializeToString())
    spans = raw_data_spans(data)
    assert spans.keys() == {"large", "wide"}
    for name, (offset, length) in spans.items():
        assert bytes(data[offset : offset + length]) == arrays[name].tobytes()
    for tensor in proto.graph.initializer:
        if tensor.name in spans:
            tensor.ClearField("raw_data")
    assert onnx.ModelProto.FromString(without_raw_data(data, spans)) == proto
