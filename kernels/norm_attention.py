"""Descriptor of kernels/hip/norm_attention.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

LANES = 768
WIDTH = 64  # of a head
MOST_HELD = 6  # values of x a lane
MOST_COLUMNS = 4  # of y a lane
SCORES = (256, 1024, 4096, 8192)

NORM_ATTENTION = KernelTemplate(
    name="norm_attention",
    file="norm_attention.hip",
    computes="the attention block of one token with a cache: norm, projections, attention, output product, with epilogue",
    parameters=(
        Parameter("HELD", "values of x a lane", 1, MOST_HELD),
        Parameter("COLUMNS", "values of y a lane", 1, MOST_COLUMNS),
        Parameter("CENTRED", "1: layer norm, 0: RMS norm", values=(0, 1)),
        Parameter("AFFINE", "0: neither gain nor shift, 1: gain, 2: both", values=(0, 1, 2)),
        Parameter("SCORES", "room for scores", values=SCORES),
        Parameter("INNER_BIAS", "1: a bias of queries, keys and values", values=(0, 1)),
    ),
    block=(LANES, 1, 1),
)
