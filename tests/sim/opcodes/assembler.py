"""Assembles GCN3 text into a code object, with whichever LLVM is at hand: clang-19 and ld.lld-19, or the ziglang wheel."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = ("--target=amdgcn-amd-amdhsa", "-mcpu=gfx803")


@functools.cache
def tools() -> tuple[list[str], list[str]]:
    """The command lines (compiler, linker); an error names both ways to get them."""
    clang, lld = shutil.which("clang-19"), shutil.which("ld.lld-19") or shutil.which("ld.lld")
    if clang and lld:
        return [clang], [lld]
    if importlib.util.find_spec("ziglang"):
        zig = [sys.executable, "-m", "ziglang"]
        return [*zig, "clang"], [*zig, "ld.lld"]
    raise RuntimeError("these tests assemble gfx803 code: install clang-19 with lld-19, or the ziglang wheel")


def assemble(text: str, version: int = 5) -> bytes:
    """The code object (ELF) of an assembly file; `version` is the code object version (4 or 5)."""
    clang, lld = tools()
    with tempfile.TemporaryDirectory() as folder:
        source, relocatable, linked = (Path(folder) / name for name in ("kernels.s", "kernels.o", "kernels.hsaco"))
        source.write_text(text)
        run([*clang, *TARGET, f"-mcode-object-version={version}", "-c", "-o", str(relocatable), str(source)])
        run([*lld, "-shared", "-o", str(linked), str(relocatable)])
        return linked.read_bytes()


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[:4000]}")
