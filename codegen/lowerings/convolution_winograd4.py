"""3x3 convolutions by Winograd's F(4x4, 3x3) in three launches: transform the inputs, 36 products, transform the outputs.

It spends 36 multiply-adds for 144, but moves 2.25 times input and output through DRAM, twice each, and costs two launches more
than the other ways. It pays for many channels on large planes: VGG, U-Nets, super-resolution; and for batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import FusedExpression
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.matmul_operands import Matrix, Product
from amdc.codegen.lowerings.matmul_task import Task
from amdc.codegen.lowerings.matmul_tiled import candidates as products
from amdc.codegen.lowerings.winograd4_filters import POINTS, arrange, relative_error
from amdc.codegen.lowerings.winograd_filters import plain_weights
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels import winograd4
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.target import Target

# No output may move by more than a relative 1e-3, whatever the network: were it 100 such convolutions deep, and their errors to
# add up without cancelling, each could take its part of that. See `relative_error`.
LARGEST_ERROR = 1e-3 / 100
CAMP = 512  # floats: rows of a multiple of this apart would all start in the same of 8 L2 channels
NOTHING = FusedExpression("", (), 0, ())  # the products' prologue and epilogue
INPUT_FLOPS, OUTPUT_FLOPS = 12 * 22, 10 * 16 + 16  # of a tile: 12 and 10 columns are transformed, see winograd4.h


@dataclass(frozen=True)
class Tiles:
    """How the outputs are cut into 4x4 tiles: `x` along a row, `image` in an image, `count` in all. Rows of the transformed
    tensors hold `columns` of them and lie `pitch` floats apart, in whole cache lines."""

    x: int
    image: int
    count: int

    @property
    def columns(self) -> int:
        return round_up(self.count, 4)

    @property
    def pitch(self) -> int:
        even = round_up(self.count, 16)
        return even if even % CAMP else even + 16

    @property
    def sizes(self) -> tuple[int, ...]:
        """As the kernels take them."""
        divisions = (*magic(self.pitch), *magic(self.image), *magic(self.x))
        return (self.pitch, self.count, self.image, self.x, *divisions)


def tiles_of(window: Window) -> Tiles:
    x = -(-window.out[1] // 4)
    image = -(-window.out[0] // 4) * x
    return Tiles(x, image, window.batch * image)


def takes(builder: ProgramBuilder, window: Window, operands: Operands) -> bool:
    """3x3, stride 1, no dilation, weights known at compile time; tensors within the kernels' limits; a hope to win; and an error
    within `LARGEST_ERROR`."""
    plain = window.kernel == (3, 3) and set(window.stride) == set(window.dilation) == {1} and not window.transposed
    if not plain or operands.weight.op != "get_attr" or not may_pay(window, builder.target):
        return False
    widest = window.groups * max(window.in_channels, window.out_channels)
    fits = POINTS * widest * tiles_of(window).pitch < winograd4.MOST_ELEMENTS
    return fits and relative_error(plain_weights(builder, window, operands)) <= LARGEST_ERROR


def may_pay(window: Window, target: Target) -> bool:
    """Whether the multiply-adds that are saved, at the card's peak, take longer than two launches."""
    saved = 2 * window.multiply_adds * (1 - POINTS / 144) / (target.card().fp32_tflops * 1e6)
    return saved >= 2 * target.launch_us


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each tile of the products; none where the algorithm does not apply."""
    if not takes(builder, window, operands):
        return
    nowhere = Place("", "float32", (1,))

    def predicted(way: Candidate) -> float:
        return way.cost() + _transforms_us(item, builder, window)

    for way in _whole(_task(item, builder, window, nowhere, nowhere, nowhere)):
        build = partial(_build, item, builder, window, operands, way.name)
        yield Candidate(f"winograd4x4 {way.name}", partial(predicted, way), build)


def _whole(task: Task) -> list[Candidate]:
    """The ways to compute the products with k whole: there are 36 of them, so pieces of k are not needed to fill the card."""
    return [way for way in products(task) if "split" not in way.name]


def _task(item: Item, builder: ProgramBuilder, window: Window, filters: Place, inputs: Place, sums: Place) -> Task:
    """The products: for each point and group, filters transposed [I, O] and inputs [I, tiles] to sums [O, tiles]."""
    tiles, groups, width = tiles_of(window), window.groups, round_up(window.out_channels, 4)
    ins, outs = window.in_channels, window.out_channels

    def transformed(place: Place, rows: int, pitch: int) -> Matrix:
        return Matrix(place, 1, pitch, groups * rows * pitch, rows * pitch, rows * pitch)

    a, b, c = transformed(filters, ins, width), transformed(inputs, ins, tiles.pitch), transformed(sums, outs, tiles.pitch)
    return Task(item, builder, Product(outs, tiles.columns, ins, POINTS, groups, a, b, c), NOTHING, NOTHING)


def _transforms_us(item: Item, builder: ProgramBuilder, window: Window) -> float:
    """Both launches: they stream, reading or writing 36 values a tile beside its inputs or outputs."""
    tiles, target = tiles_of(window).count, builder.target

    def one(channels: int, outside: int) -> float:
        count = channels * window.groups * tiles
        wave = Mix(valu=4 * 400, vmem=16 * 72, load_bytes=256 * 36, store_bytes=256 * 36, alone=3000)
        return estimate(wave, Shape(4, 4, 4), -(-count // 256), 4 * (POINTS * count + outside), target).us

    x = window.batch * window.groups * window.in_channels * window.size[0] * window.size[1]
    y = window.batch * window.groups * window.out_channels * window.plane // (4 if window.pooled else 1)
    return one(window.in_channels, x) + one(window.out_channels, y * (2 if item.after else 1))


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, tile: str) -> None:
    tiles, width = tiles_of(window), round_up(window.out_channels, 4)
    name = f"{operands.weight.target}_winograd4x{width}x{window.groups}"
    filters = builder.constant(name, arrange(plain_weights(builder, window, operands), window.groups, width))

    def transformed(hint: str, channels: int) -> Place:
        return builder.activation(f"{item.node.name}.{hint}", "float32", (POINTS, window.groups * channels, tiles.pitch))

    inputs, sums = transformed("windows", window.in_channels), transformed("sums", window.out_channels)
    _transform_inputs(item, builder, window, operands, tiles, inputs)
    ways = {way.name: way for way in _whole(_task(item, builder, window, filters, inputs, sums))}
    ways[tile].build()
    _transform_outputs(item, builder, window, operands, tiles, sums)


def _transform_inputs(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, tiles: Tiles, to: Place) -> None:
    channels, prologue, width = window.groups * window.in_channels, item.prologue(1), window.size[1]
    kind = types(item, operands)["TYPE_X"]
    quads = kind == "float" and window.pad[1] == 1 and width >= 4 and 0 <= 4 * tiles.x - width < 4
    sizes = (channels, *window.size, *window.pads, *tiles.sizes)
    builder.launch(
        winograd4.WINOGRAD4_INPUT,
        {"QUADS": int(quads), "CUT": 4 * tiles.x - width if quads else 0, "TYPE_X": kind},
        item=item,
        grid=(-(-channels * tiles.pitch // 256), 1, 1),
        arguments=(operands.x, to, *sizes, *prologue.operands),
        writes=(to,),
        flops=channels * tiles.count * INPUT_FLOPS,
        prelude=prologue.text,
    )


def _transform_outputs(
    item: Item, builder: ProgramBuilder, window: Window, operands: Operands, tiles: Tiles, sums: Place
) -> None:
    channels, epilogue, tags = window.groups * window.out_channels, item.epilogue(1), types(item, operands)
    parameters: dict[str, Value] = {"BIAS": int(operands.bias is not None), "VECTOR": int(window.out[1] % 4 == 0)}
    parameters["POOL"] = int(window.pooled)
    parameters |= {name: tags[name] for name in ("TYPE_Y", "TYPE_BIAS") if name in tags}
    sizes = (channels, *window.out, *tiles.sizes)
    builder.launch(
        winograd4.WINOGRAD4_OUTPUT,
        parameters,
        item=item,
        grid=(-(-channels * tiles.pitch // 256), 1, 1),
        arguments=(sums, item.node, *sizes, *operands.bias_argument, *epilogue.operands),
        writes=(item.node,),
        flops=channels * tiles.count * (OUTPUT_FLOPS + 16 * epilogue.flops),
        prelude=epilogue.text,
        hint=epilogue.hint,
    )
