"""Every ONNX operator that amdc reads, one node at a time, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.compiler.operators import operator_title
from amdc.frontends.onnx import supported_operators
from amdc.ir.graph import Graph
from tests.frontends.operator_cases import CASES, ELSEWHERE
from tests.frontends.single_node import Case, imported, run_graph, run_oracle


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_operator(case: Case) -> None:
    graph = imported(case)
    assert_core_aten(graph)
    expected = run_oracle(case.model(), case.feeds(), case.reference)
    actual = run_graph(graph, case.feeds())
    for got, wanted in zip(actual, expected, strict=True):
        assert got.shape == wanted.shape
        assert got.dtype == wanted.dtype
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0) if wanted.dtype.kind == "f" else 1.0
        atol = case.levels if wanted.dtype.kind in "iu" else case.rtol * scale
        np.testing.assert_allclose(got.astype(np.float64), wanted.astype(np.float64), rtol=case.rtol, atol=atol)


def assert_core_aten(graph: Graph) -> None:
    for node in graph.graph.nodes:
        if node.op == "call_function" and getattr(node.target, "namespace", "") == "aten":
            assert torch.Tag.core in node.target.tags, node.target


def test_every_operator_has_a_case() -> None:
    assert {operator_title(domain, op) for domain, op, _ in supported_operators()} == {case.title for case in CASES} | ELSEWHERE
