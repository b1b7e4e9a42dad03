"""Counts of n-grams."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("TfIdfVectorizer", since=9)
def tfidf_vectorizer(
    x: Tensor,
    /,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: list[int],
    ngram_indexes: list[int],
    pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None,
    weights: list[float] | None = None,
) -> Tensor:
    """x [C] or [B,C] integers gives the count (or weight) of each n-gram of the pool: [columns] or [B, columns].

    The pool holds the 1-grams first, from ngram_counts[n - 1] on those of length n; ngram_indexes gives their columns.
    """
    if pool_int64s is None:
        raise NotSupported("n-grams of strings are not supported, only of integers")
    rows = x.reshape(1, -1) if x.dim() < 2 else x
    columns = max(ngram_indexes) + 1
    total = torch.zeros(rows.shape[0], columns)
    first = 0  # the n-grams before this length
    for length, start in enumerate(ngram_counts, 1):
        end = ngram_counts[length] if length < len(ngram_counts) else len(pool_int64s)
        grams = torch.tensor(pool_int64s[start:end], dtype=torch.int64).reshape(-1, length)
        places = torch.tensor(ngram_indexes[first : first + len(grams)], dtype=torch.int64)
        first += len(grams)
        if len(grams) and min_gram_length <= length <= max_gram_length:
            skips = range(1, max_skip_count + 2) if length > 1 else (1,)  # skipping makes no other 1-grams
            counts = _count(rows, grams, skips)
            if counts is not None:
                total = total + torch.matmul(counts, (places[:, None] == torch.arange(columns)).to(torch.float32))
    result = _weighted(total, mode, weights)
    return result.reshape(-1) if x.dim() < 2 else result


def _count(rows: Tensor, grams: Tensor, skips: range | tuple[int, ...]) -> Tensor | None:
    """[B, grams]: how often each stands in a row, its items `skip` apart; None where the rows are too short for any."""
    counts, length = None, grams.shape[1]
    for skip in skips:
        starts = rows.shape[1] - (length - 1) * skip
        if starts <= 0:
            break
        found = None
        for item in range(length):
            same = rows[:, item * skip : item * skip + starts].unsqueeze(2).to(torch.int64) == grams[:, item]
            found = same if found is None else torch.logical_and(found, same)
        assert found is not None
        here = torch.sum(found.to(torch.float32), 1)
        counts = here if counts is None else counts + here
    return counts


def _weighted(counts: Tensor, mode: str, weights: list[float] | None) -> Tensor:
    factors = torch.tensor(weights) if weights else None
    if mode == "IDF":
        counts = (counts > 0).to(torch.float32)
    elif mode not in ("TF", "TFIDF"):
        raise NotSupported(f"mode '{mode}' is unknown")
    return counts if mode == "TF" or factors is None else counts * factors
