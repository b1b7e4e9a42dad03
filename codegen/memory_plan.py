"""Places every buffer in one arena: constants first, then states, then the rest by lifetime, greedily in several orders.

Source: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020), "greedy
by size for offset calculation"; orders by lifetime besides, since split work's partial sums live for one launch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from amdc.errors import InternalError
from amdc.program import ALIGNMENT, Buffer, BufferKind, Launch

RESIDENT: tuple[BufferKind, ...] = ("constant", "state")  # what outlives a run, in the order of the arena


@dataclass(frozen=True)
class Plan:
    buffers: dict[str, Buffer]
    arena_bytes: int
    constant_bytes: int
    state_bytes: int
    largest_live_set: int  # bytes, of aligned sizes


def aligned(nbytes: int) -> int:
    """The bytes that a buffer takes in the arena; an empty one still has an address."""
    return max(ALIGNMENT, (nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)


def lifetimes(buffers: Mapping[str, Buffer], launches: Sequence[Launch], keep: Collection[str]) -> dict[str, Buffer]:
    """The buffers with `first` and `last`: inputs live from before the first launch, constants, states and those to `keep` to the
    end."""
    first: dict[str, int] = {name: -1 for name, buffer in buffers.items() if buffer.kind in ("input", *RESIDENT)}
    last: dict[str, int] = dict(first)
    for index, launch in enumerate(launches):
        for name in launch.writes + launch.reads:
            first.setdefault(name, index)
            last[name] = index
    end = len(launches)
    for name in buffers:
        if name in keep or buffers[name].kind in RESIDENT:
            last[name] = end
            first.setdefault(name, end)
    return {name: replace(buffer, first=first[name], last=last[name]) for name, buffer in buffers.items() if name in first}


# What puts a buffer before others; no order is best for every model. Ties are broken by size, first use and name.
ORDERS: tuple[Callable[[Buffer], int], ...] = (
    lambda buffer: aligned(buffer.nbytes),
    lambda buffer: aligned(buffer.nbytes) * (buffer.last - buffer.first + 1),
    lambda buffer: buffer.last - buffer.first,
)


def place(buffers: Sequence[Buffer], start: int) -> tuple[dict[str, int], int]:
    """Offsets from `start` on, and the end, by the order that ends first."""
    by_size = sorted(buffers, key=lambda buffer: (-aligned(buffer.nbytes), buffer.first, buffer.name))
    return min((_place(sorted(by_size, key=order, reverse=True), start) for order in ORDERS), key=lambda plan: plan[1])


def _place(buffers: Sequence[Buffer], start: int) -> tuple[dict[str, int], int]:
    """The buffers in this order, each in the smallest gap among those alive with it."""
    placed: list[tuple[int, int, Buffer]] = []  # (offset, end, buffer), by offset
    offsets, end = {}, start
    for buffer in buffers:
        size, best, best_gap, previous = aligned(buffer.nbytes), -1, 0, start
        for low, high, other in placed:
            if other.last < buffer.first or buffer.last < other.first:
                continue
            gap = low - previous
            if gap >= size and (best < 0 or gap < best_gap):
                best, best_gap = previous, gap
            previous = max(previous, high)
        offset = best if best >= 0 else previous
        offsets[buffer.name] = offset
        placed.append((offset, offset + size, buffer))
        placed.sort(key=lambda entry: entry[0])
        end = max(end, offset + size)
    return offsets, end


def largest_live_set(buffers: Sequence[Buffer], count: int) -> int:
    """The largest sum of aligned sizes alive at one of `count` launches: no plan needs less."""
    change = [0] * (count + 3)
    for buffer in buffers:
        change[buffer.first + 1] += aligned(buffer.nbytes)
        change[buffer.last + 2] -= aligned(buffer.nbytes)
    alive = peak = 0
    for step in change:
        alive += step
        peak = max(peak, alive)
    return peak


def check(buffers: Mapping[str, Buffer]) -> None:
    """Raises `InternalError` naming two buffers that are alive at once and overlap."""
    ordered = sorted(buffers.values(), key=lambda b: b.offset)
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.offset >= one.offset + aligned(one.nbytes):
                break
            if one.first <= other.last and other.first <= one.last:
                raise InternalError(f"buffers '{one.name}' and '{other.name}' overlap in the arena while both are alive")


def plan(buffers: Mapping[str, Buffer], launches: Sequence[Launch], keep: Collection[str]) -> Plan:
    """Place all buffers that a launch uses, plus inputs, constants, and those to `keep` until the end."""
    alive = lifetimes(buffers, launches, keep)
    offsets, ends = {}, [0]
    for kind in RESIDENT:
        end = ends[-1]
        for buffer in alive.values():
            if buffer.kind == kind:
                offsets[buffer.name] = end
                end += aligned(buffer.nbytes)
        ends.append(end)
    others = [buffer for buffer in alive.values() if buffer.kind not in RESIDENT]
    moving, arena_bytes = place(others, ends[-1])
    offsets |= moving
    done = {name: replace(buffer, offset=offsets[name]) for name, buffer in alive.items()}
    check(done)
    return Plan(done, arena_bytes, ends[1], ends[2] - ends[1], largest_live_set(others, len(launches)))
