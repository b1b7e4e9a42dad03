"""Losses over classes."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("NegativeLogLikelihoodLoss", since=12)
def negative_log_likelihood_loss(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    /,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-x[target] times the class's weight: x [N,C,...], target [N,...]; a mean divides by the sum of the weights that count.

    Targets equal to `ignore_index`, which may lie outside the classes, have no loss and no weight.
    """
    places = torch.clamp(target.to(torch.int64), 0, x.shape[1] - 1)
    loss = -torch.gather(x, 1, places.unsqueeze(1)).squeeze(1)
    counted = None if weight is None else torch.index_select(weight, 0, places.reshape(-1)).reshape(target.shape)
    if ignore_index is not None:
        every = torch.ones(tuple(target.shape), dtype=x.dtype) if counted is None else counted
        counted = torch.where(target == ignore_index, 0.0, every).to(x.dtype)
    loss = loss if counted is None else loss * counted
    if reduction == "none":
        return loss
    if reduction not in ("sum", "mean"):
        raise NotSupported(f"reduction '{reduction}' is unknown")
    total = torch.sum(loss)
    if reduction == "sum":
        return total
    return total / (loss.numel() if counted is None else torch.sum(counted))


@onnx_op("SoftmaxCrossEntropyLoss", since=12)
def softmax_cross_entropy_loss(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    /,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> tuple[Tensor, Tensor]:
    """The loss of the logarithms of the softmax over the classes [N,C,...], and these logarithms."""
    logs = torch.log_softmax(scores, 1)
    return negative_log_likelihood_loss(logs, labels, weights, ignore_index=ignore_index, reduction=reduction), logs
