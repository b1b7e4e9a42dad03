"""What clang makes of the matrix kernels: the share of multiply-adds in the hot loop, registers, and instructions to keep out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from amdc.code_object import CodeObject
from amdc.kernels import conv, gemm, tiles
from amdc.kernels.template import KernelTemplate, Value
from amdc.sim.decoder import decode
from amdc.sim.isa.model import Instruction
from tests.kernels.harness import code_object, source

BIG, MEDIUM, SQUARE = tiles.TILES[:3]
PLAIN = {"LAYOUT_A": gemm.VECTORS, "VECTOR_C": 1, "BIAS": 1}
TAPS = PLAIN | {"KH": 3, "KW": 3, "MODE": conv.TAPS}
POINTWISE = PLAIN | {"KH": 1, "KW": 1, "MODE": conv.POINTWISE}
GEMM = PLAIN | {"LAYOUT_B": gemm.VECTORS}
#           template, tile, parameters, least share of v_mac in the loop, most VGPRs
KERNELS = [
    (gemm.GEMM, BIG, GEMM, 0.85, 128),
    (gemm.GEMM, MEDIUM, GEMM, 0.80, 84),
    (gemm.GEMM, SQUARE, GEMM, 0.75, 64),
    (conv.CONV, BIG, POINTWISE, 0.85, 128),
    (conv.CONV, BIG, TAPS, 0.80, 128),
    (conv.CONV, SQUARE, POINTWISE, 0.75, 64),
    (conv.CONV, SQUARE, TAPS, 0.66, 64),
]


def loops(code: CodeObject) -> Iterator[list[Instruction]]:
    """The instructions between each backward branch and its target."""
    instructions = decode(code.text, code.text_address)
    for last, instruction in enumerate(instructions):
        if instruction.op.name.startswith(("s_branch", "s_cbranch")):
            start = instruction.address + instruction.size + 4 * int(instruction.modifiers["simm16"])
            if start <= instruction.address:
                yield [inner for inner in instructions[: last + 1] if inner.address >= start]


def names(instructions: list[Instruction], pattern: str) -> list[str]:
    return [i.op.name for i in instructions if re.fullmatch(pattern, i.op.name)]


def compiled(template: KernelTemplate, tile: tiles.Tile, parameters: Mapping[str, Value]) -> CodeObject:
    return code_object(source(template, tile.defines() | dict(parameters), tile.lanes))


@pytest.mark.parametrize("template, tile, parameters, share, vgprs", KERNELS)
def test_hot_loop(template: KernelTemplate, tile: tiles.Tile, parameters: Mapping[str, Value], share: float, vgprs: int) -> None:
    code = compiled(template, tile, parameters)
    products = tile.thread_m * tile.thread_n * tile.k
    hot = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == products]
    assert hot, "no loop holds all multiply-adds of a stage as v_mac_f32"
    for loop in hot:
        assert products / len(loop) >= share
        assert products / len(names(loop, "v_.*")) >= 0.92  # the rest of the vector ALU's work
        reads = 4 * 4 * len(names(loop, "ds_read_b128")) + 4 * 2 * len(names(loop, "ds_read_b64"))
        assert reads / products <= 4 * (1 / tile.thread_m + 1 / tile.thread_n)  # bytes of LDS a multiply-add
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_.*|scratch_.*|buffer_(load|store)_dwordx[23]")
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= vgprs
    assert kernel.scratch_bytes == 0
