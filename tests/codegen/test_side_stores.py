"""Products store parts of their results into states themselves, where that is safe, and leave it to a kernel where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amdc.codegen.lowering import Lowered, LoweringOptions, lower
from amdc.pass_manager import run_pipeline
from amdc.passes.pipeline import cleanup_for, passes_for
from amdc.runtime.session import open_session
from amdc.target import target
from tests.codegen.test_states import stateful
from tests.support.run_graph import compile_lowered
from tests.tracing import CONTEXT

aten = torch.ops.aten
HEADS, WIDTH, ROOM = 2, 4, 6
WEIGHT, BIAS = torch.randn(5, 3 * HEADS * WIDTH), torch.randn(3 * HEADS * WIDTH)
CACHE = torch.zeros(1, HEADS, ROOM, WIDTH)


def projected(x: Tensor) -> list[Tensor]:
    """Queries, keys and values [1, heads, tokens, width]."""
    parts = torch.addmm(BIAS, x, WEIGHT).view(1, -1, 3 * HEADS * WIDTH).split(HEADS * WIDTH, 2)
    return [part.view(1, -1, HEADS, WIDTH).permute(0, 2, 1, 3) for part in parts]


def caches(keys: Tensor, values: Tensor, position: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = projected(x)
    kept = [aten.index_put.default(old, [None, None, position], new) for old, new in ((keys, k), (values, v))]
    return q.sum(2, keepdim=True) + kept[0] * 2 + kept[1], kept[0], kept[1]


def reads_old_behind(keys: Tensor, values: Tensor, position: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    _, k, v = projected(x)
    old = keys * 1.5
    kept = aten.index_put.default(keys, [None, None, position], k)
    return old + kept, kept, aten.index_put.default(values, [None, None, position], v)


def late_position(keys: Tensor, values: Tensor, position: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where keys go depends on the product."""
    q, k, v = projected(x)
    late = position + (q.sum() > 1e9).to(torch.int64)
    kept = aten.index_put.default(keys, [None, None, late], k)
    return kept * 1.0, kept, aten.index_put.default(values, [None, None, position], v)


def made(function: Callable[..., Any], tokens: int) -> Lowered:
    example = CACHE, CACHE.clone(), torch.zeros(tokens, dtype=torch.int64), torch.randn(tokens, 5)
    graph = stateful(function, {"keys": "new_keys", "values": "new_values"}, ("y", "new_keys", "new_values"), *example)
    run_pipeline(graph, passes_for(2), CONTEXT, cleanup=cleanup_for(2))
    return lower(graph, target("gfx803"), LoweringOptions(2))


def stored(lowered: Lowered) -> list[list[str]]:
    """The states that each product writes."""
    program = lowered.program
    names = {state.buffer: state.name for state in program.states}
    return [
        sorted(names[written] for written in launch.writes if written in names)
        for launch in program.launches
        if program.kernels[launch.kernel].template in ("gemm", "gemv")
    ]


@pytest.mark.parametrize("tokens", [1, 3, 5])
def test_new_keys_and_values_are_stored_by_the_product(tokens: int) -> None:
    lowered = made(caches, tokens)
    assert stored(lowered) == [["keys", "values"]]
    assert not any("scatter" in launch.kernel for launch in lowered.program.launches)
    check(lowered, caches, tokens)


@pytest.mark.parametrize(
    ("function", "expected"), [(reads_old_behind, ["values"]), (late_position, ["values"])], ids=["old value", "position"]
)
def test_what_is_not_safe_is_left(function: Callable[..., Any], expected: list[str]) -> None:
    lowered = made(function, 3)
    assert stored(lowered) == [expected]
    check(lowered, function, 3)


def check(lowered: Lowered, function: Callable[..., Any], tokens: int) -> None:
    """Two runs in a row give what PyTorch gives, the caches of the first kept."""
    keys, values = CACHE.clone(), CACHE.clone()
    with open_session(compile_lowered(lowered), "sim") as session:
        for first in (0, ROOM - tokens):
            position, x = torch.arange(tokens) + first, torch.randn(tokens, 5)
            expected, keys, values = function(keys, values, position, x)
            got = session.run({"position": position.numpy(), "x": x.numpy()})["y"]
            np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_bytes_count_what_is_written_and_no_whole_cache() -> None:
    lowered = made(caches, 1)
    (product,) = (launch for launch in lowered.program.launches if len(launch.writes) == 3)
    buffers = lowered.program.buffers
    read = sum(buffers[name].nbytes for name in product.reads)
    assert product.bytes_moved == read + 4 * 3 * HEADS * WIDTH + 2 * 4 * HEADS * WIDTH
