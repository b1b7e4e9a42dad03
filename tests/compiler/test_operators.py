"""Every ONNX operator that `amdc ops` lists: it lowers, and (slow) its kernels compute on the simulated GPU what PyTorch does."""

from __future__ import annotations

import numpy as np
import pytest

import amdc
from amdc.codegen.lowering import lower
from amdc.compiler.operators import PARTLY, WITHOUT_KERNELS, compiled_operators, operator_title
from amdc.errors import ModelError
from amdc.target import target
from tests.frontends.operator_cases import CASES, ELSEWHERE
from tests.frontends.single_node import Case, imported, run_graph


def lowers(case: Case) -> bool:
    try:
        lower(imported(case), target("gfx803"))
    except ModelError:
        return False
    return True


@pytest.fixture(scope="module")
def verdicts() -> dict[str, bool]:
    return {case.id: lowers(case) for case in CASES}


def test_the_list_of_operators_is_true(verdicts: dict[str, bool]) -> None:
    """A listed operator lowers in all its cases, or says in what form it does not; one without kernels lowers in none."""
    found: dict[str, set[bool]] = {}
    for case in CASES:
        found.setdefault(case.title, set()).add(verdicts[case.id])
    assert {op for op, seen in found.items() if seen == {False}} == set(WITHOUT_KERNELS)
    assert {op for op, seen in found.items() if seen == {True, False}} == set(PARTLY)
    listed = {operator_title(domain, name) for domain, name, _ in compiled_operators()}
    assert listed == (set(found) | ELSEWHERE) - set(WITHOUT_KERNELS)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_operator_on_the_simulated_gpu(case: Case) -> None:
    if not lowers(case):
        pytest.skip(WITHOUT_KERNELS.get(case.title) or PARTLY[case.title])
    with amdc.load(amdc.compile(case.model(), opt_level=2), "sim") as session:
        results = session.run(case.feeds())
    for port, wanted in zip(session.outputs, run_graph(imported(case), case.feeds()), strict=True):
        got = results[port.name]
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0) if wanted.dtype.kind == "f" else 1.0
        atol = case.levels if wanted.dtype.kind in "iu" else 1e-5 * scale
        np.testing.assert_allclose(got.astype(np.float64), wanted.astype(np.float64), rtol=max(1e-5, case.rtol), atol=atol)
