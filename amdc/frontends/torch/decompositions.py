"""Which operators PyTorch breaks down before they come here, and which arrive whole because a Graph can hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from amdc.frontends.torch.operators import WHOLE

aten = torch.ops.aten

# PyTorch's table of core ATen decompositions has these too, but a Graph holds them: one kernel or one expression computes each.
KEPT = (
    aten.silu.default,
    aten.hardswish.default,
    aten.hardsigmoid.default,
    aten.softplus.default,
    aten.adaptive_avg_pool1d.default,
    aten.avg_pool1d.default,
    aten.rsub.Scalar,
    *WHOLE,
)


def export_table() -> dict[Any, Callable[..., Any]]:
    """The decompositions for an ExportedProgram."""
    table = torch.export.default_decompositions()
    for operator in KEPT:
        table.pop(operator, None)
    return table


def dynamo_table() -> dict[Any, Callable[..., Any]]:
    """The decompositions for a graph that Dynamo captured."""
    table = dict(torch._decomp.core_aten_decompositions().items())
    return {operator: function for operator, function in table.items() if operator not in KEPT}
