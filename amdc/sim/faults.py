"""What a failed check says: the kernel, the instruction, where it stands, which work-item, and what was wrong."""

from __future__ import annotations

from amdc.code_object import CodeObject, KernelInfo
from amdc.sim.decoder import decode_one
from amdc.sim.disassembler import format_instruction
from amdc.sim.kernarg import LaunchShape
from amdc.sim.memory import Memory, describe_nearest
from amdc.sim.structures import Fault

(OUT_OF_BOUNDS, MISALIGNED, LDS_RANGE, LDS_MISALIGNED, LDS_RACE, SCRATCH_RANGE,
 UNWRITTEN_VGPR, UNWRITTEN_SGPR, BARRIER, JUMP, BUDGET, TRAP) = range(1, 13)  # fmt: skip

LANELESS = (BARRIER, JUMP, BUDGET, TRAP, UNWRITTEN_SGPR)


def describe_fault(code: CodeObject, kernel: KernelInfo, shape: LaunchShape, fault: Fault, memory: Memory) -> str:
    """The message of the `KernelFault`."""
    return "\n".join(
        [
            f"kernel {kernel.name} of {code.name}: {_what(fault, kernel, shape, memory)}",
            f"  instruction: {_instruction(code, fault.pc)}",
            f"  {_where(fault, shape)}",
        ]
    )


def _what(fault: Fault, kernel: KernelInfo, shape: LaunchShape, memory: Memory) -> str:
    at, size = f"0x{fault.address:x}", fault.size
    lds = kernel.lds_bytes + shape.dynamic_lds
    texts = {
        OUT_OF_BOUNDS: f"{size}-byte access at {at} outside every allocation",
        MISALIGNED: f"misaligned {size}-byte access at {at}",
        LDS_RANGE: f"{size}-byte LDS access at {at}, beyond the work-group's {lds} bytes (or beyond M0)",
        LDS_MISALIGNED: f"misaligned {size}-byte LDS access at {at}",
        LDS_RACE: f"LDS race: another wave used the {size} bytes at {at} since the last barrier, and one of the two writes",
        SCRATCH_RANGE: f"{size}-byte access at {at} beyond the lane's scratch memory",
        UNWRITTEN_VGPR: f"reads v{size}, which nothing wrote in this lane",
        UNWRITTEN_SGPR: f"reads {_scalar_name(size)}, which nothing wrote",
        BARRIER: f"{size} waves of the work-group ended while others wait at a barrier",
        JUMP: f"jump to 0x{fault.address & (1 << 64) - 1:x}, which is no translated code",
        BUDGET: "more instructions than max_instructions; does it loop forever?",
        TRAP: "s_trap",
    }
    near = describe_nearest(memory.nearest(fault.address)) if fault.kind == OUT_OF_BOUNDS else ""
    return texts[fault.kind] + near


def _scalar_name(number: int) -> str:
    return {106: "vcc_lo", 107: "vcc_hi", 124: "m0", 102: "flat_scratch_lo", 103: "flat_scratch_hi"}.get(number, f"s{number}")


def _instruction(code: CodeObject, pc: int) -> str:
    offset = pc - code.text_address
    instruction = decode_one(code.text, offset, code.text_address)
    line = code.lines.find(pc)
    return f"{format_instruction(instruction)} at .text+0x{offset:x}" + (f", {line}" if line else "")


def _where(fault: Fault, shape: LaunchShape) -> str:
    x, y = fault.group % shape.grid[0], fault.group // shape.grid[0] % shape.grid[1]
    group = (x, y, fault.group // shape.grid[0] // shape.grid[1])
    if fault.kind in LANELESS:
        return f"work-group {group}, wave {fault.wave}"
    item = fault.wave * 64 + fault.lane
    width, height = shape.block[0], shape.block[1]
    work_item = (item % width, item // width % height, item // width // height)
    return f"work-group {group}, wave {fault.wave}, lane {fault.lane}, work-item {work_item}"
