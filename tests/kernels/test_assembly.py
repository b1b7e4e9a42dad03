"""What clang makes of the matrix and attention kernels: multiply-adds in hot loops, registers, instructions to keep out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from amdc.code_object import CodeObject
from amdc.kernels import attention, conv, gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.kernels.template import KernelTemplate, Value
from amdc.sim.decoder import decode
from amdc.sim.isa.model import Instruction
from tests.kernels.harness import code_object, source

BIG, MEDIUM, SQUARE = (next(tile for tile in GEMM_TILES if tile.name == name) for name in ("128x128x8", "128x64x16", "64x64x16"))
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


def compiled(template: KernelTemplate, tile: GemmTile, parameters: Mapping[str, Value]) -> CodeObject:
    return code_object(source(template, tile.defines() | dict(parameters), tile.lanes))


@pytest.mark.parametrize("template, tile, parameters, share, vgprs", KERNELS)
def test_hot_loop(template: KernelTemplate, tile: GemmTile, parameters: Mapping[str, Value], share: float, vgprs: int) -> None:
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


ATTENTION = {"TYPE": "float", "MASK_TYPE": "float", "CAUSAL": 1, "MASK": 0, "SOFTCAP": 0, "VECTORS": 1}
# width, most VGPRs (84: three waves a SIMD), share of the multiply-adds in the loop's vector instructions
ATTENTIONS = [(32, 84, 0.75), (64, 84, 0.85), (80, 128, 0.9), (128, 128, 0.9), (256, 256, 0.9)]


@pytest.mark.parametrize("width, vgprs, share", ATTENTIONS)
def test_attention(width: int, vgprs: int, share: float) -> None:
    """Both products are v_mac_f32 with DPP in a loop whose vector ALU does little else; an LDS read feeds 16; nothing spills."""
    code = code_object(source(attention.ATTENTION, ATTENTION | {"WIDTH": width, "V_WIDTH": width}, 256))
    turns = 8 if width <= 32 else 16
    products = 2 * 16 * turns * -(-width // (4 * turns))  # for 4 rows and a key a lane
    (hot,) = (loop for loop in loops(code) if len(names(loop, "v_ma[cd]_f32")) >= products)
    assert products / len(names(hot, "v_.*")) >= share
    assert len(names(hot, "ds_read_b128")) == products // 16
    instructions = decode(code.text, code.text_address)
    assert not names(instructions, "v_fma_f32|flat_.*|scratch_.*|buffer_(load|store)_dwordx[23]")
    assert_dpp_waits(instructions)
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= vgprs
    assert kernel.scratch_bytes == 0
    assert kernel.lds_bytes <= 20 * 1024


def assert_dpp_waits(instructions: list[Instruction]) -> None:
    """DPP reads a register two wait states after the vector ALU wrote it at the earliest [GCN3, "Manually inserted wait states"];
    clang does not look into assembly for that."""
    for at, instruction in enumerate(instructions):
        states = 0
        for before in reversed(instructions[max(0, at - 2) : at] if instruction.encoding == "DPP" else []):
            if states < 2 and before.op.name.startswith("v_"):
                assert instruction.src[0] not in before.dst, f"{before} right before {instruction}"
            states += 1 + int(before.modifiers.get("simm16", 0)) if before.op.name == "s_nop" else 1


@pytest.mark.parametrize("held, width", [(1, 64), (4, 128), (8, 64)])
def test_attention_of_few_rows(held: int, width: int) -> None:
    parameters = ATTENTION | {"HELD": held, "SPLIT": 0, "JOINED": 0, "WIDTH": width, "V_WIDTH": width}
    code = code_object(source(attention.ATTENTION_DECODE, parameters, 256))
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_.*|scratch_.*|buffer_(load|store)_dwordx[23]")
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= 128
    assert kernel.scratch_bytes == 0
