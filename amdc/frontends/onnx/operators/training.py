"""Steps of optimisers, as the preview of ONNX's training operators defines them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op

DOMAIN = "ai.onnx.preview.training"


def _each(tensors: tuple[Tensor, ...], kinds: int, step: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """The step for each parameter: inputs and outputs stand kind by kind (all parameters, all gradients, ...)."""
    count = len(tensors) // kinds
    rows = [step(*tensors[i::count]) for i in range(count)]
    return tuple(part for kind in zip(*rows, strict=True) for part in kind)


@onnx_op("Adagrad", domain=DOMAIN)
def adagrad(
    rate: Tensor,
    time: Tensor,
    /,
    *tensors: Tensor,
    decay_factor: float = 0.0,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> tuple[Tensor, ...]:
    """Parameters, gradients, sums of squares to parameters and sums (Duchi et al. 2011)."""
    adjusted = rate / (1 + time.to(rate.dtype) * decay_factor)

    def step(x: Tensor, gradient: Tensor, squares: Tensor) -> tuple[Tensor, ...]:
        slope = norm_coefficient * x + gradient
        total = squares + slope * slope
        return x - adjusted * slope / (torch.sqrt(total) + epsilon), total

    return _each(tensors, 3, step)


@onnx_op("Adam", domain=DOMAIN)
def adam(
    rate: Tensor,
    time: Tensor,
    /,
    *tensors: Tensor,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> tuple[Tensor, ...]:
    """Parameters, gradients, first and second moments to parameters and moments (Kingma and Ba 2015)."""
    steps = time.to(rate.dtype)
    corrected = rate * torch.sqrt(1 - torch.pow(beta, steps)) / (1 - torch.pow(alpha, steps))
    adjusted = torch.where(time > 0, corrected, rate)

    def step(x: Tensor, gradient: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        slope = norm_coefficient * x + gradient
        first = alpha * first + (1 - alpha) * slope
        second = beta * second + (1 - beta) * (slope * slope)
        moved = x - adjusted * (first / (torch.sqrt(second) + epsilon))
        return (1 - norm_coefficient_post) * moved, first, second

    return _each(tensors, 4, step)


@onnx_op("Momentum", domain=DOMAIN)
def momentum(
    rate: Tensor, time: Tensor, /, *tensors: Tensor, alpha: float, beta: float, mode: str, norm_coefficient: float
) -> tuple[Tensor, ...]:
    """Parameters, gradients, momenta to parameters and momenta; in the first step the gradient counts whole."""
    if mode not in ("standard", "nesterov"):
        raise NotSupported(f"mode '{mode}' is unknown")
    share = torch.where(time > 0, beta, 1.0).to(rate.dtype)

    def step(x: Tensor, gradient: Tensor, moving: Tensor) -> tuple[Tensor, ...]:
        slope = norm_coefficient * x + gradient
        moving = alpha * moving + share * slope
        return x - rate * (slope + alpha * moving if mode == "nesterov" else moving), moving

    return _each(tensors, 3, step)
