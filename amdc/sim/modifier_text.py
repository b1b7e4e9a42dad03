"""Modifiers as text: SDWA, DPP, output modifiers, LDS offsets and swizzles, typed buffer formats.

Source: LLVM, "Syntax of AMDGPU Instruction Modifiers".
"""

from __future__ import annotations

from collections.abc import Mapping

from amdc.sim.isa.model import Instruction, Op

Modifiers = Mapping[str, int | str]
_OMOD = ("", "mul:2", "mul:4", "div:2")
_DPP_SHIFTS = {0x100: "row_shl", 0x110: "row_shr", 0x120: "row_ror"}
_DPP_WHOLE = {
    0x130: "wave_shl:1", 0x134: "wave_rol:1", 0x138: "wave_shr:1", 0x13C: "wave_ror:1",
    0x140: "row_mirror", 0x141: "row_half_mirror", 0x142: "row_bcast:15", 0x143: "row_bcast:31",
}  # fmt: skip
_DATA_FORMATS = (
    "INVALID", "8", "16", "8_8", "32", "16_16", "10_11_11", "11_11_10", "10_10_10_2", "2_10_10_10", "8_8_8_8", "32_32",
    "16_16_16_16", "32_32_32", "32_32_32_32", "RESERVED_15",
)  # fmt: skip
_NUMBER_FORMATS = ("UNORM", "SNORM", "USCALED", "SSCALED", "UINT", "SINT", "RESERVED_6", "FLOAT")


def output_text(modifiers: Modifiers) -> str:
    """Clamp and output multiplier of VOP3."""
    parts = ["clamp"] if modifiers.get("clamp") else []
    return " ".join([*parts, _OMOD[int(modifiers["omod"])]]).strip()


def sdwa_text(instruction: Instruction) -> str:
    """Selections of the destination and of each vector source."""
    modifiers = instruction.modifiers
    parts = ["clamp"] if modifiers.get("clamp") else []
    if "dst_sel" in modifiers:
        parts += [f"dst_sel:{modifiers['dst_sel']}", f"dst_unused:{modifiers['dst_unused']}"]
    parts += [f"src{i}_sel:{operand.sel}" for i, operand in enumerate(instruction.src) if operand.sel]
    return " ".join(parts)


def dpp_control(control: int) -> str:
    """The lane permutation that the 9-bit field names, "" for a reserved one."""
    if control < 0x100:
        return f"quad_perm:[{','.join(str(control >> 2 * i & 3) for i in range(4))}]"
    if control in _DPP_WHOLE:
        return _DPP_WHOLE[control]
    name = _DPP_SHIFTS.get(control & ~15)
    return f"{name}:{control & 15}" if name and control & 15 else ""


def dpp_text(modifiers: Modifiers) -> str:
    parts = [dpp_control(int(modifiers["dpp_ctrl"]))]
    parts += [f"row_mask:0x{modifiers['row_mask']:x}", f"bank_mask:0x{modifiers['bank_mask']:x}"]
    return " ".join(parts + (["bound_ctrl:1"] if modifiers["bound_ctrl"] else []))


def lds_offset(op: Op, modifiers: Modifiers, pair: bool) -> list[str]:
    """One or two offsets, or the pattern of a swizzle; `gds` last."""
    names = ("offset0", "offset1") if pair else ("offset",)
    if op.name == "ds_swizzle_b32":
        parts = [f"offset:{swizzle_text(int(modifiers['offset']))}"] if modifiers["offset"] else []
    else:
        parts = [f"{name}:{modifiers[name]}" for name in names if modifiers[name]]
    return parts + (["gds"] if modifiers["gds"] else [])


def swizzle_text(pattern: int) -> str:
    """The macro that makes a swizzle pattern, or its number. Bit 15 chooses a permutation within four lanes; otherwise lane i
    reads lane ((i & and) | or) ^ xor with and, or, xor of 5 bits each."""
    if pattern >> 8 == 0x80:
        return f"swizzle(QUAD_PERM,{','.join(str(pattern >> 2 * i & 3) for i in range(4))})"
    if pattern >> 15:
        return str(pattern)
    keep, fix, flip = pattern & 31, pattern >> 5 & 31, pattern >> 10 & 31
    if keep == 31 and fix == 0 and flip.bit_count() == 1:
        return f"swizzle(SWAP,{flip})"
    if keep == 31 and fix == 0 and flip and flip & (flip + 1) == 0:
        return f"swizzle(REVERSE,{flip + 1})"
    group = 32 - keep
    if flip == 0 and group > 1 and group.bit_count() == 1 and fix < group:
        return f"swizzle(BROADCAST,{group},{fix})"
    letters = "".join(_swizzle_bit(keep >> i & 1, fix >> i & 1, flip >> i & 1) for i in range(4, -1, -1))
    return f'swizzle(BITMASK_PERM,"{letters}")'


def _swizzle_bit(keep: int, fix: int, flip: int) -> str:
    """What becomes of one bit of the lane's number: preserved, inverted, 0 or 1."""
    zero, one = fix ^ flip, ((keep | fix) ^ flip)
    return {(0, 1): "p", (1, 0): "i"}.get((zero, one), str(zero))


def typed_format(data: int, number: int) -> list[str]:
    """Data and number format of a typed buffer access; the defaults (8 bits, UNORM) are left out."""
    names = []
    if data != 1:
        names.append(f"BUF_DATA_FORMAT_{_DATA_FORMATS[data]}")
    if number:
        names.append(f"BUF_NUM_FORMAT_{_NUMBER_FORMATS[number]}")
    return [f"format:[{','.join(names)}]"] if names else []
