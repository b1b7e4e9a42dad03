"""Random networks the whole way: every region that passes make is lowered, and computes on the simulated GPU what it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.pass_manager import PassContext, run_pipeline
from amdc.passes.pipeline import cleanup_for, passes_for
from amdc.target import target
from tests.random_graphs import Network
from tests.rounding import assert_as_close, exact
from tests.support.run_graph import run_graph_on_sim
from tests.tracing import run, trace

NETWORKS = (
    ("sequence", ("linear", "tanh gelu", "residual", "wide")),
    ("image", ("conv3", "gelu", "conv1", "group norm", "padded largest", "channels last")),
)
MORE = (
    ("sequence", ("attention", "layer_norm", "gated", "silu")),
    ("sequence", ("half", "rms_norm", "reductions", "log_softmax")),
    ("sequence", ("branches", "integers", "masked", "expanded", "there_and_back")),
    ("sequence", ("instance_norm", "variance_norm", "rotated", "one_operator_attention", "mish")),
    ("image", ("affine", "relu", "conv3", "gate", "strided", "padded average", "batch norm", "conv1", "softmax")),
    ("image", ("depthwise", "hardswish", "residual", "shuffle", "transposed", "by width", "square", "linear")),
)


def check(family: str, steps: tuple[str, ...]) -> None:
    network = Network(family, steps, 7)
    x = network.example()
    graph = trace(network.function(), x)
    want, reference = run(graph, x), exact(graph, x)
    run_pipeline(graph, passes_for(2), PassContext(target("gfx803"), 2), cleanup=cleanup_for(2))
    (results,) = run_graph_on_sim(graph, {graph.meta["inputs"][0]: x.numpy()})
    for got, original, best in zip(results.values(), want, reference, strict=True):
        assert_as_close(torch.from_numpy(np.array(got)), original, best)


@pytest.mark.parametrize(("family", "steps"), NETWORKS)
def test_some_networks(family: str, steps: tuple[str, ...]) -> None:
    check(family, steps)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "steps"), MORE)
def test_more_networks(family: str, steps: tuple[str, ...]) -> None:
    check(family, steps)
