"""Links a peer's relocatable object to a code object, with whichever ld.lld is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

LINKERS = ("ld.lld-19", "ld.lld")


def link(relocatable: bytes) -> bytes:
    """The code object. Ends the process where there is no linker."""
    lld = next(filter(None, map(shutil.which, LINKERS)), None)
    if lld is None:
        raise SystemExit(f"none of {', '.join(LINKERS)} is on the path: install LLVM's lld")
    with tempfile.TemporaryDirectory() as folder:
        source, linked = Path(folder) / "kernels.o", Path(folder) / "kernels.hsaco"
        source.write_bytes(relocatable)
        subprocess.run([lld, "--no-undefined", "-shared", source, "-o", linked], check=True)
        return linked.read_bytes()
