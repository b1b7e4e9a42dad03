"""Matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op


@onnx_op("MatMul")
def matmul(a: Tensor, b: Tensor, /) -> Tensor:
    return torch.matmul(a, b)


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
    return torch.linalg.det(x)
