"""The traps of the card's own libraries: tiny, prime and skinny shapes, and a hundred runs in a row on fresh inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from amdc.codegen.lowering import LoweringOptions, lower
from amdc.runtime.session import open_session
from amdc.target import target
from tests.codegen.checking import sample, trace_as_written
from tests.support.run_graph import compile_lowered


def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    pooled = F.max_pool2d(torch.relu(x), 2, 1, 1)
    joined = torch.cat(
        [pooled, F.avg_pool2d(x, 3, 1, 1)[:, :, :1].expand(-1, -1, pooled.shape[2], -1)[..., :1].expand_as(pooled)], 1
    )
    return F.softmax(joined.mean((2, 3)), 1), joined.permute(0, 2, 3, 1) + 1


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 31, 1, 33), (2, 3, 13, 1)])
def test_a_hundred_runs(shape: tuple[int, ...]) -> None:
    """One session, so one arena, which starts out full of NaNs and then of the run before."""
    graph = trace_as_written(function, sample(shape))
    bundle = compile_lowered(lower(graph, target("gfx803"), LoweringOptions(2)))
    with open_session(bundle, "sim") as session:
        for run in range(100):
            x = sample(shape, seed=run)
            result = session.run({graph.meta["inputs"][0]: x.numpy()})
            for name, want in zip(graph.meta["outputs"], function(x), strict=True):
                np.testing.assert_allclose(result[name], want.numpy(), rtol=1e-5, atol=1e-6, err_msg=f"run {run}")
