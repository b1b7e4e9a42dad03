"""What the kernels of matrix products and convolutions demand of their operands."""

from __future__ import annotations

import math

import torch
from torch.fx import Node

from amdc.codegen.item import Item
from amdc.errors import ModelError
from amdc.ir import graph as ir

MAX_BYTES = 1 << 30  # of a tensor: the kernels mark what is outside by offsets behind that


def check_operands(item: Item, *operands: Node | None) -> None:
    """Raises `ModelError` for a dtype, a size or an extent that the kernels do not take; the result counts as an operand too."""
    name = (item.node.meta.get("source") or (item.node.name,))[0]
    for operand in filter(None, (*operands, item.node)):
        shape = ir.shape(operand)
        if ir.dtype(operand) is not torch.float32:
            raise ModelError(f"'{name}' computes in {ir.dtype(operand)}; convolutions and matrix products are made for float32")
        if 4 * math.prod(shape) >= MAX_BYTES:
            raise ModelError(f"'{name}' has an operand of shape {shape}: 1 GiB or more; use a smaller batch or input")
        if 0 in shape:
            raise ModelError(f"'{name}' has an operand without elements, of shape {shape}; give it at least one")
