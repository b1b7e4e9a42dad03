"""A kernel as one C source: the functions that its instructions need, and `run_wave`, a label for each basic block."""

from __future__ import annotations

from dataclasses import dataclass, field

from amdc.code_object import CodeObject, KernelInfo
from amdc.errors import ModelError
from amdc.sim.checks import Checks
from amdc.sim.isa.forms import CONTROL_FORMS
from amdc.sim.isa.model import Instruction
from amdc.sim.translate.blocks import Block, Explorer, Flow
from amdc.sim.translate.common import common_functions
from amdc.sim.translate.control import control_statement
from amdc.sim.translate.functions import Functions
from amdc.sim.translate.lds import lds_statement
from amdc.sim.translate.operands import NotSimulated
from amdc.sim.translate.scalar import scalar_statement
from amdc.sim.translate.unwritten import Unwritten
from amdc.sim.translate.vector import VectorFunctions, vector_statement
from amdc.sim.translate.vector_memory import buffer_statement, flat_statement, scalar_memory_statement

SCALAR_FORMATS = ("SOP1", "SOP2", "SOPC", "SOPK")
VECTOR_FORMATS = ("VOP1", "VOP2", "VOP3", "VOPC")
CONTROL_WORDS = frozenset(form.split(" ")[0] for form in CONTROL_FORMS)
MOST_ERRORS = 12
ATOMICS = ("atomic_", "lds_exchange")  # what atomics.h defines: it takes a third of a small kernel's compilation


@dataclass(frozen=True)
class Options:
    """What the generated code contains besides the kernel."""

    checks: Checks = field(default_factory=Checks)
    profile: bool = False
    budget: bool = False
    trace: bool = False

    @property
    def defines(self) -> str:
        """The preprocessor lines for the support headers."""
        return f"{self.checks.defines}#define TRACE {int(self.trace)}\n"


class KernelTranslator:
    """Collects the functions and the blocks of one kernel."""

    def __init__(self, options: Options, mode: int | None, unwritten: Unwritten | None) -> None:
        self.options = options
        self.unwritten = unwritten
        self.functions = Functions(common_functions())
        self.vector = VectorFunctions(self.functions, mode)
        self.errors: list[str] = []

    def statement(self, instruction: Instruction) -> str:
        """One instruction as a line of C. Raises `NotSimulated`."""
        op = instruction.op
        if op.meaning.split(" ")[0] in CONTROL_WORDS and op.format not in ("SMEM", *VECTOR_FORMATS) and op.name != "ds_nop":
            stops = op.meaning in ("barrier", "jump", "call", "trap")  # a fault there names it
            return (f"W->pc = 0x{instruction.address:x}; " if stops else "") + control_statement(instruction)
        if op.format in SCALAR_FORMATS:
            return _relative_scalar(instruction) if op.meaning.startswith("movrel") else scalar_statement(instruction)
        if op.format in VECTOR_FORMATS:
            return vector_statement(instruction, self.vector)
        faulting = f"W->pc = 0x{instruction.address:x}; "
        if op.format == "SMEM":
            return faulting + scalar_memory_statement(instruction)
        if op.format == "FLAT":
            return faulting + flat_statement(instruction, self.functions)
        if op.format == "MUBUF":
            return faulting + buffer_statement(instruction, self.functions)
        if op.format == "DS":
            return faulting + lds_statement(instruction, self.functions)
        raise NotSimulated(f"{op.name} at 0x{instruction.address:x}: {op.note or f'{op.format} instructions are not simulated'}")

    def block(self, block: Block, number: int, flow: Flow) -> list[str]:
        """The lines of a basic block, its label first."""
        lines = [f"B_{block.address:x}:"]
        if self.options.profile:
            lines.append(f"    ++W->counts[{number}];")
        if self.options.trace:
            lines.append(f"    trace_block(W, {number});")
        if self.options.budget:
            lines.append(f"    W->pc = 0x{block.address:x};")
            lines.append(
                f"    if (UNLIKELY((i64)(W->budget -= {len(block.instructions)}) < 0)) return fault(W, FAULT_BUDGET, 0, 0, 0);"
            )
        known = self.unwritten.known[block.address] if self.unwritten else 0
        for instruction in block.instructions:
            try:
                if self.unwritten:
                    check, known = self.unwritten.line(instruction, known)
                    lines += ["    " + check] if check else []
                lines.append("    " + self.statement(instruction))
            except NotSimulated as error:
                self.errors.append(str(error))
        if block.next in flow.blocks:
            lines.append(f"    goto B_{block.next:x};")
        return lines


def kernel_source(code: CodeObject, kernel: KernelInfo, options: Options) -> str:
    """The C source of a kernel. Raises `ModelError` naming every reachable instruction that is not simulated."""
    flow = Explorer(code, kernel).explore()
    changes_mode = any(instruction.op.meaning == "setreg" for instruction in flow.instructions)
    unwritten = Unwritten(flow, kernel) if options.checks.registers else None
    translator = KernelTranslator(options, None if changes_mode else kernel.descriptor.float_mode, unwritten)
    lines = [line for number, block in enumerate(flow.blocks.values()) for line in translator.block(block, number, flow)]
    if translator.errors:
        shown = "\n  ".join(translator.errors[:MOST_ERRORS])
        rest = len(translator.errors) - MOST_ERRORS
        more = f"\n  and {rest} more" if rest > 0 else ""
        raise ModelError(f"kernel {kernel.name} of {code.name} cannot be simulated:\n  {shown}{more}")
    functions = translator.functions.text("NOINLINE")
    cases = [f"    case 0x{address:x}: goto B_{address:x};" for address in sorted(flow.entries & flow.blocks.keys())]
    return "\n".join(
        [
            options.defines + '#include "kernel.h"',
            '#include "atomics.h"' if any(word in functions for word in ATOMICS) else "",
            functions,
            "SHARED int run_wave(Wave *W) {",
            "dispatch:",
            "    switch (W->resume) {",
            *cases,
            "    default: return fault(W, FAULT_JUMP, 0, W->resume, 0);",
            "    }",
            *lines,
            "}\n",
        ]
    )


def _relative_scalar(instruction: Instruction) -> str:
    """s_movrels and s_movreld: a scalar register addressed through M0."""
    to, source = instruction.dst[0], instruction.src[0]
    reference = "SGPR64" if instruction.op.dst[0] == "b64" else "SGPR"
    if instruction.op.meaning == "movrels":
        return f"{reference}({to.index}) = {reference}(relative_sgpr(W, {source.index}));"
    value = f"{reference}({source.index})" if source.kind in ("sgpr", "special") else f"0x{source.value:x}u"
    return f"{reference}(relative_sgpr(W, {to.index})) = {value};"
