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
START = 1000  # clocks: of a wave, its arguments, the first loads and the last stores
STARTED = 4  # clocks between the starts of two waves
PLANE_WAITS = 400  # clocks of a wave for each plane, for LDS and scalars
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
        """Predicted microseconds: the planes of the work-groups that the card holds at once come in first, then the lanes are
        busy; DRAM's time for all and the start of all waves overlap with that in part."""
        target, window, groups = builder.target, self.window, self.groups
        card = target.card()
        loads = -(-self.planes * window.size[0] * window.size[1] // (256 * self.waves))
        work = self.planes * (window.taps * self.rows + 12 + 8 * self.rows) + 35 * loads + 40  # vector instructions, counted
        busy = target.simds_per_cu * work * groups * self.waves / (card.compute_units * target.simds_per_cu)
        per_cu = min(target.lds_per_cu // self.lds, target.simds_per_cu * target.waves_per_simd // self.waves)
        first = min(1.0, per_cu * card.compute_units / groups)
        rate = card.dram_gbps * target.dram_efficiency / card.clock_ghz  # bytes a clock
        written = math.prod(item.shape) * ir.dtype(item.node).itemsize
        read = least_bytes(item, window) - written
        lanes = (read / rate + PLANE_WAITS * self.planes) * first**2 + busy
        started = STARTED * groups * self.waves
        clocks = START + sum(part**4 for part in ((read + written) / rate, lanes, started)) ** 0.25
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
