"""What instructions ask of a compute unit, summed: the currency of the cost model."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Mix:
    """Sums over the instructions of one wave; a kernel's formula may make one by hand.

    `valu`: clocks of its SIMD's vector ALU. `lds`: clocks of the CU's LDS. `vmem`: clocks of the CU's address unit and L1.
    `load_bytes`, `store_bytes`: what its lanes ask of memory, all active. `issues`: instructions. `alone`: clocks that the wave
    takes where it has the CU for itself: issue, and waiting for memory, LDS and results. `barriers`: how often it meets one."""

    valu: float = 0
    lds: float = 0
    vmem: float = 0
    load_bytes: float = 0
    store_bytes: float = 0
    issues: float = 0
    alone: float = 0
    barriers: float = 0

    def __add__(self, other: Mix) -> Mix:
        return Mix(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def __mul__(self, times: float) -> Mix:
        return Mix(*(getattr(self, name) * times for name in NAMES))


NAMES = tuple(field.name for field in fields(Mix))
