"""Predicted against measured, both axes logarithmic, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Points = Sequence[tuple[float, float]]  # (measured, predicted)
MARKERS = "osD^vP*X"
BANDS = ((0.12, 0.25), (0.30, 0.10))  # relative deviation, opacity


def draw(classes: Mapping[str, Points], path: Path) -> None:
    """Write a picture of one panel: a point a row, the line of equality, and the bands of 12 % and 30 % around it (GFLOPS)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    everything = [value for points in classes.values() for point in points for value in point]
    ends = np.array([min(everything) / 1.5, max(everything) * 1.5])
    figure, axes = pyplot.subplots(figsize=(7.5, 7.0), layout="constrained")
    for deviation, opacity in BANDS:
        label = f"within {deviation:.0%}"
        axes.fill_between(ends, ends * (1 - deviation), ends * (1 + deviation), color="grey", alpha=opacity, lw=0, label=label)
    axes.plot(ends, ends, color="black", lw=0.8)
    for marker, (name, points) in zip(MARKERS, classes.items(), strict=False):
        measured, predicted = zip(*points, strict=True)
        axes.scatter(measured, predicted, s=28, marker=marker, alpha=0.8, label=f"{name} ({len(points)})")
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    axes.set(xlabel="measured GFLOPS, R9 Nano (rocBLAS's kernels)", ylabel="predicted GFLOPS (amdc's kernel, same tile)")
    axes.set_title("SGEMM on an R9 Nano: predicted against measured")
    axes.grid(which="both", lw=0.3)
    axes.legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
