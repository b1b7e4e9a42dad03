"""How far predictions lie from measurements: relative errors, their median and 90th percentile, and rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Of `count` pairs: `median_error`, `p90_error` of |predicted / measured - 1|; `median_ratio` of predicted / measured;
    `spearman` rank correlation (NaN for fewer than 3 pairs)."""

    count: int
    median_error: float
    p90_error: float
    median_ratio: float
    spearman: float


def ranks(values: Sequence[float]) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    array = np.asarray(values, np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; NaN for fewer than 3 pairs or where one side is constant."""
    a, b = ranks(first), ranks(second)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def agreement(predicted: Sequence[float], measured: Sequence[float]) -> Agreement:
    """Of pairs of positive figures. At least one pair."""
    ratios = np.asarray(predicted, np.float64) / np.asarray(measured, np.float64)
    errors = np.abs(ratios - 1)
    p90 = float(np.percentile(errors, 90))
    return Agreement(len(ratios), float(np.median(errors)), p90, float(np.median(ratios)), spearman(predicted, measured))
