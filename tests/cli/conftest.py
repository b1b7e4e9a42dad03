"""What the command-line tests share: the command line in this process, small models, and a bundle made of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from amdc.cli import main

FLOAT = onnx.TensorProto.FLOAT


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def amdc(capfd: pytest.CaptureFixture[str]) -> Run:
    """`amdc("verify", path)` runs the command line and gives its exit status, stdout and stderr."""

    def run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as stopped:
            main.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(int(stopped.value.code or 0), captured.out, captured.err)

    return run


def model(
    nodes: list[onnx.NodeProto], inputs: dict[str, list], outputs: dict[str, list], opset: int = 17, **extra: list
) -> onnx.ModelProto:
    """A small model; `extra` goes to make_graph (initializer=...)."""
    ports = [[oh.make_tensor_value_info(name, FLOAT, shape) for name, shape in ports.items()] for ports in (inputs, outputs)]
    graph = oh.make_graph(nodes, "small", *ports, **extra)
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", opset)], ir_version=8)


def convolution_model() -> onnx.ModelProto:
    """Convolution with a bias, ReLU, global average: [1, 3, 9, 9] -> [1, 5, 1, 1], weights from a fixed seed."""
    rng = np.random.default_rng(7)
    weights = onnx.numpy_helper.from_array(rng.standard_normal((5, 3, 3, 3), dtype=np.float32), "w")
    bias = onnx.numpy_helper.from_array(rng.standard_normal(5, dtype=np.float32), "b")
    nodes = [
        oh.make_node("Conv", ["x", "w", "b"], ["c"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        oh.make_node("Relu", ["c"], ["r"], "relu"),
        oh.make_node("GlobalAveragePool", ["r"], ["y"], "pool"),
    ]
    return model(nodes, {"x": [1, 3, 9, 9]}, {"y": [1, 5, 1, 1]}, initializer=[weights, bias])


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(convolution_model(), path)
    return path


@pytest.fixture(scope="session")
def bundle_path(model_path: Path) -> Path:
    import amdc

    return amdc.compile(model_path).save(model_path.with_name("small.amdc"))
