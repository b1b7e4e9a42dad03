"""What clang makes of each tile of gemm.hip: the share of multiply-adds in the loop, registers, instructions to keep out."""

from __future__ import annotations

import pytest

from amdc.code_object import CodeObject
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, WIDE_TILES, GemmTile
from amdc.sim.decoder import decode
from tests.kernels.harness import code_object, source
from tests.kernels.test_assembly import loops, names

ALL_TILES = (*GEMM_TILES, *WIDE_TILES)
ROW_MAJOR = (gemm.DEEP, gemm.VECTORS)  # x @ w of row-major x and w
#        least share of v_mac in the loop's instructions, in its vector instructions
SHARES = {
    "128x128x16": (0.87, 0.985),
    "128x128x8": (0.85, 0.98),
    "128x96x16": (0.83, 0.975),
    "96x128x16": (0.83, 0.975),
    "128x64x16": (0.81, 0.97),
    "64x128x16": (0.80, 0.97),
    "64x64x16": (0.73, 0.95),
    "64x64x32s2": (0.81, 0.96),
    "32x32x32s4": (0.66, 0.93),
    "64x176x32s2": (0.8, 0.95),
}
FEW = ("128x128x16", "64x64x16", "32x32x32s4")  # the others are marked slow
CASES = [
    pytest.param(tile, id=tile.name, marks=() if tile.name in FEW else pytest.mark.slow)
    for tile in ALL_TILES
    if tile.name in SHARES
]


def compiled(tile: GemmTile, layouts: tuple[int, int], vectors: bool = True) -> CodeObject:
    parameters = tile.defines() | {"LAYOUT_A": layouts[0], "LAYOUT_B": layouts[1], "BIAS": 1}
    parameters["VECTOR_C"] = int(vectors and tile.thread_n % 4 == 0)
    return code_object(source(gemm.GEMM, parameters, tile.lanes))


def check_clean(code: CodeObject, vgprs: int) -> None:
    """No spills, nothing slow, and no more registers than the tile says."""
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_.*|scratch_.*|buffer_(load|store)_dwordx[23]")
    (kernel,) = code.kernels.values()
    assert kernel.scratch_bytes == 0
    assert kernel.vgprs <= vgprs


@pytest.mark.parametrize("tile", CASES)
def test_loop(tile: GemmTile) -> None:
    code = compiled(tile, ROW_MAJOR)
    hot = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == tile.products]
    assert hot, "no loop holds all multiply-adds of a stage as v_mac_f32"
    of_all, of_vector = SHARES[tile.name]
    for loop in hot:
        assert tile.products / len(loop) >= of_all
        assert tile.products / len(names(loop, "v_.*")) >= of_vector
        loads = names(loop, "buffer_load.*")
        assert loads == ["buffer_load_dwordx4"] * -(-(tile.m + tile.n) * tile.k // (4 * tile.lanes))
    check_clean(code, tile.vgprs)


def test_a_fused_operand_is_read_before_stores() -> None:
    """Four rows of four at a time, by dwordx4: then a lane waits for memory once, and not once a row."""
    (tile,) = (tile for tile in ALL_TILES if tile.name == "64x64x16")
    prelude = """#define AMDC_EPILOGUE_PARAMS , const float *r, unsigned r_bytes
    #define AMDC_EPILOGUE(value, column, element) ((value) + amdc_load_f32(amdc_make(r, r_bytes), 4 * (element)))
    """
    parameters = tile.defines() | {"LAYOUT_A": gemm.DEEP, "LAYOUT_B": gemm.VECTORS, "BIAS": 0, "VECTOR_C": 1}
    code = code_object(source(gemm.GEMM, parameters, tile.lanes, prelude))
    end = names(decode(code.text, code.text_address), "buffer_.*|s_barrier")[-8:]
    assert end == ["buffer_load_dwordx4"] * 4 + ["buffer_store_dwordx4"] * 4
    check_clean(code, tile.vgprs)


@pytest.mark.slow
@pytest.mark.parametrize("layouts", [(gemm.DEEP, gemm.DEEP), (gemm.VECTORS, gemm.VECTORS), (gemm.VECTORS, gemm.DEEP)])
@pytest.mark.parametrize("tile", ALL_TILES, ids=lambda tile: tile.name)
def test_registers_of_aligned_layouts(tile: GemmTile, layouts: tuple[int, int]) -> None:
    check_clean(compiled(tile, layouts), tile.vgprs)


@pytest.mark.parametrize("name", ["128x128x16", "64x64x16"])
def test_registers_of_unaligned_operands(name: str) -> None:
    """Dword loads take registers of their own; two waves a SIMD still fit, or one of the largest tile."""
    (tile,) = (tile for tile in ALL_TILES if tile.name == name)
    check_clean(compiled(tile, (gemm.ROWS, gemm.ROWS), vectors=False), 256 if tile.products > 256 else 64)


def test_what_comes_around_the_loop() -> None:
    """A norm before it, pieces of k, moments behind it: no spills, two waves a SIMD, and nearly the same loop."""
    tile = next(tile for tile in ALL_TILES if tile.name == "64x64x32s2")
    norm = {"NORM": 2, "NORM_WIDTH": 768, "NORM_CENTRED": 1, "NORM_AFFINE": 2, "MOMENTS": 1}
    layouts = {"LAYOUT_A": gemm.DEEP, "LAYOUT_B": gemm.VECTORS, "VECTOR_C": 1, "BIAS": 1}
    parameters = tile.defines() | layouts | norm | {"SPLIT": 2, "SPREAD": 1, "ROW_PARTS": 1}
    code = code_object(source(gemm.GEMM, parameters, tile.lanes))
    instructions = decode(code.text, code.text_address)
    assert not names(instructions, "v_fma_f32|scratch_.*|buffer_(load|store)_dwordx[23]")
    assert names(instructions, "flat_.*") == ["flat_atomic_inc"]
    (kernel,) = code.kernels.values()
    assert kernel.scratch_bytes == 0 and kernel.vgprs <= 128
    (hot,) = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) >= tile.products]
    assert tile.products / len(names(hot, "v_.*")) >= 0.91
