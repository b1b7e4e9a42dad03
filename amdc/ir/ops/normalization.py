"""Local response normalisation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.ir.ops.register import amdc_op


@amdc_op("lrn(Tensor x, int size, float alpha, float beta, float bias) -> Tensor", shape=lambda x, *_: x.shape)
def lrn(x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """x / (bias + alpha / size * s) ** beta, where s sums the squares over `size` channels around each one.

    (size - 1) // 2 of them stand before it, the rest behind, as in ONNX. x: N, C, ... (Krizhevsky et al. 2012, section 3.3).
    """
    before = (size - 1) // 2
    squares = F.pad((x * x).movedim(1, -1), (before, size - 1 - before))
    sums = squares.unfold(-1, size, 1).sum(-1).movedim(-1, 1)
    return x * torch.pow(bias + alpha / size * sums, -beta)
