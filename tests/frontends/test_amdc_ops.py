"""The amdc:: operators: their values by definition, their shapes on fake tensors, their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

import amdc.ir.ops  # noqa: F401
from amdc.ir.ops.resize import dimension_taps
from amdc.ir.ops.taps import Rule, resize_taps

COORDINATES = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric", "tf_half_pixel_for_nn")
RESIZE = ([2, 3, 7, 3], [1.0, 1.0, 1.4, 0.5], "linear", "half_pixel", "floor", -0.75, False, False, [], 0.0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_lrn_by_definition(size: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 7, 3)).astype(np.float32)
    expected = np.empty_like(x)
    for channel in range(7):
        first, last = max(0, channel - (size - 1) // 2), min(6, channel + -(-(size - 1) // 2))
        sums = (x[:, first : last + 1] ** 2).sum(1)
        expected[:, channel] = x[:, channel] / (1.5 + 0.3 / size * sums) ** 0.6
    actual = torch.ops.amdc.lrn(torch.from_numpy(x), size, 0.3, 0.6, 1.5).numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5, 13), (11, 4)])
def test_resize_agrees_with_torch(align: bool, mode: str, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 8, 9)
    expected = torch.nn.functional.interpolate(x, size, mode=mode, align_corners=align)
    scales = [1.0, 1.0, size[0] / 8, size[1] / 9]
    kind = {"bilinear": "linear", "bicubic": "cubic"}[mode]
    where = "align_corners" if align else "half_pixel"
    actual = torch.ops.amdc.resize(x, [2, 3, *size], scales, kind, where, "floor", -0.75, False, False, [], 0.0)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(COORDINATES),
    st.sampled_from(("linear", "cubic")),
    st.booleans(),
    st.booleans(),
)
def test_taps_average(extent: int, size: int, where: str, mode: str, exclude: bool, antialias: bool) -> None:
    """Weights of each output element add up to one, and no index leaves the input: a constant stays the constant."""
    taps = resize_taps(extent, size, size / extent, Rule(mode, where, "floor", -0.75, exclude, antialias))
    assert taps.indices.shape == taps.weights.shape
    assert taps.indices.shape[0] == size
    assert taps.indices.min() >= 0
    assert taps.indices.max() < extent
    np.testing.assert_allclose(taps.weights.sum(1), 1, atol=1e-4)


def test_only_changed_dimensions_have_taps() -> None:
    assert set(dimension_taps((2, 3, 5, 6), RESIZE)) == {2, 3}
    whole = (*RESIZE[:3], "tf_crop_and_resize", *RESIZE[4:8], [0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 1.0, 1.0], 0.0)
    assert set(dimension_taps((2, 3, 5, 6), whole)) == {1, 2, 3}


@pytest.mark.parametrize(("field", "value"), [("mode", "lanczos"), ("coordinate", "polar"), ("nearest", "random")])
def test_unknown_modes_are_named(field: str, value: str) -> None:
    words = {"mode": "nearest", "coordinate": "half_pixel", "nearest": "floor", field: value}
    with pytest.raises(ValueError, match=value):
        resize_taps(4, 8, 2.0, Rule(words["mode"], words["coordinate"], words["nearest"], -0.75, False, False))


def test_shapes_on_fake_tensors() -> None:
    with FakeTensorMode():
        x = torch.empty(2, 3, 5, 6)
        assert torch.ops.amdc.lrn(x, 3, 1.0, 0.5, 1.0).shape == x.shape
        assert torch.ops.amdc.resize(x, *RESIZE).shape == (2, 3, 7, 3)


def test_derivatives() -> None:
    x = torch.randn(1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: torch.ops.amdc.lrn(t, 3, 0.5, 0.75, 1.0), x)
    assert torch.autograd.gradcheck(lambda t: torch.ops.amdc.resize(t, [1, 4, *RESIZE[0][2:]], *RESIZE[1:]), x)


@pytest.mark.parametrize("arguments", [(torch.randn(2, 5, 3), 3, 0.5, 0.75, 1.0)])
def test_registration_is_sound(arguments: tuple) -> None:
    torch.library.opcheck(torch.ops.amdc.lrn.default, arguments)
    torch.library.opcheck(torch.ops.amdc.resize.default, (torch.randn(2, 3, 5, 6), *RESIZE))
