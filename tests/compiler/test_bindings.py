"""Dynamic dimensions: several programs in a bundle, which share what they can, and inputs that are padded to a bucket."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest

import amdc
from amdc.bundle import MAIN, Bundle
from amdc.compiler.bindings import MAX_PROGRAMS, expand
from amdc.errors import InputError, UsageError

FLOAT = onnx.TensorProto.FLOAT
WEIGHT = np.random.default_rng(3).standard_normal((8, 5), dtype=np.float32)


def product(outputs: list[object] | None = None) -> onnx.ModelProto:
    """relu(x w): x [N, S, 8] -> y [N, S, 5]."""
    nodes = [oh.make_node("MatMul", ["x", "w"], ["h"], "product"), oh.make_node("Relu", ["h"], ["y"], "relu")]
    ports = [oh.make_tensor_value_info("x", FLOAT, ["N", "S", 8])], [oh.make_tensor_value_info("y", FLOAT, outputs)]
    graph = oh.make_graph(nodes, "product", *ports, initializer=[onnx.numpy_helper.from_array(WEIGHT, "w")])
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=8)


def expected(x: np.ndarray) -> np.ndarray:
    return np.maximum(x @ WEIGHT, 0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """N is 1 or 3, S is padded to 4 or 8; read back from its file."""
    made = amdc.compile(product(), bindings={"N": (1, 3)}, buckets={"S": (8, 4)})
    return Bundle.open(made.save(tmp_path_factory.mktemp("bindings") / "product.amdc"))


def test_combinations() -> None:
    made = expand({"x": ("B", 3)}, {"N": (1, 2), "B": 7}, {"S": (4, 8)})
    assert [binding.key for binding in made] == ["N=1, S=4", "N=1, S=8", "N=2, S=4", "N=2, S=8"]
    assert all(binding.shapes == {"x": (7, 3)} for binding in made)
    assert made[1].symbols == {"N": 1, "S": 8}, "B is the user's own symbol, which the model does not know"
    assert [binding.key for binding in expand({"x": (1, 3)}, {"N": 1}, {})] == [MAIN]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"x": ("N", "M")}, {"N": (1, 2)}, {}), "'M' in the shape NxM has no value; symbols: M, N; bind it with --bind M="),
        (({"x": ("N", 3)}, {"N": (1, 0)}, {}), "'N' is bound to 1, 0; a dimension must be at least 1"),
        (({}, {}, {"S": (0, 4)}), "'S' is bound to 0, 4; a dimension must be at least 1"),
        (({}, {"N": ()}, {}), "'N' is bound to nothing"),
        (({}, {"N": (2, 2)}, {}), "a value stands there twice"),
        (({}, {"N": 1}, {"N": (4,)}), "'N' is given to --bind and to --bucket"),
        (({}, {"N": tuple(range(1, 10)), "M": tuple(range(1, 10))}, {}), f"81 combinations .* at most {MAX_PROGRAMS}"),
    ],
)
def test_bindings_that_are_none(arguments: tuple[dict, dict, dict], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        expand(*arguments)


def test_programs_share_weights_and_the_arena(bundle: Bundle) -> None:
    assert list(bundle.programs) == ["N=1, S=8", "N=1, S=4", "N=3, S=8", "N=3, S=4"]
    assert len(bundle.constants) == 1, "one weight, packed once, for four programs"
    starts = {(program.constant_bytes, program.state_bytes) for program in bundle.programs.values()}
    assert len(starts) == 1
    assert len(bundle.code) <= len(bundle.programs)
    with pytest.raises(UsageError, match="holds several programs"):
        _ = bundle.program


@pytest.mark.parametrize("device", ["sim", "host"])
def test_the_shape_chooses_and_padding_is_cut_off(bundle: Bundle, device: str) -> None:
    rng = np.random.default_rng(0)
    with amdc.load(bundle, device) as session:
        for n, s in ((1, 4), (3, 8), (3, 5), (1, 1), (3, 4)):
            x = rng.standard_normal((n, s, 8), dtype=np.float32)
            y = session.run({"x": x})["y"]
            assert y.shape == (n, s, 5)
            np.testing.assert_allclose(y, expected(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("device", ["sim", "host"])
def test_shapes_that_nothing_was_compiled_for(bundle: Bundle, device: str) -> None:
    with amdc.load(bundle, device) as session:
        with pytest.raises(
            InputError, match=r"no program of the bundle takes x \[2, 3, 8\]\n.*\n  N=1, S=8: x float32 \[1, 8, 8\]"
        ):
            session.run({"x": np.zeros((2, 3, 8), np.float32)})
        with pytest.raises(InputError, match="'S' is 9 in the inputs, but the largest bucket is 8"):
            session.run({"x": np.zeros((1, 9, 8), np.float32)})
        with pytest.raises(InputError, match="'S' is 0 in the inputs"):
            session.run({"x": np.zeros((1, 0, 8), np.float32)})
        with pytest.raises(InputError, match=r"input 'x' has shape \[8\]; 'S' is its axis 1"):
            session.run({"x": np.zeros(8, np.float32)})
        with pytest.raises(InputError, match="input 'x' is float64, expected float32"):
            session.run({"x": np.zeros((1, 4, 8))})


def test_symbols_of_the_users_own() -> None:
    made = amdc.compile(product(), shapes={"x": ("B", 2, 8)}, bindings={"B": (1, 2)})
    assert {key: program.inputs[0].shape for key, program in made.programs.items()} == {"B=1": (1, 2, 8), "B=2": (2, 2, 8)}


def test_a_bucket_of_one_size() -> None:
    made = amdc.compile(product(), bindings={"N": 1}, buckets={"S": (6,)})
    x = np.random.default_rng(1).standard_normal((1, 5, 8), dtype=np.float32)
    with amdc.load(made, "host") as session:
        np.testing.assert_allclose(session.run({"x": x})["y"], expected(x), rtol=1e-5, atol=1e-5)


def doubled() -> onnx.ModelProto:
    """y is twice as long as x: padding cannot be told apart in it."""
    node = oh.make_node("Concat", ["x", "x"], ["y"], "concat", axis=0)
    ports = [[oh.make_tensor_value_info(name, FLOAT, [dim])] for name, dim in (("x", "S"), ("y", None))]
    return oh.make_model(oh.make_graph([node], "doubled", *ports), opset_imports=[oh.make_opsetid("", 17)], ir_version=8)


def test_buckets_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="axis 0 of 'y' is 8 long for S=4 and 16 for S=8, so padding cannot be cut off"):
        amdc.compile(doubled(), buckets={"S": (4, 8)})
    with pytest.raises(UsageError, match="no dimension is called 'Q'; the symbols are: N, S"):
        amdc.compile(product(), bindings={"N": 1, "S": 4}, buckets={"Q": (4, 8)})
    with pytest.raises(UsageError, match="no dimension is called 'S'; the symbols are: none"):
        fixed = product()
        for axis in (0, 1):
            fixed.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 2
        amdc.compile(fixed, buckets={"S": (4, 8)})
    with pytest.raises(UsageError, match="--bucket S=1 pads nothing"):
        amdc.compile(product(), bindings={"N": 1}, buckets={"S": (1,)})


def test_inputs_that_disagree_about_a_bucket() -> None:
    nodes = [oh.make_node("Add", ["a", "b"], ["y"], "sum")]
    ports = [[oh.make_tensor_value_info(name, FLOAT, ["S"]) for name in names] for names in ("ab", "y")]
    model = oh.make_model(oh.make_graph(nodes, "sum", *ports), opset_imports=[oh.make_opsetid("", 17)], ir_version=8)
    with amdc.load(amdc.compile(model, buckets={"S": (4, 8)}), "host") as session:
        with pytest.raises(InputError, match="the inputs disagree about 'S': 3 in a; 4 in b"):
            session.run({"a": np.zeros(3, np.float32), "b": np.zeros(4, np.float32)})
        assert session.run({"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)})["y"].tolist() == [2, 2, 2]
