"""What a profile says: plain frozen values, from which the tables, the page and the JSON are made.

Times are in microseconds. What only the simulated card knows stands in `Prediction`; on a real card it is None, and absent from
the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """What the timing model says of a launch (`amdc.sim.timing.LaunchTiming` has the terms). `kernel_us` is without the launch,
    `launch_us` the launch alone. `bound` is "launch" where that costs more than the kernel; `kernel_bound` is what bounds the
    kernel itself. `simulated` of its work-groups were."""

    kernel_us: float
    launch_us: float
    clocks: float
    bound: str
    kernel_bound: str
    busy: Mapping[str, float]
    waves_per_simd: int
    waves_in_flight: float
    limiter: str
    dram_bytes: float
    l2_bytes: float
    l1_hit_rate: float
    l2_hit_rate: float
    lds_conflict_clocks: float
    simulated: int


@dataclass(frozen=True)
class LaunchRecord:
    """One launch of the run. `us` includes the launch; `nodes` are the user's names of what it computes; `flops`, `bytes_moved`
    are the least work (`amdc.program.Launch`), `floor_us` its roofline. `peak_share` is the share of the card's fp32 peak that
    the work reaches while the kernel runs, `dram_share` the share of the pin rate: of the bytes that the model predicts, or on a
    card of the least bytes."""

    index: int
    program: str
    kernel: str
    nodes: tuple[str, ...]
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    start_us: float
    us: float
    share: float
    flops: int
    bytes_moved: int
    floor_us: float
    peak_share: float
    dram_share: float
    prediction: Prediction | None = None

    @property
    def kernel_us(self) -> float:
        """Without the launch where that is known, else with it."""
        return self.us if self.prediction is None else self.prediction.kernel_us

    @property
    def work_groups(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]


@dataclass(frozen=True)
class KernelTotal:
    """All launches of one kernel. Rates are over all of them; `bound` (of the kernel itself), `limiter` and `waves_in_flight` are
    None on a card, and else those under which most of its time goes. Registers and bytes are the code object's, and so is
    `waves_per_simd`, the occupancy that they allow."""

    kernel: str
    template: str
    launches: int
    us: float
    kernel_us: float
    share: float
    floor_us: float
    peak_share: float
    dram_share: float
    vgprs: int
    sgprs: int
    lds_bytes: int
    scratch_bytes: int
    waves_per_simd: int
    bound: str | None = None
    limiter: str | None = None
    waves_in_flight: float | None = None


@dataclass(frozen=True)
class LayerTotal:
    """The launches that compute one group of the user's nodes: launches with a node in common are one layer, since the time of a
    fused kernel cannot be divided among its nodes."""

    nodes: tuple[str, ...]
    launches: tuple[int, ...]
    us: float
    share: float
    floor_us: float


@dataclass(frozen=True)
class Totals:
    """Of the run. `us` includes the launches; `launch_us` is None on a card, whose events do not tell it apart. `floor_us` is the
    roofline of all launches: the sum of the least times of each."""

    launches: int
    us: float
    flops: int
    bytes_moved: int
    floor_us: float
    floor_share: float
    kernel_us: float | None = None
    launch_us: float | None = None
    dram_bytes: float | None = None


@dataclass(frozen=True)
class HotLine:
    """A source line, or a basic block where the code object has no line table. `us` is the part of the kernel's time that its
    waves spend there, `stalled` the share of that in which they wait; `text` is the line's, or what the block consists of, and
    `instruction` the costliest of it."""

    where: str
    text: str
    instruction: str
    us: float
    share: float
    stalled: float
    issues: float


@dataclass(frozen=True)
class HotKernel:
    """The costliest lines of one kernel (or blocks: not `from_source`), which together take `share` of its time."""

    kernel: str
    us: float
    from_source: bool
    lines: tuple[HotLine, ...]
    share: float


@dataclass(frozen=True)
class Hint:
    """What to try, and the figure that it follows from. `us` is the most that there is to gain: the time above the
    kernel's roofline limit, or all of the launches'. `nodes` are the user's where it is about one launch of several."""

    kernel: str
    nodes: tuple[str, ...]
    figure: str
    advice: str
    us: float


@dataclass(frozen=True)
class Profile:
    """One profiled run. `programs` are those that ran, in order; `device_kind` is "sim" (all times are predicted) or "hip" (all
    times are measured with events, the median of `runs` runs)."""

    bundle: str
    arch: str
    device_kind: str
    device: str
    card: str
    programs: tuple[str, ...]
    runs: int
    totals: Totals
    launches: tuple[LaunchRecord, ...]
    kernels: tuple[KernelTotal, ...]
    layers: tuple[LayerTotal, ...]
    hot: tuple[HotKernel, ...]
    hints: tuple[Hint, ...]

    @property
    def predicted(self) -> bool:
        return self.device_kind == "sim"

    @property
    def has_source_lines(self) -> bool:
        """Whether the hot lines are of source: the bundle keeps its kernels' sources and line tables."""
        return any(hot.from_source for hot in self.hot)

    def as_json(self) -> dict[str, Any]:
        """JSON-able; what is not known is absent."""
        tree: dict[str, Any] = _known(asdict(self))
        return tree


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items() if item is not None}
    return [_known(item) for item in value] if isinstance(value, list | tuple) else value
