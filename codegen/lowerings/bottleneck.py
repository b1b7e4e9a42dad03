"""A dense layer's 1x1 and 3x3 convolutions in one launch (bottleneck.hip)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import partials
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops.bottleneck import bottleneck
from amdc.kernels.bottleneck import BOTTLENECK, CHANNELS, FILTERS, WAVES_K, Share
from amdc.target import Target

BANDS = (1, 2, 4)  # into which the rows of a plane are cut
STAGE = 4  # values of k in a stage
# Clocks, fitted to 56 launches as the timing model predicts them (median error 6 %, worst 27 %): of a launch's start and end, and
# of a stage of the inner planes; shares of the VALU's clocks and of L2's there; clocks of a stage of taps, the share of the
# VALU's there, and clocks of a result of a part.
START, STAGES, INNER, INPUTS, TAPS, OUTER, PARTS = 6020.0, 166.0, 0.9, 0.45, 234.0, 1.39, 49.5
L2_BYTES = 512  # a clock


@dataclass(frozen=True)
class Sizes:
    """x [batch, k, height, width] becomes `channels` planes, and these `outputs`."""

    batch: int
    k: int
    height: int
    width: int
    channels: int
    outputs: int

    def shares(self, target: Target) -> Iterator[Share]:
        """The ways to spread the work that the kernel takes."""
        for rows in dict.fromkeys(-(-self.height // bands) for bands in BANDS):
            for waves_k in WAVES_K:
                for filters in FILTERS:
                    share = Share(self.height, self.width, self.outputs, rows, waves_k, filters)
                    if share.fits(target.lds_per_cu):
                        yield share

    @property
    def multiply_adds(self) -> int:
        return self.batch * self.height * self.width * self.channels * (self.k + 9 * self.outputs)

    def us(self, share: Share, target: Target) -> float:
        """Predicted microseconds, without the launch."""
        card, simds, parts = target.card(), target.simds_per_cu, self.channels // CHANNELS
        groups = share.bands * self.batch * parts
        turns = max(1.0, groups / card.compute_units)
        inner = turns * share.waves / simds * self.k / share.waves_k * (4 * CHANNELS + 12)  # scale, shift and ReLU take 12
        inputs = 4 * groups * self.k * share.computed / L2_BYTES
        stages, taps = self.k / (STAGE * share.waves_k), 9 * CHANNELS
        outer = turns * share.waves_p * share.waves_f / simds * 4 * taps * share.filters
        clocks = START + STAGES * stages + INNER * inner + INPUTS * inputs + OUTER * outer + PARTS * parts * share.filters
        return (clocks + TAPS * taps / (3 if share.filters > 4 else 9)) / (card.clock_ghz * 1e3)


@lowers(bottleneck)
def lower_bottleneck(item: Item, builder: ProgramBuilder) -> None:
    """(x, scale, shift, inner, inner_bias, channels, weight, bias, out_channels); FuseBottleneck makes it of sizes that fit."""
    x, scale, _, inner, inner_bias, channels, weight, bias, filters = item.args
    check_operands(item, x, inner, weight)
    batch, k, height, width = ir.shape(x)
    sizes = Sizes(batch, k, height, width, channels, filters)
    ways = [
        Candidate(share.name, partial(sizes.us, share, builder.target), partial(_build, item, builder, sizes, share))
        for share in sizes.shares(builder.target)
    ]
    if not ways or k % CHANNELS or channels % CHANNELS:
        raise InternalError(f"'{item.node.name}' has sizes that bottleneck.hip does not take: {sizes}")
    ways.sort(key=lambda way: way.cost())
    key = f"{batch}x{k}x{height}x{width} to {channels} to {filters} affine={int(scale is not None)}"
    kinds = f"bias={int(inner_bias is not None)},{int(bias is not None)} {item.epilogue(1).hint}"
    builder.choose(f"bottleneck {key} {kinds}", ways).build()


def _build(item: Item, builder: ProgramBuilder, sizes: Sizes, share: Share) -> None:
    x, scale, shift, inner, inner_bias, _, weight, bias, _ = item.args
    epilogue, parts = item.epilogue(1), sizes.channels // CHANNELS
    parameters = {"IN_H": sizes.height, "IN_W": sizes.width, "OUT_ROWS": share.rows, "WAVES_N": share.waves_n}
    parameters |= {"WAVES_K": share.waves_k, "FILTERS": share.filters, "WAVES_F": share.waves_f}
    parameters |= {"AFFINE": int(scale is not None), "INNER_BIAS": int(inner_bias is not None), "BIAS": int(bias is not None)}
    waves = share.bands * sizes.batch * share.waves_p * share.waves_f
    sums = partials(item, builder, waves, parts, share.filters)
    numbers = (sizes.k, ir.shape(inner)[1], sizes.outputs, ir.shape(weight)[1], share.bands, parts)
    more = (operand for operand in (scale, shift, inner_bias, bias) if operand is not None)
    builder.launch(
        BOTTLENECK,
        parameters,
        item=item,
        grid=(share.bands, sizes.batch, parts),
        arguments=(x, inner, item.node, weight, *sums, *numbers, *more, *epilogue.operands),
        writes=(item.node,),
        inside=sums,
        flops=2 * sizes.multiply_adds + epilogue.flops * math.prod(item.shape),
        prelude=epilogue.text,
        hint="_".join(filter(None, (f"{share.rows}rows_s{share.waves_k}", epilogue.hint))),
        block=(64 * share.waves, 1, 1),
    )
