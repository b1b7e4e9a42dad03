"""The integers of one wave, as far as its code and its arguments tell: scalar registers, and vector ones of the first lane.

What a counter was before an atomic increment is a ticket: of those that compare theirs with n, one in n + 1 finds it equal,
whichever that is. By that, of the waves that share work, the last one finds that it has to finish (kernels/hip/last_part.h).
"""

from __future__ import annotations

from amdc.code_object import KernelInfo
from amdc.cost.scalar_values import COMPUTE, READS_SCC, VECTOR, VECTOR_COMPARE
from amdc.sim.dispatch import initial_state
from amdc.sim.isa.model import Instruction, Operand
from amdc.sim.kernarg import LaunchShape

KERNARG = 1 << 40  # the address at which the arguments are taken to lie
VCC, EXEC, SCC = 106, 126, 253
VECTORS = 256  # vector register n is number VECTORS + n
LANES = 64
SELECT = "v_cndmask_b32"
KEEP, FETCH = "v_writelane_b32", "v_readlane_b32"  # how compilers keep scalar registers that they run out of
ALL_LANES = (1 << 64) - 1
POINTERS = ("dispatch_ptr", "queue_ptr", "scratch")
COUNTS_UP = "_atomic_inc"
COPIES = ("s_mov_b32", "v_mov_b32", "v_readfirstlane_b32")
EQUALITY = {"s_cmp_eq_u32": True, "s_cmp_eq_i32": True, "s_cmp_lg_u32": False, "s_cmp_lg_i32": False}


def numbers(operand: Operand) -> range:
    """The registers of an operand as `Wave.registers` counts them."""
    first = operand.index + (VECTORS if operand.kind == "vgpr" else 0)
    return range(first, first + operand.count)


class Wave:
    """Scalar registers by their encoded number; what is not in `registers` is unknown. `index`: which wave of its work-group."""

    def __init__(self, kernel: KernelInfo, arguments: bytes, shape: LaunchShape, index: int = 0) -> None:
        start = initial_state(kernel, shape, 0, {"kernarg_segment_ptr": KERNARG} | dict.fromkeys(POINTERS, 0))
        self.arguments = arguments
        self.registers = {number: start.sgprs[number] for number in range(start.sgpr_count)}
        self.registers |= {number: size // 2 for number, size in zip(start.group_id, shape.grid, strict=True) if number >= 0}
        self.registers |= {EXEC: ALL_LANES & 0xFFFFFFFF, EXEC + 1: ALL_LANES >> 32}
        first = LANES * index
        for axis, size in enumerate(shape.block):
            self.registers[VECTORS + axis], first = first % size, first // size
        self.kept: dict[tuple[int, int], int | None] = {}  # (vector register, lane)
        self.scc: int | None = None
        self.tickets: set[int] = set()  # registers
        self.odds: float | None = None  # that an unknown `scc` is 1
        self.lanes_known = True  # of EXEC: else all lanes are an assumption
        self.known = True

    def step(self, instruction: Instruction) -> None:
        """Follow one instruction: what it writes becomes known or unknown."""
        op = instruction.op
        ticket, odds = (
            COUNTS_UP in op.name or (op.name in COPIES and self._is_ticket(instruction.src[0])),
            self._odds(instruction),
        )
        self._follow(instruction)
        if ticket:
            self.tickets.update(number for operand in instruction.dst for number in numbers(operand))
        if "scc" in op.writes:
            self.odds = odds

    def _follow(self, instruction: Instruction) -> None:
        op = instruction.op
        if op.format == "SMEM":
            self._load(instruction)
        elif op.name in (KEEP, FETCH):
            self._keep_or_fetch(instruction)
        elif "_saveexec_" in op.name:
            self._save_exec(instruction)
        elif op.name in COMPUTE:
            self._compute(instruction)
        elif op.name in VECTOR or op.name in VECTOR_COMPARE or op.name == SELECT:
            self._vector(instruction)
        else:
            self._forget(instruction)

    def _is_ticket(self, operand: Operand) -> bool:
        return operand.kind in ("sgpr", "vgpr") and numbers(operand).start in self.tickets

    def _odds(self, instruction: Instruction) -> float | None:
        """That SCC is 1 behind a comparison of a ticket with something known."""
        if instruction.op.name not in EQUALITY or not any(self._is_ticket(operand) for operand in instruction.src):
            return None
        known = [self._value(operand) for operand in instruction.src if not self._is_ticket(operand)]
        if len(known) != 1 or known[0] is None:
            return None
        equal = 1 / (known[0] + 1)
        return equal if EQUALITY[instruction.op.name] else 1 - equal

    def holds(self, condition: str) -> bool | None:
        """Whether a branch's condition holds; None where that is unknown."""
        if not condition:
            return True
        if condition.startswith("exec"):
            value = self._wide(EXEC) if self.lanes_known else None
        else:
            value = self.scc if condition.startswith("scc") else self._wide(VCC)
        return None if value is None else (value != 0) == (condition in ("scc1", "vccnz", "execnz"))

    def likelihood(self, condition: str) -> float | None:
        """How likely a branch's condition holds that hangs on a ticket; None for any other."""
        if self.odds is None or not condition.startswith("scc"):
            return None
        return self.odds if condition == "scc1" else 1 - self.odds

    def _wide(self, number: int) -> int | None:
        low, high = self.registers.get(number), self.registers.get(number + 1)
        return None if low is None or high is None else low | high << 32

    def _value(self, operand: Operand) -> int | None:
        if operand.kind in ("inline", "literal", "imm"):
            return operand.value
        if operand.index == SCC:
            return self.scc
        number = numbers(operand).start
        return self._wide(number) if operand.count == 2 else self.registers.get(number)

    def _write(self, operand: Operand, value: int | None) -> None:
        """An unknown mask of lanes that reaches EXEC is taken for all lanes."""
        if operand.index == EXEC and operand.kind == "special":
            self.lanes_known = value is not None
            value = ALL_LANES if value is None else value
        self.tickets.difference_update(numbers(operand))
        for part, number in enumerate(numbers(operand)):
            if value is None:
                self.registers.pop(number, None)
            else:
                self.registers[number] = value >> 32 * part & 0xFFFFFFFF

    def _compute(self, instruction: Instruction) -> None:
        op, sources = instruction.op, [self._value(operand) for operand in instruction.src]
        if op.accumulates:
            sources.insert(0, self._value(instruction.dst[0]))
        known = None not in sources and not (op.name in READS_SCC and self.scc is None)
        result, scc = None, None
        if known:
            bits = 64 if op.name.endswith("64") else 32
            first, second = (*(int(value or 0) & (1 << bits) - 1 for value in sources), 0)[:2]
            result, scc = COMPUTE[op.name](first, second, self.scc or 0)
        if instruction.dst:
            self._write(instruction.dst[0], result)
        if "scc" in op.writes:
            self.scc = scc

    def _vector(self, instruction: Instruction) -> None:
        """A vector instruction on the first lane's values; SDWA and DPP take parts or other lanes, modifiers change floats."""
        name, sources = instruction.op.name, [self._value(operand) for operand in instruction.src]
        self._forget(instruction)
        modified = instruction.encoding in ("SDWA", "DPP") or any(operand.neg or operand.abs for operand in instruction.src)
        if None in sources[:2] or modified:
            return
        known = [int(value or 0) for value in sources]
        result: int | None
        if name == SELECT:
            result = {0: known[0], ALL_LANES: known[1]}.get(-1 if sources[2] is None else known[2])
        elif name in VECTOR:
            result = None if None in sources else VECTOR[name](*known) & 0xFFFFFFFF
        else:
            result = ALL_LANES if VECTOR_COMPARE[name](known[0], known[1], 0)[1] else 0
        self._write(instruction.dst[0], result)

    def _keep_or_fetch(self, instruction: Instruction) -> None:
        """A lane of a vector register that nothing else writes."""
        (first, lane), target = instruction.src[:2], instruction.dst[0]
        if instruction.op.name == KEEP:
            self.kept[numbers(target).start, int(self._value(lane) or 0)] = self._value(first)
        else:
            self._write(target, self.kept.get((numbers(first).start, int(self._value(lane) or 0))))

    def _save_exec(self, instruction: Instruction) -> None:
        source, exec_mask = self._value(instruction.src[0]), self._wide(EXEC)
        name = instruction.op.name.replace("_saveexec", "")
        result = None if source is None or exec_mask is None else COMPUTE[name](source, exec_mask, 0)[0]
        self._write(instruction.dst[0], exec_mask)
        self._write(Operand("special", EXEC, 2), result)
        self.scc = None if result is None else int(result != 0)

    def _load(self, instruction: Instruction) -> None:
        """A scalar load gives what lies among the arguments."""
        if not instruction.dst or len(instruction.src) < 2:
            return self._forget(instruction)
        base, offset, target = self._wide(instruction.src[-2].index), self._value(instruction.src[-1]), instruction.dst[0]
        start = None if base is None or offset is None else base + offset - KERNARG
        if start is None or not 0 <= start <= len(self.arguments) - 4 * target.count or "buffer" in instruction.op.name:
            return self._forget(instruction)
        for part in range(target.count):
            word = self.arguments[start + 4 * part : start + 4 * part + 4]
            self.registers[target.index + part] = int.from_bytes(word, "little")

    def _forget(self, instruction: Instruction) -> None:
        for operand in instruction.dst:
            self._write(operand, None)
        if "scc" in instruction.op.writes:
            self.scc = None
        if "exec" in instruction.op.writes:
            self._write(Operand("special", EXEC, 2), None)
