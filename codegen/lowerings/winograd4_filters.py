"""The filters of a 3x3 convolution as Winograd's F(4x4, 3x3) multiplies them, and the error that it would make with them.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016): a 4x4 tile of outputs is
A^T ((G g G^T) * (B^T d B)) A, with d the 6x6 inputs under it: 36 products instead of 144. The matrices interpolate polynomials at
0, +-NEAR, +-FAR and infinity. Which points one takes decides the error (Barabasz, Anderson, Soodhalter and Gregg, "Error analysis
and improving the accuracy of Winograd convolution for deep neural networks", ACM TOMS 2020; Alam, Anderson, Barabasz and Gregg,
"Winograd convolution for deep neural networks: efficient point selection", ACM TECS 2022: points +-c and +-1/c). For random
filters, the growth of `relative_error` is 33 at the usual 1 and 2, 8.1 at 3/4 and 4/3, 7.6 at 1/sqrt(2) and sqrt(2), which fp32
does not hold, and 8.1 at 11/16 and 11/8, whose products are exact.
"""

from __future__ import annotations

import numpy as np

NEAR, FAR = 11 / 16, 11 / 8  # as in kernels/hip/winograd4.h
POINTS = 36
UNIT = 2.0**-24
TRANSFORM_ROUNDINGS = 24  # of both transforms, along both axes, at most

_NEAR2, _FAR2 = NEAR**2, FAR**2
_SUM, _PRODUCT = _NEAR2 + _FAR2, _NEAR2 * _FAR2
BT = np.array(
    [
        [_PRODUCT, 0, -_SUM, 0, 1, 0],
        [0, -NEAR * _FAR2, -_FAR2, NEAR, 1, 0],
        [0, NEAR * _FAR2, -_FAR2, -NEAR, 1, 0],
        [0, -FAR * _NEAR2, -_NEAR2, FAR, 1, 0],
        [0, FAR * _NEAR2, -_NEAR2, -FAR, 1, 0],
        [0, _PRODUCT, 0, -_SUM, 0, 1],
    ]
)
AT = np.array([[*(point**row for point in (0, NEAR, -NEAR, FAR, -FAR)), int(row == 3)] for row in range(4)])


def _filter_rows() -> np.ndarray:
    """G: the powers of each point over the product of its distances from the others."""
    finite = (0.0, NEAR, -NEAR, FAR, -FAR)
    rows = [np.array([1, p, p * p]) / np.prod([p - q for q in finite if q != p]) for p in finite]
    return np.array([*rows, [0, 0, 1]])


G = _filter_rows()
BOTH = np.kron(G, G)  # [36, 9]: both axes at once


def arrange(weights: np.ndarray, groups: int, width: int) -> np.ndarray:
    """The transformed filters of [O, I/groups, 3, 3] as [36, groups, I/groups, width] in float32: for each point the left operand
    of a product, transposed, its rows padded with zeros from O/groups to `width`."""
    outs, ins = weights.shape[0] // groups, weights.shape[1]
    taps = np.zeros((9, groups, ins, width))
    taps[..., :outs] = weights.reshape(groups, outs, ins, 9).transpose(3, 0, 2, 1)
    return (BOTH @ taps.reshape(9, -1)).reshape(POINTS, groups, ins, width).astype(np.float32)


def relative_error(weights: np.ndarray) -> float:
    """The standard deviation of an output's error in fp32, in units of |filter| * rms(input), for the worst filter of
    [O, I/groups, 3, 3] and the worst place in a tile.

    Roundings are taken as independent, with a variance of u^2 / 3 of what they round (Higham and Mary, "A new approach to
    probabilistic rounding error analysis", SIAM J. Sci. Comput. 2019), inputs as independent too. Then a sum over I channels
    has the variance V of its terms' squares, and an error of u^2 V (I / 6 + 1 / 3) from adding and multiplying; the filters'
    rounding adds u^2 V / 3 and each rounding of the transforms u^2 V / 3. The output's transform adds the points' errors up,
    weighted with the squares of A^T.
    """
    outs, ins = weights.shape[:2]
    taps = weights.reshape(outs, ins, 9).astype(np.float64)
    gram = taps.transpose(0, 2, 1) @ taps
    filters = np.einsum("pi,oij,pj->op", BOTH, gram, BOTH).reshape(outs, 6, 6)
    inputs = (BT**2).sum(axis=1)
    sums = filters * inputs[:, None] * inputs
    grown = np.einsum("ri,oij,sj->ors", AT**2, sums, AT**2).max(axis=(1, 2))
    norm = np.trace(gram, axis1=1, axis2=2)
    growth = float(np.max(grown / np.where(norm > 0, norm, 1.0)))
    return UNIT * float(np.sqrt(growth * (ins / 6 + (2 + TRANSFORM_ROUNDINGS) / 3)))
