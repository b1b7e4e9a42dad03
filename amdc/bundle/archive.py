"""The outer file of a bundle: a zip archive with stored (uncompressed) members, which can be mapped into memory from within it.

Members start at multiples of ALIGNMENT: the local header is padded by an extra field, as Android's zipalign does (field 0xD935).
Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3.7 (local file header) and 4.5 (extra fields).
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from amdc.errors import BundleError, UsageError

ALIGNMENT = 64  # bytes
LOCAL_HEADER = 30  # bytes, before the name and the extra fields
ZIP64_EXTRA = 20  # bytes that zipfile appends to the extra fields when told to force zip64
PADDING_FIELD = 0xD935

Buffers = Sequence[bytes | memoryview]  # the parts of one member, to be written one after the other


def sha256(parts: Iterable[bytes | memoryview]) -> str:
    """In hex, of the parts joined."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def write_archive(path: Path, members: Mapping[str, Buffers]) -> None:
    """Write `members` in their order. The file appears by rename, so it is whole or absent; equal members give equal bytes.

    Raises `UsageError` where it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, parts in members.items():
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.extra = _padding(file.tell() + LOCAL_HEADER + len(name.encode()) + ZIP64_EXTRA)
                with archive.open(entry, "w", force_zip64=True) as member:
                    for part in parts:
                        member.write(part)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"cannot write the bundle {path}: {error.strerror}; choose another folder with --output") from None
    finally:
        temporary.unlink(missing_ok=True)


def _padding(start: int) -> bytes:
    """An extra field that moves data which would begin at `start` to the next multiple of ALIGNMENT."""
    least = struct.pack("<HHH", PADDING_FIELD, 2, ALIGNMENT)
    fill = -(start + len(least)) % ALIGNMENT
    return struct.pack("<HHH", PADDING_FIELD, 2 + fill, ALIGNMENT) + bytes(fill)


class Archive:
    """A bundle's members, read. Every failure is a `BundleError` that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                self._directory = self._read_directory(file)
        except FileNotFoundError:
            raise UsageError(f"no such bundle: {path}") from None
        except OSError as error:
            raise UsageError(f"cannot read the bundle {path}: {error.strerror}") from None

    def _read_directory(self, file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
        start = file.read(4)
        try:
            with zipfile.ZipFile(file) as archive:
                return {entry.filename: entry for entry in archive.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error):
            if start == b"PK\3\4":
                raise self.error("it is truncated or damaged (the zip directory at its end is unreadable)") from None
            raise BundleError(f"{self.path} is not an amdc bundle (not a zip file); make one with `amdc compile`") from None

    def error(self, what: str) -> BundleError:
        return BundleError(f"bundle {self.path}: {what}; compile the model again, or copy the file again")

    def __contains__(self, name: str) -> bool:
        return name in self._directory

    def read(self, name: str) -> bytes:
        """A whole member, checked against the zip's own CRC."""
        offset, size = self.span(name)
        with open(self.path, "rb") as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) != size or zlib.crc32(data) != self._directory[name].CRC:
            raise self.error(f"its member {name} is damaged")
        return data

    def span(self, name: str) -> tuple[int, int]:
        """The byte offset in the file and the size of a member."""
        entry = self._directory.get(name)
        if entry is None:
            raise self.error(f"its member {name} is missing")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise self.error(f"its member {name} is compressed, so it was packed by another program")
        if entry.header_offset < 0:  # zipfile shifts all offsets by what the directory at the end says
            raise self.error(f"the place of its member {name} is damaged")
        with open(self.path, "rb") as file:
            file.seek(entry.header_offset)
            header = file.read(LOCAL_HEADER)
            size = os.fstat(file.fileno()).st_size
        if len(header) < LOCAL_HEADER or header[:4] != b"PK\3\4":
            raise self.error(f"the header of its member {name} is damaged")
        name_length, extra_length = struct.unpack_from("<HH", header, 26)
        offset = entry.header_offset + LOCAL_HEADER + name_length + extra_length
        if offset + entry.file_size > size:
            raise self.error(f"its member {name} is cut off")
        return offset, entry.file_size
