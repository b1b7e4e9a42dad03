"""The meanings in the instruction table are C that compiles, with the types and helper signatures that helpers.py promises."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from amdc.sim.isa.helpers import CLAMPED, HELPERS
from amdc.sim.isa.model import Op
from amdc.sim.isa.table import BY_NAME, ROWS

NATIVE = Path(__file__).parent.parent.parent / "amdc" / "sim" / "native"
PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char i8; typedef short i16; typedef int i32; typedef long long i64; typedef float f32; typedef double f64;
"""
C_TYPES = {"f16": "f32", "i24": "i32", "u24": "u32", "b16": "u16", "b32": "u32", "b64": "u64", "mask": "u32"}
SCALAR_NAMES = {"SCC": "int", "EXEC": "u64", "VCC": "u64", "M0": "u32", "PC": "u64"}
VECTOR_NAMES = {"CARRY": "u32", "LANE": "u32", "IEEE": "u32"}


def declare(type: str, name: str, const: str = "const ") -> str:
    if type == "b128":
        return f"{const}u32 *{name}"
    return f"{const}{C_TYPES.get(type, type)} {'' if const else '*p'}{name}"


def function(op: Op, meaning: str) -> str:
    """A C function that runs the meaning on its parameters; destinations are pointers, read first where the row accumulates."""
    names = SCALAR_NAMES if op.format.startswith("S") else VECTOR_NAMES
    results = [(type, "D" if i == 0 else f"D{i}") for i, type in enumerate(op.dst)]
    parameters = [declare(type, f"S{i}") for i, type in enumerate(op.src)]
    parameters += [f"{type} {name}" for name, type in names.items()]
    parameters += [declare(type, name, "") for type, name in results]
    plain = [(type, name) for type, name in results if type != "b128"]
    before = "".join(f"{C_TYPES.get(t, t)} {n}{f' = *p{n}' if op.accumulates else ''}; " for t, n in plain)
    after = "".join(f"*p{name} = {name}; " for _, name in plain)
    return f"void {op.name}({', '.join(parameters)}) {{ {before}{meaning} {after}}}"


def prototype(name: str, signature: str) -> str:
    result, parameters = signature.rstrip(")").split(" (")
    named = {"ieee": "int", "lane": "u32", "flag": "u32"}
    return f"{result} {name}({', '.join(named.get(parameter, parameter) for parameter in parameters.split(', '))});"


def check_syntax(source: str, folder: Path) -> None:
    compiler = next((found for name in ("clang", "clang-19", "gcc", "cc") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("no C compiler is installed")
    path = folder / "check.c"
    path.write_text(source)
    flags = ["-fsyntax-only", "-std=gnu11", "-Wall", "-Wno-unused", "-Werror", "-Wno-tautological-compare", f"-I{NATIVE}"]
    result = subprocess.run([compiler, *flags, str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:4000]


def test_native_header_has_every_helper_with_its_signature(tmp_path: Path) -> None:
    """Prototypes made from HELPERS stand before the header's definitions: another signature is an error, so is a missing one."""
    headers = ("bits.h", "floats.h", "elementary.h", "division.h", "lanes.h")
    lines = ['#include "wave.h"', *(f"static inline {prototype(name, signature)}" for name, (signature, _) in HELPERS.items())]
    lines += [f'#include "{header}"' for header in headers]
    lines += [f"void *use_{name} = (void *){name};" for name in HELPERS]
    check_syntax("\n".join(lines), tmp_path)


def test_meanings_compile(tmp_path: Path) -> None:
    lines = [PRELUDE, *(prototype(name, signature) for name, (signature, _) in HELPERS.items())]
    lines += [function(op, op.meaning) for op in ROWS if ";" in op.meaning]
    lines += [
        function(BY_NAME[name], meaning).replace(f"void {name}", f"void clamped_{name}") for name, meaning in CLAMPED.items()
    ]
    check_syntax("\n".join(lines), tmp_path)


def test_every_scalar_meaning_declares_what_it_writes() -> None:
    """SCC, EXEC and M0 on the left of an assignment, or on its right, stand in the row's `writes` and `reads`."""
    for op in ROWS:
        if not op.format.startswith("S") or ";" not in op.meaning:
            continue
        statements = [part.strip() for part in op.meaning.split(";")]
        written = {part.split(" ")[0].lower() for part in statements if part.split(" ")[0] in ("SCC", "EXEC", "M0")}
        assert written == set(op.writes), op.name
        first_read = {name.lower() for name in ("SCC", "EXEC", "M0") if reads_before_writing(name, statements)}
        assert first_read == set(op.reads), op.name


def reads_before_writing(name: str, statements: list[str]) -> bool:
    for statement in statements:
        target, _, value = statement.partition(" = ")
        read = value if target.isidentifier() else statement
        if name in read.replace("(", " ").replace(")", " ").split():
            return True
        if target == name:
            return False
    return False
