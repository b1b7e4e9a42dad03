"""How an `amdc::` operator is registered: one torch function gives the eager and the backward implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

_LIBRARY = torch.library.Library("amdc", "DEF")

Results = Tensor | tuple[Tensor, ...]


def amdc_op(
    schema: str, shape: Callable[..., Sequence[int]] | None = None, fake: Callable[..., Results] | None = None
) -> Callable[[Callable[..., Results]], Any]:
    """Define the operator with this schema from a differentiable torch function on dense tensors.

    `shape` gives the result's shape from the operator's arguments (dtype: the first argument's), `fake` the results themselves on
    fake tensors; without either the function itself runs on fake tensors, which it must be able to. The derivative is that of the
    function. Returns the `OpOverload`.
    """

    def register(function: Callable[..., Results]) -> Any:
        def infer(*args: Any) -> Results:
            if fake is not None:
                return fake(*args)
            if shape is not None:
                return args[0].new_empty(shape(*args))
            return tree_map_only(Tensor, lambda t: torch.empty_like(t.contiguous()), function(*args))

        name = _LIBRARY.define(schema)
        qualified = f"amdc::{name}"
        _LIBRARY.impl(name, lambda *args: _dense(function(*args)), "CompositeExplicitAutograd")
        torch.library.register_fake(qualified, infer, lib=_LIBRARY)
        torch.library.register_autograd(qualified, _backward(function), setup_context=_remember, lib=_LIBRARY)
        return getattr(torch.ops.amdc, name).default

    return register


def _dense(results: Results) -> Results:
    return tree_map_only(Tensor, Tensor.contiguous, results)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Results) -> None:
    ctx.inputs = inputs


def _backward(function: Callable[..., Results]) -> Callable[..., tuple[Any, ...]]:
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        """Differentiates the function at the remembered inputs; only floating-point tensors get a gradient."""
        wanted = [i for i, value in enumerate(ctx.inputs) if isinstance(value, Tensor) and value.is_floating_point()]
        with torch.enable_grad():
            leaves = {i: ctx.inputs[i].detach().requires_grad_() for i in wanted}
            results = function(*[leaves.get(i, value) for i, value in enumerate(ctx.inputs)])
        parts = results if isinstance(results, tuple) else (results,)
        smooth = [(part, grad) for part, grad in zip(parts, gradients, strict=True) if part.requires_grad and grad is not None]
        heads, weights = [part for part, _ in smooth], [grad for _, grad in smooth]
        found = torch.autograd.grad(heads, list(leaves.values()), weights, allow_unused=True)
        by_place = dict(zip(wanted, found, strict=True))
        return tuple(by_place.get(i) for i in range(len(ctx.inputs)))

    return backward
