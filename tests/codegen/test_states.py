"""States: kept from run to run on the simulated GPU, written in place where that is safe, and never where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from amdc.codegen.lowering import lower
from amdc.errors import UsageError
from amdc.ir.graph import Graph
from amdc.runtime.session import Session, open_session
from amdc.target import target
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

aten = torch.ops.aten
CACHE, POSITION, NEW = torch.zeros(3, 8), torch.zeros(2, dtype=torch.int64), torch.zeros(3, 2)


def stateful(function: Callable[..., Any], states: dict[str, str], outputs: tuple[str, ...], *example: torch.Tensor) -> Graph:
    """The function's Graph, whose parameters `states` (name -> output) are kept."""
    graph = trace(function, *example)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    graph.meta |= {"inputs": names, "outputs": outputs, "states": tuple(states.items())}
    return graph


def opened(graph: Graph) -> Session:
    return open_session(compile_lowered(lower(graph, target("gfx803"))), "sim")


def append(cache: torch.Tensor, position: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    kept = aten.index_put.default(cache, [None, position], new)
    return aten.mul.Tensor(kept, 2.0), kept


def test_a_cache_is_kept_and_written_in_place() -> None:
    expected = np.zeros((3, 8), np.float32)
    rng = np.random.default_rng(0)
    with opened(stateful(append, {"cache": "kept"}, ("y", "kept"), CACHE, POSITION, NEW)) as session:
        assert [port.name for port in session.inputs] == ["position", "new"]
        assert [port.name for port in session.outputs] == ["y"]
        (state,) = session.program.states
        assert (state.name, state.shape, session.program.buffers[state.buffer].kind) == ("cache", (3, 8), "state")
        assert session.program.state_bytes == 256
        assert len(session.program.launches) == 2, "no copy of the cache, neither before nor after the write"
        for places in ([0, 1], [6, 2], [1, 7]):
            new = rng.standard_normal((3, 2), dtype=np.float32)
            expected[:, places] = new
            np.testing.assert_array_equal(session.run({"position": np.array(places), "new": new})["y"], expected * 2)


def test_reset_starts_again() -> None:
    given = {"position": np.array([3, 4]), "new": np.ones((3, 2), np.float32)}
    other = {"position": np.array([0, 1]), "new": np.ones((3, 2), np.float32)}
    with opened(stateful(append, {"cache": "kept"}, ("y", "kept"), CACHE, POSITION, NEW)) as session:
        first = session.run(given)["y"]
        assert not np.array_equal(session.run(other)["y"], first)
        session.reset()
        np.testing.assert_array_equal(session.run(given)["y"], first)


def test_a_run_that_did_not_end_wants_a_reset() -> None:
    given = {"position": np.array([3, 4]), "new": np.ones((3, 2), np.float32)}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with opened(stateful(append, {"cache": "kept"}, ("y", "kept"), CACHE, POSITION, NEW)) as session:
        first = session.run(given)["y"]
        with pytest.raises(KeyboardInterrupt):
            session.run(given, taps=stop)
        with pytest.raises(UsageError, match=r"did not end.*reset"):
            session.run(given)
        session.reset()
        np.testing.assert_array_equal(session.run(given)["y"], first)


def uses_old_behind(cache: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    kept = aten.slice_scatter.default(cache, new, 1, 0, 2)
    return aten.sub.Tensor(kept, cache), kept


def returns_old(cache: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return cache, aten.slice_scatter.default(cache, new, 1, 0, 2)


def writes_itself_shifted(cache: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every column moves one to the left: in place each would read what was just written."""
    kept = aten.slice_scatter.default(cache, aten.slice.Tensor(cache, 1, 1, 8), 1, 0, 7)
    return aten.add.Tensor(new, 1.0), kept


def views_old_behind(cache: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    view = aten.permute.default(cache, [1, 0])
    kept = aten.slice_scatter.default(cache, new, 1, 0, 2)
    return aten.exp.default(view), kept


def grows(cache: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    kept = aten.add.Tensor(cache, 1.0)
    return aten.add.Tensor(new, 1.0), kept


@pytest.mark.parametrize("function", [uses_old_behind, returns_old, writes_itself_shifted, views_old_behind, grows])
def test_what_is_not_safe_in_place(function: Callable[..., Any]) -> None:
    """The result of three runs is that of PyTorch, though the old value is needed after the new one exists."""
    rng = np.random.default_rng(1)
    held = torch.zeros(3, 8)
    with opened(stateful(function, {"cache": "kept"}, ("y", "kept"), CACHE, NEW)) as session:
        for _ in range(3):
            new = rng.standard_normal((3, 2), dtype=np.float32)
            expected, held = function(held.clone(), torch.from_numpy(new))
            np.testing.assert_allclose(session.run({"new": new})["y"], expected.numpy(), rtol=1e-6)


def exchange(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return aten.sub.Tensor(a, x), b, aten.add.Tensor(a, x)


def test_states_that_exchange_their_values() -> None:
    a, b = torch.zeros(5), torch.zeros(5)
    graph = stateful(exchange, {"a": "a_next", "b": "b_next"}, ("y", "a_next", "b_next"), a, b, torch.zeros(5))
    with opened(graph) as session:
        for step in range(4):
            x = torch.full((5,), 1.0 + step)
            y, a, b = exchange(a, b, x)
            np.testing.assert_array_equal(session.run({"x": x.numpy()})["y"], y.numpy())


def test_two_writes_in_a_row_share_the_place() -> None:
    def twice(cache: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = aten.slice_scatter.default(cache, x, 0, 0, 2)
        second = aten.slice_scatter.default(first, x, 0, 2, 4)
        return aten.neg.default(second), second

    with opened(stateful(twice, {"cache": "next"}, ("y", "next"), torch.zeros(5, 3), torch.zeros(2, 3))) as session:
        assert len(session.program.launches) == 3
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        np.testing.assert_array_equal(session.run({"x": x})["y"], -np.concatenate([x, x, np.zeros((1, 3), np.float32)]))
