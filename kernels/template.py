"""The descriptor of a kernel source file: its parameters, their limits, and what it computes.

A template file is a complete HIP source that also compiles by hand:
  clang -x hip --cuda-device-only --offload-arch=gfx803 -nogpuinc -nogpulib -O3 -fgpu-flush-denormals-to-zero \
        -Ikernels/hip -S FILE
The compiler puts amdc.h and a generated prelude (fused expressions, extra kernel parameters) in front of it instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from amdc.errors import InternalError

FOLDER = Path(__file__).resolve().parent / "hip"
HEADERS = ("amdc.h", "amdc_types.h", "amdc_wide.h", "amdc_math.h", "amdc_math64.h", "amdc_activations.h")
INCLUDES = tuple(f'#include "{header}"\n' for header in HEADERS)
Value = int | str
_LOCAL_INCLUDE = re.compile(r'^#include "([\w.]+)"\n', re.MULTILINE)


@dataclass(frozen=True)
class Parameter:
    """One -D parameter of a template: one of `values`, or an integer between `low` and `high`. One with a `default` may be left
    out."""

    name: str
    meaning: str
    low: int = 0
    high: int = 1 << 31
    values: tuple[Value, ...] = ()
    default: Value | None = None

    def allows(self, value: Value) -> bool:
        return value in self.values if self.values else isinstance(value, int) and self.low <= value <= self.high


@cache
def _read(file: str) -> str:
    return (FOLDER / file).read_text()


def _whole(file: str) -> str:
    """A file with the headers that it and they include in their places, but for the common ones."""
    text = _read(file)
    for include in INCLUDES:
        text = text.replace(include, "")
    return _LOCAL_INCLUDE.sub(lambda match: _whole(match[1]), text)


@dataclass(frozen=True)
class KernelTemplate:
    """A kernel source file. `file` lies under kernels/hip; `block` is its work-group; `computes` is one line for reports."""

    name: str
    file: str
    computes: str
    parameters: tuple[Parameter, ...] = ()
    block: tuple[int, int, int] = (256, 1, 1)

    def source(self, prelude: str = "") -> str:
        """The whole source: the common headers, the prelude, the file with the headers that it and they include."""
        return "".join(map(_read, HEADERS)) + prelude + _whole(self.file)

    def check(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The values, in the order of the parameters. Raises `InternalError` naming a missing, unknown or disallowed one."""
        known = {parameter.name: parameter for parameter in self.parameters}
        values = {p.name: p.default for p in self.parameters if p.default is not None} | dict(values)
        wrong = sorted(set(known) ^ set(values))
        if wrong:
            raise InternalError(
                f"kernel template '{self.name}' has the parameters {sorted(known)}; given or missing wrongly: {wrong}"
            )
        for name, parameter in known.items():
            if not parameter.allows(values[name]):
                allowed = parameter.values or f"{parameter.low} to {parameter.high}"
                raise InternalError(f"kernel template '{self.name}': {name}={values[name]} is not allowed; allowed: {allowed}")
        return {name: values[name] for name in known}
