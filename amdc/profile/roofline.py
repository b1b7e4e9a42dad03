"""The roofline of one launch (Williams et al. 2009): the least time that its arithmetic and traffic take at a card's peaks."""

from __future__ import annotations

from amdc.program import Launch
from amdc.target import Card


def floor_us(launch: Launch, card: Card) -> tuple[float, str]:
    """The least time in microseconds at the card's peak rates, without the launch itself, and which peak sets it: "compute" or
    "memory". A bound, no prediction."""
    compute = launch.flops / (card.fp32_tflops * 1e6)
    memory = launch.bytes_moved / (card.dram_gbps * 1e3)
    return max(compute, memory), "compute" if compute > memory else "memory"
