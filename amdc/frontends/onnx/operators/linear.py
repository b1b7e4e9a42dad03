"""Matrix products and determinants."""

from __future__ import annotations

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.registry import onnx_op


@onnx_op("MatMul")
def matmul(a: Tensor, b: Tensor, /) -> Tensor:
    """Batch dimensions broadcast; a vector is a row on the left, a column on the right."""
    if a.dim() > 1 and b.dim() > 1:
        return torch.matmul(a, b)
    left, right = a.unsqueeze(0) if a.dim() == 1 else a, b.unsqueeze(1) if b.dim() == 1 else b
    product = torch.matmul(left, right)
    kept = [*product.shape[:-2], *([] if a.dim() == 1 else [product.shape[-2]]), *([] if b.dim() == 1 else [product.shape[-1]])]
    return product.reshape(kept)


@onnx_op("Gemm", since=7)
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, /, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0
) -> Tensor:
    """alpha * a' b' + beta * c; c broadcasts to the result."""
    left, right = a.t() if transA else a, b.t() if transB else b
    if c is not None and beta != 0.0:
        return torch.ops.aten.addmm.default(c, left, right, beta=beta, alpha=alpha)
    product = torch.mm(left, right)
    return product if alpha == 1.0 else product * alpha


@onnx_op("Einsum", since=12)
def einsum(*operands: Tensor, equation: str) -> Tensor:
    return torch.einsum(equation, *operands)


@onnx_op("Det", since=11)
def det(x: Tensor, /) -> Tensor:
    return torch.ops.amdc.det.default(x)
