"""Bad models and bad shapes: each gives one message that names what is wrong, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from amdc.errors import AmdcError, ModelError, UsageError
from amdc.frontends.onnx import NeedsConstants, import_model
from tests.frontends.models import INPUT, model, weighted_model

node = helper.make_node


def relu_model(**changes: int) -> onnx.ModelProto:
    return model([node("Relu", ["x"], ["y"], name="act")], {"x": [2, 3]}, **changes)


def unsupported() -> onnx.ModelProto:
    nodes = [
        *(node("Inverse", ["x"], [f"g{i}"], name=f"/layer.{i}/Inverse", domain="com.microsoft") for i in range(12)),
        node("StringNormalizer", ["b"], ["n"], name="/post/Words"),
        node("Gelu", ["x"], ["z"], name="/own/Gelu"),
    ]
    proto = model(nodes, {"x": [1], "b": [1], "s": [1]})
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return proto


def undefined() -> onnx.ModelProto:
    nodes = [node("Add", ["x", "ghost"], ["a"], name="first"), node("Mul", ["a", "spirit"], ["y"], name="second")]
    return model(nodes, {"x": [2]}, outputs=["y", "nowhere"])


def twice() -> onnx.ModelProto:
    return model([node("Relu", ["x"], ["y"]), node("Exp", ["x"], ["y"])], {"x": [2]})


def cycle() -> onnx.ModelProto:
    nodes = [node("Add", ["x", "c"], ["a"], name="A"), node("Relu", ["a"], ["b"], name="B"), node("Exp", ["b"], ["c"], name="C")]
    return model(nodes, {"x": [2]}, outputs=["c"])


def unsorted() -> onnx.ModelProto:
    return model([node("Relu", ["a"], ["y"], name="late"), node("Exp", ["x"], ["a"], name="early")], {"x": [2]})


def bad_attribute() -> onnx.ModelProto:
    return model([node("Relu", ["x"], ["a"], name="one", slope=2), node("Concat", ["a", "a"], ["y"], name="two")], {"x": [2]})


def string_input() -> onnx.ModelProto:
    proto = relu_model()
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    proto.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"hi"]))
    return proto


def sequence_input() -> onnx.ModelProto:
    proto = relu_model()
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    proto.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(tensor))
    return proto


def sparse() -> onnx.ModelProto:
    proto = relu_model()
    values = helper.make_tensor("few", TensorProto.FLOAT, [1], [2.0])
    places = helper.make_tensor("where", TensorProto.INT64, [1], [9])
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4]))
    return proto


def wrong_size() -> onnx.ModelProto:
    proto = weighted_model(np.ones(100, np.float32))
    proto.graph.initializer[0].dims[0] = 101
    return proto


def wrong_shapes() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "w"], ["a"], name="stem"),
        node("Relu", ["a"], ["b"], name="after the failure"),
        node("MatMul", ["x", "m"], ["c"], name="head"),
        node("Add", ["b", "c"], ["y"], name="join"),
    ]
    return model(nodes, {"x": [1, 3, 8, 8]}, {"w": np.ones((4, 2, 3, 3), np.float32), "m": np.ones((7, 2), np.float32)})


def dynamic_shape_input() -> onnx.ModelProto:
    proto = model([node("Reshape", ["x", "s"], ["y"], name="view")], {"x": [2, 3], "s": [2]})
    proto.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    return proto


def elementwise_statistics() -> onnx.ModelProto:
    names = ["scale", "bias", "mean", "var"]
    held = {name: np.ones(3, np.float32) for name in names}
    return model([node("BatchNormalization", ["x", *names], ["y"], name="bn", spatial=0)], {"x": [2, 3, 4]}, held, opset=8)


def mask_from_values() -> onnx.ModelProto:
    proto = model([node("Compress", ["x", "m"], ["y"], name="where")], {"x": [2], "m": [2]})
    proto.graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    return proto


BAD_MODELS: list[tuple[Callable[[], onnx.ModelProto], list[str]]] = [
    (
        unsupported,
        [
            "14 nodes use operators",
            "com.microsoft:Inverse",
            "   12  /layer.0/Inverse",
            "1  /post/Words",
            "Gelu: part of opset 20",
            "amdc ops",
        ],
    ),
    (undefined, ["node 'first' uses 'ghost'", "node 'second' uses 'spirit'", "output 'nowhere'"]),
    (twice, ["value 'y' is defined 2 times"]),
    (cycle, ["cycle", "'A'", "'B'", "'C'"]),
    (unsorted, ["node 'late' stands before node 'early'"]),
    (bad_attribute, ["node 'one'", "slope", "node 'two'", "axis"]),
    (string_input, ["input 'x' has the dtype STRING", "initializer 'words' has the dtype STRING"]),
    (sequence_input, ["input 'x' is a sequence; only tensors"]),
    (sparse, ["initializer 'few': its indices do not fit"]),
    (wrong_size, ["initializer 'w' holds 400 bytes", "needs 404"]),
    (
        wrong_shapes,
        [
            "2 nodes cannot be imported",
            "node 'stem' (Conv) on [1, 3, 8, 8] float32, [4, 2, 3, 3] float32",
            "node 'head' (MatMul)",
        ],
    ),
    (dynamic_shape_input, ["node 'view' (Reshape)", "input 'shape' ('s') must be a constant"]),
    (elementwise_statistics, ["node 'bn'", "spatial=0"]),
    (mask_from_values, ["node 'where' (Compress)", "input 'condition' ('m') must be a constant"]),
    (lambda: relu_model(opset=5), ["opset 5", "6 to 28"]),
    (lambda: relu_model(opset=99), ["opset 99", "6 to 28"]),
]


@pytest.mark.parametrize(("make", "parts"), BAD_MODELS, ids=[make.__name__ for make, _ in BAD_MODELS])
def test_bad_model(make: Callable[[], onnx.ModelProto], parts: list[str]) -> None:
    message = failure(ModelError, make())
    for part in parts:
        assert part in message, message
    assert len(message.splitlines()) <= 24


def failure(kind: type[AmdcError], *arguments: object, **keywords: object) -> str:
    with pytest.raises(kind) as caught:
        import_model(*arguments, **keywords)  # type: ignore[arg-type]
    assert type(caught.value) in (kind, NeedsConstants if kind is ModelError else kind)
    return str(caught.value)


RELU = relu_model().SerializeToString()
BAD_FILES = {
    "empty": (b"", "has no graph"),
    "text": (b"import torch\nprint('this is no model')\n" * 20, "is not an ONNX model"),
    "zeros": (bytes(64), "is not an ONNX model"),
    "truncated": (RELU[: len(RELU) // 2], "cut off"),
    "no-operator-set": (onnx.ModelProto(graph=onnx.GraphProto(name="g")).SerializeToString(), "has no operator set"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(name: str, tmp_path: Path) -> None:
    content, part = BAD_FILES[name]
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    message = failure(ModelError, path)
    assert part in message
    assert str(path) in message
    assert part in failure(ModelError, content)


def test_every_truncation_is_noticed() -> None:
    whole = weighted_model(np.arange(8, dtype=np.float32)).SerializeToString()
    for length in range(len(whole)):
        with pytest.raises(AmdcError):
            import_model(whole[:length])


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in failure(UsageError, tmp_path / "none.onnx")
    assert "is a folder" in failure(UsageError, tmp_path)


def external_model(tmp_path: Path) -> tuple[Path, Path]:
    onnx.save_model(
        weighted_model(np.ones(300, np.float32)),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    return tmp_path / "m.onnx", tmp_path / "w.bin"


def test_missing_and_short_external_data(tmp_path: Path) -> None:
    path, data = external_model(tmp_path)
    data.write_bytes(data.read_bytes()[:100])
    assert "which has 100; the file is cut off" in failure(ModelError, path)
    data.unlink()
    message = failure(ModelError, path)
    assert "initializer 'w'" in message
    assert "no such file" in message
    assert "give the model as a path" in failure(ModelError, path.read_bytes())


def test_external_data_outside_of_the_folder(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    for location in ("../w.bin", "/etc/passwd"):
        proto.graph.initializer[0].external_data[0].value = location
        path.write_bytes(proto.SerializeToString())
        assert "below the model's folder" in failure(ModelError, path)


def dynamic() -> onnx.ModelProto:
    return model([node("Relu", ["x"], ["y"])], INPUT)


BAD_SHAPES = [
    ({}, {}, ["input 'x' has open dimensions: Nx3xHxW", "--shape x=<N>x3x<H>x<W>", "--bind N=<n> --bind H=<n> --bind W=<n>"]),
    ({}, {"N": 1}, ["open dimensions"]),
    ({"image": (1, 3, 4, 4)}, {}, ["no input is called 'image'; the inputs are: x", "open dimensions"]),
    ({}, {"N": 1, "batch": 1}, ["no dimension is called 'batch'; the symbols are: H, N, W"]),
    ({"x": (1, 4, 4, 4)}, {}, ["input 'x' cannot have the shape 1x4x4x4: the model fixes Nx3xHxW"]),
    ({"x": (1, 3, 4)}, {}, ["input 'x' has 4 dimensions"]),
    ({"x": (0, 3, 4, 4)}, {}, ["every dimension must be at least 1"]),
    ({"x": (2, 3, 4, 4)}, {"N": 3}, ["'N' is 3 elsewhere"]),
    ({}, {"N": 0, "H": 1, "W": 1}, ["'N' is bound to 0"]),
]


@pytest.mark.parametrize(("shapes", "bindings", "parts"), BAD_SHAPES)
def test_bad_shape(shapes: dict[str, tuple[int, ...]], bindings: dict[str, int], parts: list[str]) -> None:
    message = failure(UsageError, dynamic(), shapes, bindings)
    for part in parts:
        assert part in message, message


def test_all_shape_problems_at_once() -> None:
    proto = model([node("Add", ["x", "z"], ["y"])], {"x": ["N", 3], "z": ["?", 3]})
    message = failure(UsageError, proto, {"nothing": (1,)}, {"M": 2})
    for part in ("'nothing'", "'M'", "input 'x'", "input 'z' has open dimensions: ?x3; bind it with --shape z=<?>x3"):
        assert part in message, message


def test_input_without_shape() -> None:
    proto = relu_model()
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    assert "input 'x' has no declared shape" in failure(UsageError, proto)
    assert import_model(proto, {"x": (2, 2)}).meta["inputs"] == ("x",)


def test_long_lists_are_cut() -> None:
    nodes = [node("Add", ["x", f"missing{i}"], [f"y{i}"]) for i in range(40)]
    message = failure(ModelError, model(nodes, {"x": [2]}, outputs=["y0"]))
    assert "and 28 more" in message
    assert len(message.splitlines()) <= 24


def test_unsupported_output_of_a_node() -> None:
    held = {"k": np.array([1])}
    proto = model(
        [node("Dropout", ["x"], ["y", "mask"]), node("TopK", ["x", "k"], ["v", "i"])], {"x": [3]}, held, outputs=["y", "i"]
    )
    assert import_model(proto).meta["outputs"] == ("y", "i")
    norm = model([node("LRN", ["x"], ["y"], size=3)], {"x": [1, 3, 2, 2]})
    norm.graph.node[0].output.append("extra")
    assert "LRN" in failure(ModelError, norm)


def test_numbers_that_are_no_initializer() -> None:
    proto = relu_model()
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "w"))
    proto.graph.initializer[0].data_type = TensorProto.INT4
    assert "initializer 'w' holds 8 bytes, but its shape [2] needs 1" in failure(ModelError, proto)
    proto.graph.initializer[0].data_type = TensorProto.STRING
    assert "initializer 'w' has the dtype STRING" in failure(ModelError, proto)
