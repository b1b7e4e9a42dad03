"""Which core ATen operators compile: what `amdc ops --frontend torch` prints. A test holds it against what lowers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Status = Literal["compiles", "decomposed", "refused"]

_RANDOM = "draws random numbers"
_TRAINING = "belongs to training"
_COMPLEX = "complex numbers"
_VALUES = "the shape of its result depends on values"

REFUSED = {
    "_fft_c2r.default": _COMPLEX,
    "_fft_r2c.default": _COMPLEX,
    "_local_scalar_dense.default": "a number read from a tensor while the model runs",
    "_native_batch_norm_legit.default": _TRAINING,
    "atan2.out": "writes to its argument; in functional form it compiles",
    "nonzero.default": _VALUES,
    "rand.default": _RANDOM,
    "randn.default": _RANDOM,
    "randperm.default": _RANDOM,
}
# Operators that compile except in some forms.
PARTLY = {
    "_embedding_bag.default": "bags of equal sizes, known at import",
    "_native_batch_norm_legit_no_training.default": "its first result",
    "as_strided.default": "of a contiguous tensor",
    "native_dropout.default": "outside of training",
}
AT_IMPORT = "computed at import"


@dataclass(frozen=True)
class Row:
    """An operator by overload, what becomes of it, and why or how where that needs saying."""

    name: str
    status: Status
    note: str = ""


def core_operators() -> dict[str, torch._ops.OpOverload]:
    """All operators of this PyTorch that are tagged as core ATen, by overload. Those that write in place are left out: an
    export has none."""
    found = {}
    # The registered schemas: `dir(torch.ops.aten)` lists what was used so far in the process, too.
    for name in sorted({schema.name for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")}):
        packet = getattr(torch.ops.aten, name.removeprefix("aten::"), None)
        for overload in getattr(packet, "overloads", list)():
            operator = getattr(packet, overload)
            if torch.Tag.core in operator.tags and not name.endswith("_"):
                found[f"{name.removeprefix('aten::')}.{overload}"] = operator
    return found


def rows() -> list[Row]:
    """A row for each core ATen operator, in alphabetical order."""
    from amdc.codegen.registry import supported
    from amdc.frontends.torch.decompositions import export_table

    lowered, table = set(supported()), export_table()
    return [_row(name, operator, f"aten.{name}" in lowered, operator in table) for name, operator in core_operators().items()]


def _row(name: str, operator: torch._ops.OpOverload, lowers: bool, decomposes: bool) -> Row:
    from amdc.frontends.torch.operators import REWRITES

    if name in REFUSED:
        return Row(name, "refused", REFUSED[name])
    if "_backward" in name:
        return Row(name, "refused", _TRAINING)
    if name.startswith(("sym_", "empty")):
        return Row(name, "compiles", AT_IMPORT)
    if operator in REWRITES or (lowers and not decomposes):
        return Row(name, "compiles", PARTLY.get(name, ""))
    if decomposes:
        return Row(name, "decomposed", "into core ATen operators that compile")
    return Row(name, "refused", "no kernel computes it")
