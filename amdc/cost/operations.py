"""What one element of a point-wise operator costs, in fp32 instructions of full rate.

Set by order of magnitude, not counted, which is what decisions need: a division by a tensor is some ten instructions; v_exp and
its kin are quarter rate, and come with scaling and clamping.
"""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from amdc.ir.ops.row_moments import add_normalized
from amdc.ir.pointwise import FUNCTIONS, aten

TRANSCENDENTAL, DIVISION = 8, 10
_COSTS: dict[Any, int] = dict.fromkeys(FUNCTIONS, TRANSCENDENTAL)
_COSTS |= dict.fromkeys((aten.sigmoid.default, aten.silu.default, aten.elu.default), TRANSCENDENTAL + DIVISION)
_COSTS |= dict.fromkeys((aten.gelu.default, aten.softplus.default), 2 * TRANSCENDENTAL)
_COSTS |= dict.fromkeys((aten.pow.Tensor_Scalar, aten.pow.Scalar, aten.pow.Tensor_Tensor), 2 * TRANSCENDENTAL)
_COSTS |= dict.fromkeys((aten.div.Tensor, aten.div.Scalar, aten.reciprocal.default), DIVISION)
_COSTS |= dict.fromkeys(
    (getattr(getattr(aten, name), kind) for name in ("fmod", "remainder") for kind in ("Tensor", "Scalar")), 2 * DIVISION
)
_COSTS[add_normalized] = 5
_COSTS |= dict.fromkeys((aten.div.Tensor_mode, aten.div.Scalar_mode), DIVISION)


def operations(node: Node) -> int:
    """Instructions an element of a point-wise node; 1 for all that is not listed."""
    return _COSTS.get(node.target, 1)
