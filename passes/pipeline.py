"""The order of the passes, as data: one line a pass, with the levels that run it and why it stands there."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.pass_manager import Pass
from amdc.passes.common_subexpressions import CommonSubexpressions
from amdc.passes.dead_code import DeadCode
from amdc.passes.fold_batch_norm import FoldBatchNorm
from amdc.passes.fuse_epilogue import FuseEpilogue


@dataclass(frozen=True)
class Step:
    """A pass, the lowest level that runs it, and why it stands where it stands."""

    made: Pass
    level: int
    why: str


STEPS = (
    Step(FoldBatchNorm(), 1, "before fusion: a folded batch norm costs nothing, a fused one still multiplies and adds"),
    Step(FuseEpilogue(), 1, "after all rewriting of single operators, which does not look into regions"),
)

# After each pass that changed the graph, so no pass needs to clean up behind itself or to expect leftovers.
CLEANUP = (DeadCode(), CommonSubexpressions())


def passes_for(level: int) -> tuple[Pass, ...]:
    """The passes of an optimisation level, in order; at level 0 none, so the graph is compiled as it was imported."""
    return tuple(step.made for step in STEPS if level >= step.level)


def cleanup_for(level: int) -> tuple[Pass, ...]:
    return CLEANUP if level > 0 else ()


def known_passes() -> dict[str, type[Pass]]:
    """All passes by name, for `amdc opt` and for reproducers."""
    return {made.name: type(made) for made in (*(step.made for step in STEPS), *CLEANUP)}
