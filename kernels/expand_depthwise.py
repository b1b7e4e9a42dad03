"""Descriptor of kernels/hip/expand_depthwise.hip."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.conv import KERNEL, STRIDE
from amdc.kernels.template import KernelTemplate, Parameter

CHANNELS = 8  # of a work-group
STAGE = 4  # values of k in a stage; the kernel's loop takes two stages at a time
MOST_WAVES = 16
WAVES_K = (1, 2, 4, 8)
SIZES = ("IN_H", "IN_W", "OUT_H", "OUT_W")


@dataclass(frozen=True)
class Spread:
    """How expand_depthwise.hip spreads its work: a work-group computes `rows` rows of outputs, `waves_n` waves have the positions
    of the expanded planes that these need, `waves_k` of them share the input channels; then `strip` outputs a lane."""

    rows: int
    waves_n: int
    waves_k: int
    strip: int

    @property
    def waves(self) -> int:
        return self.waves_n * self.waves_k

    @property
    def name(self) -> str:
        return f"fused {self.rows}rows s{self.waves_k}"


EXPAND_DEPTHWISE = KernelTemplate(
    name="expand_depthwise",
    file="expand_depthwise.hip",
    computes="1x1 convolution, activation and the depthwise convolution behind them, with biases and epilogue",
    parameters=(
        *KERNEL,
        STRIDE,
        *(Parameter(name, f"{'rows' if name[-1] == 'H' else 'columns'} of a plane", 1, 1 << 12) for name in SIZES),
        Parameter("PAD_TOP", "padding above the expanded planes", 0, 1 << 12),
        Parameter("PAD_LEFT", "padding left of the expanded planes", 0, 1 << 12),
        Parameter("OUT_ROWS", "rows of the output of a work-group", 1, 1 << 12),
        Parameter("WAVES_N", "waves with positions of their own", 1, MOST_WAVES),
        Parameter("WAVES_K", "sets of waves that share the input channels", values=WAVES_K),
        Parameter("STRIP", "outputs of a lane, one below the other", 1, 64),
        Parameter("EXPAND_BIAS", "1: a bias before the activation", values=(0, 1)),
        Parameter("BIAS", "1: a bias behind the depthwise convolution", values=(0, 1)),
    ),
)
