"""The memory plan: nothing alive overlaps, and the arena is close to the largest live set."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amdc.codegen.indexing import broadcast_strides, collapse, dense_strides
from amdc.codegen.magic import magic
from amdc.codegen.memory_plan import aligned, check, plan
from amdc.errors import InternalError
from amdc.program import ALIGNMENT, Buffer, Launch

LIFETIMES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 5000)), min_size=1, max_size=40)


def _program(spans: list[tuple[int, int, int]]) -> tuple[dict[str, Buffer], list[Launch]]:
    """One buffer a span (first launch, further launches, floats), written by its first launch and read by its last."""
    count = max(first + more for first, more, _ in spans) + 1
    buffers = {f"b{i}": Buffer(f"b{i}", "activation", "float32", (size,)) for i, (_, _, size) in enumerate(spans)}
    launches = []
    for step in range(count):
        writes = tuple(f"b{i}" for i, (first, _, _) in enumerate(spans) if first == step)
        reads = tuple(f"b{i}" for i, (first, more, _) in enumerate(spans) if first + more == step)
        launches.append(Launch("k", (1, 1, 1), (), reads, writes, f"n{step}"))
    return buffers, launches


@given(LIFETIMES)
@settings(max_examples=200, deadline=None)
def test_no_two_live_buffers_overlap(spans: list[tuple[int, int, int]]) -> None:
    buffers, launches = _program(spans)
    made = plan(buffers, launches, keep={"b0"})
    alive: list[tuple[int, int, int, int]] = []
    for buffer in made.buffers.values():
        assert buffer.offset % ALIGNMENT == 0 and buffer.offset + buffer.nbytes <= made.arena_bytes
        alive.append((buffer.offset, buffer.offset + aligned(buffer.nbytes), buffer.first, buffer.last))
    for i, (low, high, first, last) in enumerate(alive):
        for other_low, other_high, other_first, other_last in alive[i + 1 :]:
            assert high <= other_low or other_high <= low or last < other_first or other_last < first
    assert made.buffers["b0"].last == len(launches)
    assert made.largest_live_set <= made.arena_bytes


def test_the_checker_finds_an_overlap() -> None:
    buffers, launches = _program([(0, 3, 100), (1, 2, 100)])
    made = dict(plan(buffers, launches, keep=()).buffers)
    made["b1"] = dataclasses.replace(made["b1"], offset=made["b0"].offset)
    with pytest.raises(InternalError, match="'b0' and 'b1' overlap"):
        check(made)


def test_a_chain_needs_two_buffers() -> None:
    """Each step reads the one before and writes its own: the arena holds two, however long the chain."""
    buffers, launches = _program([(step, 1, 1024) for step in range(20)])
    assert plan(buffers, launches, keep=()).arena_bytes == 2 * 4096


def test_constants_come_first() -> None:
    buffers, launches = _program([(0, 1, 10)])
    buffers["w"] = Buffer("w", "constant", "float32", (100,))
    made = plan(buffers, launches, keep=())
    assert (made.buffers["w"].offset, made.constant_bytes) == (0, aligned(400))
    assert made.buffers["b0"].offset >= made.constant_bytes


@given(st.integers(1, (1 << 31) - 1), st.integers(0, (1 << 31) - 1))
@settings(max_examples=500, deadline=None)
def test_division_by_multiplication(divisor: int, x: int) -> None:
    multiplier, shift = magic(divisor)
    assert multiplier < 1 << 32 and shift < 32
    for value in {x, x // divisor * divisor, max(0, x // divisor * divisor - 1)}:
        assert ((value * multiplier >> 32) + value) >> shift == value // divisor


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
@settings(max_examples=200, deadline=None)
def test_collapsing_keeps_every_position(domain: list[int], data: st.DataObject) -> None:
    """Walking the collapsed domain visits the same offsets in the same order as walking the original one."""
    shapes = [[data.draw(st.sampled_from([1, extent])) for extent in domain] for _ in range(2)]
    fixed = data.draw(st.sets(st.integers(0, len(domain) - 1), max_size=1))
    strides = [dense_strides(domain), *(broadcast_strides(shape, domain) for shape in shapes)]
    dims, collapsed, moved = collapse(tuple(domain), strides, sorted(fixed))
    assert all(dims[moved[dim]] == domain[dim] for dim in fixed)
    assert math.prod(dims) == math.prod(domain)
    for before, after in zip(strides, collapsed, strict=True):
        assert _offsets(domain, before) == _offsets(dims, after)


def _offsets(domain: list[int] | tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    own = dense_strides(domain)
    return [
        sum(index // o % extent * s for o, extent, s in zip(own, domain, strides, strict=True))
        for index in range(math.prod(domain))
    ]
