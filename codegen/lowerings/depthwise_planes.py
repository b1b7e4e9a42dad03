"""Depthwise convolutions of small planes: kernels/hip/depthwise_planes.hip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.ir import graph as ir
from amdc.kernels import depthwise as kernels
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value

MOST_LDS = 16384  # bytes of a work-group
LEAST_LOAD = 96  # elements that a work-group loads at least
STARTED = 4  # clocks between the starts of two waves
# Fitted to 140 launches as the timing model predicts them (median error 3 %, 90th percentile 13 %). Clocks: until a wave's loads
# begin; of a plane beside its arithmetic; for each multiply-add and read of a lane that is alone; of LDS for each read and load.
START, PLANE_WAITS, ALONE, READ, LOAD_LDS = 565, 40, 6.8, 3.4, 10
WAVE_WORK, PLANE_WORK, ROW_WORK, LOAD_WORK = 4, 11, 10.5, 30  # vector instructions of a wave, a plane, a lane's output, a load
LATENCY = 350  # clocks of DRAM
OVERLAP = 10  # the longest of the parts is what counts
FEW = 8  # waves a SIMD up to which it matters that some SIMDs have one more
MOST_TAPS = 49  # of a plane, in scalar registers
MOST_HELD = 64  # taps and outputs of a lane


@dataclass(frozen=True)
class PlanesWay:
    """Lanes of `waves` waves have `rows` outputs each of `planes` planes, one plane after the other."""

    window: Window
    rows: int
    planes: int
    waves: int

    @property
    def name(self) -> str:
        return f"{self.planes} planes {self.rows}"

    @property
    def groups(self) -> int:
        return self.window.batch * self.window.groups // self.planes

    @property
    def lds(self) -> int:
        """Bytes, about: rows with zeros around them."""
        (kh, kw), (step, _) = self.window.kernel, self.window.stride
        height = round_up(self.window.out[0], self.rows) * step + kh
        return 4 * self.planes * max(height, self.window.size[0] + kh) * (self.window.size[1] + kw)

    def us(self, item: Item, builder: ProgramBuilder) -> float:
        """Predicted microseconds, by the longest of: DRAM's time, for what waves ask for as they start and for the results; that
        of the planes of the work-groups which the card holds at once, and what the last of these then has to do; the lanes';
        LDS's; the start of all waves and the end of the last."""
        target, window, waves = builder.target, self.window, self.groups * self.waves
        card = target.card()
        simds, units = card.compute_units * target.simds_per_cu, card.compute_units
        loads = -(-self.planes * window.size[0] * -(-window.size[1] // 4) // (64 * self.waves))
        reads = ((self.rows - 1) * window.stride[0] + window.kernel[0]) * window.kernel[1]
        work = self.planes * ((window.taps + ROW_WORK) * self.rows + PLANE_WORK) + LOAD_WORK * loads + WAVE_WORK
        each = waves / simds if waves >= FEW * simds else -(-waves // simds)
        per_cu = min(target.lds_per_cu // self.lds, target.simds_per_cu * target.waves_per_simd // self.waves)
        first = min(1.0, per_cu * units / self.groups)
        rate = card.dram_gbps * target.dram_efficiency / card.clock_ghz  # bytes a clock
        written = math.prod(item.shape) * ir.dtype(item.node).itemsize
        read = least_bytes(item, window) - written + 4 * window.groups * (window.taps + 1)
        alone = LATENCY + self.planes * (PLANE_WAITS + ALONE * (window.taps * self.rows + reads))
        parts = (
            max(read / rate, STARTED * waves) + written / rate,
            (read / rate + alone) * first**2,
            target.simds_per_cu * work * each,
            waves / units * (self.planes * reads * READ + LOAD_LDS * loads),
            STARTED * waves + alone * first**2,
        )
        clocks = START + sum(part**OVERLAP for part in parts) ** (1 / OVERLAP)
        return clocks / (card.clock_ghz * 1e3) + target.launch_us


def planes_ways(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> tuple[Candidate, ...]:
    """For some numbers of rows and planes; none where a plane does not fit, or the kernel has no such types."""
    kinds = {dtype_name(node) for node in (operands.x, operands.weight, operands.bias) if node is not None}
    weights = operands.strides(window)
    plain = weights.tap == 1 and weights.group == window.taps and window.out_channels == 1
    if kinds != {"float32"} or not plain or window.taps > MOST_TAPS or min(window.pad) < 0 or window.size[1] < 4:
        return ()
    return tuple(
        Candidate(way.name, partial(way.us, item, builder), partial(_build, item, builder, way, operands))
        for way in _ways(window)
    )


def _ways(window: Window) -> list[PlanesWay]:
    size = window.size[0] * window.size[1]
    counts = [number for number in kernels.PLANES if window.groups % number == 0]
    enough = [number for number in counts if number * size >= LEAST_LOAD] or counts[-1:]
    found = []
    for rows in kernels.ROWS:
        lanes = window.out[1] * -(-window.out[0] // rows)
        waves = next((number for number in kernels.WAVES if lanes <= 64 * number), None)
        if waves and rows < 2 * window.out[0] and rows + window.taps <= MOST_HELD:
            found += [PlanesWay(window, rows, planes, waves) for planes in enough]
    return [way for way in found if way.lds <= MOST_LDS]


def _build(item: Item, builder: ProgramBuilder, way: PlanesWay, operands: Operands) -> None:
    window = way.window
    names = ("KH", "KW", "H", "W", "OUT_H", "OUT_W", "PAD_TOP", "PAD_LEFT")
    sizes = dict(zip(names, (*window.kernel, *window.size, *window.out, *window.pad), strict=True))
    ways: dict[str, Value] = {"STRIDE": window.stride[0], "OUT_ROWS": way.rows, "PLANES": way.planes}
    kinds: dict[str, Value] = {"BIAS": int(operands.bias is not None), "TYPE_Y": TAGS[dtype_name(item.node)]}
    arguments = (*operands.tensors(item.node), window.groups, *operands.bias_argument)
    grid = (window.groups // way.planes, window.batch, 1)
    launch(item, builder, kernels.DEPTHWISE_PLANES, {**sizes, **ways, **kinds}, grid, arguments, window, "", 64 * way.waves)
