"""The filters of a 3x3 convolution with stride 2 as kernels/hip/winograd_phases.hip multiplies them."""

from __future__ import annotations

import numpy as np

POINTS = 16  # filters of a channel: four along each axis, w0, w1, w2 and w0 + w2
T = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]])


def arrange(weights: np.ndarray, groups: int, filters: int, channels: int) -> np.ndarray:
    """The filters [O, I/groups, 3, 3] as stages of the kernel lie in its LDS, as float32.

    [group][block of `filters`][channel][row of the 4x4 points][column of the points][filter of the block]. Channels are padded
    with zeros to `channels`, filters to a multiple of `filters`.
    """
    outs, ins = weights.shape[0] // groups, weights.shape[1]
    blocks = -(-outs // filters)
    padded = np.zeros((groups, blocks * filters, channels, POINTS))
    padded[:, :outs, :ins] = (T @ weights.astype(np.float64) @ T.T).reshape(groups, outs, ins, POINTS)
    ordered = padded.reshape(groups, blocks, filters, channels, POINTS).transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(ordered, dtype=np.float32).reshape(-1)
