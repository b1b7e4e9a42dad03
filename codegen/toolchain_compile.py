"""Compiles kernels: HIP C++ to code objects, in parallel, cached by content.

One way for every compiler: clang makes assembly, clang assembles it, ld.lld links the shared object. (The clang of the `ziglang`
wheel cannot start its own linker, and the steps between cost 30 ms a kernel.)
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from math import prod
from pathlib import Path

from amdc.cache import Cache, cache_root, content_key
from amdc.code_object import CodeObject
from amdc.codegen.kernel_source import KernelSource
from amdc.errors import BundleError, InternalError, ToolchainError

CODE_OBJECT_VERSION = 4  # the widest choice: HIP runtimes since ROCm 4.x load it
COMPILE_FLAGS = (
    "-O3",
    "-nogpuinc",
    "-nogpulib",
    "--no-gpu-bundle-output",
    "-fgpu-flush-denormals-to-zero",  # only then does a multiply-add become the full-rate v_mac_f32 on gfx803
    "-ffp-contract=fast",
    "-fwrapv",  # integers wrap, as in PyTorch; without it clang took a sum that overflows for one that does not
    "-fuse-cuid=none",  # a symbol made from the source's path; without it equal sources give equal bytes
)
TIMEOUT = 600  # seconds for one step of one kernel

PROBE = KernelSource(
    symbol="probe",
    text='extern "C" __attribute__((global)) void probe(float *y) { y[__builtin_amdgcn_workitem_id_x()] = 1; }\n',
)

Progress = Callable[[int, int, KernelSource], None]  # kernels done, of how many, the one just done


@dataclass(frozen=True)
class Toolchain:
    """A clang and an lld, as commands. `origin` says where it was found, for people; `identity` is hashed into cache keys."""

    clang: tuple[str, ...]
    linker: tuple[str, ...]
    version: str  # the first line of `clang --version`
    origin: str
    identity: str

    def describe(self) -> str:
        return f"{self.version} ({' '.join(self.clang)}; {self.origin})"

    def compile_one(self, source: KernelSource, arch: str, line_tables: bool = False) -> bytes:
        """The code object of one kernel, from the cache where it was compiled before.

        Raises `InternalError` where the kernel does not compile (it is generated, so that is a bug of amdc), `ToolchainError`
        where the compiler no longer compiles anything. `line_tables` adds source lines for the simulator's reports.
        """
        return self._cached(Cache("code"), source, arch, line_tables)

    def compile_all(
        self,
        sources: Iterable[KernelSource],
        arch: str,
        jobs: int | None = None,
        progress: Progress | None = None,
        line_tables: bool = False,
    ) -> dict[str, bytes]:
        """The code objects of all `sources`, by `KernelSource.key`; equal sources are compiled once. `jobs`: compilers at a time,
        by default one for each CPU of this process. The first failure stops the rest and is raised, as in `compile_one`."""
        distinct = {source.key: source for source in sources}
        cache = Cache("code")
        made: dict[str, bytes] = {}
        with ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0))) as pool:
            futures = {pool.submit(self._cached, cache, source, arch, line_tables): source for source in distinct.values()}
            try:
                for future in as_completed(futures):
                    source = futures[future]
                    made[source.key] = future.result()
                    if progress is not None:
                        progress(len(made), len(distinct), source)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return {key: made[key] for key in distinct}

    def _cached(self, cache: Cache, source: KernelSource, arch: str, line_tables: bool) -> bytes:
        flags = (*_flags(arch), "-gline-tables-only") if line_tables else _flags(arch)
        key = content_key(source.key, arch, self.identity, "\n".join(flags))
        return cache.read_or_make(key, lambda path: self._make(source, arch, flags, path))

    def _make(self, source: KernelSource, arch: str, flags: tuple[str, ...], path: Path) -> None:
        try:
            data = self.build(source, arch, flags)
            _check(data, source)
        except (StepFailed, BundleError) as failure:
            try:
                self.probe(arch)
            except StepFailed as broken:
                raise ToolchainError(f"{self.describe()} no longer compiles kernels:\n{broken}") from None
            kept = _keep(source, flags, str(failure))
            raise InternalError(
                f"kernel '{source.symbol}' does not compile for {arch} with {self.version}; this is a bug in amdc. "
                f"Its source is kept in {kept}; please report it with this message:\n{failure}"
            ) from None
        path.write_bytes(data)

    def probe(self, arch: str) -> None:
        """Compile a kernel of one line. Raises `StepFailed`."""
        self.build(PROBE, arch, _flags(arch))

    def build(self, source: KernelSource, arch: str, flags: tuple[str, ...]) -> bytes:
        """Compile, assemble and link in a temporary folder, with relative names so that equal sources give equal bytes."""
        defines = [f"-D{name}={value}" for name, value in source.defines]
        assembler = ["--target=amdgcn-amd-amdhsa", f"-mcpu={arch}", f"-mcode-object-version={CODE_OBJECT_VERSION}"]
        with tempfile.TemporaryDirectory(prefix="amdc-") as name:
            folder = Path(name)
            (folder / "kernel.hip").write_text(source.text)
            _step([*self.clang, *flags, *source.options, *defines, "-S", "kernel.hip", "-o", "kernel.s"], folder)
            _step([*self.clang, *assembler, "-c", "kernel.s", "-o", "kernel.o"], folder)
            _step([*self.linker, "-shared", "--no-undefined", "kernel.o", "-o", "kernel.hsaco"], folder)
            return (folder / "kernel.hsaco").read_bytes()


class StepFailed(Exception):
    """A command failed; the message holds the command and what it wrote to stderr."""


def _step(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=TIMEOUT
        )
    except OSError as error:
        raise StepFailed(f"{command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise StepFailed(f"still running after {TIMEOUT} s: {' '.join(command)}") from None
    if done.returncode != 0:
        raise StepFailed(f"{' '.join(command)}\nexit status {done.returncode}\n{done.stderr.strip()}")


def _flags(arch: str) -> tuple[str, ...]:
    target = ("-x", "hip", "--cuda-device-only", f"--offload-arch={arch}", f"-mcode-object-version={CODE_OBJECT_VERSION}")
    return (*target, *COMPILE_FLAGS, "-fdebug-compilation-dir=.")


def _check(data: bytes, source: KernelSource) -> None:
    """That the code object holds the kernel that the source promises. Raises `StepFailed` or `BundleError`."""
    kernels = CodeObject.parse(data, source.symbol).kernels
    if source.symbol not in kernels:
        raise StepFailed(f"it holds no kernel '{source.symbol}', but: {', '.join(kernels) or 'none'}")
    largest = kernels[source.symbol].max_workgroup_size
    if prod(source.block) > largest:
        raise StepFailed(f"it allows {largest} work-items a work-group, but is to be launched with {source.block}")


def _keep(source: KernelSource, flags: tuple[str, ...], failure: str) -> Path:
    """Write the source of a kernel that failed, with the command and the messages in front of it."""
    folder = cache_root() / "failed"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.symbol}-{source.key[:12]}.hip"
    defines = "".join(f"#define {name} {value}\n" for name, value in source.defines)
    head = "".join(f"// {line}\n" for line in [f"clang {' '.join((*flags, *source.options))}", *failure.splitlines()])
    path.write_text(head + defines + source.text)
    return path
