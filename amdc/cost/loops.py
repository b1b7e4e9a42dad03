"""The loops of a kernel's control flow: natural loops by their back edges.

Source: Aho, Lam, Sethi, Ullman, "Compilers", section 9.6. In the reducible flow that compilers make, a depth-first search's
retreating edges are the back edges.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.sim.translate.blocks import Block, Flow, branch_target, is_control


@dataclass(frozen=True)
class Loop:
    """`head` is entered first; `blocks` are all addresses of its blocks, those of inner loops too; `parent` is the index of the
    loop around it, -1 where there is none."""

    head: int
    blocks: frozenset[int]
    parent: int = -1


def successors(flow: Flow, block: Block) -> tuple[int, ...]:
    """Where control may go from a block; what is called or jumped to by register is left out."""
    last = block.instructions[-1]
    word = is_control(last)
    if word in ("end", "jump", "trap"):
        return ()
    targets = (branch_target(last),) if word == "branch" else ()
    following = () if last.op.meaning == "branch" else (block.next,)
    return tuple(address for address in (*following, *targets) if address in flow.blocks)


def find_loops(flow: Flow, entry: int) -> tuple[Loop, ...]:
    """The loops, outer ones before inner ones. Loops with one head are one."""
    edges = {address: successors(flow, block) for address, block in flow.blocks.items()}
    tails: dict[int, set[int]] = {}
    for tail, head in _back_edges(edges, entry):
        tails.setdefault(head, set()).add(tail)
    bodies = sorted(((head, _body(edges, head, ends)) for head, ends in tails.items()), key=lambda pair: -len(pair[1]))
    loops: list[Loop] = []
    for head, blocks in bodies:
        around = [index for index, loop in enumerate(loops) if blocks < loop.blocks]
        loops.append(Loop(head, blocks, around[-1] if around else -1))
    return tuple(loops)


def _back_edges(edges: dict[int, tuple[int, ...]], entry: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    path, done, stack = {entry}, set[int](), [(entry, iter(edges[entry]))]
    while stack:
        address, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            path.discard(address)
            done.add(address)
        elif following in path:
            found.append((address, following))
        elif following not in done:
            path.add(following)
            stack.append((following, iter(edges[following])))
    return found


def _body(edges: dict[int, tuple[int, ...]], head: int, tails: set[int]) -> frozenset[int]:
    """What reaches a tail without passing the head."""
    before: dict[int, list[int]] = {}
    for address, following in edges.items():
        for target in following:
            before.setdefault(target, []).append(address)
    body, work = {head}, list(tails)
    while work:
        address = work.pop()
        if address not in body:
            body.add(address)
            work += before.get(address, [])
    return frozenset(body)
