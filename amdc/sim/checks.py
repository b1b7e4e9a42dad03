"""Which checks a simulated kernel carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from amdc.errors import UsageError


@dataclass(frozen=True)
class Checks:
    """memory: bounds and alignment of global, scratch and LDS accesses. registers: reads of registers that nothing wrote.
    barriers: barriers that not all waves reach. races: unordered accesses of two waves to one LDS dword."""

    memory: bool = True
    registers: bool = True
    barriers: bool = True
    races: bool = True

    @staticmethod
    def of(check: bool | Sequence[str]) -> Checks:
        """All for True, none for False, else those named. Raises `UsageError` naming those known."""
        names = [field.name for field in fields(Checks)]
        if isinstance(check, bool):
            return Checks(**dict.fromkeys(names, check))
        wanted = [check] if isinstance(check, str) else list(check)
        if unknown := [name for name in wanted if name not in names]:
            raise UsageError(f"unknown check '{unknown[0]}'; known: {', '.join(names)}")
        return Checks(**{name: name in wanted for name in names})

    @property
    def defines(self) -> str:
        """The preprocessor lines that turn them on and off in the support headers."""
        return "".join(f"#define CHECK_{field.name.upper()} {int(getattr(self, field.name))}\n" for field in fields(self))
