"""Random straight-line programs in C, built for gfx803 and for the host by the same compiler.

Only behaviour that C and IEEE 754 define is drawn: signed overflow wraps (-fwrapv), shift counts are masked, divisors are not
zero, floats stay far from denormals and overflow, nothing is contracted, and only numbers in range are converted to integers.
Unsigned dividends stay below 2^31: clang 19 divides one that it knows to have many leading ones in 24 bits, for gfx803, wrongly.
"""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from .assembler import assemble, run, tools

INTS, FLOATS, LONGS = ("a", "b", "c"), ("x", "y", "z"), ("l",)
LANES = 192
_PRELUDE = """
FUNCTION float safe(float v) { float m = v < 0 ? -v : v; return m > 1e-6f && m < 1e6f ? v : 1.5f; }
FUNCTION int whole(float v) { return v > -1e9f && v < 1e9f ? (int)v : 7; }
"""
_BODY = """
FUNCTION void program_{n}(const int *in, int *out, int i) {{
  int a = in[i], b = in[{lanes} + i], c = in[2 * {lanes} + i];
  float x = safe((float)a * 0.001f), y = safe((float)b * 0.37f), z = safe((float)(c & 1023) + 0.5f);
  long l = ((long)a << 32) ^ (unsigned)b;
{statements}
  union {{ float f[3]; int i[3]; }} bits = {{{{x, y, z}}}};
  out[i] = a; out[{lanes} + i] = b; out[2 * {lanes} + i] = c;
  out[3 * {lanes} + i] = bits.i[0]; out[4 * {lanes} + i] = bits.i[1]; out[5 * {lanes} + i] = bits.i[2];
  out[6 * {lanes} + i] = (int)l; out[7 * {lanes} + i] = (int)(l >> 32);
}}
"""
_KERNEL = """
extern "C" __attribute__((global)) void kernel_{n}(const int *in, int *out) {{
  int i = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();
  program_{n}(in, out, i);
}}
"""
_HOST = 'extern "C" void kernel_{n}(const int *in, int *out) {{ for (int i = 0; i < {lanes}; ++i) program_{n}(in, out, i); }}\n'
RESULT_ROWS = 8


@st.composite
def integer(draw: st.DrawFn, depth: int = 3) -> str:
    """An int expression."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(
            st.sampled_from(INTS)
            | st.integers(-70, 70).map(lambda v: f"({v})")
            | st.integers(-(2**31) + 1, 2**31 - 1).map(lambda v: f"({v})")
        )
    left, right = draw(integer(depth - 1)), draw(integer(depth - 1))
    form = draw(
        st.sampled_from(
            [
                "({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} & {1})", "({0} | {1})", "({0} ^ {1})", "(~{0})", "(- {0})",
                "({0} << ({1} & 31))", "({0} >> ({1} & 31))", "(int)((unsigned){0} >> ({1} & 31))", "({0} / (({1} & 255) + 1))",
                "({0} % (({1} & 1023) + 1))", "(int)(((unsigned){0} >> 1) / (((unsigned){1} >> 7) + 1u))",
                "({0} < {1} ? {0} : {1})",
                "((unsigned){0} > (unsigned){1} ? {0} : {1})", "({0} == {1})", "(int)(short)({0} + {1})", "(int)(signed char){0}",
                "(int)(unsigned char)({0} >> 8)", "(int)(unsigned short)({0} * {1})", "__builtin_popcount({0} ^ {1})",
                "(int)(((long){0} * {1}) >> 32)", "(int)__builtin_bswap32({0})", "(int)__builtin_bitreverse32({0} + {1})",
                "__builtin_clz({0} | 1)", "__builtin_ctz({0} | 256)", "(({0} >> 16) & 255) * ({1} & 255)",
            ]
        )
    )  # fmt: skip
    return form.format(left, right)


@st.composite
def number(draw: st.DrawFn, depth: int = 3) -> str:
    """A float expression."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(
            st.sampled_from(FLOATS)
            | st.sampled_from(["0.5f", "(-2.0f)", "3.25f", "(float)(a & 4095)", "(float)(unsigned char)b"])
        )
    left, right = draw(number(depth - 1)), draw(number(depth - 1))
    forms = ["({0} + {1})", "({0} - {1})", "safe({0} * {1})", "safe({0} / safe({1}))", "({0} < {1} ? {0} : {1})", "(- {0})"]
    forms += [
        "__builtin_fabsf({0})",
        "__builtin_floorf({0})",
        "__builtin_truncf({0})",
        "__builtin_sqrtf(safe(__builtin_fabsf({0})))",
    ]
    return draw(st.sampled_from(forms)).format(left, right)


@st.composite
def statement(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 6 if depth else 4))
    if kind == 0:
        return f"{draw(st.sampled_from(FLOATS))} = safe({draw(number())});"
    if kind == 1:
        return f"{draw(st.sampled_from(INTS))} = whole({draw(number())});"
    if kind == 2:
        factor, amount = draw(st.integers(-99, 99)), draw(st.sampled_from(INTS))
        return f"l = l * {factor} + ((long){draw(integer(2))} << ({amount} & 63)) - (l >> 7);"
    if kind < 5:
        return f"{draw(st.sampled_from(INTS))} = {draw(integer())};"
    body = " ".join(draw(st.lists(statement(depth - 1), min_size=1, max_size=2)))
    if kind == 5:
        other = draw(statement(depth - 1))
        return f"if ({draw(integer(2))} < {draw(integer(2))}) {{ {body} }} else {{ {other} }}"
    name = f"i{depth}"
    return f"for (int {name} = 0; {name} < ({draw(st.sampled_from(INTS))} & 7); ++{name}) {{ {body} a += {name}; }}"


programs = st.lists(statement(), min_size=2, max_size=7).map("\n  ".join)


def source(bodies: list[str], device: bool) -> str:
    """All programs in one file, as kernels or as host functions."""
    function = "__attribute__((device)) inline" if device else "static inline"
    text = _PRELUDE.replace("FUNCTION", function)
    for n, statements in enumerate(bodies):
        text += _BODY.replace("FUNCTION", function).format(n=n, statements="  " + statements, lanes=LANES)
        text += (_KERNEL if device else _HOST).format(n=n, lanes=LANES)
    return text


def build(bodies: list[str], optimisation: str) -> tuple[bytes, ctypes.CDLL]:
    """The gfx803 code object and the host library of the programs."""
    clang, _ = tools()
    common = [*clang, optimisation, "-fwrapv", "-ffp-contract=off", "-w"]
    with tempfile.TemporaryDirectory() as folder:
        device, host, text, library = (Path(folder) / name for name in ("device.hip", "host.cpp", "device.s", "host.so"))
        device.write_text(source(bodies, device=True))
        host.write_text(source(bodies, device=False))
        hip = ["-x", "hip", "--cuda-device-only", "--offload-arch=gfx803", "-nogpuinc", "-nogpulib", "-S"]
        run([*common, *hip, "-o", str(text), str(device)])
        run([*common, "-x", "c++", "-shared", "-fPIC", "-fno-exceptions", "-nostdlib++", "-o", str(library), str(host)])
        return assemble(text.read_text()), ctypes.CDLL(str(library))


def expected(library: ctypes.CDLL, n: int, operands: np.ndarray) -> np.ndarray:
    out = np.zeros((RESULT_ROWS, LANES), np.int32)
    pointer = ctypes.POINTER(ctypes.c_int)
    getattr(library, f"kernel_{n}")(operands.ctypes.data_as(pointer), out.ctypes.data_as(pointer))
    return out
