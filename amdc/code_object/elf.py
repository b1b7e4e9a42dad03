"""Reading ELF64 little-endian files: sections, segments, symbols, notes and relocations, as far as AMD GPU code objects use them.

Source: System V ABI (ELF-64); LLVM, "User Guide for AMDGPU Backend", "ELF Code Object".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from amdc.errors import BundleError

EM_AMDGPU = 224
ELFOSABI_AMDGPU_HSA = 64
SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 2, 4, 7, 8, 11
PT_LOAD = 1
PF_X, PF_W = 1, 2
MAX_SEGMENT = 1 << 32  # bytes: more than any card of these chips has


@dataclass(frozen=True)
class Section:
    """`address` and `size` in bytes; `data` is empty for SHT_NOBITS. `link` is the index of the associated section."""

    name: str
    type: int
    address: int
    size: int
    link: int
    data: bytes


@dataclass(frozen=True)
class Segment:
    """A PT_LOAD segment: `data` from the file, followed by zeros up to `size` bytes, at `address`."""

    address: int
    data: bytes
    size: int
    writable: bool
    executable: bool


@dataclass(frozen=True)
class Symbol:
    """`section` is the section's index, 0 where the symbol is undefined."""

    name: str
    address: int
    size: int
    section: int


@dataclass(frozen=True)
class Relocation:
    """A dynamic relocation with addend: at `address`, of R_AMDGPU_* `type`, against `symbol` ("" for none)."""

    address: int
    type: int
    symbol: str
    addend: int


class Reader:
    """Bounds-checked access to the bytes of one file; every failure is a `BundleError` that names the file."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name

    def error(self, what: str) -> BundleError:
        return BundleError(f"{self.name}: not a usable code object: {what}; rebuild it or restore it from its source")

    def bytes_at(self, offset: int, size: int, what: str) -> bytes:
        """`size` bytes at `offset` of the file."""
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise self.error(f"{what} lies at bytes {offset}..{offset + size}, but the file has {len(self.data)} bytes")
        return self.data[offset : offset + size]

    def fields(self, layout: str, offset: int, what: str) -> tuple[int, ...]:
        """Little-endian integers at `offset`, in the notation of `struct`."""
        return struct.unpack("<" + layout, self.bytes_at(offset, struct.calcsize("<" + layout), what))


def text_at(table: bytes, offset: int) -> str:
    """The zero-terminated string at `offset` of a string table; "" where the offset lies outside."""
    end = table.find(b"\0", offset)
    return table[offset : end if end >= 0 else len(table)].decode("utf-8", "replace")


@dataclass(frozen=True)
class Elf:
    """One parsed file. Sections keep their order, so that indices in symbols are valid."""

    flags: int
    abi_version: int
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]
    symbols: dict[str, Symbol]
    relocations: tuple[Relocation, ...]
    notes: tuple[tuple[str, int, bytes], ...]

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((section for section in self.sections if section.name == name), None)


def read_elf(data: bytes, name: str) -> Elf:
    """Parses `data`. Raises `BundleError` where it is not a complete ELF64 file for AMD GPUs."""
    reader = Reader(data, name)
    if data[:4] != b"\x7fELF":
        raise reader.error(f"it starts with {data[:4].hex() or 'nothing'}, not with an ELF header")
    if len(data) < 64:
        raise reader.error(f"the ELF header is cut off at {len(data)} bytes")
    if data[4:6] != b"\x02\x01":
        raise reader.error("it is not a 64-bit little-endian ELF file")
    machine = reader.fields("H", 18, "the machine")[0]
    if machine != EM_AMDGPU:
        raise reader.error(f"its ELF machine is {machine}, not {EM_AMDGPU} (AMD GPU)")
    phoff, shoff, flags, _, phentsize, phnum, shentsize, shnum, shstrndx = reader.fields("QQIHHHHHH", 32, "the ELF header")
    sections = _sections(reader, shoff, shentsize, shnum, shstrndx)
    return Elf(
        flags=flags,
        abi_version=data[8],
        sections=sections,
        segments=_segments(reader, phoff, phentsize, phnum),
        symbols=_all_symbols(reader, sections),
        relocations=_relocations(reader, sections),
        notes=tuple(note for section in sections if section.type == SHT_NOTE for note in _notes(section, reader)),
    )


def _sections(reader: Reader, offset: int, entry: int, count: int, names: int) -> tuple[Section, ...]:
    if count and entry < 64:
        raise reader.error(f"a section header of {entry} bytes (expected 64)")
    headers = [reader.fields("IIQQQQIIQQ", offset + i * entry, f"section header {i}") for i in range(count)]
    if not headers or names >= count:
        raise reader.error("it has no section names")
    strings = reader.bytes_at(headers[names][4], headers[names][5], "the section names")
    found = []
    for name_offset, kind, _, address, file_offset, size, link, _, _, _ in headers:
        name = text_at(strings, name_offset)
        data = b"" if kind in (0, SHT_NOBITS) else reader.bytes_at(file_offset, size, f"section {name}")
        found.append(Section(name, kind, address, size, link, data))
    return tuple(found)


def _segments(reader: Reader, offset: int, entry: int, count: int) -> tuple[Segment, ...]:
    if count and entry < 56:
        raise reader.error(f"a program header of {entry} bytes (expected 56)")
    found = []
    for i in range(count):
        kind, flags, file_offset, address, _, file_size, size, _ = reader.fields(
            "IIQQQQQQ", offset + i * entry, f"program header {i}"
        )
        if kind == PT_LOAD:
            if size < file_size or size > MAX_SEGMENT:
                raise reader.error(f"segment {i} has {file_size} bytes in the file and {size} in memory")
            data = reader.bytes_at(file_offset, file_size, f"segment {i}")
            found.append(Segment(address, data, size, bool(flags & PF_W), bool(flags & PF_X)))
    return tuple(found)


def _symbol_list(reader: Reader, sections: tuple[Section, ...], table: Section) -> list[Symbol]:
    if table.link >= len(sections):
        raise reader.error(f"section {table.name} names section {table.link} as its strings, of {len(sections)}")
    strings = sections[table.link].data
    entries = struct.iter_unpack("<IBBHQQ", table.data[: len(table.data) // 24 * 24])
    return [Symbol(text_at(strings, name), address, size, section) for name, _, _, section, address, size in entries]


def _all_symbols(reader: Reader, sections: tuple[Section, ...]) -> dict[str, Symbol]:
    """Dynamic symbols win over those of .symtab, which a stripped file lacks; defined ones win over undefined ones."""
    found: dict[str, Symbol] = {}
    for kind in (SHT_SYMTAB, SHT_DYNSYM):
        for table in (section for section in sections if section.type == kind):
            for symbol in _symbol_list(reader, sections, table):
                if symbol.name and (symbol.section or symbol.name not in found):
                    found[symbol.name] = symbol
    return found


def _relocations(reader: Reader, sections: tuple[Section, ...]) -> tuple[Relocation, ...]:
    found = []
    for table in (section for section in sections if section.type == SHT_RELA):
        if table.link >= len(sections):
            raise reader.error(f"section {table.name} names section {table.link} as its symbols, of {len(sections)}")
        symbols = _symbol_list(reader, sections, sections[table.link]) if sections[table.link].data else []
        for address, info, addend in struct.iter_unpack("<QQq", table.data[: len(table.data) // 24 * 24]):
            index = info >> 32
            if index and index >= len(symbols):
                raise reader.error(f"a relocation names symbol {index}, of {len(symbols)}")
            found.append(Relocation(address, info & 0xFFFFFFFF, symbols[index].name if index else "", addend))
    return tuple(found)


def _notes(section: Section, reader: Reader) -> list[tuple[str, int, bytes]]:
    """(owner, type, description) of each note; names and descriptions are padded to 4 bytes."""
    inner = Reader(section.data, f"{reader.name}, section {section.name}")
    found, offset = [], 0
    while offset + 12 <= len(section.data):
        name_size, size, kind = inner.fields("III", offset, "a note's head")
        owner = inner.bytes_at(offset + 12, name_size, "a note's owner").rstrip(b"\0").decode("utf-8", "replace")
        start = offset + 12 + (name_size + 3) // 4 * 4
        found.append((owner, kind, inner.bytes_at(start, size, "a note")))
        offset = start + (size + 3) // 4 * 4
    return found
