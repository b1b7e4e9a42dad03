"""Descriptor of kernels/hip/norm_mlp.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

LANES = 256
MIDS = 64  # inner values of a work-group
MOST_HELD = 16  # values of x a lane
MOST_COLUMNS = 8  # of y a lane
ACTIVATIONS = ("amdc_relu", "amdc_gelu", "amdc_gelu_tanh", "amdc_silu")

NORM_MLP = KernelTemplate(
    name="norm_mlp",
    file="norm_mlp.hip",
    computes="y = act(norm(x) W + b) V for one vector x, with epilogue",
    parameters=(
        Parameter("HELD", "values of x a lane", 1, MOST_HELD),
        Parameter("COLUMNS", "values of y a lane", 1, MOST_COLUMNS),
        Parameter("CENTRED", "1: layer norm, 0: RMS norm", values=(0, 1)),
        Parameter("AFFINE", "0: neither gain nor shift, 1: gain, 2: both", values=(0, 1, 2)),
        Parameter("INNER", "the activation's function", values=ACTIVATIONS),
        Parameter("INNER_BIAS", "1: a bias before the activation", values=(0, 1)),
    ),
    block=(LANES, 1, 1),
)
