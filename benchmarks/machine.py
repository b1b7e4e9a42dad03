"""What a recorded figure states besides itself: date, command, machine, versions."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any


def processor() -> str:
    """The CPU's name as the system gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _short(argument: str) -> str:
    """An argument as it is recorded: of a path that is of one machine, the last part."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def description(command: str) -> dict[str, Any]:
    """The head of a file in benchmarks/results/; the command gets this process's arguments appended."""
    import onnx
    import torch

    import amdc
    from amdc.codegen.toolchain import find_toolchain
    from amdc.sim.host_compiler import find_host_compiler

    return {
        "date": datetime.date.today().isoformat(),
        "command": f"{command} {shlex.join(_short(argument) for argument in sys.argv[1:])}".rstrip(),
        "machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {
            "amdc": amdc.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "kernel compiler": find_toolchain().version,
            "host compiler": find_host_compiler().version.splitlines()[0],
        },
    }
