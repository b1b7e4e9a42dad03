"""amdc::resize by its kernel against its own eager implementation, which the frontend's tests hold against ONNX."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check, sample

CASES = [
    ((1, 2, 5, 7), [1, 2, 10, 14], "nearest", "asymmetric", "floor", False),
    ((2, 3, 9, 8), [2, 3, 4, 13], "nearest", "half_pixel", "round_prefer_ceil", False),
    ((1, 2, 5, 7), [1, 2, 9, 3], "linear", "half_pixel", "round_prefer_floor", False),
    ((1, 2, 5, 7), [1, 2, 9, 13], "linear", "align_corners", "round_prefer_floor", False),
    ((1, 1, 6, 6), [1, 1, 11, 4], "cubic", "half_pixel", "round_prefer_floor", False),
    ((1, 1, 12, 9), [1, 1, 5, 4], "linear", "half_pixel", "round_prefer_floor", True),
    ((2, 3, 8), [2, 3, 5], "linear", "half_pixel", "round_prefer_floor", False),
    ((4, 6), [7, 5], "linear", "pytorch_half_pixel", "round_prefer_floor", False),
    ((2, 3, 4, 5, 6), [2, 3, 6, 3, 8], "linear", "half_pixel", "round_prefer_floor", False),
    ((3, 4, 5), [5, 4, 7], "linear", "half_pixel", "round_prefer_floor", False),
]


@pytest.mark.parametrize(("shape", "sizes", "mode", "coordinate", "nearest", "antialias"), CASES)
def test_resize(shape: tuple[int, ...], sizes: list[int], mode: str, coordinate: str, nearest: str, antialias: bool) -> None:
    """At most 16 products a dimension, each rounded: 32 units in the last place of values near 4."""
    scales = [size / extent for size, extent in zip(sizes, shape, strict=True)]
    check(
        lambda x: torch.ops.amdc.resize.default(x, sizes, scales, mode, coordinate, nearest, -0.75, False, antialias, [], 0.0),
        sample(shape), ulps=32, atol=4e-6,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_crop_with_extrapolation(mode: str) -> None:
    roi = [0.0, 0.0, 0.2, -0.5, 1.0, 1.0, 0.7, 1.4]
    rule = (mode, "tf_crop_and_resize", "floor", -0.75, False, False, roi, 7.5)
    check(
        lambda x: torch.ops.amdc.resize.default(x, [1, 2, 4, 6], [1.0, 1.0, 1.0, 1.0], *rule),
        sample((1, 2, 6, 5)),
        ulps=32,
        atol=4e-6,
    )


def test_integers_by_nearest() -> None:
    arguments = ([1, 1, 4, 6], [1.0, 1.0, 2.0, 2.0], "nearest", "asymmetric", "floor", -0.75, False, False, [], 0.0)
    check(lambda x: torch.ops.amdc.resize.default(x, *arguments), sample((1, 1, 2, 3), torch.int32))


def test_operators_of_pytorch() -> None:
    aten = torch.ops.aten
    check(
        lambda x: (aten._adaptive_avg_pool2d.default(x, [3, 4]), aten._adaptive_avg_pool2d.default(x, [1, 1])),
        sample((2, 3, 7, 9)),
        atol=2e-6,
    )
    check(
        lambda x: (
            aten.upsample_nearest2d.default(x, [10, 13]),
            aten.upsample_bilinear2d.default(x, [11, 5], False),
            aten.upsample_bilinear2d.default(x, [11, 13], True),
            aten.upsample_bicubic2d.default(x, [9, 14], False),
        ),
        sample((1, 2, 5, 7)), ulps=32, atol=4e-6,
    )  # fmt: skip
