"""The table of single-node models: at least one for each operator that amdc reads."""

from __future__ import annotations

from tests.frontends.cases_arithmetic import ARITHMETIC
from tests.frontends.cases_microsoft import MICROSOFT
from tests.frontends.cases_movement import MOVEMENT
from tests.frontends.cases_networks import NETWORKS
from tests.frontends.cases_windows import WINDOWS

CASES = [*ARITHMETIC, *WINDOWS, *MOVEMENT, *MICROSOFT, *NETWORKS]
assert len({case.id for case in CASES}) == len(CASES), "two cases have the same name"

# test_elsewhere.py: no oracle computes them
ELSEWHERE = {
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "ai.onnx.ml:TreeEnsemble",
    "com.microsoft:BiasSoftmax",
}
