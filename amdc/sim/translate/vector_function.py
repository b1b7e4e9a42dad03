"""One C function for each distinct form of a vector ALU operation that a kernel uses: a loop over the 64 lanes.

The generated code of a kernel then is a sequence of calls on registers in memory: small, quick to compile, and each loop is
vectorised by the host compiler. A form says which sources are registers or scalars, and the modifiers that it applies.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.sim.isa.helpers import CLAMPED
from amdc.sim.isa.model import Instruction, Op
from amdc.sim.translate.functions import Function
from amdc.sim.translate.operands import is_scalar, refuse
from amdc.sim.translate.types import TYPES, OperandType

BYTES = {"BYTE_0": 0, "BYTE_1": 8, "BYTE_2": 16, "BYTE_3": 24}
HALVES = {"WORD_0": 0, "WORD_1": 16}
OUTPUT_FACTORS = {1: "2.0f", 2: "4.0f", 3: "0.5f"}
NEVER_FLUSHED = ("v_min", "v_max", "v_med3")  # before GFX9 these keep denormals in every mode


@dataclass(frozen=True)
class Source:
    """How a source reaches the function."""

    scalar: bool
    type: str
    neg: bool = False
    abs: bool = False
    sext: bool = False
    sel: str = ""


@dataclass(frozen=True)
class Form:
    """What distinguishes functions of one operation."""

    op: Op
    sources: tuple[Source, ...]
    clamp: bool = False
    omod: int = 0
    dst_sel: str = ""
    dst_unused: str = ""
    moved: bool = False  # DPP: the first source and the active lanes come as arguments

    @property
    def meaning(self) -> str:
        """The C of one lane; clamped integer operations have another one."""
        return CLAMPED.get(self.op.name, self.op.meaning) if self.clamp else self.op.meaning

    @property
    def float_result(self) -> bool:
        return bool(self.op.dst) and self.op.dst[0][0] == "f"

    @property
    def mask_result(self) -> bool:
        return "mask" in self.op.dst

    @property
    def vector_result(self) -> bool:
        return bool(self.op.dst) and self.op.dst[0] != "mask"

    @property
    def uses_f64(self) -> bool:
        """Whether f64 values are involved, which may have another rounding and denormal mode than f32 ones."""
        return "f64" in self.op.dst + self.op.src

    @property
    def flushed_type(self) -> str:
        """The operand type whose denormals the function must flush itself, since the host's mode stands for another type: f16,
        which is computed in f32, and f32 beside f64. Empty where there is none."""
        types = self.op.dst + self.op.src
        if self.op.name.startswith(NEVER_FLUSHED):
            return ""
        return "f16" if "f16" in types else "f32" if self.uses_f64 and "f32" in types else ""


def form_of(instruction: Instruction) -> Form:
    """Raises `NotSimulated` for what no function can be made of."""
    op, modifiers = instruction.op, instruction.modifiers
    if not op.meaning:
        raise refuse(instruction, op.note or "it has no meaning in the instruction table")
    for type in (*op.src, *op.dst):
        if type != "mask" and type not in TYPES:
            raise refuse(instruction, f"operand type {type} is not supported")
    sources = tuple(
        Source(is_scalar(operand), type, operand.neg, operand.abs, operand.sext, "" if operand.sel == "DWORD" else operand.sel)
        for operand, type in zip(instruction.src, op.src, strict=True)
    )
    selected = str(modifiers.get("dst_sel", ""))
    return Form(
        op,
        sources,
        bool(modifiers.get("clamp")),
        int(modifiers.get("omod", 0)),
        "" if selected == "DWORD" else selected,
        str(modifiers.get("dst_unused", "")),
        instruction.encoding == "DPP",
    )


def vector_function(form: Form) -> Function:
    """The C of a form. Registers are given by number: that keeps the calls small."""
    parameters, lines = _parameters(form)
    if "IEEE" in form.meaning:
        lines.append("    const int IEEE = W->mode >> 9 & 1;")
    if form.flushed_type:  # bit 0 keeps denormals in sources, bit 1 in results
        lines.append(f"    const u32 KEEP = W->mode >> {6 if form.flushed_type == 'f16' else 4};")
    if form.clamp and form.float_result:
        lines.append("    const int DX10_CLAMP = W->mode >> 8 & 1;")
    if form.omod and form.float_result:  # ignored in IEEE mode and where denormal results are kept [GCN3, "output modifiers"]
        kept = 5 if form.op.dst[0] == "f32" else 7
        lines.append(f"    const int OMOD = !(W->mode >> 9 & 1) && !(W->mode >> {kept} & 1);")
    for number, source in enumerate(form.sources):
        if source.type == "mask":
            lines.append(f"    u32 c{number}[LANES];\n    lane_bits(c{number}, m{number});")
    if form.mask_result:
        lines.append("    u8 bits[LANES];")
    if form.vector_result:
        lines.append("    u32 inactive[2 * LANES], *const out = LIKELY(exec == ALL_LANES) ? d : inactive;")
    lines.append(f"    LANE_LOOP {{ {' '.join([*_body(form), *_stores(form)])} }}")
    if form.vector_result:
        lines.append(f"    if (UNLIKELY(out != d)) merge_lanes(W, d, out, exec, {TYPES[form.op.dst[0]].words});")
    if form.mask_result:
        lines.append("    SGPR64(mask) = pack_bits(bits) & exec;")
        if "exec" in form.op.writes:
            lines.append("    EXEC = SGPR64(mask);")
    return Function("void", ", ".join(parameters), "\n".join(lines))


def _parameters(form: Form) -> tuple[list[str], list[str]]:
    """The parameters, and the lines that find the registers they name."""
    parameters, lines = ["Wave *W"], []
    if form.vector_result:
        parameters.append("u32 vd")
        lines.append("    u32 *const d = VGPR(vd);")
    if form.mask_result:
        parameters.append("u32 mask")
    for number, source in enumerate(form.sources):
        if source.type == "mask":
            parameters.append(f"u64 m{number}")
        elif source.scalar:
            parameters.append(f"u{32 * TYPES[source.type].words} s{number}")
        elif form.moved and number == 0:
            parameters.append("const u32 *a0")
        else:
            parameters.append(f"u32 v{number}")
            lines.append(f"    const u32 *const a{number} = VGPR(v{number});")
    if form.moved:
        parameters.append("u64 exec")
    else:
        lines.append("    const u64 exec = EXEC;")
    return parameters, lines


def _body(form: Form) -> list[str]:
    """The statements of one lane up to the results."""
    lines = []
    if "LANE" in form.meaning:
        lines.append("const u32 LANE = lane;")
    for number, source in enumerate(form.sources):
        if source.type == "mask":
            lines.append(f"const u32 CARRY = c{number}[lane];")
        else:
            spec = TYPES[source.type]
            value = spec.load.format(_modified(source, spec, _raw(source, spec, number)))
            lines.append(f"const {spec.name} S{number} = {_flushed(form, source.type, value, 1)};")
    for number, type in enumerate(form.op.dst):
        name = "D" if not number else f"D{number}"
        if type == "mask":
            lines.append(f"u32 {name};")
        else:
            spec = TYPES[type]
            lines.append(f"{spec.name} {name}{' = ' + spec.load.format(_register('d', spec)) if form.op.accumulates else ''};")
    return [*lines, form.meaning, *_output_modifiers(form)]


def _flushed(form: Form, type: str, value: str, bit: int) -> str:
    return f"(KEEP & {bit} ? {value} : flush_{type}({value}))" if type == form.flushed_type else value


def _register(name: str, spec: OperandType) -> str:
    return f"{name}[lane]" if spec.words == 1 else f"({name}[lane] | (u64){name}[LANES + lane] << 32)"


def _raw(source: Source, spec: OperandType, number: int) -> str:
    return f"s{number}" if source.scalar else _register(f"a{number}", spec)


def _modified(source: Source, spec: OperandType, raw: str) -> str:
    """Selection of a byte or half first, then absolute value, then negation."""
    if source.sel in BYTES:
        raw = f"({raw} >> {BYTES[source.sel]} & 0xff)"
        raw = f"(u32)(i32)(i8){raw}" if source.sext else raw
    elif source.sel in HALVES:
        raw = f"({raw} >> {HALVES[source.sel]} & 0xffff)"
        raw = f"(u32)(i32)(i16){raw}" if source.sext else raw
    if spec.sign_bit >= 0:
        sign = f"0x{1 << spec.sign_bit:x}{'ull' if spec.words == 2 else 'u'}"
        raw = f"({raw} & ~{sign})" if source.abs else raw
        raw = f"({raw} ^ {sign})" if source.neg else raw
    return raw


def _output_modifiers(form: Form) -> list[str]:
    lines = []
    if form.omod and form.float_result:
        lines.append(f"D = OMOD ? D * {OUTPUT_FACTORS[form.omod]} + 0.0f : D;")  # -0 becomes +0
    if form.clamp and form.float_result:
        lines.append("D = D > 0 ? D < 1 ? D : 1 : D != D && !DX10_CLAMP ? D : 0;")
    if form.flushed_type and form.flushed_type == form.op.dst[0]:
        lines.append(f"D = {_flushed(form, form.flushed_type, 'D', 2)};")
    return lines


def _stores(form: Form) -> list[str]:
    """The statements that write the results: the vector one to `out`, the mask's bit to `bits`."""
    lines = []
    if form.vector_result:
        spec = TYPES[form.op.dst[0]]
        value = spec.store.format("D")
        if spec.words == 2:
            lines.append(f"const u64 R = {value}; out[lane] = (u32)R; out[LANES + lane] = (u32)(R >> 32);")
        else:
            lines.append(f"out[lane] = {_placed(form, value)};")
    if form.mask_result:
        lines.append(f"bits[lane] = ({'D1' if form.vector_result else 'D'}) & 1;")
    return lines


def _placed(form: Form, value: str) -> str:
    """The result in the byte or half that SDWA selects."""
    if not form.dst_sel:
        return value
    shift = BYTES.get(form.dst_sel, HALVES.get(form.dst_sel, 0))
    mask = 0xFF if form.dst_sel in BYTES else 0xFFFF
    placed = f"(({value} & 0x{mask:x}u) << {shift})"
    if form.dst_unused == "UNUSED_PRESERVE":
        return f"({placed} | (d[lane] & 0x{~(mask << shift) & 0xFFFFFFFF:x}u))"
    if form.dst_unused == "UNUSED_SEXT":
        narrow = "i8" if mask == 0xFF else "i16"
        return f"((u32)(i32)({narrow})({value} & 0x{mask:x}u) << {shift})"
    return placed
