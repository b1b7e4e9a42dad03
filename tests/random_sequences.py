"""Steps of random networks over sequences [B, S, C] of 2 x 3 x 8: what transformers are made of, in several spellings."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from random_graphs import Builder, Step
from torch import Tensor

B, S, C, HEADS = 2, 3, 8, 2
amdc_ops = torch.ops.amdc


def linear(builder: Builder, x: Tensor) -> Tensor:
    return torch.addmm(builder.draw(C), x.reshape(B * S, C), builder.draw(C, C) * 0.5).view(B, S, C)


def product_without_bias(builder: Builder, x: Tensor) -> Tensor:
    return torch.mm(x.reshape(-1, C), builder.draw(C, C).t() * 0.5).view(B, S, C) * builder.draw(C) + x


def wide(builder: Builder, x: Tensor) -> Tensor:
    """Two layers with an activation between them."""
    inner = torch.mm(x.reshape(-1, C), builder.draw(C, 16) * 0.5).view(B, S, 16) + builder.draw(16)
    inner = inner * 0.5 * (1.0 + torch.erf(inner / math.sqrt(2.0)))
    return torch.mm(inner.view(-1, 16), builder.draw(16, C) * 0.3).view(B, S, C) + builder.draw(C) + x


def gated(builder: Builder, x: Tensor) -> Tensor:
    rows = x.reshape(-1, C)
    gate = torch.mm(rows, builder.draw(C, C) * 0.5)
    return (gate * torch.sigmoid(gate) * torch.mm(rows, builder.draw(C, C) * 0.5)).view(B, S, C)


def attention(builder: Builder, x: Tensor) -> Tensor:
    """Heads split and joined by views and permutes; a mask that is added."""
    rows = x.reshape(-1, C)
    q, k, v = (torch.mm(rows, builder.draw(C, C) * 0.5).view(B, S, HEADS, C // HEADS).permute(0, 2, 1, 3) for _ in range(3))
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(C // HEADS) + builder.draw(B, 1, 1, S)
    mixed = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3).reshape(B, S, C)
    return torch.mm(mixed.reshape(-1, C), builder.draw(C, C) * 0.5).view(B, S, C) + builder.draw(C) + x


def one_operator_attention(builder: Builder, x: Tensor) -> Tensor:
    heads = x.reshape(B, S, HEADS, -1).permute(0, 2, 1, 3)
    mixed = amdc_ops.attention.default(heads, heads * 0.5, heads + 1.0, None, 0.5, True)
    return mixed.permute(0, 2, 1, 3).reshape(B, S, C)


def layer_norm(builder: Builder, x: Tensor) -> Tensor:
    d = x - x.mean(-1, keepdim=True)
    return d / torch.sqrt((d**2.0).mean(-1, keepdim=True) + 1e-3) * builder.draw(C) + builder.draw(C)


def variance_norm(builder: Builder, x: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-3) + builder.draw(1, 1, C)


def rms_norm(builder: Builder, x: Tensor) -> Tensor:
    return builder.draw(C) * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-3))


def column_norm(builder: Builder, x: Tensor) -> Tensor:
    """Over the middle axis: no operator of its own."""
    d = x - x.mean(1, keepdim=True)
    return d * torch.rsqrt((d * d).mean(1, keepdim=True) + 1e-3)


def instance_norm(builder: Builder, x: Tensor) -> Tensor:
    image = x.reshape(B, S, 2, 4)
    d = image - image.mean((2, 3), keepdim=True)
    return (d / torch.sqrt((d * d).mean((2, 3), True) + 1e-3) * builder.draw(S, 1, 1) + builder.draw(S, 1, 1)).reshape(B, S, C)


def half(builder: Builder, x: Tensor) -> Tensor:
    """A part in fp16, with its statistics in fp32, as Llama's norms are."""
    narrow = x.to(torch.float16) * 0.5
    wide = narrow.to(torch.float32)
    normal = (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-2)).to(torch.float16)
    return (normal * builder.draw(C).to(torch.float16)).to(torch.float32)


def double(builder: Builder, x: Tensor) -> Tensor:
    return (x.to(torch.float64) * 2.0 + 0.25).to(torch.float32)


def integers(builder: Builder, x: Tensor) -> Tensor:
    """A position's number modulo 3, in int64 and int32, that scales its row."""
    places = builder.draw(S).abs().to(torch.int64) + 3
    steps = torch.remainder(places * 2 + 1, 3).to(torch.int32)
    return x * (steps.unsqueeze(-1) + 1).to(torch.float32)


def masked(builder: Builder, x: Tensor) -> Tensor:
    keep = builder.draw(S, C) > 0
    seen = torch.logical_or(keep, torch.logical_not(builder.draw(C) > 0.2))
    return torch.where(seen, x, builder.draw(1)) + keep.to(torch.float32)


def there_and_back(builder: Builder, x: Tensor) -> Tensor:
    return (x.permute(2, 0, 1).relu().permute(1, 2, 0) * 2.0).permute(0, 2, 1).transpose(1, 2)


def permuted_bias(builder: Builder, x: Tensor) -> Tensor:
    return (x.permute(0, 2, 1) + builder.draw(C, 1)).permute(0, 2, 1)


def expanded(builder: Builder, x: Tensor) -> Tensor:
    return x * builder.draw(1, S, 1).expand(B, S, C) + builder.draw(C).expand(S, C)


def reductions(builder: Builder, x: Tensor) -> Tensor:
    return x * (x.exp().sum(-1, keepdim=True) * 0.05) - (x * 0.5).amax((1, 2), keepdim=True)


def log_softmax(builder: Builder, x: Tensor) -> Tensor:
    return torch.log_softmax(x * 0.5 + builder.draw(S, 1), -1) * builder.draw(B, 1, 1)


def branches(builder: Builder, x: Tensor) -> Tensor:
    """One value that several kernels use."""
    shared = torch.tanh(x * 0.5) + builder.draw(C)
    return shared * shared.softmax(-1) + torch.relu(shared).sum(-1, keepdim=True) * 0.1


def residual(builder: Builder, x: Tensor) -> Tensor:
    """A sum that its norm and what follows both use."""
    total = x + builder.earlier[0]
    return F.layer_norm(total, (C,), builder.draw(C), builder.draw(C)) + total


def rotated(builder: Builder, x: Tensor) -> Tensor:
    """Halves that change places, as in rotary embeddings."""
    first, second = x[..., : C // 2], x[..., C // 2 :]
    return x * builder.draw(S, C).cos() + torch.cat([-second, first], -1) * builder.draw(S, C).sin()


SEQUENCE_STEPS: dict[str, Step] = {
    function.__name__: function
    for function in (
        linear, product_without_bias, wide, gated, attention, one_operator_attention, layer_norm, variance_norm, rms_norm,
        column_norm, instance_norm, half, double, integers, masked, there_and_back, permuted_bias, expanded, reductions,
        log_softmax, branches, residual, rotated,
    )
}  # fmt: skip
_SPELLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh gelu": lambda x: 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3.0))),
    "silu": lambda x: x / (1.0 + torch.exp(-x)),
    "hardswish": lambda x: x * F.relu6(x + 3.0) / 6.0,
    "mish": lambda x: x * torch.tanh(torch.log1p(torch.exp(x))),
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1.0),
    "leaky": lambda x: torch.where(x > 0, x, x * 0.1),
    "clamped": lambda x: torch.clamp(x, -1.0, 2.0),
    "shifted": lambda x: (x * 2.0 + 1.0) * 0.25 - 0.5,
    "negated": lambda x: 1.0 - x,
}
SEQUENCE_STEPS |= {name: (lambda function: lambda builder, x: function(x))(f) for name, f in _SPELLINGS.items()}
