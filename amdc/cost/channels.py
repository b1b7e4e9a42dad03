"""Camping: how much longer memory takes where what is read at a time lies in few channels.

Rows that are a multiple of all channels' interleaving apart begin in one channel, and work-groups that start together and go
along the rows side by side stay in step: what they read at a time lies there. Over long rows, and where rows begin in several
channels, they drift apart, which L2 gains from. These laws are fitted to the timing layer, on products of k = 512 to 4096.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from amdc.sim.timing.machine import machine
from amdc.target import Card


@dataclass(frozen=True)
class Camping:
    """Times that the bytes of an operand take in `l2` and `dram`, where 1 stands for all channels alike."""

    l2: float = 1.0
    dram: float = 1.0


@cache
def camping(pitch: int, rows: int, pieces: int, length: int, card: Card) -> Camping:
    """Of `rows` rows, `pitch` bytes apart, of which `pieces` pieces of `length` bytes, one behind the other, are read at the same
    time, all from their starts on."""
    model = machine(card)
    channels, block = model.l2_channels, model.interleave
    starts = (row * pitch + piece * length for row in range(min(rows, channels)) for piece in range(pieces))
    met = len({start // block % channels for start in starts})
    drifting = max(1.0, length / (block * channels))
    return Camping(channels / min(channels, met**2 * drifting), channels / met)
