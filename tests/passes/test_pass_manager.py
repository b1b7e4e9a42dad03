"""The pass manager keeps passes honest, and says what it did."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tracing import CONTEXT, calls, run, trace

from amdc.errors import InternalError, UsageError
from amdc.ir.graph import Graph
from amdc.ir.printer import to_text
from amdc.pass_manager import Pass, PassContext, PassResult, PassTime, replay, run_pipeline
from amdc.passes.dead_code import DeadCode
from amdc.passes.fuse_elementwise import FuseElementwise
from amdc.passes.pipeline import CLEANUP, STEPS, cleanup_for, known_passes, passes_for

aten = torch.ops.aten


def small_graph() -> Graph:
    return trace(lambda x: (x.relu() + 1).exp() * 2, torch.randn(3, 4))


def node_of(graph: Graph, target: object) -> torch.fx.Node:
    return next(node for node in graph.graph.nodes if node.target is target)


@dataclass(frozen=True)
class Idle(Pass):
    def run(self, graph: Graph, context: PassContext) -> PassResult:
        return PassResult(False)


@dataclass(frozen=True)
class Boasts(Pass):
    def run(self, graph: Graph, context: PassContext) -> PassResult:
        return PassResult(True)


@dataclass(frozen=True)
class Hides(Pass):
    def run(self, graph: Graph, context: PassContext) -> PassResult:
        node_of(graph, aten.relu.default).target = aten.neg.default
        return PassResult(False)


@dataclass(frozen=True)
class SwapsConstant(Pass):
    """Changes a constant's value under its old name, which the text of a large constant does not show."""

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        graph._tensor_constant0 = torch.zeros_like(graph._tensor_constant0)  # type: ignore[assignment, arg-type]
        return PassResult(False)


@dataclass(frozen=True)
class Breaks(Pass):
    amount: int = 3

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        node = node_of(graph, aten.exp.default)
        node.target, node.args = aten.expand.default, (node.args[0], [self.amount, 3, 4])
        return PassResult(True)


@dataclass(frozen=True)
class Raises(Pass):
    def run(self, graph: Graph, context: PassContext) -> PassResult:
        raise ValueError("no such luck")


def test_names_and_options() -> None:
    assert FuseElementwise().name == "fuse-elementwise"
    assert str(FuseElementwise(max_nodes=4)) == "fuse-elementwise{max_nodes=4,max_operands=12}"
    assert str(DeadCode()) == "dead-code"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Boasts(), r"pass boasts .* it claims a change, but made none"),
        (Hides(), r"pass hides .* it claims no change, but made one"),
        (
            Breaks(),
            r"pass breaks\{amount=3\} .* it broke the graph:\n  %exp \(from /exp\) claims f32\[3,4\], but .* f32\[3,3,4\]",
        ),
        (Raises(), r"pass raises \(execution 2\) failed: ValueError: no such luck"),
    ],
)
def test_a_failing_pass_is_named(made: Pass, message: str, tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=message) as caught:
        run_pipeline(small_graph(), [Idle(), made], CONTEXT, reproducer_dir=tmp_path)
    place = tmp_path / f"{made.name}-0"
    assert f"amdc opt {place}" in str(caught.value)
    assert "--bisect-limit 1" in str(caught.value)
    assert (place / "graph.txt").read_text() == to_text(small_graph())


def test_a_constant_that_changes_under_its_name_is_a_change(tmp_path: Path) -> None:
    table = torch.randn(3, 4)
    with pytest.raises(InternalError, match="it claims no change, but made one"):
        run_pipeline(trace(lambda x: x + table, torch.randn(3, 4)), [SwapsConstant()], CONTEXT, reproducer_dir=tmp_path)


def test_a_broken_import_is_not_blamed_on_a_pass() -> None:
    graph = small_graph()
    node_of(graph, aten.exp.default).target = aten.native_batch_norm.default
    with pytest.raises(InternalError, match="before the first pass"):
        run_pipeline(graph, [Idle()], CONTEXT)


def test_a_reproducer_replays(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(InternalError):
            run_pipeline(small_graph(), [Breaks(amount=5)], CONTEXT, reproducer_dir=tmp_path)
    place = tmp_path / "breaks-1"
    case = json.loads((place / "pass.json").read_text())
    assert (case["pass"], case["options"], case["arch"], case["command"]) == (
        "breaks",
        {"amount": 5},
        "gfx803",
        f"amdc opt {place}",
    )
    with pytest.raises(InternalError, match="f32"):
        replay(place, {"breaks": Breaks})
    graph, error = replay(place, {"breaks": Mended})
    assert calls(graph, aten.exp.default) == 1
    assert "it broke the graph" in error


@dataclass(frozen=True)
class Mended(Pass):
    amount: int = 3

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        return PassResult(False)


def test_a_reproducer_of_another_version_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        run_pipeline(small_graph(), [Breaks()], CONTEXT, reproducer_dir=tmp_path)
    with pytest.raises(UsageError, match="names a pass or an option that this version does not have"):
        replay(tmp_path / "breaks-0", {})
    with pytest.raises(UsageError, match="is no reproducer"):
        replay(tmp_path, {})


def test_bisect_limit_counts_executions_and_prints_each() -> None:
    x = torch.randn(3, 4)
    texts = []
    for limit in range(4):
        stream, graph = io.StringIO(), small_graph()
        want = run(graph, x)
        run_pipeline(
            graph, [Idle(), FuseElementwise()], CONTEXT, cleanup=CLEANUP, bisect_limit=limit, show_bisect=True, stream=stream
        )
        lines = stream.getvalue().splitlines()
        assert [line.startswith("BISECT: running") for line in lines] == [n < limit for n in range(len(lines))]
        assert lines[0].endswith("running pass (1) idle")
        assert torch.equal(run(graph, x)[0], want[0])
        texts.append(to_text(graph))
    assert texts[0] == texts[1] != texts[2] == texts[3]


def test_dump_is_numbered_and_says_what_changed(tmp_path: Path) -> None:
    graph = small_graph()
    run_pipeline(graph, [Idle(), FuseElementwise()], CONTEXT, dump_dir=tmp_path / "dump")
    names = sorted(file.name for file in (tmp_path / "dump").iterdir())
    assert names == ["000_input.changed.txt", "001_idle.unchanged.txt", "002_fuse-elementwise.changed.txt"]
    assert (tmp_path / "dump" / names[0]).read_text() == to_text(small_graph())
    assert (tmp_path / "dump" / names[1]).read_text() == "# idle changed nothing\n"
    assert (tmp_path / "dump" / names[2]).read_text() == to_text(graph)


def test_print_before_and_after() -> None:
    stream = io.StringIO()
    passes = [Idle(), FuseElementwise()]
    run_pipeline(small_graph(), passes, CONTEXT, print_before=["fuse-elementwise"], print_after=["all"], stream=stream)
    heads = re.findall(r"^# .*", stream.getvalue(), re.MULTILINE)
    options = "{max_nodes=32,max_operands=12}"
    assert heads == ["# after idle (no change)", f"# before fuse-elementwise{options}", f"# after fuse-elementwise{options}"]


def test_times_notes_and_progress() -> None:
    times: list[PassTime] = []
    notes: list[str] = []
    names: list[str] = []
    run_pipeline(
        small_graph(), [Idle(), FuseElementwise()], CONTEXT, cleanup=CLEANUP, times=times, notes=notes, progress=names.append
    )
    assert [(entry.name, entry.changed) for entry in times] == [
        ("idle", False),
        ("fuse-elementwise", True),
        ("dead-code", False),
        ("common-subexpressions", False),
    ]
    assert all(entry.seconds >= 0 and entry.check_seconds > 0 for entry in times)
    assert notes == ["fuse-elementwise: made 1 regions"]
    assert names == [entry.name for entry in times]


def test_the_pipeline_is_data() -> None:
    assert passes_for(0) == cleanup_for(0) == ()
    assert set(passes_for(1)) < set(passes_for(2)) == set(passes_for(3))
    assert all(len(step.why) > 20 for step in STEPS)
    names = known_passes()
    assert all(names[step.made.name] is type(step.made) for step in STEPS)
    assert {made.name for made in CLEANUP} <= set(names)
