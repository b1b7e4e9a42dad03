"""Reading code objects: the ELF files that hold a GPU's kernels. Standard library only; the simulator and the runtime use it.

`CodeObject.parse(data, name)` gives the kernels with their arguments, resources and descriptors, and the bytes to load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from amdc.code_object.descriptor import Descriptor, RegisterRange
from amdc.code_object.elf import Elf, Relocation, Section, Segment, Symbol, read_elf
from amdc.code_object.kernels import ArgumentInfo, KernelInfo, read_kernels
from amdc.code_object.lines import LineTable, SourceLine, read_lines
from amdc.code_object.machines import arch_name
from amdc.code_object.msgpack import unpack
from amdc.code_object.occupancy import group_limits, groups_per_cu, waves_of, waves_per_simd
from amdc.errors import BundleError, DeviceError

__all__ = [
    "ArgumentInfo", "CodeObject", "Descriptor", "KernelInfo", "LineTable", "RegisterRange", "Relocation", "Section", "Segment",
    "SourceLine", "Symbol", "group_limits", "groups_per_cu", "waves_of", "waves_per_simd",
]  # fmt: skip

NT_AMDGPU_METADATA = 32
ABI_VERSIONS = {1: 3, 2: 4, 3: 5, 4: 6}  # EI_ABIVERSION -> code object version


@dataclass(frozen=True)
class CodeObject:
    """One code object. `arch` comes from the ELF flags; `version` is the code object version (3 to 6); `text` lies at
    `text_address`; `segments` are to be loaded at their addresses; `symbols` hold addresses of the same space."""

    name: str
    arch: str
    version: int
    kernels: dict[str, KernelInfo]
    text: bytes
    text_address: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: dict[str, Symbol]
    relocations: tuple[Relocation, ...]
    metadata: dict[str, Any] = field(repr=False, default_factory=dict)

    @staticmethod
    def parse(data: bytes, name: str) -> CodeObject:
        """Reads `data`; `name` is for messages. Raises `BundleError` where it is damaged, truncated or of an older version."""
        elf = read_elf(data, name)
        if elf.abi_version not in ABI_VERSIONS:
            raise BundleError(
                f"{name}: ELF ABI version {elf.abi_version} is no code object v3 to v6; recompile with -mcode-object-version=4"
            )
        text = elf.section(".text")
        if text is None or len(text.data) % 4:
            raise BundleError(f"{name}: it has no .text section of whole instructions; was it linked with ld.lld -shared?")
        metadata = _metadata(elf, name)
        kernels = read_kernels(metadata, elf.symbols, lambda address, size: _loaded(elf.segments, address, size), name)
        for kernel in kernels.values():
            _check_entry(kernel, text, name)
        return CodeObject(
            name=name,
            arch=arch_name(elf.flags),
            version=ABI_VERSIONS[elf.abi_version],
            kernels=kernels,
            text=text.data,
            text_address=text.address,
            segments=elf.segments,
            sections=elf.sections,
            symbols=elf.symbols,
            relocations=elf.relocations,
            metadata=metadata,
        )

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes of the loaded image at `address`, None where they lie outside the segments."""
        return _loaded(self.segments, address, size)

    def require_arch(self, arch: str) -> None:
        """Raises `DeviceError` where the code object is for another chip than `arch`."""
        if self.arch != arch:
            raise DeviceError(f"{self.name}: compiled for {self.arch}, but {arch} is wanted; recompile it with --arch {arch}")

    @cached_property
    def lines(self) -> LineTable:
        """Source lines by address: empty unless the code was compiled with -gline-tables-only or -g. Raises `BundleError`."""
        return read_lines({section.name: section.data for section in self.sections}, self.name)

    def kernel_text(self, kernel: KernelInfo) -> bytes:
        """The kernel's instructions: `code_size` bytes from its entry, or up to the next symbol or the end of .text."""
        start = kernel.entry - self.text_address
        if kernel.code_size:
            return self.text[start : start + kernel.code_size]
        later = [s.address - self.text_address for s in self.symbols.values() if s.section and s.address > kernel.entry]
        return self.text[start : min([len(self.text), *later])]


def _loaded(segments: tuple[Segment, ...], address: int, size: int) -> bytes | None:
    for segment in segments:
        start = address - segment.address
        if start >= 0 and start + size <= segment.size:
            return segment.data[start : start + size].ljust(size, b"\0")
    return None


def _metadata(elf: Elf, name: str) -> dict[str, Any]:
    for owner, kind, data in elf.notes:
        if owner == "AMDGPU" and kind == NT_AMDGPU_METADATA:
            tree = unpack(data, name)
            if isinstance(tree, dict):
                return tree
            raise BundleError(f"{name}: damaged metadata: a {type(tree).__name__} instead of a map; rebuild the code object")
    raise BundleError(
        f"{name}: it has no AMDGPU metadata note, so its kernels are unknown; recompile with -mcode-object-version=4"
    )


def _check_entry(kernel: KernelInfo, text: Section, name: str) -> None:
    offset = kernel.entry - text.address
    if not 0 <= offset < text.size or offset % 4 or offset + kernel.code_size > text.size:
        raise BundleError(
            f"{name}: kernel {kernel.name} starts at 0x{kernel.entry:x}, outside .text "
            f"(0x{text.address:x}..0x{text.address + text.size:x}); rebuild the code object"
        )
