"""Arithmetic on uint16, uint32 and uint64, which PyTorch stores but does not compute on: it is recorded in int64.

A uint64 keeps its bits: sums, products and equality are the same in both, an order needs the highest bit turned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
HIGHEST = -(2**63)


def unsigned_dtype(*operands: Any) -> torch.dtype | None:
    """The dtype among these operands that torch does not compute on, or None."""
    return next((x.dtype for x in operands if isinstance(x, Tensor) and x.dtype in UNSIGNED), None)


def widen(x: Any) -> Any:
    """A tensor or a number in int64, bit for bit."""
    if isinstance(x, Tensor):
        return x.to(torch.int64)
    return (x + 2**63) % 2**64 - 2**63 if isinstance(x, int) else x  # None and floats stay


def turned(x: Any, dtype: torch.dtype) -> Any:
    """In int64, such that the signed order is the unsigned one."""
    wide = widen(x)
    return wide if dtype != torch.uint64 else wide + HIGHEST if isinstance(wide, Tensor) else widen(wide + HIGHEST)


def in_int64(function: Callable[..., Tensor], *operands: Any) -> Tensor:
    """function(*operands), whose result's lowest bits depend on the operands' lowest bits alone; a bool result stays bool."""
    dtype = unsigned_dtype(*operands)
    if dtype is None:
        return function(*operands)
    result = function(*map(widen, operands))
    return result if result.dtype == torch.bool else result.to(dtype)


def in_order(function: Callable[..., Tensor], *operands: Any) -> Tensor:
    """function(*operands), which depends on the operands' order alone and gives a bool or one of them."""
    dtype = unsigned_dtype(*operands)
    if dtype is None:
        return function(*operands)
    result = function(*(turned(x, dtype) for x in operands))
    if result.dtype == torch.bool:
        return result
    return (result + HIGHEST if dtype == torch.uint64 else result).to(dtype)


def divide(a: Tensor, b: Tensor | float) -> Tensor:
    """The quotient of integers, cut off; of uint64 by halves (Warren, Hacker's Delight, 9-3)."""
    dtype = unsigned_dtype(a, b)
    if dtype != torch.uint64:
        return in_int64(lambda x, y: torch.div(x, y, rounding_mode="trunc"), a, b)
    top = widen(a)
    bottom = widen(b) if isinstance(b, Tensor) else torch.full((), widen(b), dtype=torch.int64)
    small = torch.clamp(bottom, min=1)  # the divisors below 2^63
    half = torch.bitwise_and(torch.div(top, 2, rounding_mode="floor"), 2**63 - 1)
    quotient = torch.div(half, small, rounding_mode="trunc") * 2
    rest = top - quotient * small
    quotient = quotient + (rest + HIGHEST >= small + HIGHEST).to(torch.int64)
    once = (top + HIGHEST >= bottom + HIGHEST).to(torch.int64)  # a divisor from 2^63 on fits once, or not at all
    return torch.where(bottom < 0, once, quotient).to(torch.uint64)
