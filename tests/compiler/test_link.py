"""Joining programs: equal constants become one, unequal ones of one name stay apart, states lie at one place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.codegen.lowering import lower
from amdc.compiler.link import Linker
from amdc.errors import ModelError
from amdc.ir.graph import Graph
from amdc.target import target
from tests.tracing import trace

aten = torch.ops.aten


def added(linker: Linker, key: str, graph: Graph) -> None:
    linker.add(key, graph, lower(graph, target("gfx803")))


def adding(*constants: torch.Tensor) -> Graph:
    """x plus each constant in turn."""

    def function(x: torch.Tensor) -> torch.Tensor:
        for constant in constants:
            x = aten.add.Tensor(x, constant)
        return x

    return trace(function, torch.zeros(constants[0].shape))


def test_equal_constants_of_a_program_and_of_two_are_one() -> None:
    first, second = torch.arange(100.0), torch.arange(100.0) * 2
    linker = Linker()
    added(linker, "a", adding(first, second, first.clone()))
    added(linker, "b", adding(second.clone()))
    a, b = linker.programs().values()
    assert sorted(array[1] for array in linker.constants.values()) == [1, 2]
    assert a.constant_bytes == b.constant_bytes == 2 * 512
    (shared,) = [buffer for buffer in b.buffers.values() if buffer.kind == "constant"]
    assert a.buffers[shared.name].offset == shared.offset
    assert linker.constants[shared.name][1] == 2
    pointed = {getattr(argument, "buffer", None) for launch in a.launches for argument in launch.arguments}
    assert pointed - {None} <= a.buffers.keys()


def test_unequal_constants_of_one_name_stay_apart() -> None:
    """They differ behind the bytes that are compared first, so the whole content decides."""
    first = torch.zeros(5000)
    second = first.clone()
    second[4999] = 1
    graphs = adding(first), adding(second)
    names = [{str(node.target) for node in graph.graph.nodes if node.op == "get_attr"} for graph in graphs]
    assert names[0] == names[1]
    linker = Linker()
    added(linker, "a", graphs[0])
    added(linker, "b", graphs[1])
    assert sorted(float(array.sum()) for array in linker.constants.values()) == [0, 1]
    (original,) = names[0]
    renamed = linker.graphs["b"].constants[original]
    assert renamed != original and linker.constants[renamed][4999] == 1
    assert not linker.graphs["a"].constants


def test_activations_lie_behind_everything_that_is_shared() -> None:
    linker = Linker()
    added(linker, "a", adding(torch.arange(100.0)))
    added(linker, "b", adding(torch.arange(300.0)))
    for program in linker.programs().values():
        own = [buffer for buffer in program.buffers.values() if buffer.kind != "constant"]
        assert min(buffer.offset for buffer in own) == program.activation_start == 512 + 1280
        assert max(buffer.offset + buffer.nbytes for buffer in own) <= program.arena_bytes


def counting(start: torch.Tensor) -> Graph:
    """The state `count`, which grows by one a run."""

    def function(count: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        following = aten.add.Tensor(count, 1.0)
        return aten.mul.Tensor(following, 2.0), following

    graph = trace(function, start)
    graph.meta |= {"inputs": ("count",), "outputs": ("y", "next"), "states": (("count", "next"),)}
    graph.meta["state_values"] = {"count": start}
    return graph


def test_what_states_start_as_stands_outside_the_arena() -> None:
    linker = Linker()
    added(linker, "a", counting(torch.full((4,), 7.0)))
    added(linker, "b", counting(torch.full((4,), 7.0)))
    a, b = linker.programs().values()
    assert a.states[0].initial is not None
    np.testing.assert_array_equal(linker.constants[a.states[0].initial], np.full(4, 7, np.float32))
    assert (a.constant_bytes, a.state_bytes) == (b.constant_bytes, b.state_bytes) == (0, 256)
    zero = Linker()
    added(zero, "a", counting(torch.zeros(4)))
    assert zero.programs()["a"].states[0].initial is None and not zero.constants


@pytest.mark.parametrize("other", [torch.zeros(5), torch.full((4,), 8.0)], ids=["another shape", "another start"])
def test_states_that_differ_are_refused(other: torch.Tensor) -> None:
    linker = Linker()
    added(linker, "a", counting(torch.full((4,), 7.0)))
    with pytest.raises(ModelError, match="the state 'count' of program b is float32"):
        added(linker, "b", counting(other))
