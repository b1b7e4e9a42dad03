"""Source lines of instructions: a reader of DWARF line tables (.debug_line), versions 3 to 5.

Source: DWARF Debugging Information Format, version 5, chapter 6.2, "Line Number Information".
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from amdc.code_object.elf import Reader, text_at

DW_LNS_FIXED_ADVANCE_PC, DW_LNE_END_SEQUENCE, DW_LNE_SET_ADDRESS = 9, 1, 2
DW_LNCT_PATH = 1
_FIXED_FORMS = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16, 0x0E: 4, 0x1F: 4}  # data1 data2 data4 data8 data16 strp line_strp
_STRING_FORMS = {0x0E: ".debug_str", 0x1F: ".debug_line_str"}
_INLINE_STRING, _UDATA = 0x08, 0x0F


@dataclass(frozen=True)
class SourceLine:
    """A line of a source file; `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class LineTable:
    """Rows sorted by address: from `addresses[i]` on, instructions come from `lines[i]`; None ends a sequence."""

    addresses: tuple[int, ...]
    lines: tuple[SourceLine | None, ...]

    def find(self, address: int) -> SourceLine | None:
        """The source line of the instruction at `address`, None where no table covers it."""
        index = bisect_right(self.addresses, address) - 1
        return self.lines[index] if index >= 0 else None


class _Cursor:
    """Reads forward through the bytes of a section."""

    def __init__(self, reader: Reader, offset: int) -> None:
        self.reader, self.offset = reader, offset

    def take(self, count: int) -> bytes:
        data = self.reader.bytes_at(self.offset, count, "a line table's entry")
        self.offset += count
        return data

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def unsigned(self) -> int:
        """ULEB128."""
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        """SLEB128."""
        start = self.offset
        value = self.unsigned()
        size = 7 * (self.offset - start)
        return value - (1 << size) if value >> (size - 1) else value

    def string(self) -> str:
        text = text_at(self.reader.data, self.offset)
        self.offset += len(text.encode("utf-8", "surrogateescape")) + 1
        return text


@dataclass(frozen=True)
class _Header:
    """What a line number program needs of its head; `files` are numbered from `first_file`."""

    end: int
    minimum_size: int
    line_base: int
    line_range: int
    lengths: tuple[int, ...]
    files: tuple[str, ...]
    first_file: int

    def file(self, number: int) -> str:
        index = number - self.first_file
        return self.files[index] if 0 <= index < len(self.files) else "?"


def read_lines(sections: dict[str, bytes], name: str) -> LineTable:
    """The line table of a file's debug sections, empty without .debug_line. Raises `BundleError` where they are damaged."""
    reader = Reader(sections.get(".debug_line", b""), f"{name}, section .debug_line")
    rows: list[tuple[int, SourceLine | None]] = []
    offset = 0
    while offset + 4 <= len(reader.data):
        header, cursor = _read_header(reader, offset, sections)
        rows += _run(header, cursor)
        offset = header.end
    rows.sort(key=lambda row: (row[0], row[1] is not None))
    return LineTable(tuple(address for address, _ in rows), tuple(line for _, line in rows))


def _read_header(reader: Reader, offset: int, sections: dict[str, bytes]) -> tuple[_Header, _Cursor]:
    cursor = _Cursor(reader, offset)
    end = cursor.number(4) + cursor.offset
    version = cursor.number(2)
    if not 3 <= version <= 5:
        raise reader.error(f"a line table of DWARF version {version} (known: 3 to 5)")
    if version >= 5:
        cursor.take(2)  # address size, segment selector size
    program = cursor.number(4) + cursor.offset
    minimum_size = cursor.number(1)
    cursor.take(2 if version >= 4 else 1)  # operations an instruction (VLIW), default of is_stmt
    line_base = int.from_bytes(cursor.take(1), "little", signed=True)
    line_range, opcode_base = cursor.number(1), cursor.number(1)
    if not line_range or not opcode_base:
        raise reader.error("a line table whose line range or opcode base is 0")
    lengths = (0, *cursor.take(opcode_base - 1))
    files = _entry_files(cursor, sections) if version >= 5 else _listed_files(cursor)
    header = _Header(end, minimum_size, line_base, line_range, lengths, files, 0 if version >= 5 else 1)
    cursor.offset = program
    return header, cursor


def _listed_files(cursor: _Cursor) -> tuple[str, ...]:
    """Versions 3 and 4: directories, then files with three numbers each."""
    while cursor.string():
        pass
    files = []
    while name := cursor.string():
        files.append(name)
        for _ in range(3):
            cursor.unsigned()
    return tuple(files)


def _entry_files(cursor: _Cursor, sections: dict[str, bytes]) -> tuple[str, ...]:
    """Version 5: directories, then files, each list with a description of its entries."""
    _entries(cursor, sections)
    return _entries(cursor, sections)


def _entries(cursor: _Cursor, sections: dict[str, bytes]) -> tuple[str, ...]:
    layout = [(cursor.unsigned(), cursor.unsigned()) for _ in range(cursor.number(1))]
    paths = []
    for _ in range(cursor.unsigned()):
        values = {content: _form(cursor, form, sections) for content, form in layout}
        paths.append(values.get(DW_LNCT_PATH, "?"))
    return tuple(paths)


def _form(cursor: _Cursor, form: int, sections: dict[str, bytes]) -> str:
    """One attribute as text; numbers are skipped."""
    if form == _INLINE_STRING:
        return cursor.string()
    if form == _UDATA:
        return str(cursor.unsigned())
    if form not in _FIXED_FORMS:
        raise cursor.reader.error(f"a line table with attributes of form 0x{form:x}")
    value = cursor.number(_FIXED_FORMS[form])
    return text_at(sections.get(_STRING_FORMS[form], b""), value) if form in _STRING_FORMS else str(value)


@dataclass(frozen=True)
class _State:
    address: int = 0
    file: int = 1
    line: int = 1


def _run(header: _Header, cursor: _Cursor) -> list[tuple[int, SourceLine | None]]:
    """The rows that a line number program makes."""
    rows: list[tuple[int, SourceLine | None]] = []
    state = _State()
    base = len(header.lengths)
    while cursor.offset < header.end:
        opcode = cursor.number(1)
        if opcode >= base:
            state = replace(
                state,
                address=state.address + (opcode - base) // header.line_range * header.minimum_size,
                line=state.line + header.line_base + (opcode - base) % header.line_range,
            )
        elif opcode == 0:
            state, ended = _extended(cursor, state)
            if ended:
                rows.append((ended.address, None))
            continue
        else:
            state = _standard(header, cursor, opcode, state)
        if opcode >= base or opcode == 1:  # special opcodes and DW_LNS_copy append a row
            rows.append((state.address, SourceLine(header.file(state.file), state.line) if state.line else None))
    return rows


def _extended(cursor: _Cursor, state: _State) -> tuple[_State, _State | None]:
    """An extended opcode; the second value is the state where a sequence ends."""
    size = cursor.unsigned()
    data = cursor.take(size)
    if data[:1] == bytes([DW_LNE_END_SEQUENCE]):
        return _State(), state
    if data[:1] == bytes([DW_LNE_SET_ADDRESS]):
        return replace(state, address=int.from_bytes(data[1:], "little")), None
    return state, None


def _standard(header: _Header, cursor: _Cursor, opcode: int, state: _State) -> _State:
    """A standard opcode; those that change neither address, file nor line are skipped by their operand counts."""
    if opcode == 2:  # DW_LNS_advance_pc
        return replace(state, address=state.address + cursor.unsigned() * header.minimum_size)
    if opcode == 3:  # DW_LNS_advance_line
        return replace(state, line=max(state.line + cursor.signed(), 0))
    if opcode == 4:  # DW_LNS_set_file
        return replace(state, file=cursor.unsigned())
    if opcode == 8:  # DW_LNS_const_add_pc
        return replace(state, address=state.address + (255 - len(header.lengths)) // header.line_range * header.minimum_size)
    if opcode == DW_LNS_FIXED_ADVANCE_PC:
        return replace(state, address=state.address + cursor.number(2))
    for _ in range(header.lengths[opcode]):
        cursor.unsigned()
    return state
