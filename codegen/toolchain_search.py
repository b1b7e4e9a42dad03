"""Finds a clang that compiles for AMD GPUs, and the lld that goes with it.

Order: AMDC_CLANG (and nothing else, where it is set), a ROCm's, the system's, the `ziglang` wheel's. A candidate counts when it
is new enough and compiles, assembles and links a kernel of one line; what was wrong with each of them is told when none does.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amdc.cache import Cache, content_key
from amdc.codegen.toolchain_compile import StepFailed, Toolchain
from amdc.errors import ToolchainError

OLDEST = 19  # clang's major version; the kernels use its buffer resource builtins
NEWEST_NAMED = 29  # clang-NN is looked for on PATH from OLDEST to this
ROCM_FOLDERS = "/opt"
ADVICE = "install one without root: pip install 'amdc[toolchain]' (or clang-19 and lld-19 from the system, or set AMDC_CLANG)"


def find_toolchain(arch: str = "gfx803") -> Toolchain:
    """The first working compiler. Raises `ToolchainError` saying what was tried and what to install."""
    wrong = []
    for binary, origin in _candidates():
        try:
            return _examine(binary, origin, arch)
        except StepFailed as reason:
            wrong.append(f"  {binary} ({origin}): {reason}")
    tried = "tried:\n" + "\n".join(wrong) if wrong else "none was found on PATH, under /opt/rocm*, or as the ziglang wheel"
    if os.environ.get("AMDC_CLANG"):
        raise ToolchainError(
            f"AMDC_CLANG does not name a usable compiler: it must be a clang >= {OLDEST} that compiles for {arch}\n{tried}"
        )
    raise ToolchainError(f"no clang >= {OLDEST} that compiles for {arch}: {ADVICE}\n{tried}")


def _candidates() -> Iterator[tuple[str, str]]:
    """Paths of compilers, best first, each with where it comes from."""
    if chosen := os.environ.get("AMDC_CLANG"):
        yield shutil.which(os.path.expanduser(chosen)) or chosen, "AMDC_CLANG"
        return
    for clang in sorted(Path(ROCM_FOLDERS).glob("rocm*/llvm/bin/clang"), key=_numbers, reverse=True):
        yield str(clang), "ROCm"
    for name in [f"clang-{major}" for major in range(OLDEST, NEWEST_NAMED + 1)] + ["clang"]:
        if found := shutil.which(name):
            yield found, "on PATH"
    if wheel := importlib.util.find_spec("ziglang"):
        for folder in wheel.submodule_search_locations or ():
            yield str(Path(folder) / "zig"), "the ziglang wheel"


def _numbers(path: Path) -> list[int]:
    """The numbers in a path, so that rocm-6.10 sorts behind rocm-6.9, and plain rocm, a link, by what it links to."""
    return [int(number) for number in re.findall(r"\d+", str(path.resolve()))]


def _examine(binary: str, origin: str, arch: str) -> Toolchain:
    """The toolchain around one compiler. Raises `StepFailed` with what is wrong with it. What was found is cached by the binary's
    size and time, so that a second run of amdc starts no process here."""
    stamp = _stamp(binary)
    key = content_key(binary, stamp, origin, arch, str(OLDEST), *(field.name for field in dataclasses.fields(Toolchain)))
    found = json.loads(Cache("toolchain").read_or_make(key, lambda path: _probe(binary, stamp, origin, arch, path)))
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    toolchain = Toolchain(**fields)
    _stamp(toolchain.linker[0])
    return toolchain


def _probe(binary: str, stamp: str, origin: str, arch: str, path: Path) -> None:
    clang = (binary, "clang") if Path(binary).name.startswith("zig") else (binary,)
    version = _ask(*clang, "--version").partition("\n")[0].strip()
    found = re.search(r"clang version (\d+)", version)
    if not found:
        raise StepFailed(f"not a clang: it calls itself '{version}'")
    if int(found[1]) < OLDEST:
        raise StepFailed(f"clang {found[1]} is too old; {OLDEST} or newer is needed")
    linker = _linker(clang, found[1])
    identity = "\n".join((version, _ask(*linker, "--version").strip(), stamp))
    toolchain = Toolchain(clang, linker, version, origin, identity)
    toolchain.probe(arch)
    path.write_text(json.dumps(dataclasses.asdict(toolchain)))


def _linker(clang: tuple[str, ...], major: str) -> tuple[str, ...]:
    """The lld of this clang: zig's own, the one that clang would start, or one on PATH."""
    if clang[1:]:
        return (clang[0], "ld.lld")
    own = _ask(*clang, "-print-prog-name=ld.lld").strip()
    for name in (own, f"ld.lld-{major}", "ld.lld"):
        if found := shutil.which(name):
            return (found,)
    raise StepFailed(f"it has no ld.lld (install lld-{major})")


def _ask(*command: str) -> str:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60, check=True
        ).stdout
    except OSError as error:
        raise StepFailed(f"cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise StepFailed("gave no answer within 60 s") from None
    except subprocess.CalledProcessError as error:
        raise StepFailed(f"'{' '.join(command)}' failed: {error.stderr.strip()}") from None


def _stamp(binary: str) -> str:
    """Changes when the file is replaced. Raises `StepFailed` where there is none."""
    try:
        status = os.stat(binary)
    except OSError as error:
        raise StepFailed(f"cannot be started: {error.strerror}") from None
    return f"{status.st_size} {status.st_mtime_ns}"
