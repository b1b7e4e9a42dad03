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


@cache
def camping_of_rows(pitch: int, width: int, rows: int, card: Card) -> Camping:
    """Of an operand of which a stage reads `rows` rows of `width` bytes, `pitch` bytes apart. Where an L2 channel has several
    DRAM channels, it waits for one while the others are idle, unless a stage's rows lie in many. Fitted to the timing layer on
    products of 16 by 6144 and 16 by 4096, with tiles 64, 128 and 256 wide, on an R9 Nano."""
    model = machine(card)
    blocks = range(0, width, model.interleave)
    met = len({(row * pitch + at) // model.interleave % model.dram_channels for row in range(rows) for at in blocks})
    return Camping(dram=max(1.0, model.dram_channels / model.l2_channels - met / 4))
