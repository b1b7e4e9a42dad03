"""What became of one case, and the work of running it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import onnx

from amdc.onnx_backend.cases import Case

MAX_REASON = 240  # characters


@dataclass(frozen=True)
class Outcome:
    """`operator` names what the case is about, `reason` is empty where it passed."""

    name: str
    group: str
    operator: str
    reason: str
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.reason


def run_case(case: Case, backend: Any) -> Outcome:
    """Prepare, run and compare every data set, by the suite's own comparison: tolerances, shapes and dtypes. Whatever is raised,
    "not implemented" included, is a failure of the case."""
    from onnx.backend.test.runner import Runner

    started, operator, reason = time.perf_counter(), "", ""
    try:
        model, data_sets = case.load()
        operator = operators(model)
        prepared = backend.prepare(model)
        for inputs, expected in data_sets:
            outputs = prepared.run(inputs)
            if len(outputs) != len(expected):
                raise AssertionError(f"{len(outputs)} outputs, expected {len(expected)}")
            Runner.assert_similar_outputs(expected, outputs, case.rtol, case.atol)
    except Exception as problem:  # the reason is the result
        reason = describe(problem)
    return Outcome(case.name, case.group, operator, reason, round(time.perf_counter() - started, 3))


def operators(model: onnx.ModelProto) -> str:
    """The operators of a model, most frequent first; at most three."""
    names = [":".join(filter(None, (node.domain, node.op_type))) for node in model.graph.node]
    ranked = sorted(set(names), key=lambda name: (-names.count(name), name))
    return ", ".join(ranked[:3]) + (", ..." if len(ranked) > 3 else "")


def describe(problem: Exception) -> str:
    """One line: the kind of the error unless it is one of amdc's own, and the lines that say most."""
    from amdc.errors import AmdcError

    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    if isinstance(problem, AssertionError):
        telling = [line for line in lines if re.match(r"Mismatched|Max |x and y|.*(shape|dtype|outputs|ACTUAL|DESIRED)", line)]
        text = "; ".join(telling[:4] or lines[:2])
    elif isinstance(problem, AmdcError):
        return _own_error(lines)[:MAX_REASON]
    else:
        text = " | ".join(lines[:3])
    return f"{type(problem).__name__}: {text}"[:MAX_REASON]


def _own_error(lines: list[str]) -> str:
    """What a message of amdc says about the first node: the reason below a node, or the operator of a table."""
    head = lines[0] if lines else "no message"
    if "cannot be imported" in head and len(lines) > 2:
        return lines[2]
    if len(lines) > 2 and lines[1].startswith("op ") and lines[1].endswith("first"):
        return "not supported: " + ", ".join(row.split()[0] for row in lines[2:] if len(row.split()) == 3)
    return " | ".join(lines[:3])
