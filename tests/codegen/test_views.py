"""Views: layouts say where elements lie, and kernels that take strides read and write through them without a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amdc.codegen.lowering import LoweringOptions, lower
from amdc.codegen.strided_view import Layout, common_atoms
from amdc.target import target
from tests.codegen.checking import check, sample, trace_as_written

aten = torch.ops.aten


def elements(layout: Layout) -> torch.Tensor:
    """The place in memory of each element, by the definition of a layout."""
    places = torch.tensor(layout.offset)
    for axis in layout.axes:
        steps = torch.zeros(1, dtype=torch.long)
        for extent, stride in axis:
            steps = (steps[:, None] + torch.arange(extent) * stride).reshape(-1)
        places = places[..., None] + steps
    return places


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_chains_of_views_lie_where_pytorch_says(data: st.DataObject) -> None:
    """A chain of random views of random extents, layout against tensor; where a layout gives up, the chain ends."""
    shape = tuple(data.draw(st.lists(st.sampled_from((1, 2, 3, 4, 6)), min_size=1, max_size=4)))
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape)
    layout: Layout | None = Layout.dense(shape)
    for _ in range(data.draw(st.integers(1, 5))):
        assert layout is not None
        rank = len(layout.shape)
        kind = data.draw(st.sampled_from(("permute", "reshape", "slice", "select", "flip", "expand")))
        dim = data.draw(st.integers(0, max(0, rank - 1)))
        if kind == "permute":
            order = data.draw(st.permutations(range(rank)))
            layout, tensor = layout.permute(order), tensor.permute(order)
        elif kind == "reshape":
            factors = data.draw(
                st.permutations([f for extent in layout.shape for f in (2 - extent % 2, extent // (2 - extent % 2))])
            )
            layout, tensor = layout.reshape(factors), tensor.reshape(factors)
        elif kind == "expand":
            wider = (2, *(3 if extent == 1 else extent for extent in layout.shape))
            layout, tensor = layout.expand(wider), tensor.expand(wider)
        elif rank and kind == "flip":
            layout, tensor = layout.flip(dim), tensor.flip(dim)
        elif rank and kind == "select":
            index = data.draw(st.integers(0, layout.shape[dim] - 1))
            layout, tensor = layout.select(dim, index), tensor.select(dim, index)
        elif rank:
            start = data.draw(st.integers(0, layout.shape[dim] - 1))
            extent = data.draw(st.integers(1, layout.shape[dim] - start))
            layout, tensor = layout.slice(dim, start, extent), tensor.narrow(dim, start, extent)
        if layout is None:
            return
        assert layout.shape == tuple(tensor.shape)
        assert torch.equal(elements(layout), tensor)
        assert layout.is_dense == torch.equal(tensor.reshape(-1) - tensor.reshape(-1)[0], torch.arange(tensor.numel()))


def test_cuts_that_do_not_fit() -> None:
    assert common_atoms([((6, 1),), ((2, 7), (3, 1))]) == ((2, 3), [(3, 1), (7, 1)])
    assert common_atoms([((2, 9), (3, 1)), ((3, 9), (2, 1))]) is None
    assert common_atoms([((2, 3), (3, 1)), ((2, 9), (3, 3))]) == ((6,), [(1,), (3,)])


def launches(function: Callable[..., Any], *inputs: torch.Tensor) -> int:
    return len(lower(trace_as_written(function, *inputs), target("gfx803"), LoweringOptions()).program.launches)


def heads(x: torch.Tensor) -> torch.Tensor:
    return x.view(2, 5, 3, 8).permute(0, 2, 1, 3)


def scores(x: torch.Tensor) -> torch.Tensor:
    """The queries and keys of three heads that lie side by side in one tensor."""
    q, k = heads(x[:, :, :24]).reshape(6, 5, 8), heads(x[:, :, 24:]).permute(0, 1, 3, 2).reshape(6, 8, 5)
    return torch.bmm(q, k)


def mixed(weights: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Weighted sums of values, whose heads end side by side."""
    mixed_heads = torch.bmm(weights, heads(x).reshape(6, 5, 8)).view(2, 3, 5, 8)
    return torch.relu(mixed_heads.permute(0, 2, 1, 3).reshape(10, 24))


READ_IN_PLACE: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...], int]] = {
    "transposed weight": (lambda x, w: torch.mm(x, w.t()), ((33, 20), (17, 20)), 1),
    "transposed input": (lambda x, w: torch.mm(x.t(), w), ((20, 33), (20, 17)), 1),
    "part of the columns": (lambda x, w: torch.mm(x[:, 3:23], w[:, 4:12]), ((33, 30), (20, 17)), 1),
    "one token": (lambda x, w: torch.mm(x[:, -1], w), ((3, 7, 20), (20, 17)), 1),
    "one row of a transposed weight": (lambda x, w: torch.mm(x[:1], w.t()), ((3, 20), (70, 20)), 1),
    "a column": (lambda x, w: torch.mm(x.t(), w[:, 1:2]), ((20, 70), (20, 3)), 1),
    "heads": (scores, ((2, 5, 48),), 1),
    "broadcast batch": (lambda x, w: torch.bmm(x, w.expand(4, 8, 5)), ((4, 6, 8), (8, 5)), 1),
    "element map": (lambda x, y: x.permute(2, 0, 1) + y[:, 1:, None, 2].expand(4, 2, 3), ((2, 3, 4), (4, 3, 5)), 1),
    "several element maps": (lambda x: (x.t() + 1.0, x.t() * 2.0), ((5, 7),), 2),
    "split": (lambda x: [piece.t() + 1.0 for piece in x.split(4, 1)][1], ((5, 8),), 1),
    "no strides for it": (lambda x, w: torch.mm(x[:, 1:].reshape(12, 20), w), ((3, 5, 20), (20, 17)), 2),
    "backwards": (lambda x, w: torch.mm(x.flip(0), w), ((33, 20), (20, 17)), 2),
    "an output": (lambda x: x.t(), ((5, 7),), 1),
}


@pytest.mark.parametrize("name", READ_IN_PLACE)
def test_read_in_place(name: str) -> None:
    function, shapes, count = READ_IN_PLACE[name]
    inputs = [sample(shape, seed=number) for number, shape in enumerate(shapes)]
    as_tuple = lambda *given: tuple(r) if isinstance(r := function(*given), (list, tuple)) else r  # noqa: E731
    assert launches(as_tuple, *inputs) == count
    check(as_tuple, *inputs, ulps=64, atol=1e-5)


def test_written_as_it_is_rearranged() -> None:
    inputs = sample((6, 5, 5)), sample((2, 5, 24))
    assert launches(mixed, *inputs) == 2
    check(mixed, *inputs, ulps=64, atol=1e-5)


def test_a_view_that_two_kernels_copy_is_copied_once() -> None:
    def sorted_twice(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        turned = x.permute(1, 0)
        return torch.softmax(turned, 1), torch.log_softmax(turned, 1)

    assert launches(sorted_twice, sample((5, 7))) == 3
    check(sorted_twice, sample((5, 7)), ulps=64)
