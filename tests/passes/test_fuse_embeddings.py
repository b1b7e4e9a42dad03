"""One operator gathers and adds the rows of two tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from amdc.ir.ops.embedding_sum import embedding_sum
from amdc.passes.fuse_embeddings import FuseEmbeddings
from tests.kernels.harness import open_function, run
from tests.tracing import CONTEXT, assert_becomes, trace

aten = torch.ops.aten
TOKENS, POSITIONS = torch.randn(40, 8), torch.randn(9, 8)
ROWS, PLACES = torch.tensor([[3, 39, 0], [7, 7, 1]]), torch.tensor([0, 1, 2, 3, 4, 8])


def test_tokens_and_positions() -> None:
    assert_becomes(
        lambda i, j: TOKENS[i.view(6)].view(2, 3, 8) + aten.embedding.default(POSITIONS, j).view(2, 3, 8),
        lambda i, j: embedding_sum(TOKENS, i.view(6), POSITIONS, j).view(2, 3, 8),
        [FuseEmbeddings()],
        ROWS,
        PLACES,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda i, j: aten.embedding.default(TOKENS, i) + aten.embedding.default(POSITIONS, j[:3]),  # other numbers of rows
        lambda i, j: aten.embedding.default(TOKENS, j) + aten.embedding.default(POSITIONS, j) * 2.0,  # something between
    ],
)
def test_others_stay(function: Callable[..., torch.Tensor]) -> None:
    assert not FuseEmbeddings().run(trace(function, ROWS, PLACES), CONTEXT).changed


def test_its_kernel() -> None:
    """On the simulated GPU; negative indices count from the end."""
    i, j = torch.tensor([3, -1, 0, -40]), torch.tensor([8, 0, -9, 5], dtype=torch.int32)
    graph, session = open_function(lambda i, j: embedding_sum(TOKENS, i, POSITIONS, j), i, j)
    with session:
        got = torch.from_numpy(run(graph, session, i, j))
    torch.testing.assert_close(got, TOKENS[i] + POSITIONS[j.long()], rtol=0, atol=0)
