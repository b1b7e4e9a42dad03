"""Convolution, pooling, resizing."""

from __future__ import annotations

import numpy as np

from tests.frontends.cases_arithmetic import floats, unit
from tests.frontends.single_node import Case

PLANES = floats(2, 4, 7, 9)
KERNEL = floats(6, 4, 3, 3)

CONVOLUTION = [
    Case("Conv", (PLANES, KERNEL)),
    Case(
        "Conv",
        (PLANES, KERNEL, floats(6)),
        {"strides": [2, 1], "pads": [1, 1, 1, 1], "dilations": [1, 2]},
        constants=(1, 2),
        note="bias",
    ),
    Case("Conv", (PLANES, KERNEL), {"pads": [0, 1, 2, 3]}, constants=(1,), note="asymmetric"),
    *(
        Case("Conv", (PLANES, KERNEL), {"auto_pad": pad, "strides": [2, 2]}, note=pad)
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    Case("Conv", (PLANES, floats(8, 1, 3, 3)), {"group": 4}, note="depthwise"),
    Case("Conv", (PLANES, floats(6, 2, 1, 1)), {"group": 2, "strides": [2, 2]}, note="grouped"),
    Case("Conv", (floats(2, 3, 11), floats(5, 3, 4)), {"pads": [1, 2]}, note="1d"),
    Case("Conv", (floats(1, 2, 5, 6, 7), floats(3, 2, 2, 3, 2)), {"strides": [2, 1, 2]}, note="3d"),
]

UP = floats(4, 3, 3, 2)
CONV_TRANSPOSE = [
    Case("ConvTranspose", (PLANES, UP)),
    Case("ConvTranspose", (PLANES, UP, floats(3)), {"strides": [2, 2], "pads": [1, 0, 1, 0]}, constants=(1, 2), note="bias"),
    Case("ConvTranspose", (PLANES, UP), {"strides": [2, 3], "output_padding": [1, 2]}, note="output-padding"),
    Case("ConvTranspose", (PLANES, UP, floats(3)), {"strides": [2, 2], "pads": [0, 1, 1, 0]}, note="asymmetric"),
    Case("ConvTranspose", (PLANES, UP), {"strides": [2, 2], "output_shape": [15, 18]}, note="output-shape"),
    *(
        Case("ConvTranspose", (PLANES, UP), {"strides": [2, 2], "auto_pad": pad}, note=pad)
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    Case("ConvTranspose", (PLANES, floats(4, 2, 3, 3)), {"group": 2, "dilations": [2, 1]}, note="grouped"),
    Case("ConvTranspose", (floats(1, 2, 5), floats(2, 3, 3)), {"strides": [2]}, note="1d"),
]

K33 = {"kernel_shape": [3, 3]}
POOLING = [
    *(Case(op, (PLANES,), {**K33, "strides": [2, 2]}) for op in ("MaxPool", "AveragePool", "LpPool")),
    *(Case(op, (PLANES,), {**K33, "pads": [1, 1, 1, 1]}, note="padded") for op in ("MaxPool", "AveragePool", "LpPool")),
    *(Case(op, (PLANES,), {**K33, "pads": [0, 0, 1, 1]}, note="behind") for op in ("MaxPool", "AveragePool", "LpPool")),
    *(
        Case(op, (PLANES,), {**K33, "pads": [1, 0, 2, 1], "strides": [2, 3]}, note="asymmetric")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (PLANES,), {**K33, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, note="upper")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (PLANES,), {**K33, "auto_pad": "SAME_LOWER", "strides": [2, 2]}, note="lower")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (PLANES,), {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, note="upper-2x2")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (PLANES,), {"kernel_shape": [2, 2], "strides": [3, 2], "ceil_mode": 1}, note="ceil")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (floats(1, 2, 8, 8),), {**K33, "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]}, note="ceil-padded")
        for op in ("MaxPool", "AveragePool")
    ),
    *(
        Case(op, (floats(2, 3, 11),), {"kernel_shape": [3], "pads": [1, 0], "strides": [2]}, note="1d")
        for op in ("MaxPool", "AveragePool", "LpPool")
    ),
    *(
        Case(op, (floats(1, 2, 5, 6, 7),), {"kernel_shape": [2, 3, 2], "strides": [2, 1, 2]}, note="3d")
        for op in ("MaxPool", "AveragePool")
    ),
    Case("MaxPool", (PLANES,), {**K33, "dilations": [2, 2], "pads": [1, 1, 1, 1]}, note="dilated"),
    Case("MaxPool", (PLANES,), {**K33, "strides": [2, 2], "pads": [1, 1, 1, 1]}, outputs=2, note="indices"),
    Case("MaxPool", (PLANES,), {**K33, "pads": [2, 0, 1, 1]}, outputs=2, note="indices-uneven"),
    Case("MaxPool", (PLANES,), {**K33, "storage_order": 1}, outputs=2, note="indices-by-column"),
    Case("MaxPool", (PLANES.astype(np.int8),), {**K33, "pads": [1, 1, 0, 0]}, opset=12, note="int8"),
    Case("AveragePool", (PLANES,), {**K33, "dilations": [2, 2], "pads": [1, 1, 1, 1]}, opset=19, note="dilated"),
    Case("AveragePool", (PLANES,), {**K33, "pads": [1, 1, 1, 1], "count_include_pad": 1}, note="counted"),
    Case(
        "AveragePool",
        (PLANES,),
        {**K33, "pads": [0, 1, 2, 1], "count_include_pad": 1, "strides": [2, 2]},
        note="counted-asymmetric",
    ),
    Case(
        "AveragePool",
        (floats(1, 2, 8, 8),),
        {**K33, "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1], "count_include_pad": 1},
        opset=19,
        note="counted-ceil",
    ),
    Case("LpPool", (PLANES,), {**K33, "p": 3, "dilations": [2, 1]}, opset=18, note="dilated"),
    *(Case(op, (PLANES,)) for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")),
    *(Case(op, (floats(2, 3, 5),), note="1d") for op in ("GlobalAveragePool", "GlobalMaxPool")),
]

NONE = np.array([], np.float32)
UPSCALE, DOWNSCALE = np.array([1, 1, 2, 2.5], np.float32), np.array([1, 1, 0.6, 0.5], np.float32)
SIZES = np.array([2, 4, 13, 5])
COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
ROUNDING = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(
    scales: np.ndarray | None, sizes: np.ndarray | None, note: str, opset: int = 13, reference: bool = False, **attributes: object
) -> Case:
    """A Resize of `PLANES` to scales or to sizes."""
    inputs = (PLANES, NONE, NONE if scales is None else scales) + (() if sizes is None else (sizes,))
    return Case("Resize", inputs, attributes, opset, tuple(range(1, len(inputs))), reference=reference, note=note)


RESIZE = [
    *(
        resize(UPSCALE, None, f"up-{mode}-{c}", mode=mode, coordinate_transformation_mode=c)
        for mode in ("nearest", "linear", "cubic")
        for c in COORDINATES
    ),
    *(
        resize(DOWNSCALE, None, f"down-{mode}-{c}", mode=mode, coordinate_transformation_mode=c)
        for mode in ("nearest", "linear", "cubic")
        for c in COORDINATES
    ),
    *(resize(None, SIZES, f"sizes-{mode}", mode=mode) for mode in ("nearest", "linear", "cubic")),
    *(
        resize(UPSCALE, None, f"{r}-{c}", mode="nearest", nearest_mode=r, coordinate_transformation_mode=c)
        for r in ROUNDING
        for c in COORDINATES[::3]
    ),
    resize(UPSCALE, None, "cubic-outside", mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5),
    resize(None, np.array([2, 4, 1, 1]), "to-one", mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
    resize(UPSCALE, None, "symmetric", 19, mode="linear", coordinate_transformation_mode="half_pixel_symmetric"),
    resize(None, SIZES, "antialias-linear", 18, mode="linear", antialias=1),
    resize(None, SIZES, "antialias-cubic", 18, mode="cubic", antialias=1, exclude_outside=1),
    Case(
        "Resize",
        (PLANES, np.array([0.1, 0.2, 0.8, 1.2], np.float32), NONE, np.array([5, 6])),
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "axes": [2, 3], "extrapolation_value": 9.0},
        18,
        (1, 2, 3),
        note="crop",
    ),
    Case(
        "Resize",
        (PLANES, None, None, np.array([14, 14])),
        {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"},
        18,
        (3,),
        note="not-larger",
    ),
    Case(
        "Resize",
        (PLANES, None, None, np.array([14, 14])),
        {"axes": [2, 3], "keep_aspect_ratio_policy": "not_smaller"},
        18,
        (3,),
        note="not-smaller",
    ),
    *(
        Case("Resize", (PLANES, s), {"mode": mode}, 10, (1,), note=f"{mode}-{n}")
        for mode in ("nearest", "linear")
        for s, n in ((UPSCALE, "up"), (DOWNSCALE, "down"))
    ),
    *(Case("Upsample", (PLANES, UPSCALE), {"mode": mode}, 9, (1,), note=mode) for mode in ("nearest", "linear")),
    Case("Upsample", (PLANES,), {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 3.0]}, 7, note="attribute"),
    *(
        Case("GridSample", (PLANES, unit(2, 5, 6, 2)), {"mode": mode}, opset=16, note=mode)
        for mode in ("bilinear", "nearest", "bicubic")
    ),
    Case(
        "GridSample",
        (PLANES, unit(2, 5, 6, 2) * 2),
        {"padding_mode": "reflection", "align_corners": 1},
        opset=16,
        note="reflection",
    ),
    Case("GridSample", (PLANES, unit(2, 5, 6, 2) * 2), {"padding_mode": "border", "mode": "linear"}, opset=20, note="border"),
]

WINDOWS = [*CONVOLUTION, *CONV_TRANSPOSE, *POOLING, *RESIZE]
