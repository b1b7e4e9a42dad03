"""The conformance runner: what it survives, what it counts as a failure, and what it makes of the list of expected failures."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from amdc.errors import UsageError
from amdc.onnx_backend.cases import Case, DataSet, load_cases
from amdc.onnx_backend.expected import FOLDER, expected_failures, judge
from amdc.onnx_backend.outcome import Outcome
from amdc.onnx_backend.pool import run_cases
from amdc.onnx_backend.report import failure_table, summary, verdict_text

ROOT = Path(__file__).resolve().parents[2]
MISBEHAVING = "onnx_backend.fake_backend:Misbehaving"


def case(name: str, operator: str, expected: np.ndarray | None = None) -> Case:
    """A case of one operator on [-1, 1], which by default expects [0, 1]."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]), helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    model = helper.make_model(helper.make_graph([helper.make_node(operator, ["x"], ["y"])], name, [value[0]], [value[1]]))
    wanted = np.array([0, 1], np.float32) if expected is None else expected
    data: list[DataSet] = [([np.array([-1, 1], np.float32)], [wanted])]
    return Case(name, "node", 1e-3, 1e-7, lambda: (model, data))


def run(cases: list[Case], jobs: int = 2, seconds: float = 30) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in run_cases(cases, MISBEHAVING, jobs, lambda _: seconds)}


def test_a_crash_fails_its_case_alone() -> None:
    cases = [case("a", "Relu"), case("b", "Sign"), case("c", "Relu"), case("d", "Neg"), case("e", "Relu")]
    found = run(cases, jobs=1)
    assert [name for name, outcome in found.items() if outcome.passed] == ["a", "c", "e"]
    assert "SIGKILL" in found["b"].reason and "last words" in found["b"].reason
    assert "exit status 7" in found["d"].reason


def test_a_hanging_case_is_ended_and_fails_alone() -> None:
    started = time.monotonic()
    found = run([case("a", "Abs"), case("b", "Relu"), case("c", "Relu")], seconds=1.0)
    assert "longer than 1 s" in found["a"].reason
    assert found["b"].passed and found["c"].passed
    assert time.monotonic() - started < 60


def test_not_implemented_is_a_failure() -> None:
    assert "NotImplementedError: Exp" in run([case("a", "Exp")])["a"].reason


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (np.array([0, 2], np.float32), "Mismatched"),
        (np.array([0, 1], np.float64), "dtype"),
        (np.array([[0, 1]], np.float32), "shape"),
    ],
)
def test_values_dtypes_and_shapes_are_compared(wanted: np.ndarray, word: str) -> None:
    assert word in run([case("a", "Relu", wanted)])["a"].reason


def test_the_list_may_only_shrink() -> None:
    good, bad = Outcome("good", "node", "Relu", "", 0.1), Outcome("bad", "node", "Exp", "no such operator", 0.1)
    assert judge([good, bad], {"bad": "why"}).holds
    assert judge([good, bad], {}).new_failures == (bad,)
    assert judge([good, bad], {"bad": "why", "good": "why"}).stale == ("good",)
    assert judge([good, bad], {"bad": "why", "gone": "why"}, {"good", "bad"}).unknown == ("gone",)
    text = verdict_text("host", judge([good, bad], {"good": "why", "gone": ""}, {"good", "bad"}))
    assert "bad (Exp): no such operator" in text and "is listed, but passes: good" in text
    assert "no such case: gone" in text


def test_report() -> None:
    outcomes = [Outcome("a", "node", "Relu", "", 0.1), Outcome("b", "node", "Exp", "off by 1.5", 0.1)]
    outcomes += [Outcome("c", "node", "Exp", "off by 2.5", 0.1), Outcome("d", "simple", "Relu", "", 0.1)]
    assert summary("host", outcomes) == "host: passed 1 of 3 (node), 1 of 1 (simple)"
    assert failure_table(outcomes) == "Exp: 2\n  2  off by 1.5\n      b, c"


@pytest.mark.parametrize("content", ["nonsense [", "[[failures]]\nwhy = 'x'", "[[failures]]\nwhy='x'\ncases=['a','a']"])
def test_a_bad_list_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.toml").write_text(content)
    with pytest.raises(UsageError, match=r"list\.toml"):
        expected_failures(tmp_path / "list.toml")


@pytest.mark.parametrize("device", ["host", "sim"])
def test_our_lists_give_reasons(device: str) -> None:
    listed = expected_failures(FOLDER / f"expected_{device}.toml")
    assert all(len(why) > 10 for why in listed.values())


def test_stored_cases_load() -> None:
    cases = {c.name: c for group in ("simple", "pytorch-operator") for c in load_cases(group)}
    assert len(cases) == 58
    model, data = cases["test_single_relu_model"].load()
    assert model.graph.node[0].op_type == "Relu" and len(data[0][0]) == len(data[0][1]) == 1


@pytest.mark.parametrize(("listed", "status"), [("[]", 0), ("[{why = 'it does not', cases = ['test_sign_model']}]", 1)])
def test_command(tmp_path: Path, listed: str, status: int) -> None:
    """A dozen stored cases on the host; a listed case that passes is an error. In a process of its own: workers that are forked
    from one whose PyTorch has run threads may hang."""
    (tmp_path / "list.toml").write_text(f"failures = {listed}")
    arguments = ["--device", "host", "--group", "simple", "--group", "pytorch-operator", "--jobs", "1"]
    arguments += ["--only", "sign_model|single_relu|shrink|operator_(add|basic|chunk|clip|concat2|exp|max|min|mm|pow)"]
    command = [sys.executable, "-m", "amdc.onnx_backend", *arguments, "--list", str(tmp_path / "list.toml")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    output = result.stdout + result.stderr
    assert result.returncode == status, output
    assert "host: passed 3 of 3 (simple), 16 of 16 (pytorch-operator)" in output
    assert ("test_sign_model; take it off" in output) == bool(status)
