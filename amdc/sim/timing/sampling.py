"""Which work-groups of a launch are simulated in time, and how the whole is extrapolated from them.

A card holds `resident` work-groups at once; each further such set is a round. A few rounds are simulated, and the remainder that
makes the tail; what lies between is taken at the mean rate of the simulated rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy

LEAST_ROUNDS = 3
MOST_GROUPS = 4096  # beyond, more rounds add nothing
WAVE_BUDGET = 12_000_000  # wave instructions for further rounds where work-groups are short


@dataclass(frozen=True)
class Sample:
    """`groups` in dispatch order; `rounds` whole rounds of `resident` ones among them stand for `all_rounds`."""

    groups: numpy.ndarray
    rounds: int
    all_rounds: int
    resident: int

    @property
    def complete(self) -> bool:
        return self.rounds == self.all_rounds


def choose(total: int, resident: int, group_instructions: int) -> Sample:
    """`group_instructions`: wave instructions of a work-group, estimated."""
    all_rounds, rest = divmod(total, resident)
    affordable = max(LEAST_ROUNDS, min(WAVE_BUDGET // max(1, resident * group_instructions), MOST_GROUPS // resident))
    rounds = min(all_rounds, affordable)
    head, tail = numpy.arange(rounds * resident), numpy.arange(total - rest, total)
    return Sample(numpy.concatenate([head, tail]).astype(numpy.uint64), rounds, all_rounds, resident)


def shrink(sample: Sample, traced: int) -> Sample | None:
    """The sample of the whole rounds among the leading `traced` groups, where no more could be recorded; None where there is not
    even one. The remainder, which then is not simulated, counts as a round."""
    rounds = min(traced // sample.resident, sample.rounds)
    rest = len(sample.groups) > sample.rounds * sample.resident
    return (
        Sample(sample.groups[: rounds * sample.resident], rounds, sample.all_rounds + rest, sample.resident) if rounds else None
    )


def extrapolate(end: float, finishes: numpy.ndarray, sample: Sample) -> float:
    """The clocks of the whole launch from the `end` of the simulated part and the times at which its work-groups finished."""
    if sample.complete:
        return end
    ordered = numpy.sort(finishes)[: sample.rounds * sample.resident]
    period = ordered[-1]
    if sample.rounds > 1:  # between the mean finishes of the rounds: that of the last work-group of each is up to chance
        period = (ordered[-sample.resident :].mean() - ordered[: sample.resident].mean()) / (sample.rounds - 1)
    return end + float(period) * (sample.all_rounds - sample.rounds)
