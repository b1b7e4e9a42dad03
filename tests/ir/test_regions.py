"""Regions: what moves in, what stays runnable, what lowering is promised."""

from __future__ import annotations

import pytest
import torch
from tracing import run, trace

from amdc.ir.graph import region, source
from amdc.ir.regions import anchor, body_ops, fits_epilogue, make_region
from amdc.ir.verifier import verify


def test_a_region_computes_what_its_nodes_did_and_keeps_their_names() -> None:
    x, y = torch.randn(2, 3), torch.randn(3)
    graph = trace(lambda x, y: (x.exp() + y).tanh() * 2, x, y)
    want = run(graph, x, y)
    nodes = {node.name: node for node in graph.graph.nodes}
    made = make_region(graph, [nodes["exp"], nodes["add"]], "pointwise")
    made = make_region(graph, [made, nodes["tanh"]], "pointwise")
    verify(graph)
    assert torch.equal(run(graph, x, y)[0], want[0])
    assert source(made) == ("/exp", "/add", "/tanh")
    assert made.meta["value"] == "tanh_out"
    assert [node.name for node in body_ops(region(graph, made))] == ["exp", "add", "tanh"]
    assert anchor(region(graph, made)) is None
    assert sum(node.op == "call_module" for node in graph.graph.nodes) == 1


def two_uses(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    used_twice = x.exp()
    return used_twice.tanh(), used_twice


def test_a_pointwise_value_used_outside_is_computed_in_both_places() -> None:
    x = torch.randn(2, 3)
    graph = trace(two_uses, x)
    nodes = {node.name: node for node in graph.graph.nodes}
    made = make_region(graph, [nodes["exp"], nodes["tanh"]], "pointwise")
    verify(graph)
    assert [node.name for node in body_ops(region(graph, made))] == ["exp", "tanh"]
    assert [node.name for node in graph.graph.nodes if node.op == "call_function"] == ["exp"]
    for got, want in zip(run(graph, x), two_uses(x), strict=True):
        assert torch.equal(got, want)


def test_an_anchor_used_outside_may_not_move_in() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        product = torch.mm(x, x)
        return product.tanh(), product

    graph = trace(function, torch.randn(3, 3))
    nodes = {node.name: node for node in graph.graph.nodes}
    with pytest.raises(AssertionError, match="mm is used outside of the region"):
        make_region(graph, [nodes["mm"], nodes["tanh"]], "linear")


@pytest.mark.parametrize(
    ("operand", "output", "axis", "fits"),
    [
        ((2, 4, 5, 5), (2, 4, 5, 5), 1, True),
        ((4, 1, 1), (2, 4, 5, 5), 1, True),
        ((1, 4, 1, 1), (2, 4, 5, 5), 1, True),
        ((), (2, 4, 5, 5), 1, True),
        ((1, 1), (2, 4, 5, 5), 1, True),
        ((4,), (2, 4, 4, 4), 1, False),  # along the width, though the numbers agree
        ((2, 1, 1, 1), (2, 4, 5, 5), 1, False),
        ((7,), (3, 7), 1, True),
        ((3, 1), (3, 7), 1, True),  # a number a row, of a matrix
        ((3, 1), (2, 3, 7), 2, False),
        ((1, 3, 7), (3, 7), 1, False),
    ],
)
def test_operands_behind_an_anchor(operand: tuple[int, ...], output: tuple[int, ...], axis: int, fits: bool) -> None:
    assert fits_epilogue(operand, output, axis) is fits
