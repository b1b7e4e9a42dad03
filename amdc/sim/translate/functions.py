"""The C functions that a kernel's instructions call, each made once; the common ones are compiled once for all kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A C function without its name."""

    result: str
    parameters: str
    body: str

    def declaration(self, name: str) -> str:
        return f"IMPORTED {self.result} {name}({self.parameters});"

    def definition(self, name: str, linkage: str) -> str:
        return f"{linkage} {self.result} {name}({self.parameters}) {{\n{self.body}\n}}"


class Functions:
    """Names for functions. Those of `shared` exist elsewhere and are only declared; others are defined here."""

    def __init__(self, shared: Mapping[Function, str] | None = None) -> None:
        self.made: dict[Function, str] = {}
        self._shared = shared or {}
        self._imported: dict[str, Function] = {}

    def name(self, stem: str, function: Function) -> str:
        """The name under which `function` can be called; `stem` begins a new one."""
        shared = self._shared.get(function)
        if shared is not None:
            self._imported[shared] = function
            return shared
        return self.made.setdefault(function, f"{stem}_{'f' if self._shared else 's'}{len(self.made)}")

    def text(self, linkage: str) -> str:
        """The declarations and definitions."""
        declared = [function.declaration(name) for name, function in self._imported.items()]
        return "\n".join([*declared, *(function.definition(name, linkage) for function, name in self.made.items())])
