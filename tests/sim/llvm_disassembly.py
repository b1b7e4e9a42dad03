"""What LLVM's disassembler says of encodings."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .encodings import PADDING, Encoding

_LINE = re.compile(r"^\s+(.*?)\s*// ([0-9A-F]+): ([0-9A-F ]+)")


def find_llvm() -> tuple[str, str] | None:
    """llvm-mc and llvm-objdump of one LLVM, the newest suffix first; None where either is missing."""
    for suffix in ("-19", ""):
        tools = shutil.which(f"llvm-mc{suffix}"), shutil.which(f"llvm-objdump{suffix}")
        if tools[0] and tools[1]:
            return tools[0], tools[1]
    return None


def _meaningless(encoding: Encoding, text: str) -> bool:
    """VOP3's negation bit on an integer source has no meaning; LLVM prints it as a sign extension."""
    return encoding.format == "VOP3" and "sext(" in text


def disassemble(encodings: Sequence[Encoding], tools: tuple[str, str], folder: Path) -> list[str | None]:
    """LLVM's text of each encoding, one space between tokens; None where LLVM refuses it or takes another number of words."""
    source = "\n".join(".long " + ", ".join(map(str, (*encoding.words, *PADDING))) for encoding in encodings)
    options = ["-triple=amdgcn-amd-amdhsa", "-mcpu=gfx803"]
    path = folder / "encodings.o"
    subprocess.run([tools[0], *options, "-filetype=obj", "-o", str(path)], input=source, text=True, check=True)
    listing = subprocess.run([tools[1], "-d", "--mcpu=gfx803", str(path)], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        if match := _LINE.match(line):
            found[int(match[2], 16)] = (" ".join(match[1].split()), len(match[3].split()))
    texts: list[str | None] = []
    address = 0
    for encoding in encodings:
        text, words = found.get(address, ("", 0))
        refused = not text or words != len(encoding.words) or any(mark in text for mark in (".long", "/*", "Invalid"))
        texts.append(None if refused or _meaningless(encoding, text) else text)
        address += 4 * (len(encoding.words) + len(PADDING))
    return texts
