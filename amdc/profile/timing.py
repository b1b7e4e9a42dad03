"""What a profile reads of the simulated card's timing model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class InstructionTiming(Protocol):
    """One instruction of a launch, over the sampled waves: how often it issued, and for how many clocks waves were busy with it
    or waited at it. `address` is the code object's."""

    @property
    def address(self) -> int: ...

    @property
    def issues(self) -> float: ...

    @property
    def busy(self) -> float: ...

    @property
    def stall(self) -> float: ...


class LaunchTiming(Protocol):
    """One launch; see `amdc.profile.records.Prediction` for the quantities."""

    @property
    def kernel(self) -> str: ...

    @property
    def clocks(self) -> float: ...

    @property
    def microseconds(self) -> float: ...

    @property
    def launch_us(self) -> float: ...

    @property
    def bound(self) -> str: ...

    @property
    def busy(self) -> Mapping[str, float]: ...

    @property
    def waves_per_simd(self) -> float: ...

    @property
    def limiter(self) -> str: ...

    @property
    def dram_bytes(self) -> float: ...

    @property
    def l2_bytes(self) -> float: ...

    @property
    def l1_hit_rate(self) -> float: ...

    @property
    def l2_hit_rate(self) -> float: ...

    @property
    def instructions(self) -> Sequence[InstructionTiming]: ...
