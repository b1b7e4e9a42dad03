"""Vector ALU instructions: calls of the functions that vector_function.py makes, and the exchanges between lanes."""

from __future__ import annotations

from amdc.sim.isa.forms import LANE_FORMS
from amdc.sim.isa.model import Instruction
from amdc.sim.translate.functions import Functions
from amdc.sim.translate.operands import is_scalar, refuse, scalar_bits, vgpr_place
from amdc.sim.translate.types import TYPES
from amdc.sim.translate.vector_function import Form, form_of, vector_function

FLUSHING = ("mad_f32", "mad_legacy_f32", "mul_legacy_f32")  # they flush f32 denormals in every mode


class VectorFunctions:
    """The functions of vector operations. `mode` is the MODE register where it never changes, else None."""

    def __init__(self, functions: Functions, mode: int | None = None) -> None:
        self._functions, self._mode = functions, mode
        self._names: dict[Form, str] = {}

    def name(self, form: Form) -> str:
        if form not in self._names:
            self._names[form] = self._functions.name(form.op.name, vector_function(form))
        return self._names[form]

    def in_mode(self, form: Form, call: str) -> str:
        """A call with the host's rounding and denormal mode that its operation needs, where that is not the f32 mode."""
        mode = self._mode
        if form.uses_f64 and (mode is None or (mode ^ mode >> 2) & 0x33):
            return f"enter_f64(W); {call} leave_f64(W);"
        if any(name in form.meaning for name in FLUSHING) and (mode is None or mode & 0x30):
            return f"enter_flush(W); {call} leave_flush(W);"
        return call


def vector_statement(instruction: Instruction, functions: VectorFunctions) -> str:
    """One line of C."""
    op = instruction.op
    if op.meaning == "nop":
        return ";"
    if op.meaning in LANE_FORMS:
        return lane_statement(instruction)
    form = form_of(instruction)
    arguments = ["W", *(str(operand.index) for operand in instruction.dst)]
    for number, (operand, type) in enumerate(zip(instruction.src, op.src, strict=True)):
        if number == 0 and form.moved:
            arguments.append("T")
        elif type == "mask":
            arguments.append(scalar_bits(operand, 2))
        elif is_scalar(operand):
            arguments.append(scalar_bits(operand, TYPES[type].words))
        else:
            arguments.append(str(operand.index))
    if form.moved:
        arguments.append("E")
    call = functions.in_mode(form, f"{functions.name(form)}({', '.join(arguments)});")
    before = _dpp(instruction) if form.moved else ""
    return f"{{ {before} {call} }}" if before else call


def _dpp(instruction: Instruction) -> str:
    """The first source's lanes, moved into the temporary register T, and the lanes E that are written."""
    fields = (instruction.modifiers[name] for name in ("dpp_ctrl", "row_mask", "bank_mask", "bound_ctrl"))
    arguments = ", ".join(str(field) for field in fields)
    return f"u32 T[LANES]; const u64 E = move_lanes(W, T, {vgpr_place(instruction.src[0])}, {arguments});"


def lane_statement(instruction: Instruction) -> str:
    """Exchanges between lanes and scalars, and registers addressed through M0."""
    form, sources, target = instruction.op.meaning, instruction.src, instruction.dst[0]
    if form == "readfirstlane":
        return f"SGPR({target.index}) = {_lane_of(instruction, 'first_lane(EXEC)')};"
    if form == "readlane":
        return f"SGPR({target.index}) = {_lane_of(instruction, f'{scalar_bits(sources[1], 1)} & 63')};"
    if form == "writelane":
        return f"{vgpr_place(target)}[{scalar_bits(sources[1], 1)} & 63] = {scalar_bits(sources[0], 1)};"
    if form not in ("movreld", "movrels", "movrelsd"):
        raise refuse(instruction, f"'{form}' is not supported")
    to = f"relative_vgpr(W, {target.index})" if form != "movrels" else str(target.index)
    if is_scalar(sources[0]):
        return f"set_lanes(W, VGPR({to}), {scalar_bits(sources[0], 1)}, EXEC);"
    source = f"relative_vgpr(W, {sources[0].index})" if form != "movreld" else str(sources[0].index)
    return f"copy_lanes(W, VGPR({to}), VGPR({source}), EXEC);"


def _lane_of(instruction: Instruction, lane: str) -> str:
    source = instruction.src[0]
    return scalar_bits(source, 1) if is_scalar(source) else f"{vgpr_place(source)}[{lane}]"
