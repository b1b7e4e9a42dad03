"""Descriptor of kernels/hip/pooled_linear.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

LANES, COLUMNS = 256, 64  # channels and outputs of a work-group
MOST_HELD = 16  # outputs of a lane

POOLED_LINEAR = KernelTemplate(
    name="pooled_linear",
    file="pooled_linear.hip",
    computes="softmax of a linear layer of the means of an image's channels, each of the three optional",
    parameters=(
        Parameter("PIXELS", "values of a channel, which are averaged", 1, 1 << 10),
        Parameter("PRODUCT", "1: a linear layer", values=(0, 1)),
        Parameter("BIAS", "1: a bias", values=(0, 1)),
        Parameter("SOFTMAX", "1: a softmax over the outputs", values=(0, 1)),
        Parameter("HELD", "outputs of a lane of the last work-group", 1, MOST_HELD),
    ),
    block=(LANES, 1, 1),
)
