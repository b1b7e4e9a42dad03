"""Rewrites data/llvm_disassembly.txt, the part of LLVM's answers that is checked where no LLVM is installed.

    python -m tests.sim.record_disassembly

Of each opcode in each of its forms (e32, e64, sdwa, dpp, literal, ...), the first two encodings that LLVM accepts.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from .encodings import Encoding, all_encodings
from .llvm_disassembly import disassemble, find_llvm

RECORD = Path(__file__).parent / "data" / "llvm_disassembly.txt"
EACH = 2


def line(encoding: Encoding, text: str) -> str:
    return f"{encoding.format} {encoding.opcode} {','.join(f'{word:08x}' for word in encoding.words)} {text}"


def parse(text: str) -> tuple[Encoding, str]:
    """The inverse of `line`."""
    format, opcode, words, disassembly = text.split(" ", 3)
    return Encoding(format, int(opcode), tuple(int(word, 16) for word in words.split(","))), disassembly


def main() -> int:
    tools = find_llvm()
    if tools is None:
        print("llvm-mc and llvm-objdump are not on PATH", file=sys.stderr)
        return 3
    encodings = all_encodings()
    with tempfile.TemporaryDirectory() as folder:
        texts = disassemble(encodings, tools, Path(folder))
    kept: Counter[tuple[str, int, str, int]] = Counter()
    lines = []
    for encoding, text in zip(encodings, texts, strict=True):
        if text is not None:
            form = (encoding.format, encoding.opcode, text.split(" ")[0], len(encoding.words))
            kept[form] += 1
            if kept[form] <= EACH:
                lines.append(line(encoding, text))
    RECORD.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} encodings of {len(kept)} forms", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
