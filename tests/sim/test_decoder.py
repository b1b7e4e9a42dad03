"""The decoder and disassembler against LLVM, over the whole opcode space; operands, errors, and the table's own promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from amdc.sim.decoder import UnknownInstruction, decode, decode_one
from amdc.sim.disassembler import format_instruction
from amdc.sim.isa.forms import ATOMIC_OPERATIONS, CONTROL_FORMS, LANE_FORMS, MEMORY_FORMS
from amdc.sim.isa.helpers import CLAMPED, HELPERS
from amdc.sim.isa.model import Instruction
from amdc.sim.isa.table import BY_NAME, ROWS

from .encodings import Encoding, all_encodings
from .llvm_disassembly import disassemble, find_llvm
from .record_disassembly import RECORD, parse

BY_NAME_ALONE = ("MIMG", "EXP")  # printed without operands


def code(*words: int) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


def one(*words: int) -> Instruction:
    """The one instruction that `words` hold, to the last."""
    found = decode(code(*words))
    assert len(found) == 1
    return found[0]


def expected_text(encoding: Encoding, text: str) -> str:
    if encoding.format in BY_NAME_ALONE or text.startswith("v_interp"):
        return re.sub("_e(32|64)$", "", text.split(" ")[0])
    return text


def our_text(encoding: Encoding) -> str:
    try:
        found = decode(code(*encoding.words))
    except UnknownInstruction as error:
        return str(error)
    return format_instruction(found[0]) if len(found) == 1 else f"{len(found)} instructions"


def test_recorded_disassembly_of_every_opcode() -> None:
    """LLVM's recorded text of two encodings of each opcode in each form equals ours."""
    lines = [parse(line) for line in RECORD.read_text().splitlines()]
    assert {(encoding.format, encoding.opcode) for encoding, _ in lines} >= {(op.format, op.opcode) for op in ROWS}
    wrong = [(text, our_text(encoding)) for encoding, text in lines if our_text(encoding) != expected_text(encoding, text)]
    assert not wrong


@pytest.fixture(scope="module")
def llvm_texts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Encoding, str | None]]:
    tools = find_llvm()
    if tools is None:
        pytest.skip("llvm-mc and llvm-objdump are not installed")
    encodings = all_encodings()
    return list(zip(encodings, disassemble(encodings, tools, tmp_path_factory.mktemp("llvm")), strict=True))


def test_whole_opcode_space_prints_as_llvm_does(llvm_texts: list[tuple[Encoding, str | None]]) -> None:
    accepted = [(encoding, text) for encoding, text in llvm_texts if text is not None]
    wrong = [(text, our_text(encoding)) for encoding, text in accepted if our_text(encoding) != expected_text(encoding, text)]
    assert not wrong, f"{len(wrong)} of {len(accepted)} differ"
    assert len(accepted) > 25_000


def test_no_opcode_beyond_llvms(llvm_texts: list[tuple[Encoding, str | None]]) -> None:
    """An opcode number that LLVM refuses in all variants, the table does not know either."""
    theirs = {(encoding.format, encoding.opcode) for encoding, text in llvm_texts if text is not None}
    ours = {(op.format, op.opcode) for op in ROWS}
    assert ours <= theirs


def test_sweep_keeps_addresses_and_words() -> None:
    text = code(0x7E020280, 0x2A0000FF, 0x3FC, 0xDC500000, 0x03000003, 0xBF810000)
    found = decode(text, 0x1600)
    assert [(i.op.name, i.address, i.size) for i in found] == [
        ("v_mov_b32", 0x1600, 4),
        ("v_xor_b32", 0x1604, 8),
        ("flat_load_dword", 0x160C, 8),
        ("s_endpgm", 0x1614, 4),
    ]
    assert b"".join(code(*i.words) for i in found) == text
    assert decode_one(text, 4, 0x1600) == found[1]


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        ((0x020608F2,), 0x3F800000),  # v_add_f32 v3, 1.0, v4
        ((0x3E0608F2,), 0x3C00),  # v_add_f16
        ((0x7E0606F2,), 0x3FF0000000000000),  # v_cvt_i32_f64 v3, 1.0
        ((0x7E0606C1,), 0xFFFFFFFFFFFFFFFF),  # v_cvt_i32_f64 v3, -1: the integer's bits
        ((0xBE8401C1,), 0xFFFFFFFFFFFFFFFF),  # s_mov_b64 s[4:5], -1
        ((0x320608C1,), 0xFFFFFFFF),  # v_add_u32 v3, vcc, -1, v4
        ((0x4C0608C1,), 0xFFFF),  # v_add_u16 v3, -1, v4
        ((0x020608F8,), 0x3E22F983),  # 1/(2 pi)
        ((0x7E0606FF, 0x40590000), 0x4059000000000000),  # a literal is an f64's high half
        ((0xBE8401FF, 0x80000000), 0x80000000),  # zero-extended to b64
        ((0x909480FF, 0x80000000), 0xFFFFFFFF80000000),  # s_ashr_i64: sign-extended to i64
        ((0x3E0608FF, 0x00003C00), 0x3C00),  # v_add_f16
    ],
)
def test_constants_have_the_pattern_of_their_operand(words: tuple[int, ...], pattern: int) -> None:
    operand = one(*words).src[0]
    assert operand.kind in ("inline", "literal")
    assert operand.value == pattern


def test_vcc_stands_in_the_operands() -> None:
    addc = one(0x38040503)  # v_addc_u32_e32 v2, vcc, v3, v2, vcc
    assert [operand.name for operand in addc.dst] == ["", "vcc"]
    assert addc.src[2].name == "vcc"
    compare = one(0x7D880203)  # v_cmp_gt_i32_e32 vcc, s3, v1
    assert compare.dst[0].name == "vcc"
    assert compare.dst[0].count == 2
    fmas = one(0xD1E20004, 0x040E0501)  # v_div_fmas_f32 v4, v1, v2, v3
    assert fmas.src[3].name == "vcc"


def test_atomics_have_a_destination_with_glc_alone() -> None:
    assert one(0xDD080000, 0x00000502).dst == ()  # flat_atomic_add v[2:3], v5
    assert one(0xDD090000, 0x08000502).dst[0].index == 8
    assert one(0xE1080000, 0x80010200).dst == ()  # buffer_atomic_add v2, off, s[4:7], 0
    returning = one(0xE1084000, 0x80010200)
    assert returning.dst == (returning.src[0],)


def test_signed_branches() -> None:
    assert one(0xBF82FFFE).modifiers["simm16"] == -2
    assert one(0xBF8CFFFF).modifiers["simm16"] == 0xFFFF  # s_waitcnt
    assert one(0xB004FFFF).src[0].value == -1  # s_movk_i32
    assert one(0xB504FFFF).src[1].value == 0xFFFF  # s_cmpk_gt_u32: zero-extended


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (code(0xBE803F80), ["SOP1 opcode 63 (0x3f)", "80 3f 80 be"]),
        (code(0xD3000000, 0), ["VOP3 opcode 768 (0x300)", "00 00 00 d3 00 00 00 00"]),
        (code(0xCC000000), ["encoding 110011 is unknown"]),
        (code(0x2A0000FF), ["ends within an instruction"]),
        (code(0xDC500000), ["ends within an instruction"]),
        (code(0x020608D1), ["source operand 209 is reserved"]),
        (code(0xBE840105), ["source operand 5", "no start of 2 registers"]),
        (code(0xBEE50102), ["scalar register 101"]),
        (code(0x020608F9, 0x06060702), ["SDWA selection 7"]),
        (b"\0\0\0", ["3 bytes"]),
    ],
)
def test_what_cannot_be_decoded_is_named(data: bytes, parts: list[str]) -> None:
    with pytest.raises(UnknownInstruction) as caught:
        decode(data)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_every_meaning_uses_known_helpers_and_forms() -> None:
    forms = {form.split(" ")[0] for form in (*MEMORY_FORMS, *CONTROL_FORMS, *LANE_FORMS)}
    used = set()
    for op in ROWS:
        if ";" in op.meaning:
            used |= set(re.findall(r"\b([a-z]\w*)\(", op.meaning)) - {"if", "for"}
        elif op.meaning:
            assert op.meaning.split(" ")[0] in forms, op.name
            if op.meaning.startswith("atomic"):
                assert op.meaning.split(" ")[1] in ATOMIC_OPERATIONS
        else:
            assert op.note or op.format in ("MIMG", "EXP") or op.name.startswith("v_interp"), (
                f"{op.name}: no meaning and no reason"
            )
    for meaning in CLAMPED.values():
        used |= set(re.findall(r"\b([a-z]\w*)\(", meaning))
    assert used == set(HELPERS)
    assert set(CLAMPED) <= set(BY_NAME)


def test_record_is_what_the_generator_makes() -> None:
    """Recorded encodings still come out of the generator, so that a change of either is noticed."""
    made = set(all_encodings())
    assert all(parse(line)[0] in made for line in Path(RECORD).read_text().splitlines())
