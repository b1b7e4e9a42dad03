"""How an `amdc::` operator is registered: one torch function gives the eager and the backward implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("amdc", "DEF")


def amdc_op(schema: str, shape: Callable[..., Sequence[int]] | None = None) -> Callable[[Callable[..., Tensor]], Any]:
    """Define the operator with this schema from a differentiable torch function on dense tensors.

    `shape` gives the result's shape from the operator's arguments (dtype: the first argument's); without it the function itself
    runs on fake tensors, which it must be able to. The derivative is that of the function. Returns the `OpOverload`.
    """

    def register(function: Callable[..., Tensor]) -> Any:
        def fake(*args: Any) -> Tensor:
            return args[0].new_empty(shape(*args)) if shape else torch.empty_like(function(*args).contiguous())

        name = _LIBRARY.define(schema)
        qualified = f"amdc::{name}"
        _LIBRARY.impl(name, lambda *args: function(*args).contiguous(), "CompositeExplicitAutograd")
        torch.library.register_fake(qualified, fake, lib=_LIBRARY)
        torch.library.register_autograd(qualified, _backward(function), setup_context=_remember, lib=_LIBRARY)
        return getattr(torch.ops.amdc, name).default

    return register


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.inputs = inputs


def _backward(function: Callable[..., Tensor]) -> Callable[..., tuple[Any, ...]]:
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """Differentiates the function at the remembered inputs; only floating-point tensors get a gradient."""
        wanted = [i for i, value in enumerate(ctx.inputs) if isinstance(value, Tensor) and value.is_floating_point()]
        with torch.enable_grad():
            leaves = {i: ctx.inputs[i].detach().requires_grad_() for i in wanted}
            result = function(*[leaves.get(i, value) for i, value in enumerate(ctx.inputs)])
        found = torch.autograd.grad(result, list(leaves.values()), gradient, allow_unused=True)
        gradients = dict(zip(wanted, found, strict=True))
        return tuple(gradients.get(i) for i in range(len(ctx.inputs)))

    return backward
