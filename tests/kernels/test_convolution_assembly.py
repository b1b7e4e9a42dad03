"""What clang makes of the convolutions whose operands come from scalar registers: multiply-adds in the hot loops, registers."""

from __future__ import annotations

import pytest

from amdc.code_object import CodeObject
from amdc.kernels import conv
from amdc.kernels.conv import PHASE_SHAPES, WINOGRAD_SHAPES, PhaseShape, WinogradShape
from amdc.sim.decoder import decode
from tests.kernels.harness import code_object, source
from tests.kernels.test_assembly import loops, names

UNWANTED = "v_fma_f32|flat_.*|scratch_.*|buffer_(load|store)_dwordx[23]"
LANE_MOVES = "v_(read|write)lane_b32"  # how clang keeps scalars for which there is no register
#          shape, least share of v_mac in the loop's vector instructions
WINOGRADS = [
    (WINOGRAD_SHAPES[0], 0.93),
    (WINOGRAD_SHAPES[1], 0.87),
    pytest.param(WINOGRAD_SHAPES[2], 0.75, marks=pytest.mark.slow),
    pytest.param(WINOGRAD_SHAPES[3], 0.87, marks=pytest.mark.slow),
    pytest.param(WINOGRAD_SHAPES[4], 0.75, marks=pytest.mark.slow),
]


def check(code: CodeObject, products: int, share: float, vgprs: int, lane_moves: int = 0) -> None:
    """One loop holds `products` multiply-adds, each with an operand in a scalar register; nothing spills to memory, and at most
    `lane_moves` times a scalar goes to or comes from a lane of a vector register."""
    (hot,) = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == products]
    assert products / len(names(hot, "v_.*")) >= share
    assert not names(hot, UNWANTED)
    assert len(names(hot, LANE_MOVES)) <= lane_moves
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_(?!atomic_inc$).*|scratch_.*")
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= vgprs
    assert kernel.scratch_bytes == 0


@pytest.mark.parametrize("parts", [0, 1])
@pytest.mark.parametrize("shape, share", WINOGRADS, ids=lambda value: getattr(value, "name", ""))
def test_winograd(shape: WinogradShape, share: float, parts: int) -> None:
    """One stage: 16 points times the wave's filters and channels; as many filters a load of scalars as it can take."""
    parameters = {"WAVES": shape.waves, "FILTERS": shape.filters, "SPLIT": shape.split, "PARTS": parts, "BIAS": 1}
    code = code_object(source(conv.WINOGRAD, parameters, 64 * shape.waves))
    check(code, 16 * shape.filters * shape.filter_waves, share, vgprs=128)
    (kernel,) = code.kernels.values()
    assert kernel.lds_bytes * shape.groups_per_cu <= 64 * 1024


@pytest.mark.parametrize(
    "size, out, stride, rows, products, lane_moves",
    [
        (7, 7, 1, 7, 19 * 19, 0),
        pytest.param(14, 14, 1, 4, 12 * 40, 0, marks=pytest.mark.slow),
        pytest.param(14, 7, 2, 7, 20 * 20, 8, marks=pytest.mark.slow),
    ],
)
def test_scalar(size: int, out: int, stride: int, rows: int, products: int, lane_moves: int) -> None:
    """Two channels: taps in the padding are left out (19 of 21 along a side of 7), and three waves fit on a SIMD."""
    sizes = {"KH": 3, "KW": 3, "IN_H": size, "IN_W": size, "OUT_H": out, "OUT_W": out, "STRIDE": stride}
    parameters = sizes | {"PAD_TOP": 1, "PAD_LEFT": 1, "OUT_ROWS": rows, "OUT_COLUMNS": out}
    parameters |= {"WAVES": 8, "CHANNELS": 512, "W_K": 512, "BIAS": 1}
    check(code_object(source(conv.CONV_SCALAR, parameters, 512)), 2 * products, 0.96, 84, lane_moves)


@pytest.mark.slow
def test_scalar_in_tiles_and_parts() -> None:
    """Wide rows take nearly all scalar registers: some moves between them and lanes of vector registers, but no memory."""
    sizes = {"KH": 3, "KW": 3, "IN_H": 56, "IN_W": 56, "OUT_H": 28, "OUT_W": 28, "STRIDE": 2, "PAD_TOP": 1, "PAD_LEFT": 1}
    parameters = sizes | {"OUT_ROWS": 4, "OUT_COLUMNS": 14, "WAVES": 8, "CHANNELS": 128, "W_K": 128, "PARTS": 3, "BIAS": 1}
    code = code_object(source(conv.CONV_SCALAR, parameters, 512))
    (hot,) = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == 2 * 4 * 14 * 9]
    assert len(names(hot, "v_mac_f32")) / len(names(hot, "v_.*")) >= 0.96
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= 84 and kernel.scratch_bytes == 0


@pytest.mark.parametrize("parts", [1, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", [PHASE_SHAPES[0], pytest.param(PHASE_SHAPES[1], marks=pytest.mark.slow)], ids=str)
def test_phases(shape: PhaseShape, parts: int) -> None:
    """Three kinds of waves, a loop each, with 7 times 8 products for a point of a channel; the one with two points brings the
    inputs, too. A CU holds a work-group: two waves a SIMD, and LDS for one."""
    parameters = {"TILE_LANES": shape.tile_lanes, "PARTS": parts, "VECTOR": 1, "BIAS": 1}
    code = code_object(source(conv.WINOGRAD_PHASES, parameters, 64 * shape.waves))
    for points, share in ((2, 0.8), (3, 0.98), (4, 0.98)):
        (hot,) = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == shape.channels * points * 56]
        assert len(names(hot, "v_mac_f32")) / len(names(hot, "v_.*")) >= share
        assert not names(hot, UNWANTED) and not names(hot, LANE_MOVES)
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= 128 and kernel.scratch_bytes == 0 and kernel.lds_bytes <= 64 * 1024
