"""Which candidates are timed next, and which are left out."""

from __future__ import annotations

from amdc.tune.order import MARGIN, TRUSTED, Order
from amdc.tune.survey import Problem

COSTS = {f"c{number}": 100.0 + number for number in range(20)}


def _order(*problems: Problem, **limits: float) -> Order:
    return Order({problem.key: problem for problem in problems}, {problem.key: {} for problem in problems}, **limits)


def test_each_problem_has_its_turn_and_costly_ones_go_first() -> None:
    order = _order(Problem("light", {"a": 1.0, "b": 2.0}, "a"), Problem("heavy", {"a": 30.0, "b": 20.0}, "b"))
    assert [list(forced.items()) for forced in order.following(2)] == [[("heavy", "b"), ("light", "a")]]
    order.told("heavy", "b", 5.0)
    order.told("heavy", "a", None)
    assert order.following(1) == [{"light": "a"}]
    assert order.following(3) == [{"light": "a"}, {"light": "b"}]  # all processors have work
    assert order.total == 2


def test_uses_count() -> None:
    order = _order(Problem("a", {"x": 10.0, "y": 11.0}, "x"), Problem("b", {"x": 6.0, "y": 7.0}, "x", uses=2))
    assert list(order.following(1)[0]) == ["b", "a"]


def test_few_and_factor_limit_the_candidates() -> None:
    assert _order(Problem("p", COSTS, "c0"), few=3).left("p") == ["c0", "c1", "c2"]
    assert _order(Problem("p", COSTS, "c0"), factor=1.05).left("p") == ["c0", "c1", "c2", "c3", "c4", "c5"]


def test_what_cannot_be_the_best_is_left_out_once_costs_are_known_to_hold() -> None:
    order = _order(Problem("p", COSTS | {"far": 120.0, "near": 109.0}, "c0"), few=30)
    for number in range(TRUSTED - 1):
        order.told("p", f"c{number}", COSTS[f"c{number}"])
    assert "far" in order.left("p")
    order.told("p", "c19", COSTS["c19"])
    assert "far" not in order.left("p")  # 120 > 100 / MARGIN
    assert "near" in order.left("p")
    order.told("p", "c18", COSTS["c18"] * MARGIN)  # the costs exaggerate more than was known
    assert "far" in order.left("p")


def test_an_exhaustive_search_leaves_nothing_out() -> None:
    order = _order(Problem("p", COSTS | {"far": 1e6}, "c0"), few=100, factor=float("inf"))
    for name in list(COSTS):
        order.told("p", name, COSTS[name])
    assert order.left("p") == ["far"]
