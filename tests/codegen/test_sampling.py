"""Reading at computed positions, against PyTorch."""

from __future__ import annotations

import pytest
import torch

from amdc.errors import ModelError
from tests.codegen.checking import check, sample

aten = torch.ops.aten
ops = torch.ops.amdc


@pytest.mark.parametrize("align", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_images_read_on_a_grid(mode: str, padding: str, align: bool) -> None:
    """Positions reach far outside of the image; none is so near to a border between elements that rounding decides."""
    x, grid = sample((2, 3, 5, 7)), sample((2, 4, 11, 2), seed=1) * 1.5
    numbers = {"bilinear": 0, "nearest": 1, "bicubic": 2}, {"zeros": 0, "border": 1, "reflection": 2}
    check(lambda x, g: aten.grid_sampler_2d(x, g, numbers[0][mode], numbers[1][padding], align), x, grid, ulps=256, atol=4e-6)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_volumes_read_on_a_grid(padding: str) -> None:
    x, grid = sample((1, 9, 3, 4, 5)), sample((1, 2, 3, 4, 3), seed=2)

    def function(x: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(ops.grid_sample(x, g, mode, padding, align) for mode in ("bilinear", "nearest") for align in (False, True))

    check(function, x, grid, ulps=256, atol=4e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_grids_of_other_floats(dtype: torch.dtype) -> None:
    x, grid = sample((1, 1, 5, 3), dtype), (sample((1, 2, 3, 2), seed=2) * 0.5).to(dtype)
    check(lambda x, g: aten.grid_sampler_2d(x, g, 0, 1, True), x, grid, ulps=8, atol=4e-3 if dtype == torch.float16 else 1e-12)


def test_grids_of_integers_are_refused() -> None:
    with pytest.raises(ModelError, match="in int64"):
        check(
            lambda x, g: aten.grid_sampler_2d(x, g, 1, 0, True),
            sample((1, 1, 4, 4), torch.int64),
            sample((1, 2, 2, 2), torch.int64),
        )


@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "dilation"), [((3, 2), (1, 1), (0, 0), (1, 1)), ((2, 3), (2, 3), (1, 2), (2, 1))]
)
def test_blocks_taken_out_and_added_up(
    kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[int, int], dilation: tuple[int, int]
) -> None:
    x = sample((2, 3, 7, 11))

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        columns = aten.im2col.default(x, kernel, dilation, pads, stride)
        return columns, aten.col2im.default(columns, [7, 11], kernel, dilation, pads, stride)

    check(function, x, ulps=8, atol=1e-6)


@pytest.mark.parametrize("mask", [False, True])
def test_deformed_windows(mask: bool) -> None:
    x, moves, scale = sample((2, 4, 7, 5)), sample((2, 2 * 6 * 2, 4, 3), seed=1) * 2, sample((2, 2 * 6, 4, 3), seed=2)

    def function(x: torch.Tensor, moves: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return ops.deform_columns(x, moves, scale if mask else None, [3, 2], [2, 1], [1, 0, 2, 0], [1, 2], 2)

    check(function, x, moves, scale, ulps=64, atol=2e-6)


@pytest.mark.parametrize("ratio", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("half_pixel", [False, True])
def test_regions(mode: str, ratio: int, half_pixel: bool) -> None:
    x, images = sample((2, 3, 9, 11)), torch.tensor([1, 0, 1])
    rois = torch.tensor([[1.1, 2.2, 14.3, 15.7], [0.0, 0.0, 21.0, 17.0], [5.3, 6.1, 5.9, 30.7]])

    def function(x: torch.Tensor, rois: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        return ops.roi_align(x, rois, images, 3, 2, ratio, 0.5, mode, half_pixel)

    check(function, x, rois, images, ulps=256, atol=4e-6)


@pytest.mark.parametrize("rows", [1, 2, 5, 31])
def test_determinants(rows: int) -> None:
    x = sample((3, rows, rows))
    x[1, -1] = x[1, 0]
    check(lambda x: ops.det(x), x, ulps=1024, atol=float(torch.linalg.det(x).abs().max()) * 1e-5)


def test_a_large_determinant_is_refused() -> None:
    with pytest.raises(ModelError, match="at most 88"):
        check(lambda x: ops.det(x), sample((89, 89)))
