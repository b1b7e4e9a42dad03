"""Which candidate a lowering takes: the forced one, the database's, the cheapest, or below -O2 the first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from amdc.codegen.choice import Candidate, Choice, Choices
from amdc.errors import InternalError


def _candidates(built: list[str], **costs: float) -> list[Candidate]:
    return [Candidate(name, lambda cost=cost: cost, lambda name=name: built.append(name)) for name, cost in costs.items()]


def _pick(choices: Choices, costs: Sequence[tuple[str, float]], opt_level: int = 2) -> str:
    built: list[str] = []
    choices.choose("p", _candidates(built, **dict(costs)), opt_level, lambda: len(built)).build()
    return built[0]


COSTS = (("first", 3.0), ("best", 1.0), ("tie", 1.0))


@pytest.mark.parametrize(
    ("choices", "opt_level", "expected"),
    [
        (Choices(), 2, "best"),
        (Choices(), 1, "first"),
        (Choices(lookup=lambda problem, names: "tie"), 2, "tie"),
        (Choices(lookup=lambda problem, names: "tie"), 1, "first"),
        (Choices(lookup=lambda problem, names: "gone since"), 2, "best"),
        (Choices(lookup=lambda problem, names: None), 2, "best"),
        (Choices(forced={"p": "first"}, lookup=lambda problem, names: "tie"), 3, "first"),
        (Choices(forced={"p": "tie"}), 0, "tie"),
        (Choices(forced={"another": "tie"}), 2, "best"),
    ],
)
def test_order_of_rules(choices: Choices, opt_level: int, expected: str) -> None:
    assert _pick(choices, COSTS, opt_level) == expected


def test_costs_are_not_asked_needlessly() -> None:
    def fail() -> float:
        raise AssertionError("asked")

    one, other = (Candidate(name, fail, lambda: None) for name in ("one", "other"))
    assert Choices().choose("p", [one], 2, lambda: 0).name == "one"
    assert Choices(lookup=lambda problem, names: "other").choose("p", [one, other], 2, lambda: 0).name == "other"


def test_record_sees_the_launches() -> None:
    seen: list[Choice] = []
    built = ["of another operator"]
    candidates = _candidates(built, a=2.0, b=1.0)
    Choices(record=seen.append).choose("p", candidates, 2, lambda: len(built)).build()
    assert [(c.problem, c.chosen, c.launches, len(c.candidates)) for c in seen] == [("p", "b", range(1, 2), 2)]


@pytest.mark.parametrize(
    ("choices", "names"), [(Choices(), ()), (Choices(), ("a", "a")), (Choices(forced={"p": "c"}), ("a", "b"))]
)
def test_refusals(choices: Choices, names: tuple[str, ...]) -> None:
    with pytest.raises(InternalError):
        choices.choose("p", [Candidate(name, lambda: 0.0, lambda: None) for name in names], 2, lambda: 0)
