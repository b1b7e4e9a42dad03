"""Which work-groups stand for a launch, and what is made of fewer than were asked for."""

from __future__ import annotations

import numpy as np

from amdc.sim.timing import sampling


def test_rounds_and_the_remainder_are_taken() -> None:
    sample = sampling.choose(total=1000, resident=72, group_instructions=10**6)
    assert (sample.rounds, sample.all_rounds) == (3, 13)
    assert sample.groups.tolist() == [*range(3 * 72), *range(13 * 72, 1000)]


def test_fewer_than_a_round_are_no_sample() -> None:
    """Else the time of a part would be given as that of the whole."""
    assert sampling.shrink(sampling.choose(1000, 72, 10**6), 71) is None
    assert sampling.shrink(sampling.choose(50, 72, 10**6), 49) is None


def test_whole_rounds_stand_for_the_rest() -> None:
    shrunk = sampling.shrink(sampling.choose(1000, 72, 10**6), 150)
    assert shrunk is not None and (len(shrunk.groups), shrunk.rounds, shrunk.all_rounds) == (144, 2, 14)
    finishes = np.repeat([100.0, 200.0], 72)
    assert sampling.extrapolate(200.0, finishes, shrunk) == 1400.0
