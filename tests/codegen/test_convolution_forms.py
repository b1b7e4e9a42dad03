"""Convolutions in one and three dimensions, and transposed ones, in every form, against PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from tests.codegen.checking import check, sample

aten = torch.ops.aten
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """`outs` output channels; `extra` is the output padding of a transposed convolution, None for a plain one."""

    batch: int
    channels: int
    outs: int
    size: Sizes
    kernel: Sizes
    stride: Sizes
    pad: Sizes
    dilation: Sizes
    groups: int = 1
    extra: Sizes | None = None

    def operands(self, dtype: torch.dtype) -> list[torch.Tensor]:
        first, second = (self.channels, self.outs) if self.extra is not None else (self.outs, self.channels)
        weight = (first, second // self.groups, *self.kernel)
        shapes = (self.batch, self.channels, *self.size), weight, (self.outs,)
        return [sample(shape, dtype, seed) for seed, shape in enumerate(shapes)]

    @property
    def terms(self) -> int:
        return self.channels // self.groups * math.prod(self.kernel)


FORMS = [
    Form(2, 3, 5, (31,), (3,), (2,), (1,), (1,)),
    Form(1, 6, 4, (33,), (5,), (1,), (4,), (2,), groups=2),
    Form(1, 7, 7, (29,), (4,), (3,), (0,), (1,), groups=7),
    Form(1, 1, 1, (1,), (1,), (1,), (0,), (1,)),
    Form(2, 4, 6, (5, 6, 7), (2, 3, 1), (1, 2, 1), (0, 1, 2), (2, 1, 1), groups=2),
    Form(1, 3, 3, (4, 5, 3), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), groups=3),
    Form(1, 2, 3, (1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
    Form(1, 4, 6, (11,), (4,), (3,), (2,), (2,), groups=2, extra=(2,)),
    Form(2, 3, 2, (7,), (3,), (1,), (0,), (1,), extra=(0,)),
    Form(1, 4, 4, (3, 4, 2), (2, 3, 3), (2, 1, 3), (1, 0, 2), (1, 2, 1), groups=4, extra=(1, 0, 2)),
    Form(2, 3, 5, (3, 5), (3, 2), (2, 3), (1, 1), (1, 3), extra=(1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_forms(form: Form) -> None:
    """Sums of products differ by rounding: half a unit in the last place of each term's share."""

    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        window = (
            list(form.stride),
            list(form.pad),
            list(form.dilation),
            form.extra is not None,
            list(form.extra or (0,) * len(form.size)),
        )
        return aten.convolution(x, w, b, *window, form.groups), aten.convolution(x, w, None, *window, form.groups)

    check(function, *form.operands(torch.float32), ulps=16, atol=2e-7 * form.terms * 4)


@pytest.mark.parametrize("form", [FORMS[1], FORMS[4], FORMS[7]], ids=str)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float16, 2e-2), (torch.float64, 1e-12)])
def test_other_floats(form: Form, dtype: torch.dtype, atol: float) -> None:
    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        transposed, extra = form.extra is not None, list(form.extra or (0,) * len(form.size))
        return aten.convolution(x, w, b, list(form.stride), list(form.pad), list(form.dilation), transposed, extra, form.groups)

    check(function, *form.operands(dtype), ulps=16, atol=atol)
