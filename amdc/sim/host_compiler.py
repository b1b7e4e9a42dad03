"""The C compiler of this machine, which turns translated kernels into shared libraries.

Looked for in this order: $AMDC_HOST_CC, $CC, clang, gcc, cc, and the `ziglang` wheel's clang. The sources include no system
header and need no library, so that a bare compiler serves: what is left undefined (memset and the like) the running process has.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amdc.errors import InternalError, ToolchainError

NATIVE = Path(__file__).parent / "native"  # the support headers
NAMES = ("clang", *(f"clang-{version}" for version in range(24, 13, -1)), "gcc", "cc")
# No contraction: v_mad rounds twice. No traps: conditional operations may become masked vector ones.
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-ffunction-sections",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-w",
)


@dataclass(frozen=True)
class HostCompiler:
    """`command` compiles to an object file; `linker` makes the shared library of it."""

    command: tuple[str, ...]
    linker: tuple[str, ...]
    version: str

    @property
    def identity(self) -> str:
        """What a built library depends on besides its source: the compiler, the flags, the processor and the support headers."""
        return "\n".join((self.version, *self.flags, processor(), native_digest()))

    @property
    def flags(self) -> tuple[str, ...]:
        return (*FLAGS, "-march=native" if platform.machine() == "x86_64" else "-mcpu=native")

    def compile(self, source: str, output: Path, include: Path = NATIVE) -> None:
        """Compile C, with headers of `include`, into the object file `output`. Raises `InternalError`."""
        with tempfile.TemporaryDirectory(prefix="amdc-sim-") as folder:
            code = Path(folder) / "kernel.c"
            code.write_text(source)
            self._run(*self.command, *self.flags, f"-I{include}", "-c", str(code), "-o", str(output))

    def build(self, source: str, output: Path, *objects: Path, include: Path = NATIVE) -> None:
        """Compile C and link it with `objects` into the shared library `output`. Raises `InternalError`."""
        with tempfile.TemporaryDirectory(prefix="amdc-sim-") as folder:
            unit = Path(folder) / "kernel.o"
            self.compile(source, unit, include)
            self._run(*self.linker, "-shared", str(unit), *map(str, objects), "-o", str(output))

    def _run(self, *command: str) -> None:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise InternalError(
                "the host C compiler refused a source of the simulator (a bug in amdc):\n"
                f"$ {shlex.join(command)}\n{result.stderr[:4000]}"
            )


@functools.cache
def native_digest() -> str:
    """The hash of the support headers."""
    digest = hashlib.sha256()
    for path in sorted(NATIVE.glob("*.h")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def processor() -> str:
    """This machine's processor with its instruction set extensions: -march=native code must not move to another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("flags", "Features", "model name", "CPU part")
    return platform.machine() + "".join(sorted({line for line in lines if line.startswith(wanted)}))


def _version(command: tuple[str, ...]) -> str | None:
    """The first lines of `command --version`, or None where it does not start."""
    try:
        result = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return "\n".join(result.stdout.splitlines()[:2]) if result.returncode == 0 else None


def _driver(text: str) -> HostCompiler | None:
    """A compiler driver (clang, gcc) that links too."""
    command = tuple(shlex.split(text))
    version = _version(command) if command and shutil.which(command[0]) else None
    return HostCompiler(command, (*command, "-nostdlib", "-Wl,--gc-sections"), version) if version else None


def _zig() -> HostCompiler | None:
    """The clang and lld inside the `ziglang` wheel."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        return None
    zig = str(Path(spec.origin).parent / "zig")
    version = _version((zig, "clang"))
    return HostCompiler((zig, "clang"), (zig, "ld.lld", "--gc-sections"), version) if version else None


@functools.cache
def find_host_compiler() -> HostCompiler:
    """The first C compiler that starts. Raises `ToolchainError` where there is none, or the one asked for does not start."""
    for variable in ("AMDC_HOST_CC", "CC"):
        if asked := os.environ.get(variable):
            found = _zig() if asked == "ziglang" else _driver(asked)
            if found is None:
                raise ToolchainError(f"${variable} names '{asked}', which is no C compiler that starts; unset it or correct it")
            return found
    for name in NAMES:
        if found := _driver(name):
            return found
    if found := _zig():
        return found
    raise ToolchainError(
        "the simulated GPU needs a C compiler and found none: install clang or gcc, or `pip install ziglang`, or set AMDC_HOST_CC"
    )
