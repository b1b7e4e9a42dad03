"""Descriptor of kernels/hip/bottleneck.hip."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.template import KernelTemplate, Parameter

CHANNELS = 8  # inner planes of a work-group, and what the number of input channels is a multiple of
FILTERS = (2, 4, 8)
WAVES_K = (1, 2, 4, 8, 16)
MOST_WAVES = 16


@dataclass(frozen=True)
class Share:
    """How bottleneck.hip spreads a plane of `height` x `width`: a work-group has `rows` rows of results, `waves_k` sets of waves
    share the input channels, and then each wave computes `filters` of the results' `outputs`."""

    height: int
    width: int
    outputs: int
    rows: int
    waves_k: int
    filters: int

    @property
    def name(self) -> str:
        return f"{self.rows}rows s{self.waves_k} x{self.filters}"

    @property
    def computed(self) -> int:
        """Positions of an inner plane that a work-group computes: not above and below the image."""
        return (self.rows if self.rows == self.height else self.rows + 2) * self.width

    @property
    def waves_n(self) -> int:
        return -(-self.computed // 64)

    @property
    def waves(self) -> int:
        return self.waves_n * self.waves_k

    @property
    def waves_p(self) -> int:
        """Waves side by side over the results' positions."""
        return -(-self.rows * self.width // 64)

    @property
    def waves_f(self) -> int:
        return -(-self.outputs // self.filters)

    @property
    def bands(self) -> int:
        return -(-self.height // self.rows)

    @property
    def lds_bytes(self) -> int:
        return 4 * CHANNELS * ((self.rows + 2) * (self.width + 2) + 64 * self.waves)

    def fits(self, lds_bytes: int) -> bool:
        """Whether a work-group has waves and LDS enough."""
        return self.waves_p * self.waves_f <= self.waves <= MOST_WAVES and self.lds_bytes <= lds_bytes


BOTTLENECK = KernelTemplate(
    name="bottleneck",
    file="bottleneck.hip",
    computes="scale, shift and ReLU, 1x1 convolution, ReLU and 3x3 convolution, with biases and epilogue",
    parameters=(
        Parameter("IN_H", "rows of a plane", 1, 1 << 10),
        Parameter("IN_W", "columns of a plane", 1, 1 << 10),
        Parameter("OUT_ROWS", "rows of the output of a work-group", 1, 1 << 10),
        Parameter("WAVES_N", "waves with positions of their own", 1, MOST_WAVES),
        Parameter("WAVES_K", "sets of waves that share the input channels", values=WAVES_K),
        Parameter("FILTERS", "results of a wave", values=FILTERS),
        Parameter("WAVES_F", "waves with results of their own", 1, MOST_WAVES),
        Parameter("AFFINE", "1: scale, shift and ReLU before", values=(0, 1)),
        Parameter("INNER_BIAS", "1: a bias before the inner ReLU", values=(0, 1)),
        Parameter("BIAS", "1: a bias behind", values=(0, 1)),
    ),
)
