"""The figures of predicted models: which bytes a model must move, rooflines, and how rows are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest
import torch

import amdc
from amdc.bundle import Bundle
from amdc.codegen.lowering import lower
from amdc.target import target
from benchmarks import predicted_models
from benchmarks.predicted_models import measure, model_bytes, rates, record, static_times
from benchmarks.workloads import Workload
from tests.codegen.checking import trace_as_written


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    weight = onnx.numpy_helper.from_array(np.ones((8, 12), np.float32), "w")
    ports = [[oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)] for name, shape in (("x", [5, 8]), ("y", [5, 12]))]
    nodes = [oh.make_node("MatMul", ["x", "w"], ["p"]), oh.make_node("Softmax", ["p"], ["y"])]
    model = oh.make_model(oh.make_graph(nodes, "small", *ports, [weight]), opset_imports=[oh.make_opsetid("", 17)], ir_version=8)
    return amdc.compile(model, opt_level=3)


def test_the_roofline_of_a_card() -> None:
    polaris, fiji = rates("RX 580"), rates("R9 Nano")
    assert polaris.limit(6.174e6, 0) == pytest.approx(1.0, rel=1e-3), "a microsecond of multiply-adds at 6.17 TFLOP/s"
    assert polaris.limit(0, 220.16e3) == pytest.approx(1.0, rel=1e-3), "a microsecond of 86 % of 256 GB/s"
    assert fiji.limit(0, 1e6) < polaris.limit(0, 1e6)


def test_a_model_moves_its_weights_inputs_and_outputs_once(bundle: Bundle) -> None:
    program = bundle.program
    ports = sum(program.buffers[port.buffer].nbytes for port in (*program.inputs, *program.outputs))
    weights = sum(buffer.nbytes for buffer in program.buffers.values() if buffer.kind == "constant")
    assert model_bytes(program) == ports + weights
    assert all(launch.us == launch.limit_us > 0 for launch in static_times(bundle, program, rates(None), None))


def test_counters_of_split_work_are_no_data_of_the_model() -> None:
    program = lower(trace_as_written(torch.sum, torch.zeros(1 << 18)), target("gfx803")).program
    assert program.states and model_bytes(program) == 4 * (1 << 18) + 4


def test_rows_replace_older_ones_of_the_same_model(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicted_models, "RESULTS", tmp_path / "rows.json")
    for name in ("one", "other", "one"):
        record(measure(Workload(name, lambda level: bundle), 3, None, static_times), 2)
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["model"] for row in rows] == ["one", "other"]
    assert rows[0]["total_ms"] == pytest.approx(rows[0]["kernels_ms"] + rows[0]["launches_ms"], abs=2e-4)
    assert len(rows[0]["slowest"]) == min(2, rows[0]["launches"])
