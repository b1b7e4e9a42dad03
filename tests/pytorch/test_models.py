"""Whole PyTorch models: the Graph, and the compiled bundle on the simulated card, against eager PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import amdc
from amdc.compiler.verify import verify
from amdc.frontends.torch import import_module
from amdc.frontends.torch.examples import Examples
from amdc.ir.arrays import to_numpy
from amdc.ir.graph import outputs
from amdc.ir.verifier import verify as verify_graph
from tests.pytorch.modules import MODELS, Made


def make(name: str) -> Made:
    torch.manual_seed(0)
    return MODELS[name]()


class Attention(nn.Module):
    """Of a tensor with itself: with a mask, or causal without one."""

    def __init__(self, mask: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x, self.mask, is_causal=self.mask is None)


def check_on_sim(model: nn.Module, inputs: Any, level: int) -> None:
    """Every output within the tolerance derived from the program."""
    bundle = amdc.compile(model, example_inputs=inputs, opt_level=level)
    arrays = {name: to_numpy(tensor) for name, tensor in Examples.make(model, inputs).tensors.items()}
    with amdc.load(bundle, device="sim") as session:
        found = verify(model, bundle, session, arrays, example_inputs=inputs)
    assert found.outputs
    assert found.passed, [output.describe() for output in found.outputs] + [found.deviation and found.deviation.describe()]


@pytest.mark.parametrize("name", MODELS)
def test_graph_computes_what_the_module_computes(name: str) -> None:
    model, inputs = make(name)
    graph = import_module(model, inputs)
    verify_graph(graph)
    args, kwargs = Examples.make(model, inputs).filled({})
    with torch.no_grad():
        wanted = [leaf for leaf in torch.utils._pytree.tree_leaves(model(*args, **kwargs)) if isinstance(leaf, torch.Tensor)]
        got = graph(*Examples.make(model, inputs).tensors.values())
    assert len(got) == len(wanted) == len(outputs(graph))
    for result, reference in zip(got, wanted, strict=True):
        torch.testing.assert_close(result, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [None, torch.bool, torch.float32])
def test_a_known_causal_mask_is_causality(kind: torch.dtype | None) -> None:
    """By the flag, or by a mask of booleans or of numbers; a mask that hides one key more stays a mask."""
    seen = torch.ones(6, 6, dtype=torch.bool).tril()
    for hidden in (None, 2):
        keep = seen.clone()
        if hidden is not None:
            keep[5, hidden] = False
        mask = None if kind is None else keep if kind == torch.bool else torch.zeros(6, 6).masked_fill(~keep, -torch.inf)
        model = Attention(mask).eval()
        x = torch.randn(1, 2, 6, 8)
        graph = import_module(model, (x,))
        (node,) = [node for node in graph.graph.nodes if node.target is torch.ops.amdc.attention.default]
        assert (node.args[3] is None, node.args[5]) == ((True, True) if kind is None or hidden is None else (False, False))
        torch.testing.assert_close(graph(x)[0], model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "level"), [("bert", 0), ("bert", 3), ("gpt2", 3), ("llama", 3), ("unet", 3), ("lstm", 3)])
def test_on_sim(name: str, level: int) -> None:
    check_on_sim(*make(name), level)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_all_on_sim(name: str, level: int) -> None:
    check_on_sim(*make(name), level)


def narrowed(value: Any, dtype: torch.dtype) -> Any:
    def convert(leaf: Any) -> Any:
        return leaf.to(dtype) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf

    return torch.utils._pytree.tree_map(convert, value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["llama"])
@pytest.mark.slow
def test_narrow_floats_on_sim(name: str, dtype: torch.dtype) -> None:
    model, inputs = make(name)
    check_on_sim(model.to(dtype), narrowed(inputs, dtype), 3)
