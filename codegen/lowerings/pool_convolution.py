"""A max pooling with the 1x1 convolution behind it (pool_conv.hip)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops.pool_convolution import pool_convolution
from amdc.kernels.pool_conv import LANES, LANES_N, PIXELS, POOL_CONV, PoolTile
from amdc.target import Target

# Clocks, fitted to 16 launches as the timing model predicts them (within 13 %): of a start, a window of a lane, 8 values of k,
# the sums of a set of lanes, and the end of a work-group.
START, WINDOW, STEPS, SUMS, END = 5980.0, 766.0, 407.0, 134.0, 1900.0
UNROLL = 8  # values of k under way in the kernel


@dataclass(frozen=True)
class Sizes:
    """x [batch, channels, *plane] is pooled by `kernel` to `out`, then becomes `features`."""

    batch: int
    channels: int
    features: int
    plane: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, int]

    @property
    def pixels(self) -> int:
        return math.prod(self.out)

    def us(self, tile: PoolTile, target: Target) -> float:
        """Predicted microseconds, without the launch."""
        card = target.card()
        groups = self.batch * -(-self.pixels // tile.pixels) / card.compute_units
        turns = -(-self.features // (4 * tile.lanes_n))
        windows = self.channels * tile.pixels / LANES * max(1.0, groups)
        steps = turns * -(-self.channels // (tile.parts * UNROLL))
        clocks = START + WINDOW * windows + STEPS * steps + SUMS * turns * tile.parts + END * groups
        return clocks / (card.clock_ghz * 1e3)


@lowers(pool_convolution)
def lower_pool_convolution(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, bias, kernel, stride, padding, ceil_mode, out_channels); FusePoolConvolution makes it of sizes that fit."""
    x, weight, bias, kernel, stride, padding, _, features = item.args
    check_operands(item, x, weight)
    batch, channels, *plane = ir.shape(x)
    sizes = Sizes(batch, channels, features, tuple(plane), tuple(item.shape[2:]), (kernel[0], kernel[1]))
    needed = next((lanes for lanes in LANES_N if 4 * lanes >= features), LANES_N[-1])
    tiles = [PoolTile(pixels, lanes) for pixels in PIXELS for lanes in LANES_N if lanes <= needed]
    ways = [
        Candidate(tile.name, partial(sizes.us, tile, builder.target), partial(_build, item, builder, sizes, tile))
        for tile in tiles
        if tile.takes(channels)
    ]
    if not ways:
        raise InternalError(f"'{item.node.name}' pools {channels} channels at once, which no tile of pool_conv.hip takes")
    ways.sort(key=lambda way: way.cost())
    key = (
        f"{batch}x{channels}x{'x'.join(map(str, plane))} to {features} stride={stride} pad={padding} bias={int(bias is not None)}"
    )
    builder.choose(f"pool_convolution {kernel[0]}x{kernel[1]} {key} {item.epilogue(1).hint}", ways).build()


def _build(item: Item, builder: ProgramBuilder, sizes: Sizes, tile: PoolTile) -> None:
    x, weight, bias, kernel, stride, padding, *_ = item.args
    epilogue, pixels = item.epilogue(1), sizes.pixels
    height, width = sizes.plane
    window = (height, width, sizes.out[1], *magic(sizes.out[1]), pixels, *stride, *padding)
    multiply_adds = sizes.batch * pixels * sizes.channels * sizes.features
    biases = () if bias is None else (bias,)
    builder.launch(
        POOL_CONV,
        {
            "KH": kernel[0],
            "KW": kernel[1],
            "K": sizes.channels,
            "PIXELS": tile.pixels,
            "LANES_N": tile.lanes_n,
            "BIAS": len(biases),
        },
        item=item,
        grid=(-(-pixels // tile.pixels), sizes.batch, 1),
        arguments=(x, weight, item.node, *window, sizes.features, ir.shape(weight)[1], *biases, *epilogue.operands),
        writes=(item.node,),
        flops=2 * multiply_adds
        + sizes.batch * pixels * sizes.channels * math.prod(kernel)
        + epilogue.flops * math.prod(item.shape),
        prelude=epilogue.text,
        hint="_".join(filter(None, (f"{kernel[0]}x{kernel[1]}_{tile.name}", epilogue.hint))),
    )
