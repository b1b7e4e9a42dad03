"""Opset 6, whose models PyTorch's first exporters wrote: the onnx package's own tests of them, on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from amdc.errors import ModelError
from amdc.frontends.onnx import import_model
from tests.frontends.models import model
from tests.frontends.single_node import run_graph

DATA = Path(onnx.__file__).parent / "backend/test/data"
FOLDERS = sorted(path.parent for kind in ("pytorch-converted", "pytorch-operator") for path in (DATA / kind).glob("*/model.onnx"))


def stored(folder: Path, kind: str, values: list[onnx.ValueInfoProto]) -> dict[str, np.ndarray]:
    """The tensors of a folder's first data set, by name."""
    files = [folder / "test_data_set_0" / f"{kind}_{index}.pb" for index in range(len(values))]
    return {value.name: numpy_helper.to_array(onnx.load_tensor(f)) for value, f in zip(values, files, strict=True) if f.exists()}


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_exports_of_the_first_years(folder: Path) -> None:
    proto = onnx.load(folder / "model.onnx")
    feeds, expected = stored(folder, "input", proto.graph.input), stored(folder, "output", proto.graph.output)
    actual = run_graph(import_model(folder / "model.onnx"), feeds)
    for got, wanted in zip(actual, expected.values(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-6)  # rtol: the runner's own


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow"])
def test_broadcast_along_an_axis(op: str) -> None:
    node = helper.make_node(op, ["x", "b"], ["y"], broadcast=1, axis=1)
    b = np.array([1, 2, 3], np.float32)
    x = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)
    proto = model([node], {"x": [2, 3, 4]}, {"b": b}, opset=6)
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power}[op]
    np.testing.assert_allclose(run_graph(import_model(proto), {"x": x})[0], function(x, b[:, None]), rtol=1e-6)


@pytest.mark.parametrize("op", ["Dropout", "BatchNormalization"])
def test_training_is_refused(op: str) -> None:
    held = {name: np.ones(3, np.float32) for name in ("s", "b", "m", "v")} if op == "BatchNormalization" else {}
    make = model([helper.make_node(op, ["x", *held], ["y"])], {"x": [2, 3]}, held, opset=6)
    with pytest.raises(ModelError, match="is_test=0"):
        import_model(make)
    make.graph.node[0].attribute.append(helper.make_attribute("is_test", 1))
    assert run_graph(import_model(make), {"x": np.ones((2, 3), np.float32)})[0].shape == (2, 3)
