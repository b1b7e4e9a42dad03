"""Operators that neither ONNX Runtime nor ONNX's reference can check: random ones, and those without a CPU kernel there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from amdc.errors import ModelError
from tests.frontends.cases_arithmetic import floats, positive, unit
from tests.frontends.cases_networks import ML, TREE
from tests.frontends.single_node import Case, imported, run_graph

RANDOM = [
    Case("RandomUniform", (), {"shape": [40, 50], "low": 2.0, "high": 4.0, "seed": 3.0}),
    Case("RandomNormal", (), {"shape": [40, 50], "mean": 3.0, "scale": 2.0, "seed": 3.0}),
    Case("RandomUniformLike", (floats(40, 50),), {"low": 2.0, "high": 4.0}),
    Case("RandomNormalLike", (floats(40, 50),), {"mean": 3.0, "scale": 2.0, "dtype": 1}),
]


def result(op: str, *inputs: np.ndarray | None, outputs: int = 1, **attributes: Any) -> list[np.ndarray]:
    case = Case(op, inputs, attributes, outputs=outputs, domain="com.microsoft")
    return run_graph(imported(case), case.feeds())


@pytest.mark.parametrize("case", RANDOM, ids=[case.id for case in RANDOM])
def test_distributions(case: Case) -> None:
    """Mean 3 of 2,000 numbers, in three standard errors; the same in each import, because the seed is fixed."""
    (drawn,), (again,) = (run_graph(imported(case), case.feeds()) for _ in range(2))
    spread = 2.0 if "Normal" in case.op else 2 / np.sqrt(12)
    assert drawn.shape == (40, 50)
    assert abs(drawn.mean() - 3) < 3 * spread / np.sqrt(2000)
    assert abs(drawn.std() - spread) < 0.1 * spread
    np.testing.assert_array_equal(drawn, again)


def test_bernoulli_follows_its_input() -> None:
    x = np.repeat(np.array([0.0, 0.25, 1.0], np.float32), 1000)
    (drawn,) = run_graph(imported(Case("Bernoulli", (x,), {"seed": 1.0})), {"x0": x})
    assert set(np.unique(drawn)) == {0.0, 1.0}
    means = drawn.reshape(3, 1000).mean(1)
    assert means[0] == 0
    assert means[2] == 1
    assert abs(means[1] - 0.25) < 0.05


def test_multinomial_follows_its_input() -> None:
    x = np.log(np.array([[0.7, 0.3, 1e-9]], np.float32))
    case = Case("Multinomial", (x,), {"sample_size": 2000, "seed": 1.0})
    (drawn,) = run_graph(imported(case), case.feeds())
    assert drawn.shape == (1, 2000)
    assert drawn.dtype == np.int32
    assert abs((drawn == 0).mean() - 0.7) < 0.05
    assert not (drawn == 2).any()


def test_dropout_in_training_keeps_the_mean() -> None:
    x = positive(40, 50)
    case = Case("Dropout", (x, np.float32(0.3), np.array(True)), {"seed": 5}, constants=(1, 2), outputs=2)
    kept, mask = run_graph(imported(case), case.feeds())
    np.testing.assert_allclose(kept, np.where(mask, x / 0.7, 0), rtol=1e-6)
    assert abs(mask.mean() - 0.7) < 0.05


def test_bias_softmax() -> None:
    x, bias = unit(2, 3, 4, 5), unit(1, 3, 4, 5)
    (got,) = result("BiasSoftmax", x, bias, axis=2, is_inner_broadcast=0)
    weights = np.exp(x + bias)
    np.testing.assert_allclose(got, weights / weights.sum((2, 3), keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("packed", ["all", "keys"])
def test_packed_heads(packed: str) -> None:
    """Packed queries, keys and values mean what they mean apart."""
    q, k, v = (floats(2, 3, 2, 4) for _ in range(3))  # batch, step, head, element
    apart = [part.reshape(2, 3, 8) for part in (q, k, v)]
    together = [np.stack([q, k, v], 3)] if packed == "all" else [apart[0], np.stack([k, v], 3)]
    (expected,), (got,) = (result("MultiHeadAttention", *inputs, num_heads=2) for inputs in (apart, together))
    np.testing.assert_array_equal(got, expected)


def walk(x: np.ndarray) -> int:
    """The leaf of TREE that a row reaches, with the splits of `tree`."""
    if x[0] <= 0.5:
        return 0 if x[1] <= -0.2 else 1
    return 2 if x[0] < 1.5 else 3


def tree(aggregate: int) -> Case:
    tensors = {
        "leaf_weights": np.array([5.23, 12.12, -12.23, 7.21], np.float32),
        "nodes_splits": np.array([0.5, -0.2, 1.5], np.float32),
        "nodes_modes": np.array([0, 0, 1], np.uint8),
    }
    attributes = {name: numpy_helper.from_array(value, name) for name, value in tensors.items()}
    ids = {**TREE, "nodes_truenodeids": [1, 0, 2], "nodes_falsenodeids": [2, 1, 3], "aggregate_function": aggregate}
    return Case("TreeEnsemble", (floats(20, 2) * 2,), {**ids, **attributes}, domain=ML, version=5)


@pytest.mark.parametrize("aggregate", [0, 1, 2, 3])
def test_tree_ensemble(aggregate: int) -> None:
    """One tree: each row gets its leaf's weight at its leaf's target, however the trees are put together."""
    case = tree(aggregate)
    (got,) = run_graph(imported(case), case.feeds())
    leaves = [walk(row) for row in case.inputs[0]]
    expected = np.zeros((20, 2), np.float32)
    for row, leaf in enumerate(leaves):
        expected[row, TREE["leaf_targetids"][leaf]] = [5.23, 12.12, -12.23, 7.21][leaf]
    assert set(leaves) == {0, 1, 2, 3}
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_cyclic_trees_are_refused() -> None:
    case = tree(1)
    case.attributes["nodes_trueleafs"] = [0, 0, 1]
    case.attributes["nodes_truenodeids"] = [1, 0, 2]
    with pytest.raises(ModelError, match="cycle"):
        imported(case)


def test_unknown_loss_reduction_is_refused() -> None:
    with pytest.raises(ModelError, match="median"):
        imported(Case("NegativeLogLikelihoodLoss", (floats(2, 3), np.array([0, 1])), {"reduction": "median"}))
