"""Instructions as text, in the syntax of LLVM's AMDGPU assembler (what `llvm-objdump -d` prints).

Image, interpolation and export instructions are printed by their names alone.
Source: LLVM, "Syntax of AMDGPU Instruction Modifiers".
"""

from __future__ import annotations

from amdc.sim.control_text import control_text, hardware_register, index_mode, small, small_number
from amdc.sim.decode_memory import two_offsets
from amdc.sim.isa.model import Instruction, Op, Operand
from amdc.sim.isa.table import NO_VOP3
from amdc.sim.modifier_text import dpp_text, lds_offset, output_text, sdwa_text, typed_format
from amdc.sim.operands import pattern_bits

_REGISTER = {"vgpr": "v", "sgpr": "s"}
_FLOATS = {
    16: {0x3800: "0.5", 0xB800: "-0.5", 0x3C00: "1.0", 0xBC00: "-1.0", 0x4000: "2.0", 0xC000: "-2.0", 0x4400: "4.0",
         0xC400: "-4.0", 0x3118: "0.15915494"},
    32: {0x3F000000: "0.5", 0xBF000000: "-0.5", 0x3F800000: "1.0", 0xBF800000: "-1.0", 0x40000000: "2.0", 0xC0000000: "-2.0",
         0x40800000: "4.0", 0xC0800000: "-4.0", 0x3E22F983: "0.15915494"},
    64: {0x3FE0 << 48: "0.5", 0xBFE0 << 48: "-0.5", 0x3FF0 << 48: "1.0", 0xBFF0 << 48: "-1.0", 0x4000 << 48: "2.0",
         0xC000 << 48: "-2.0", 0x4010 << 48: "4.0", 0xC010 << 48: "-4.0", 0x3FC45F306DC9C882: "0.15915494309189532"},
}  # fmt: skip
_FLAGS = ("glc", "slc", "tfe", "lds")
_UNSUFFIXED = NO_VOP3 | {"v_nop", "v_clrexcp"}
_GRAPHICS = ("MIMG", "EXP")


def format_instruction(instruction: Instruction) -> str:
    """One line without address or encoding, such as `v_mac_f32_e32 v3, s2, v0`."""
    op = instruction.op
    if op.format in _GRAPHICS or op.name.startswith("v_interp"):
        return op.name
    if op.format == "SOPP":
        return control_text(op, int(instruction.modifiers["simm16"]))
    operands = ", ".join(text for text in _operands(instruction) if text)
    return " ".join(part for part in (mnemonic(instruction), operands, _modifiers(instruction)) if part)


def mnemonic(instruction: Instruction) -> str:
    """The name with the suffix of its encoding."""
    op = instruction.op
    if op.format not in ("VOP1", "VOP2", "VOPC") or op.name in _UNSUFFIXED:
        return op.name
    if op.format == "VOPC" and instruction.encoding == "SDWA":
        return op.name  # as LLVM has it for this generation
    suffix = {"SDWA": "sdwa", "DPP": "dpp", "VOP3": "e64"}.get(instruction.encoding, "e32")
    return f"{op.name}_{suffix}"


def _operands(instruction: Instruction) -> list[str]:
    op = instruction.op
    types = ("f16", "b32") if op.name.endswith("class_f16") else op.src
    sources = [_source(operand, type, instruction.words) for operand, type in zip(instruction.src, types, strict=True)]
    destinations = [_register(operand) for operand in instruction.dst]
    if op.format == "SOPK":
        sources = [_constant(op, operand, text) for operand, text in zip(instruction.src, sources, strict=True)]
    elif op.name == "s_set_gpr_idx_on":
        sources[1] = index_mode(instruction.src[1].value)
    elif op.format == "SMEM" and op.name.startswith("s_atc_probe"):
        sources.insert(0, small_number(int(instruction.modifiers["permissions"]), 8))
    elif op.name.startswith("v_div_fmas"):
        del sources[3]
    elif op.name.startswith(("v_madmk", "v_madak")):
        sources[1 if "madmk" in op.name else 2] = f"0x{instruction.words[1]:x}"
    elif op.format == "MUBUF" and op.src and op.meaning.startswith("atomic"):
        destinations = []  # the data register, printed as the first source
    return destinations + sources


def _constant(op: Op, operand: Operand, text: str) -> str:
    """SOPK's constant: a hardware register's bits, a branch distance, or a 16-bit number."""
    if operand.kind != "imm":
        return text
    if op.meaning in ("getreg", "setreg"):
        return hardware_register(operand.value)
    return str(operand.value & 0xFFFF) if "branch" in op.name else f"0x{operand.value & 0xFFFF:x}"


def _register(operand: Operand) -> str:
    """A register or a range of them."""
    if operand.kind == "special":
        return operand.name if operand.index < 128 else f"src_{operand.name}"
    letter, last = _REGISTER[operand.kind], operand.index + operand.count - 1
    return f"{letter}{operand.index}" if operand.count == 1 else f"{letter}[{operand.index}:{last}]"


def _source(operand: Operand, type: str, words: tuple[int, ...]) -> str:
    """A source with its modifiers; an immediate offset of scalar memory is hexadecimal."""
    if operand.kind == "none":
        return "off"
    if operand.kind == "imm":
        return f"0x{operand.value:x}"
    constant = operand.kind in ("inline", "literal")
    text = _number(operand, type, words) if constant else _register(operand)
    if operand.sext:
        text = f"sext({text})"
    if operand.abs:
        text = f"|{text}|"
    if operand.neg:
        return f"neg({text})" if constant and not operand.abs else f"-{text}"
    return text


def _number(operand: Operand, type: str, words: tuple[int, ...]) -> str:
    """A constant: as a small integer, a short float, or bits. A literal is judged by its own 32 bits."""
    bits = pattern_bits(type)
    integer16 = bits == 16 and type != "f16"
    if operand.kind == "inline":
        return ({} if integer16 else _FLOATS[bits]).get(operand.value) or small_number(operand.value, bits)
    value = words[1] & 0xFFFF if type == "f16" else words[1]
    if type == "f64":
        return f"0x{value:x}"
    if integer16:
        return _FLOATS[32].get(value) or (small_number(value, 32) if small(value, 32) else f"0x{value & 0xFFFF:x}")
    return ({} if bits == 64 else _FLOATS[bits]).get(value) or small_number(value, bits)


def _modifiers(instruction: Instruction) -> str:
    op, modifiers = instruction.op, instruction.modifiers
    if instruction.encoding == "SDWA":
        return sdwa_text(instruction)
    if instruction.encoding == "DPP":
        return dpp_text(modifiers)
    if instruction.encoding == "VOP3":
        return output_text(modifiers)
    parts = []
    if "dfmt" in modifiers:
        parts += typed_format(int(modifiers["dfmt"]), int(modifiers["nfmt"]))
    parts += [name for name in ("idxen", "offen") if modifiers.get(name)]
    if op.format == "DS":
        parts += lds_offset(op, modifiers, two_offsets(op))
    elif modifiers.get("offset"):
        parts.append(f"offset:{modifiers['offset']}")
    parts += [name for name in _FLAGS if modifiers.get(name) and not op.name.startswith("s_atc_probe")]
    return " ".join(parts)
