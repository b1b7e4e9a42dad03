"""Each promise of the Graph's contract, broken on purpose, is named with the node and the user's names."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch.fx import Node
from tracing import trace

from amdc.errors import InternalError
from amdc.ir.graph import Graph, add_constant, region
from amdc.ir.regions import make_region
from amdc.ir.verifier import Verifier, signature, verify


@pytest.fixture
def graph() -> Graph:
    weight = torch.randn(4, 3, 3, 3)
    made = trace(lambda x: F.conv2d(x, weight).relu() * 2, torch.randn(1, 3, 8, 8))
    nodes = by_target(made)
    make_region(made, [nodes["aten.convolution.default"], nodes["aten.relu.default"]], "convolution")
    return made


def by_target(graph: Graph) -> dict[str, Node]:
    return {str(node.target): node for node in graph.graph.nodes}


def body(graph: Graph) -> Graph:
    return region(graph, by_target(graph)["convolution_0"])


def unknown_operator(graph: Graph) -> None:
    by_target(graph)["aten.mul.Tensor"].target = torch.ops.aten.native_batch_norm.default


def wrong_shape(graph: Graph) -> None:
    node = by_target(graph)["aten.mul.Tensor"]
    node.meta["val"] = node.meta["val"].new_empty(1, 4, 5, 6)


def wrong_dtype(graph: Graph) -> None:
    node = by_target(graph)["aten.mul.Tensor"]
    node.meta["val"] = node.meta["val"].new_empty(1, 4, 6, 6, dtype=torch.float16)


def no_value(graph: Graph) -> None:
    del by_target(graph)["aten.mul.Tensor"].meta["val"]


def wrong_arguments(graph: Graph) -> None:
    node = by_target(graph)["aten.mul.Tensor"]
    node.target, node.args = torch.ops.aten.mm.default, (node.args[0], node.args[0])


def wrong_order(graph: Graph) -> None:
    by_target(graph)["output"].prepend(by_target(graph)["convolution_0"])


def not_contiguous(graph: Graph) -> None:
    graph._tensor_constant0 = graph._tensor_constant0.permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3)  # type: ignore


def lost_constant(graph: Graph) -> None:
    del graph._tensor_constant0


def two_anchors(graph: Graph) -> None:
    relu = by_target(body(graph))["aten.relu.default"]
    relu.target, relu.args = torch.ops.aten.avg_pool2d.default, (relu.args[0], [1, 1])


def constant_inside(graph: Graph) -> None:
    held = body(graph)
    add_constant(held, by_target(held)["aten.relu.default"], "hidden", torch.ones(1))


def tuple_from_region(graph: Graph) -> None:
    output = body(graph).graph.output_node()
    output.args = ((output.args[0],),)


def operand_by_row(graph: Graph) -> None:
    held = body(graph)
    relu = by_target(held)["aten.relu.default"]
    with held.graph.inserting_before(relu):
        extra = held.graph.placeholder("arg2")
    extra.meta = {"val": relu.meta["val"].new_empty(6, 1), "source": (), "value": None}
    relu.target, relu.args = torch.ops.aten.add.Tensor, (relu.args[0], extra)
    held.meta["inputs"] = (*held.meta["inputs"], "arg2")
    call = by_target(graph)["convolution_0"]
    call.args = (*call.args, add_constant(graph, call, "rows", torch.ones(6, 1)))


def region_arguments(graph: Graph) -> None:
    call = by_target(graph)["convolution_0"]
    call.args = call.args[:1]


CASES: list[tuple[Callable[[Graph], None], str]] = [
    (unknown_operator, r"%mul \(from /mul\) calls aten.native_batch_norm.default, which is neither core ATen"),
    (wrong_shape, r"%mul \(from /mul\) claims f32\[1,4,5,6\], but aten.mul.Tensor gives f32\[1,4,6,6\]"),
    (wrong_dtype, r"claims f16\[1,4,6,6\], but aten.mul.Tensor gives f32"),
    (no_value, r'%mul \(from /mul\) has no tensor in meta\["val"\]'),
    (wrong_arguments, r"%mul \(from /mul\): aten.mm.default does not accept its arguments"),
    (wrong_order, r"%mul \(from /mul\) uses convolution_0 before, or without, its definition"),
    (not_contiguous, r"the constant '_tensor_constant0' is not contiguous"),
    (lost_constant, r"names the constant '_tensor_constant0', which this graph does not hold"),
    (two_anchors, r"%convolution_0 \(from /convolution, /relu\): it has 2 anchors"),
    (constant_inside, r"a region's body holds operators alone"),
    (tuple_from_region, r"the region's output is not one node"),
    (operand_by_row, r"relu behind the anchor reads arg2, which is neither per element, per channel nor one number"),
    (region_arguments, r"passes \(f32\[1,3,8,8\]\) to a region that takes \(f32\[1,3,8,8\], f32\[4,3,3,3\]\)"),
]


def test_a_sound_graph_passes(graph: Graph) -> None:
    verify(graph, signature(graph))


@pytest.mark.parametrize(("damage", "message"), CASES, ids=[case[0].__name__ for case in CASES])
def test_each_violation_is_named(graph: Graph, damage: Callable[[Graph], None], message: str) -> None:
    damage(graph)
    with pytest.raises(InternalError, match=message):
        verify(graph)


def test_all_violations_at_once(graph: Graph) -> None:
    wrong_shape(graph)
    not_contiguous(graph)
    assert len(Verifier().check(graph)) == 2


def test_outputs_may_not_change(graph: Graph) -> None:
    expected = signature(graph)
    output = graph.graph.output_node()
    output.args = ((by_target(graph)["x_1"],),)
    with pytest.raises(InternalError, match=r"expected output out0: f32\[1,4,6,6\]; got output out0: f32\[1,3,8,8\]"):
        verify(graph, expected)


def test_a_second_check_is_quick() -> None:
    def deep(x: torch.Tensor) -> torch.Tensor:
        for _ in range(450):
            x = (x * 1.5).relu()
        return x

    graph, verifier = trace(deep, torch.randn(2, 3)), Verifier()
    assert verifier.check(graph) == []
    start = time.process_time()
    assert verifier.check(graph) == []
    assert time.process_time() - start < 1.0
