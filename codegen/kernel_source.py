"""What a kernel is before it is compiled: one complete HIP C++ translation unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amdc.cache import content_key


@dataclass(frozen=True)
class KernelSource:
    """The source of one code object.

    `symbol` is its entry point (an extern "C" __global__ function). `text` is complete: it is compiled alone, with no include
    folder and without HIP's own headers. Each (name, value) in `defines` becomes -Dname=value. `block` is the work-group size
    (x, y, z) that it is launched with; the compiled kernel is checked to accept it. `options` are further clang options.
    """

    symbol: str
    text: str
    defines: tuple[tuple[str, str | int], ...] = ()
    block: tuple[int, int, int] = (256, 1, 1)
    options: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """Names the source in a Program (`Kernel.code`) and a bundle: the hash of all fields, whatever compiles it."""
        defines = "\n".join(f"{name}={value}" for name, value in self.defines)
        return content_key(self.symbol, self.text, defines, "x".join(map(str, self.block)), "\n".join(self.options))
