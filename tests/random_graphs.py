"""Random small networks: hypothesis strategies of functions over one tensor, with the patterns that the passes look for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

aten = torch.ops.aten
Step = Callable[["Builder", Tensor], Tensor]


class Builder:
    """Makes constants from a seed, and remembers earlier values for residual connections."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.made: list[Tensor] = []
        self.position = 0
        self.earlier: list[Tensor] = []

    def draw(self, *shape: int) -> Tensor:
        """The next constant; a second run of the function gets the same tensors."""
        if self.position == len(self.made):
            self.made.append(torch.randn(shape, generator=self.generator) * 0.5)
        self.position += 1
        return self.made[self.position - 1]


def convolve(kernel: int, groups: int, stride: int = 1, pad: tuple[int, ...] = ()) -> Step:
    def step(builder: Builder, x: Tensor) -> Tensor:
        weight, bias = builder.draw(x.shape[1], x.shape[1] // groups, kernel, kernel), builder.draw(x.shape[1])
        padded = F.pad(x, pad) if pad else x
        return F.conv2d(padded, weight, bias if kernel > 1 else None, stride, 0 if pad else kernel // 2, 1, groups)

    return step


def transposed(builder: Builder, x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, builder.draw(x.shape[1], x.shape[1] // 2, 3, 3), None, 1, 1, 0, 2)


def batch_norm(builder: Builder, x: Tensor) -> Tensor:
    weight, bias, mean, variance = (builder.draw(x.shape[1]) for _ in range(4))
    return aten._native_batch_norm_legit_no_training(x, weight, bias, mean, variance.abs() + 0.5, 0.1, 1e-5)[0]


def affine(builder: Builder, x: Tensor) -> Tensor:
    return x * builder.draw(x.shape[1], 1, 1) + builder.draw(1, x.shape[1], 1, 1)


def by_width(builder: Builder, x: Tensor) -> Tensor:
    return x * builder.draw(x.shape[3])


def residual(builder: Builder, x: Tensor) -> Tensor:
    same = [value for value in builder.earlier if value.shape == x.shape]
    return x + same[0] if same else x + x.abs()


def linear(builder: Builder, x: Tensor) -> Tensor:
    rows = x.reshape(x.shape[0] * x.shape[1], -1)
    width = rows.shape[1]
    return torch.addmm(builder.draw(width), rows, builder.draw(width, width).t() * 0.1).reshape(x.shape)


def gate(builder: Builder, x: Tensor) -> Tensor:
    return x * x.mean((2, 3), True).sigmoid()


def shuffle(builder: Builder, x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], 2, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


STEPS: dict[str, Step] = {
    "conv3": convolve(3, 1),
    "conv1": convolve(1, 1),
    "grouped": convolve(3, 2),
    "depthwise": convolve(3, 4),
    "padded": convolve(3, 1, pad=(1, 1, 1, 1)),
    "padded by side": convolve(3, 1, pad=(0, 2, 1, 1)),
    "strided": convolve(3, 1, stride=2),
    "transposed": transposed,
    "batch norm": batch_norm,
    "affine": affine,
    "by width": by_width,
    "residual": residual,
    "linear": linear,
    "gate": gate,
    "shuffle": shuffle,
    "relu": lambda builder, x: x.relu(),
    "clamp": lambda builder, x: torch.clamp(x, 0.0, 6.0),
    "hardswish": lambda builder, x: F.hardswish(x),
    "silu": lambda builder, x: x * x.sigmoid(),
    "gelu": lambda builder, x: x * 0.5 * (1 + torch.erf(x / 1.4142135)),
    "shifted": lambda builder, x: (x - 0.5) / 2.0,
    "square": lambda builder, x: x**2.0 * 0.25,
    "average": lambda builder, x: F.avg_pool2d(x, 3, 1, 1) * 2.0,
    "padded largest": lambda builder, x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1)), 3, 1),
    "padded average": lambda builder, x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 1),
    "group norm": lambda builder, x: F.group_norm(x, 2, builder.draw(x.shape[1]), builder.draw(x.shape[1])),
    "channels last": lambda builder, x: (x.permute(0, 2, 3, 1) * builder.draw(x.shape[1])).relu().permute(0, 3, 1, 2),
    "largest": lambda builder, x: F.max_pool2d(x, 3, 1, 1),
    "twice": lambda builder, x: torch.cat([x.tanh() + x.tanh(), x.exp().clamp(max=3.0)], 1)[:, : x.shape[1]],
    "softmax": lambda builder, x: torch.softmax(x, 1),
}


@dataclass(frozen=True)
class Network:
    """The steps in order; `function` takes a tensor like `example` and gives the last value, a middle one, and a sum of it."""

    family: str  # "image": 2 x 4 x 6 x 6, steps from STEPS; "sequence": 2 x 3 x 8, from random_sequences.SEQUENCE_STEPS
    steps: tuple[str, ...]
    seed: int

    def example(self) -> Tensor:
        extents = (2, 4, 6, 6) if self.family == "image" else (2, 3, 8)
        return torch.randn(extents, generator=torch.Generator().manual_seed(self.seed + 1))

    def function(self) -> Callable[[Tensor], tuple[Tensor, ...]]:
        builder, known = Builder(self.seed), steps_of(self.family)

        def run(x: Tensor) -> tuple[Tensor, ...]:
            builder.position, builder.earlier = 0, [x]
            for name in self.steps:
                x = known[name](builder, x)
                builder.earlier.append(x)
            middle = builder.earlier[len(builder.earlier) // 2]
            return x, middle * 1.0, middle.sum(-1)

        run(self.example())  # draws the constants, so that tracing sees real tensors
        return run


def steps_of(family: str) -> dict[str, Step]:
    from random_sequences import SEQUENCE_STEPS

    return STEPS if family == "image" else SEQUENCE_STEPS


def networks(family: str) -> st.SearchStrategy[Network]:
    """Up to eight steps of a family, and a seed for its constants and its input."""
    names = st.lists(st.sampled_from(sorted(steps_of(family))), min_size=1, max_size=8)
    return st.builds(Network, st.just(family), names.map(tuple), st.integers(0, 2**20))
