"""How an `amdc::` operator is registered: one torch function gives the eager, the fake and the backward implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("amdc", "DEF")


def amdc_op(schema: str) -> Callable[[Callable[..., Tensor]], Any]:
    """Define the operator with this schema from a differentiable torch function on dense tensors.

    The fake implementation runs the function on fake tensors; the derivative is that of the function.
    Returns the `OpOverload`.
    """

    def register(function: Callable[..., Tensor]) -> Any:
        name = _LIBRARY.define(schema)
        qualified = f"amdc::{name}"
        _LIBRARY.impl(name, lambda *args: function(*args).contiguous(), "CompositeExplicitAutograd")
        torch.library.register_fake(qualified, lambda *args: torch.empty_like(function(*args).contiguous()), lib=_LIBRARY)
        torch.library.register_autograd(qualified, _backward(function), setup_context=_remember, lib=_LIBRARY)
        return getattr(torch.ops.amdc, name).default

    return register


def _remember(context: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    context.inputs = inputs


def _backward(function: Callable[..., Tensor]) -> Callable[..., tuple[Any, ...]]:
    def backward(context: Any, gradient: Tensor) -> tuple[Any, ...]:
        """Differentiates the function at the remembered inputs; only floating-point tensors get a gradient."""
        inputs = context.inputs
        wanted = [i for i, value in enumerate(inputs) if isinstance(value, Tensor) and value.is_floating_point()]
        with torch.enable_grad():
            leaves = {i: inputs[i].detach().requires_grad_() for i in wanted}
            result = function(*[leaves.get(i, value) for i, value in enumerate(inputs)])
        found = torch.autograd.grad(result, list(leaves.values()), gradient, allow_unused=True)
        gradients = dict(zip(wanted, found, strict=True))
        return tuple(gradients.get(i) for i in range(len(inputs)))

    return backward
