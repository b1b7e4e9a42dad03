"""The point-wise operators: each output element depends on one element of each (broadcast) operand alone.

`POINTWISE` is what a fused region may hold beside its anchor: passes fuse exactly these, codegen.expression writes each of them.
The Tensor and the Scalar overloads stand side by side; a scalar operand is a Python number among the node's arguments.
"""

from __future__ import annotations

import torch
from torch.fx import Node

from amdc.ir.ops.row_moments import add_normalized

aten = torch.ops.aten

ARITHMETIC = (
    aten.add.Tensor,  # (x, y, *, alpha=1)
    aten.add.Scalar,
    aten.sub.Tensor,
    aten.sub.Scalar,
    aten.rsub.Scalar,
    aten.mul.Tensor,
    aten.mul.Scalar,
    aten.div.Tensor,
    aten.div.Scalar,
    aten.div.Tensor_mode,  # rounding_mode: None, "trunc" or "floor"
    aten.div.Scalar_mode,
    aten.fmod.Tensor,
    aten.fmod.Scalar,
    aten.remainder.Tensor,
    aten.remainder.Scalar,
    aten.neg.default,
    aten.abs.default,
    aten.sign.default,
    aten.minimum.default,
    aten.maximum.default,
    aten.reciprocal.default,
    aten.pow.Tensor_Scalar,
    aten.pow.Scalar,
    aten.pow.Tensor_Tensor,
    aten.floor.default,
    aten.ceil.default,
    aten.round.default,  # half to even
    aten.trunc.default,
)

FUNCTIONS = (
    aten.exp.default,
    aten.log.default,
    aten.log2.default,
    aten.log10.default,
    aten.log1p.default,
    aten.exp2.default,
    aten.expm1.default,
    aten.sqrt.default,
    aten.rsqrt.default,
    aten.erf.default,
    aten.sin.default,
    aten.cos.default,
    aten.tan.default,
    aten.asin.default,
    aten.acos.default,
    aten.atan.default,
    aten.atan2.default,  # (y, x): the angle of the point (x, y)
    aten.sinh.default,
    aten.cosh.default,
    aten.tanh.default,
    aten.asinh.default,
    aten.acosh.default,
    aten.atanh.default,
)

ACTIVATIONS = (
    aten.relu.default,
    aten.hardtanh.default,  # (x, min=-1, max=1)
    aten.clamp.default,  # (x, min=None, max=None)
    aten.clamp.Tensor,
    aten.sigmoid.default,
    aten.hardswish.default,
    aten.hardsigmoid.default,  # clamp(x + 3, 0, 6) / 6
    aten.leaky_relu.default,  # (x, slope=0.01)
    aten.elu.default,  # (x, alpha=1, scale=1, input_scale=1)
    aten.gelu.default,  # (x, *, approximate="none" | "tanh")
    aten.silu.default,
    aten.softplus.default,  # (x, beta=1, threshold=20)
)

LOGIC = (
    aten.eq.Tensor,
    aten.eq.Scalar,
    aten.ne.Tensor,
    aten.ne.Scalar,
    aten.lt.Tensor,
    aten.lt.Scalar,
    aten.le.Tensor,
    aten.le.Scalar,
    aten.gt.Tensor,
    aten.gt.Scalar,
    aten.ge.Tensor,
    aten.ge.Scalar,
    aten.logical_and.default,
    aten.logical_or.default,
    aten.logical_xor.default,
    aten.logical_not.default,
    aten.bitwise_and.Tensor,
    aten.bitwise_and.Scalar,
    aten.bitwise_or.Tensor,
    aten.bitwise_or.Scalar,
    aten.bitwise_xor.Tensor,
    aten.bitwise_xor.Scalar,
    aten.bitwise_not.default,
    aten.bitwise_left_shift.Tensor,
    aten.bitwise_left_shift.Tensor_Scalar,
    aten.bitwise_right_shift.Tensor,
    aten.bitwise_right_shift.Tensor_Scalar,
    aten.__lshift__.Tensor,
    aten.__lshift__.Scalar,
    aten.__rshift__.Tensor,
    aten.__rshift__.Scalar,
    aten.isnan.default,
    aten.isinf.default,
    aten.where.self,  # (condition, x, y)
)

CASTS = (
    aten._to_copy.default,  # (x, *, dtype): only the dtype may change
    aten.clone.default,  # a copy
)

NORMALIZED = (add_normalized,)  # (y, x, mean, scale, gain, shift)

POINTWISE = ARITHMETIC + FUNCTIONS + ACTIVATIONS + LOGIC + CASTS + NORMALIZED

_POINTWISE = frozenset(POINTWISE)


def is_pointwise(node: Node) -> bool:
    """Whether a node is a point-wise operator that a region may hold. A cast counts where it changes the dtype alone."""
    if node.op != "call_function" or node.target not in _POINTWISE:
        return False
    given = {key for key, value in node.kwargs.items() if value is not None}
    return node.target is not aten._to_copy.default or given <= {"dtype"}
