"""What an importer collects while it walks a model: every operator that it cannot take over, told all at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from amdc.errors import ModelError

SHOWN = 12  # rows of a table that fit on a screen with the rest


class NotSupported(Exception):
    """An operator cannot be taken over in this form. The text says why."""


@dataclass
class Failures:
    """Operator -> (where in the module tree, why), in the order of the walk."""

    found: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, operator: str, label: str, reason: str) -> None:
        self.found[operator].append((label, reason))

    def check(self, model: str) -> None:
        """Raises ModelError with one table of everything found."""
        if self.found:
            raise ModelError(self._table(model))

    def _table(self, model: str) -> str:
        ranked = sorted(self.found, key=lambda key: -len(self.found[key]))
        count, width = sum(map(len, self.found.values())), max(2, *map(len, ranked))
        verb = "operators in it cannot" if count > 1 else "operator in it cannot"
        lines = [f"{model}: {count} {verb} be compiled", f"  {'op':{width}}  nodes  first"]
        for key in ranked[:SHOWN]:
            label, reason = self.found[key][0]
            lines += [f"  {key:{width}}  {len(self.found[key]):5}  {label}", f"  {'':{width}}         {reason}"]
        if len(ranked) > SHOWN:
            lines.append(f"  and {len(ranked) - SHOWN} operators more")
        return "\n".join([*lines, "  Full list: amdc ops --frontend torch"])
