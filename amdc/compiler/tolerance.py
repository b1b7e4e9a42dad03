"""How far a result may stand from a reference, derived from the Program that computed it.

Arithmetic. A sum of K products in fp32, each product and each addition rounded once (v_mac_f32 rounds twice), carries a relative
error whose standard deviation grows as u * sqrt(2 K), u = 2^-24 (Higham and Mary, "A new approach to probabilistic rounding error
analysis", SIAM J. Sci. Comput. 2019); in double u = 2^-53. 16-bit floats are computed in fp32, so their sums count the same.

Storage. A value that is rounded to a 16-bit float errs by at most u_s = 2^-11 (float16) or 2^-8 (bfloat16) of its binade's start,
evenly spread, so with a variance of u_s^2 / 3. Each of the user's nodes that a launch computes rounds its result once, as the
reference does.

The errors of successive launches are independent, so their variances add along the longest path from the inputs:

    variance = sum over the path of 2 K u^2 + (nodes) u_s^2 / 3
    tolerance = SAFETY * sqrt(variance) * max|reference|

The reference (ONNX Runtime or PyTorch, in the same dtypes) carries as much again, and layers amplify: `SAFETY` covers both. For
one launch into float16 that is 4.6 u_s: the two sides of a rounding boundary, 2 u_s apart, pass; an error in the third digit does
not.

ABSOLUTE comes on top: sigmoid, tanh and erf have a range of order 1, and ONNX Runtime computes them to a few u of that range, not
of the result (its Sigmoid is off by 1e-7 where the result is 1e-7). It also covers float16's subnormals, 2^-24 apart. The bound
is norm-wise: relative to the largest magnitude of the tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amdc.program import Program

UNIT_ROUNDOFF = 2.0**-24
SAFETY = 8.0
ABSOLUTE = 4 * UNIT_ROUNDOFF
ARITHMETIC = {"float64": 2.0**-53}  # units roundoff of sums in other dtypes than those computed in fp32
STORAGE = {"float16": 2.0**-11, "bfloat16": 2.0**-8}


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
    """The relative rounding bound of every buffer, by name; variances are summed along the longest path."""
    variances = dict.fromkeys(program.buffers, 0.0)
    for launch in program.launches:
        # A product that stores a few rows into a state besides its result is no product as large as the state.
        results = [name for name in launch.writes if program.buffers[name].kind != "state"] or launch.writes
        elements = sum(math.prod(program.buffers[name].shape) for name in results)
        terms = max(1.0, launch.flops / (2 * max(1, elements)))
        reached = max((variances[name] for name in launch.reads), default=0.0)
        for name in launch.writes:
            dtype = program.buffers[name].dtype
            sums = 2 * terms * ARITHMETIC.get(dtype, UNIT_ROUNDOFF) ** 2
            stores = max(1, len(launch.source)) * STORAGE.get(dtype, 0.0) ** 2 / 3
            variances[name] = max(variances[name], reached + sums + stores)
    return {name: SAFETY * math.sqrt(value) for name, value in variances.items()}


def compare(name: str, actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float = 0.0) -> Comparison:
    """Compare one tensor. Integer and boolean tensors must be equal; NaN and infinity must stand at the same places."""
    if actual.shape != expected.shape:
        return Comparison(name, actual.shape, math.inf, 0.0, rtol, atol, (), False)
    if expected.size == 0:
        return Comparison(name, actual.shape, 0.0, 0.0, rtol, atol, (), True)
    exact = expected.dtype.kind in "biu"
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
