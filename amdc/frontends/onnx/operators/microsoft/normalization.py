"""Layer normalisation with what stands before it: residuals, biases, embeddings."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.microsoft.domain import microsoft_op
from amdc.frontends.onnx.operators.normalization import layer_normalization, rms_normalization
from amdc.frontends.onnx.registry import NotSupported, onnx_op

onnx_op("LayerNormalization")(layer_normalization)  # before opset 17 it was ONNX Runtime's, in the default domain


@onnx_op("SimplifiedLayerNormalization")
def simplified_layer_normalization(
    x: Tensor, scale: Tensor, /, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """RMS normalisation; ONNX Runtime keeps it in the default domain."""
    return rms_normalization(x, scale, axis=axis, epsilon=epsilon, stash_type=stash_type)


def _sum(x: Tensor, skip: Tensor, bias: Tensor | None) -> Tensor:
    """The residual may be one for the whole batch."""
    total = x + skip
    return total if bias is None else total + bias


@microsoft_op("SkipLayerNormalization")
def skip_layer_normalization(
    x: Tensor,
    skip: Tensor,
    gamma: Tensor,
    beta: Tensor | None = None,
    bias: Tensor | None = None,
    /,
    *,
    epsilon: float = 1e-12,
) -> tuple[Tensor, ...]:
    """The normalised sum, its mean and reciprocal deviation, and the sum itself."""
    total = _sum(x, skip, bias)
    return (*layer_normalization(total, gamma, beta, epsilon=epsilon), total)


@microsoft_op("SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(
    x: Tensor, skip: Tensor, gamma: Tensor, bias: Tensor | None = None, /, *, epsilon: float = 1e-12, output_count: int = 1
) -> tuple[Tensor, ...]:
    """The RMS-normalised sum, (statistics, not supported), and the sum itself as the fourth output."""
    total = _sum(x, skip, bias)
    result = rms_normalization(total, gamma, epsilon=epsilon)
    if output_count < 2:
        return (result,)
    wide = torch.mean(total * total, -1, keepdim=True)
    return result, torch.mean(total, -1, keepdim=True), torch.rsqrt(wide + epsilon), total


@microsoft_op("EmbedLayerNormalization")
def embed_layer_normalization(
    input_ids: Tensor,
    segment_ids: Tensor | None,
    words: Tensor,
    places: Tensor,
    segments: Tensor | None,
    gamma: Tensor,
    beta: Tensor,
    mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    /,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 1,
) -> tuple[Tensor, ...]:
    """The normalised sum of the embeddings of words, positions and segments [B,S,H]; the number of kept tokens [B]; the sum."""
    batch, steps = input_ids.shape
    total = _rows(words, input_ids)
    total = total + (places[:steps].unsqueeze(0) if position_ids is None else _rows(places, position_ids))
    if segments is not None:
        if segment_ids is None:
            raise NotSupported("it has segment embeddings, but no segment_ids")
        total = total + _rows(segments, segment_ids)
    kept = torch.zeros(batch, dtype=torch.int32) if mask is None else torch.sum(mask, 1, dtype=torch.int32)
    return layer_normalization(total, gamma, beta, epsilon=epsilon)[0], kept, total


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    """[*ids, width]"""
    return torch.index_select(table, 0, ids.reshape(-1).to(torch.int64)).reshape([*ids.shape, table.shape[1]])
