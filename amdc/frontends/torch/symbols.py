"""The sizes of symbolic dimensions of an ExportedProgram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from amdc.errors import UsageError


@dataclass(frozen=True)
class Symbols:
    """A size for each symbol; `size` computes those of dimensions that are expressions of symbols."""

    values: Mapping[Any, int]

    @staticmethod
    def bind(
        inputs: Mapping[str, Sequence[int | torch.SymInt]], shapes: Mapping[str, tuple[int, ...]], bindings: Mapping[str, int]
    ) -> Symbols:
        """Sizes from whole input shapes and from single bindings. Raises UsageError for names that do not exist, shapes that do
        not fit, and dimensions that stay open."""
        unknown = sorted(set(shapes) - set(inputs))
        if unknown:
            raise UsageError(f"no such input: {', '.join(unknown)}; inputs: {', '.join(inputs)}")
        values: dict[Any, int] = {}
        known = {str(symbol): symbol for extents in inputs.values() for extent in extents for symbol in _symbols(extent)}
        wrong = sorted(set(bindings) - set(known))
        if wrong:
            raise UsageError(f"no such symbol: {', '.join(wrong)}; symbols: {', '.join(known) or 'none, all shapes are static'}")
        values.update({known[name]: size for name, size in bindings.items()})
        for name, given in shapes.items():
            _match(name, inputs[name], given, values)
        missing = [f"{name} ({_place(symbol, inputs)})" for name, symbol in known.items() if symbol not in values]
        if missing:
            raise UsageError(f"dimensions without a size: {', '.join(missing)}; give them with --bind or --shape")
        return Symbols(values)

    def size(self, extent: int | torch.SymInt) -> int:
        """A dimension's size."""
        return int(extent.node.expr.subs(self.values)) if isinstance(extent, torch.SymInt) else int(extent)


def _symbols(extent: int | torch.SymInt) -> list[Any]:
    return sorted(extent.node.expr.free_symbols, key=str) if isinstance(extent, torch.SymInt) else []


def _place(symbol: Any, inputs: Mapping[str, Sequence[int | torch.SymInt]]) -> str:
    """Where a symbol stands first; an exported program keeps its symbols' places but not the names that the user gave them."""
    found = [(name, axis) for name, extents in inputs.items() for axis, e in enumerate(extents) if symbol in _symbols(e)]
    return f"dimension {found[0][1]} of '{found[0][0]}'"


def _match(name: str, extents: Sequence[int | torch.SymInt], given: tuple[int, ...], values: dict[Any, int]) -> None:
    """Take the symbols' sizes from one input's shape."""
    shown = "x".join(str(extent) for extent in extents)
    if len(given) != len(extents):
        raise UsageError(f"input '{name}' has {len(extents)} dimensions ({shown}), not {len(given)}")
    for extent, size in zip(extents, given, strict=True):
        if isinstance(extent, torch.SymInt) and extent.node.expr.is_Symbol:
            if values.setdefault(extent.node.expr, size) != size:
                raise UsageError(f"symbol {extent} cannot be both {values[extent.node.expr]} and {size} (input '{name}')")
        elif not isinstance(extent, torch.SymInt) and extent != size:
            raise UsageError(f"input '{name}' has the shape {shown}, which {given} does not fit")
