"""Rounding modes, and denormals kept in operands or in results only, as the kernel descriptor sets them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import compare, operands
from .build import vector
from .floats import Array, add_to_odd, directed, flush, keep
from .harness import Batch, Case, Mode

F2, F3 = "f32 f32 -> f32", "f32 f32 f32 -> f32"


def wide(a: Array) -> Array:
    return a.astype(np.float64)


def inexact_sum(a: Array, b: Array, *_: Array) -> Array:
    """Not a cancellation to zero, whose sign depends on the mode."""
    return wide(a) + wide(b) != 0


def rounded(mode: int) -> list[Case]:
    """The exact result in double (rounded to odd where it needs more bits), then rounded as the mode says."""

    def to_int(a: Array, *_: Array) -> Array:
        return directed(a.view(np.int32).astype(np.float64), mode)

    return [
        vector("v_add_f32", F2, lambda a, b: directed(add_to_odd(wide(a), wide(b)), mode), care=inexact_sum),
        vector("v_mul_f32", F2, lambda a, b: directed(wide(a) * wide(b), mode)),
        vector("v_fma_f32", F3, lambda a, b, c: directed(add_to_odd(wide(a) * wide(b), wide(c)), mode), care=_no_cancellation),
        vector("v_cvt_f32_i32", "i32 -> f32", to_int),
    ]


def _no_cancellation(a: Array, b: Array, c: Array) -> Array:
    return wide(a) * wide(b) + wide(c) != 0


def half_flushed(operand: Callable[[Array], Array], result: Callable[[Array], Array]) -> list[Case]:
    def moded(function: Callable[..., Array]) -> Callable[..., Array]:
        return lambda *values: result(np.asarray(function(*(operand(v) for v in values))))

    check = compare.float32_flushed
    return [vector("v_add_f32", F2, moded(np.add), check=check), vector("v_mul_f32", F2, moded(np.multiply), check=check)]


OPERANDS = operands.float32()
BATCHES = [
    *(
        Batch(f"round_{name}", rounded(mode), OPERANDS, mode=Mode(round32=mode))
        for mode, name in enumerate(("even", "up", "down", "zero"))
    ),
    Batch("keep_operands", half_flushed(keep, flush), OPERANDS, mode=Mode(denorm32=1)),
    Batch("keep_results", half_flushed(flush, keep), OPERANDS, mode=Mode(denorm32=2)),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_mode(batch: Batch, case: Case) -> None:
    batch.verify(case)
