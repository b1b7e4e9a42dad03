"""Division of unsigned integers by a constant known before the launch, as a multiplication and a shift.

gfx803 has no integer division; `amdc_divide` (kernels/hip/amdc.h) does it in four instructions with these numbers.
Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (PLDI 1994), figure 4.1.
"""

from __future__ import annotations

from amdc.errors import InternalError

LIMIT = 1 << 31  # dividends and divisors must stay below


def magic(divisor: int) -> tuple[int, int]:
    """Multiplier m and shift s with x // divisor == ((x * m >> 32) + x) >> s for all 0 <= x < 2^31."""
    if not 1 <= divisor < LIMIT:
        raise InternalError(f"magic division by {divisor}: the divisor must lie between 1 and 2^31 - 1")
    shift = (divisor - 1).bit_length()
    return (((1 << shift) - divisor) << 32) // divisor + 1, shift
