"""What the pipeline makes of whole networks: one region a convolution, nothing left over."""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path

import onnx
import pytest
import torch
from tracing import CONTEXT, calls, run

from amdc.frontends.onnx import import_model
from amdc.ir.graph import Graph, placeholders, region, shape
from amdc.ir.ops.packed import convolution_packed
from amdc.ir.printer import to_text
from amdc.pass_manager import run_pipeline
from amdc.passes.pipeline import cleanup_for, passes_for

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
aten = torch.ops.aten
FREE = (operator.getitem, aten.view.default, aten.clone.default)  # move nothing on the device, where all tensors are dense


def imported(model: str) -> Graph:
    return import_model(str(LIGHT / f"light_{model}.onnx"), {}, {})


def optimised(graph: Graph, level: int) -> Graph:
    return run_pipeline(graph, passes_for(level), CONTEXT, cleanup=cleanup_for(level))


def launches(graph: Graph) -> Counter[str]:
    """What would be launched: regions by their anchor, and operators outside of regions."""
    found: Counter[str] = Counter()
    for node in graph.graph.nodes:
        if node.op == "call_module":
            found[str(node.target).rsplit("_", 1)[0]] += 1
        elif node.op == "call_function" and node.target not in FREE:
            found[str(node.target).split(".")[1].removesuffix("_packed")] += 1
    return found


@pytest.mark.parametrize("level", [1, 2])
def test_resnet50(level: int) -> None:
    """53 convolutions, a max pool, an average, a linear layer and its softmax: one launch each, and no more. From level 2 on one
    convolution computes the first block's first and its shortcut, slices of which move nothing, and one kernel the classifier."""
    graph = optimised(imported("resnet50"), level)
    merged = int(level >= 2)
    found = launches(graph)
    assert found.pop("slice", 0) == 2 * merged
    end = {"pooled_linear": 1} if merged else {"mean": 1, "linear": 1, "_softmax": 1}
    assert found == {"convolution": 53 - merged, "max_pool2d_with_indices": 1} | end
    assert calls(graph, convolution_packed) == 52 * merged
    assert calls(graph, aten._native_batch_norm_legit_no_training.default) == 0
    inside = [region(graph, node) for node in graph.graph.nodes if node.op == "call_module"]
    assert (
        sum(calls(body, aten.add.Tensor) for body in inside) == 17 - merged
    )  # 16 residual connections, and the classifier's bias
    assert sum(calls(body, aten.relu.default) for body in inside) == 49 - merged


def test_resnet50_computes_the_same() -> None:
    graph = imported("resnet50")
    inputs = [torch.rand(shape(node)) for node in placeholders(graph)]
    results = run(graph, *inputs)
    for got, want in zip(run(optimised(graph, 3), *inputs), results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)


def test_level_0_rewrites_nothing() -> None:
    graph = imported("resnet50")
    text = to_text(graph)
    assert to_text(optimised(graph, 0)) == text


@pytest.mark.slow
def test_densenet121_has_its_pre_activations_in_prologues() -> None:
    found = launches(optimised(imported("densenet121"), 2))
    assert found["convolution"] == 121
    assert found["reduction"] == 1  # the average computes the last batch norm and ReLU itself
    assert found["pointwise"] == 0
    assert not {"add", "mul", "relu", "native_batch_norm"} & set(found)


def test_shufflenet_needs_no_copies_but_its_shuffles() -> None:
    found = launches(optimised(imported("shufflenet"), 2))
    assert found["convolution"] == 49
    assert found["permute"] == 16
