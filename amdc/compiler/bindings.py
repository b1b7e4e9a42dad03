"""From what a user says of shapes to the programs of a bundle: one for each combination of the symbols' values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from amdc.bundle import MAIN
from amdc.errors import UsageError

MAX_PROGRAMS = 64  # of one bundle: more combinations are a mistake rather than a wish


@dataclass(frozen=True)
class Binding:
    """One program's shapes: whole input shapes, and the extents of symbols that the model itself knows. `key` names the program
    by those symbols that have several values or buckets."""

    key: str
    shapes: Mapping[str, tuple[int, ...]]
    symbols: Mapping[str, int]


def expand(
    shapes: Mapping[str, Sequence[int | str]],
    bindings: Mapping[str, int | Sequence[int]],
    buckets: Mapping[str, Sequence[int]],
) -> list[Binding]:
    """All combinations (the Cartesian product) of the symbols' values, the last symbol changing fastest.

    A symbol is the model's own dimension name, or one that `shapes` introduces ({"x": ("N", 3, 224, 224)}). Raises `UsageError`
    with a line for each symbol without a value, and each value that is none.
    """
    given = {name: (values,) if isinstance(values, int) else tuple(values) for name, values in bindings.items()}
    problems = [f"'{name}' is given to --bind and to --bucket; choose one" for name in given.keys() & buckets.keys()]
    given |= {name: tuple(sizes) for name, sizes in buckets.items()}
    introduced = {extent for shape in shapes.values() for extent in shape if isinstance(extent, str)}
    problems += _bad_values(given, introduced | buckets.keys())
    problems += [_unbound(name, shapes, sorted(introduced)) for name in sorted(introduced - given.keys())]
    count = math.prod(len(values) for values in given.values())
    if count > MAX_PROGRAMS:
        problems.append(f"these are {count} combinations of values, and a bundle holds at most {MAX_PROGRAMS} programs")
    if problems:
        raise UsageError("the shapes to compile for are not settled\n  " + "\n  ".join(problems))
    named = [name for name, values in given.items() if len(values) > 1 or name in buckets]
    return [
        _binding(dict(zip(given, values, strict=True)), shapes, introduced, named)
        for values in itertools.product(*given.values())
    ]


def _binding(
    values: dict[str, int], shapes: Mapping[str, Sequence[int | str]], introduced: set[str], named: list[str]
) -> Binding:
    key = ", ".join(f"{name}={values[name]}" for name in named) or MAIN
    settled = {
        name: tuple(values[extent] if isinstance(extent, str) else extent for extent in shape) for name, shape in shapes.items()
    }
    return Binding(key, settled, {name: value for name, value in values.items() if name not in introduced})


def _bad_values(given: Mapping[str, tuple[int, ...]], dimensions: Set[str]) -> list[str]:
    """What is wrong with the values; a binding that may be of an input's value instead of a dimension can be any number."""
    problems = []
    for name, values in given.items():
        if not values or (name in dimensions and min(values) < 1):
            problems.append(f"'{name}' is bound to {', '.join(map(str, values)) or 'nothing'}; a dimension must be at least 1")
        elif len(set(values)) < len(values):
            problems.append(f"'{name}' is bound to {', '.join(map(str, values))}: a value stands there twice")
    return problems


def _unbound(name: str, shapes: Mapping[str, Sequence[int | str]], symbols: list[str]) -> str:
    where = next(shape for shape in shapes.values() if name in shape)
    return (
        f"'{name}' in the shape {'x'.join(map(str, where))} has no value; symbols: {', '.join(symbols)}; "
        f"bind it with --bind {name}=<n>[,<n>...]"
    )
