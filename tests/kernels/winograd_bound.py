"""What a Winograd convolution computes in exact arithmetic, and how far its fp32 result may lie from that.

y = A^T ((G g G^T) * (B^T d B)) A, summed over channels. Each of the nested sums errs relatively to the sum of its terms'
absolute values, so the error is at most (operations on the longest path) * u * |A|^T ((|G| |g| |G|^T) * (|B|^T |d| |B|)) |A|, to
first order (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1; for Winograd: Barabasz et al., "Error analysis
and improving the accuracy of Winograd convolution for deep neural networks", ACM TOMS 2020). Longest path: the input's and the
output's transforms, the filters' rounding to fp32, and v_mac's two roundings for each channel.
"""

from __future__ import annotations

import numpy as np
import torch

UNIT = 2.0**-24
SMALLEST = 2.0**-126


def largest_errors(
    x: torch.Tensor,
    weights: torch.Tensor,
    groups: int,
    pads: tuple[int, ...],
    transforms: tuple[np.ndarray, ...],
) -> np.ndarray:
    """The bound for each output of a 3x3 convolution with stride 1. `transforms` are B^T, G and A^T; `pads` as
    `amdc::convolution` takes them."""
    bt, g, at = (np.abs(matrix) for matrix in transforms)
    size, step = bt.shape[0], at.shape[0]
    top, left, bottom, right = pads
    padded = torch.nn.functional.pad(x.double().abs(), (left, right, top, bottom)).numpy()
    out_h, out_w = padded.shape[2] - 2, padded.shape[3] - 2
    rows, columns = -(-out_h // step), -(-out_w // step)
    full = np.zeros((*padded.shape[:2], rows * step + 2, columns * step + 2))
    full[:, :, : padded.shape[2], : padded.shape[3]] = padded
    windows = np.lib.stride_tricks.sliding_window_view(full, (size, size), axis=(2, 3))[:, :, ::step, ::step]
    inputs = np.einsum("ip,bcyxpq,jq->bcyxij", bt, windows, bt)
    filters = np.einsum("ip,ocpq,jq->ocij", g, np.abs(weights.double().numpy()), g)
    batch, channels, outs = x.shape[0], weights.shape[1], weights.shape[0]
    inputs = inputs.reshape(batch, groups, channels, rows, columns, size, size)
    filters = filters.reshape(groups, outs // groups, channels, size, size)
    sums = np.einsum("bgcyxij,gocij->bgoyxij", inputs, filters)
    tiles = np.einsum("ri,bgoyxij,sj->bgoyrxs", at, sums, at).reshape(batch, outs, rows * step, columns * step)
    operations = 2 * channels + 4 * size + 4
    return operations * (UNIT * tiles[:, :, :out_h, :out_w] + SMALLEST) * 1.01
