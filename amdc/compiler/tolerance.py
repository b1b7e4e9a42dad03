"""How far an fp32 result may stand from a reference, derived from the Program that computed it.

A sum of K products in fp32, each product and each addition rounded once (v_mac_f32 rounds twice), carries a relative error whose
standard deviation grows as u * sqrt(2 K), u = 2^-24 (Higham and Mary, "A new approach to probabilistic rounding error analysis",
SIAM J. Sci. Comput. 2019). The errors of successive launches are independent, so their squares add along the longest path
from the inputs: a path that sums K1, K2, ... products has the deviation u * sqrt(2 (K1 + K2 + ...)). The reference (ONNX
Runtime, in fp32 itself) carries as much again, and layers amplify: `SAFETY` covers both.

    tolerance = SAFETY * u * sqrt(2 K on the longest path) * max|reference|

plus ABSOLUTE: sigmoid, tanh and erf have a range of order 1, and ONNX Runtime computes them to a few u of that range, not of the
result (its Sigmoid is off by 1e-7 where the result is 1e-7). The bound is norm-wise: relative to the
largest magnitude of the tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amdc.program import Program

UNIT_ROUNDOFF = 2.0**-24
SAFETY = 8.0
ABSOLUTE = 4 * UNIT_ROUNDOFF


@dataclass(frozen=True)
class Comparison:
    """One tensor against its reference: largest absolute error, the bound it had to keep, and where it stands."""

    name: str
    shape: tuple[int, ...]
    max_error: float
    max_reference: float
    rtol: float  # relative to max|reference|
    atol: float
    worst_index: tuple[int, ...]
    passed: bool

    @property
    def bound(self) -> float:
        return self.rtol * self.max_reference + self.atol

    def describe(self) -> str:
        verdict = "ok" if self.passed else "DIFFERS"
        return (
            f"{self.name} {list(self.shape)}: {verdict}, max error {self.max_error:.3g} of allowed {self.bound:.3g} "
            f"(rtol {self.rtol:.2g} x max|reference| {self.max_reference:.4g} + atol {self.atol:.2g})"
        )


def relative_bounds(program: Program) -> dict[str, float]:
    """The relative rounding bound of every buffer, by name; K is summed along the longest path."""
    terms = dict.fromkeys(program.buffers, 0.0)
    for launch in program.launches:
        elements = sum(math.prod(program.buffers[name].shape) for name in launch.writes)
        own = max(1.0, launch.flops / (2 * max(1, elements)))
        reached = max((terms[name] for name in launch.reads), default=0.0) + own
        for name in launch.writes:
            terms[name] = max(terms[name], reached)
    return {name: SAFETY * UNIT_ROUNDOFF * math.sqrt(2 * value) for name, value in terms.items()}


def compare(name: str, actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float = 0.0) -> Comparison:
    """Compare one tensor. Integer and boolean tensors must be equal; NaN and infinity must stand at the same places."""
    if actual.shape != expected.shape:
        return Comparison(name, actual.shape, math.inf, 0.0, rtol, atol, (), False)
    if expected.size == 0:
        return Comparison(name, actual.shape, 0.0, 0.0, rtol, atol, (), True)
    exact = not np.issubdtype(expected.dtype, np.floating)
    a, e = actual.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(e)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(a - e), np.where((a == e) | (np.isnan(a) & np.isnan(e)), 0.0, math.inf))
    error = np.where(np.isnan(error), math.inf, error)
    largest = float(np.abs(e[finite]).max()) if finite.any() else 0.0
    if exact:
        rtol = atol = 0.0
    worst = int(error.argmax())
    max_error = float(error.reshape(-1)[worst])
    index = tuple(int(i) for i in np.unravel_index(worst, error.shape)) if error.ndim else ()
    return Comparison(name, actual.shape, max_error, largest, rtol, atol, index, max_error <= rtol * largest + atol)
