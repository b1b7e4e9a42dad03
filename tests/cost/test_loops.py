"""Loops found by their back edges."""

from __future__ import annotations

from amdc.cost.loops import find_loops
from amdc.sim.decoder import decode
from amdc.sim.translate.blocks import Block, Flow

END, NOP = 0xBF810000, 0xBF800000


def _branch(distance: int, opcode: int = 5) -> int:
    """s_cbranch_scc1, or s_branch (opcode 2); `distance` counts words from the next instruction."""
    return 0xBF800000 | opcode << 16 | distance & 0xFFFF


def _flow(*blocks: tuple[int, ...]) -> Flow:
    """One block a tuple of words, one behind the other."""
    made, address = {}, 0
    for words in blocks:
        text = b"".join(word.to_bytes(4, "little") for word in words)
        made[address] = Block(address, tuple(decode(text, address)))
        address += len(text)
    return Flow(made, frozenset({0}))


def test_straight_code_has_none() -> None:
    assert find_loops(_flow((NOP, _branch(1)), (NOP,), (END,)), 0) == ()


def test_a_loop_within_a_loop() -> None:
    flow = _flow((NOP,), (NOP,), (NOP, _branch(-2)), (_branch(-4),), (END,))
    outer, inner = find_loops(flow, 0)
    assert (outer.head, outer.parent, outer.blocks) == (4, -1, {4, 8, 16})
    assert (inner.head, inner.parent, inner.blocks) == (8, 0, {8})


def test_a_loop_with_a_branch_inside_is_one() -> None:
    flow = _flow((_branch(1),), (NOP,), (_branch(-3),), (END,))
    (loop,) = find_loops(flow, 0)
    assert (loop.head, loop.blocks) == (0, {0, 4, 8})
