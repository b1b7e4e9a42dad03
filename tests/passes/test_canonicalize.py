"""Before and after, for each rule of the canonical forms: two functions, the pass turns the first into the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tracing import after_passes, run, structure, trace

from amdc.passes.canonicalize import Canonicalize
from amdc.passes.fold_constants import FoldConstants

aten = torch.ops.aten
IMAGE = torch.randn(2, 4, 6, 6)
ROWS = torch.randn(3, 5)
MATRIX, ONE, TWO = torch.randn(5, 7), torch.tensor(1.0), torch.tensor([2.0])
ZERO, WHOLE = torch.tensor(0.0), torch.randn(3, 5)
TABLE, ONES = torch.randn(2, 400), torch.full((100,), 1)
SWAPPED = torch.tensor([1, 0])
VECTOR, VARIANCE = torch.randn(4), torch.rand(4) + 0.5
CHANNEL = VECTOR.reshape(4, 1, 1)
REPEATED, TWICE = torch.randn(1, 5).repeat(3, 1), torch.full((3, 5), 2.0)


def batch_norm(x: torch.Tensor) -> torch.Tensor:
    return aten._native_batch_norm_legit_no_training(x, VECTOR, VARIANCE, VECTOR, VARIANCE, 0.1, 1e-5)[0]


def keep(x: torch.Tensor) -> torch.Tensor:
    """Makes a value that nothing folds into, so that both functions have the same operators around the rule."""
    return torch.exp(x)


Case = tuple[str, Callable[[torch.Tensor], Any], Callable[[torch.Tensor], Any], torch.Tensor]
CANONICAL: list[Case] = [
    ("add of zero", lambda x: keep(x) + 0.0, keep, ROWS),
    ("add of zeros of rank 3", lambda x: keep(x) + torch.zeros(1, 1, 1), lambda x: keep(x).view(1, 3, 5), ROWS),
    ("subtraction of zero", lambda x: keep(x) - 0.0, keep, ROWS),
    ("product with one", lambda x: keep(x) * ONE, keep, ROWS),
    ("quotient by one", lambda x: keep(x) / 1.0, keep, ROWS),
    ("first power", lambda x: keep(x) ** 1.0, keep, ROWS),
    ("square", lambda x: x**2.0, lambda x: x * x, ROWS),
    ("square root", lambda x: keep(x) ** 0.5, lambda x: keep(x).sqrt(), ROWS),
    ("constant first", lambda x: WHOLE + x, lambda x: x + WHOLE, ROWS),
    ("one element", lambda x: x * TWO, lambda x: x * 2.0, ROWS),
    ("difference", lambda x: x - CHANNEL, lambda x: x + CHANNEL, IMAGE),
    ("quotient", lambda x: x / VARIANCE.reshape(4, 1, 1), lambda x: x * VARIANCE.reshape(4, 1, 1), IMAGE),
    ("quotient by a number", lambda x: x / 4.0, lambda x: x * 0.25, ROWS),
    ("scaled addend", lambda x: torch.add(x, CHANNEL, alpha=3), lambda x: x + CHANNEL, IMAGE),
    ("maximum with zero", lambda x: torch.maximum(x, ZERO), torch.relu, ROWS),
    ("hardtanh", lambda x: F.hardtanh(x, 0.0, 6.0), lambda x: aten.clamp.default(x, 0.0, 6.0), ROWS),
    ("clamp from zero", lambda x: torch.clamp(x, min=0.0), torch.relu, ROWS),
    ("same shape", lambda x: keep(x).view(3, 5), keep, ROWS),
    ("view of view", lambda x: keep(x).view(15).view(5, 3), lambda x: keep(x).view(5, 3), ROWS),
    ("unsqueeze", lambda x: keep(x).unsqueeze(1), lambda x: keep(x).view(3, 1, 5), ROWS),
    ("two permutes", lambda x: keep(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2), keep, IMAGE),
    (
        "moves that cancel",
        lambda x: keep(x).view(8, 6, 6).mT.view(2, 4, 6, 6).permute(0, 1, 3, 2).exp(),
        lambda x: keep(x).exp(),
        IMAGE,
    ),
    ("permute of ones", lambda x: x.view(3, 1, 5).permute(1, 0, 2).exp(), lambda x: x.view(1, 3, 5).exp(), ROWS),
    ("select of the only", lambda x: keep(x).view(3, 1, 5)[:, 0], keep, ROWS),
    ("index of the only", lambda x: keep(x).view(3, 1, 5)[:, (x[0, :1] > 9).long()], lambda x: keep(x).view(3, 1, 5), ROWS),
    ("index in order", lambda x: keep(x)[torch.arange(3).view(3, 1), torch.arange(5)], keep, ROWS),
    ("embedding of one", lambda x: x + aten.embedding.default(TABLE, ONES), lambda x: x + TABLE[0], torch.randn(100, 400)),
    (
        "indices from the end",
        lambda i: torch.index_select(TABLE, 1, torch.where(i < 0, i + 400, i).view(-1)),
        lambda i: TABLE[:, i.view(4)],
        torch.tensor([[0, -1], [-400, 399]]),
    ),
    ("mask of all", lambda x: (x > 0) & torch.ones(3, 1, dtype=torch.bool), lambda x: x > 0, ROWS),
    ("full slice", lambda x: keep(x)[:, 0:5], keep, ROWS),
    ("empty padding", lambda x: aten.constant_pad_nd.default(keep(x), [0, 0], 1.0), keep, ROWS),
    ("single cat", lambda x: torch.cat([keep(x)]), keep, ROWS),
    ("clone", lambda x: keep(x).clone(), keep, ROWS),
    ("cast there and back", lambda x: keep(x).double().float(), keep, ROWS),
    (
        "unsigned casts that lose numbers",
        lambda x: keep(x.int().to(torch.uint32).long()),
        lambda x: keep(x.int().to(torch.uint32).long()),
        ROWS,
    ),
    ("two widening casts", lambda x: keep(x.half().float().double()), lambda x: keep(x.half().double()), ROWS),
    ("repeated rows", lambda x: keep(x) * REPEATED, lambda x: keep(x) * REPEATED[:1], ROWS),
    ("one number repeated", lambda x: torch.where(x > TWICE, x, 0.5), lambda x: torch.where(x > 2.0, x, 0.5), ROWS),
    (
        "broadcast of a choice",
        lambda x: torch.where((x.sum(1, True) > 0).expand(3, 5), ZERO, ONE).exp(),
        lambda x: torch.where(x.sum(1, True) > 0, ZERO, ONE).expand(3, 5).exp(),
        ROWS,
    ),
    ("broadcast", lambda x: x * x.mean(1, True).expand(3, 5), lambda x: x * x.mean(1, True), ROWS),
    ("addmm", lambda x: torch.addmm(MATRIX[0].clone(), x, MATRIX), lambda x: torch.mm(x, MATRIX) + MATRIX[0].clone(), ROWS),
    ("batch norm", batch_norm, lambda x: x * CHANNEL + VARIANCE.reshape(4, 1, 1), IMAGE),
    ("pooling of all", lambda x: F.avg_pool2d(x, 6), lambda x: x.mean((-2, -1), True), IMAGE),
]


@pytest.mark.parametrize(("name", "before", "after", "example"), CANONICAL, ids=[case[0] for case in CANONICAL])
def test_canonical_forms(name: str, before: Callable[..., Any], after: Callable[..., Any], example: torch.Tensor) -> None:
    graph = trace(before, example)
    want = run(graph, example)
    after_passes(graph, [FoldConstants(), Canonicalize()])
    wanted = after_passes(trace(after, example), [FoldConstants()])
    assert structure(graph) == structure(wanted)
    torch.testing.assert_close(run(graph, example), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format).view(2, 144),  # the clone densifies
        lambda x: x[:, 0:3],
        lambda x: x[SWAPPED],  # all, in another order
        lambda x: x / ZERO,
        lambda x: F.avg_pool2d(x, 6, padding=3),
        lambda x: torch.clamp(x, 0.5, 2.0),
        lambda x: x**1.5,
        lambda x: aten.constant_pad_nd.default(x, [1, -1], 0.0),  # keeps the shape, shifts the values
    ],
)
def test_what_is_no_special_case_stays(function: Callable[..., Any]) -> None:
    graph = trace(function, IMAGE)
    want, values = structure(graph), run(graph, IMAGE)
    after_passes(graph, [Canonicalize()])
    assert structure(graph).count("aten.") == want.count("aten.")
    torch.testing.assert_close(run(graph, IMAGE), values, equal_nan=True)
