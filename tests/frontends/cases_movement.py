"""Operators that move, select, make or pad elements."""

from __future__ import annotations

import numpy as np

from tests.frontends.cases_arithmetic import flags, floats, integers, scalar
from tests.frontends.single_node import Case

X = floats(2, 3, 4)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


SHAPE = [
    Case("Identity", (X,)),
    Case("OptionalHasElement", (X,), opset=18),
    Case("OptionalGetElement", (X,), opset=18),
    Case("Dropout", (X,), opset=10),
    Case("Dropout", (X, scalar(0.3)), opset=13, constants=(1,), outputs=2),
    *(Case("Cast", (X * 3,), {"to": to}, note=str(to)) for to in (1, 6, 7, 9, 10, 11)),
    Case("Cast", (integers(3, 4),), {"to": 1}, note="from-integer"),
    Case("CastLike", (X, integers(1, dtype=np.int32)), opset=15, reference=True),
    Case("Reshape", (X, ints(0, -1)), constants=(1,)),
    Case("Reshape", (X, ints(4, 1, 6)), opset=7, constants=(1,)),
    Case("Reshape", (X, ints(2, 3, 4)), constants=(1,), note="same"),
    *(Case("Flatten", (X,), {"axis": axis}, note=str(axis)) for axis in (0, 1, 2, 3, -1)),
    Case("Transpose", (X,)),
    Case("Transpose", (X,), {"perm": [1, 0, 2]}, note="perm"),
    Case("Squeeze", (X[:, None], ints(1)), constants=(1,)),
    Case("Squeeze", (X[:1, None],), note="all"),
    Case("Squeeze", (X[..., None],), {"axes": [-1]}, opset=11),
    Case("Unsqueeze", (X, ints(0, -1)), constants=(1,)),
    Case("Unsqueeze", (X,), {"axes": [1, 3]}, opset=11),
    Case("Concat", (X, floats(2, 5, 4), X), {"axis": 1}),
    Case("Concat", (X, floats(2, 3, 1)), {"axis": -1}, opset=7),
    Case("Split", (X,), {"axis": 2, "split": [1, 3]}, opset=7, outputs=2),
    Case("Split", (X, ints(1, 2)), {"axis": 1}, opset=13, constants=(1,), outputs=2),
    Case("Split", (X,), {"axis": 2}, opset=13, outputs=2, note="equal"),
    Case("Split", (X,), {"axis": 2, "num_outputs": 3}, opset=18, outputs=3, note="uneven"),
    Case("Slice", (X,), {"starts": [1, 0], "ends": [9, -1], "axes": [1, 2]}, opset=9),
    Case("Slice", (X, ints(0, 1), ints(2, 3)), constants=(1, 2)),
    Case("Slice", (X, ints(-1), ints(-9), ints(1), ints(-1)), constants=(1, 2, 3, 4), note="reverse"),
    Case("Slice", (X, ints(3), ints(0), ints(-1), ints(-2)), constants=(1, 2, 3, 4), note="reverse-step"),
    Case("Slice", (X, ints(0), ints(2**63 - 1), ints(2), ints(3)), constants=(1, 2, 3, 4), note="open"),
    Case("Expand", (floats(3, 1), ints(2, 1, 4)), constants=(1,)),
    Case("Tile", (X, ints(1, 2, 3)), constants=(1,)),
    Case("Shape", (X,)),
    Case("Shape", (X,), {"start": 1, "end": -1}, opset=15, note="range"),
    Case("Size", (X,)),
    Case("DepthToSpace", (floats(1, 8, 2, 3),), {"blocksize": 2}),
    Case("DepthToSpace", (floats(1, 8, 2, 3),), {"blocksize": 2, "mode": "CRD"}, note="crd"),
    Case("SpaceToDepth", (floats(1, 2, 4, 6),), {"blocksize": 2}),
    Case("Col2Im", (floats(1, 8, 15), ints(3, 4), ints(2, 2)), {"pads": [0, 1, 1, 1]}, 18, (1, 2), note="uneven"),
    Case("Col2Im", (floats(1, 8, 12), ints(3, 4, 3), ints(2, 2, 2)), {"dilations": [1, 1, 1]}, 18, (1, 2), note="volume"),
    Case("Col2Im", (floats(1, 8, 4), ints(4, 4), ints(2, 2)), {"strides": [2, 2]}, opset=18, constants=(1, 2)),
]

CONSTANTS = [
    Case("Constant", (), {"value_floats": [1.0, 2.5]}, opset=13),
    Case("Constant", (), {"value_int": 3}, opset=13, note="integer"),
    Case("ConstantOfShape", (ints(2, 3),), constants=(0,)),
    Case("EyeLike", (floats(3, 4),), {"k": 1}),
    Case("Range", (scalar(1, np.int64), scalar(9, np.int64), scalar(3, np.int64)), constants=(0, 1, 2)),
    Case("Range", (scalar(9, np.int32), scalar(1, np.int32), scalar(-3, np.int32)), constants=(0, 1, 2), note="down"),
]

INDEXING = [
    Case("Gather", (X, integers(2, 3, low=-3, high=3)), {"axis": 1}),
    Case("Gather", (X, scalar(-1, np.int64)), {"axis": 2}, constants=(1,), note="scalar"),
    Case("GatherElements", (X, integers(2, 2, 4, low=-3, high=3)), {"axis": 1}),
    Case("GatherND", (X, integers(2, 2, low=0, high=2))),
    Case("GatherND", (X, integers(2, 1, low=-3, high=3)), {"batch_dims": 1}, opset=12, note="batched"),
    Case("Scatter", (X, integers(2, 1, 4, low=0, high=3), floats(2, 1, 4)), {"axis": 1}, opset=9),
    Case("ScatterElements", (X, integers(2, 1, 4, low=-3, high=3), floats(2, 1, 4)), {"axis": 1}),
    *(
        Case(
            "ScatterElements",
            (X, integers(2, 2, 4, low=0, high=3), floats(2, 2, 4)),
            {"axis": 1, "reduction": r},
            opset=18,
            note=r,
        )
        for r in ("add", "mul", "max")
    ),
    Case("ScatterND", (X, np.array([[1], [0]]), floats(2, 3, 4))),
    *(
        Case("ScatterND", (X, np.array([[1, 2], [0, 0], [1, 2]]), floats(3, 4)), {"reduction": r}, opset=18, note=r)
        for r in ("add", "mul", "min")
    ),
    Case("OneHot", (integers(2, 3, low=-4, high=4), scalar(4, np.int64), np.array([0.5, 2], np.float32)), constants=(1,)),
    Case(
        "OneHot",
        (integers(2, 3, low=0, high=4), scalar(4, np.int64), np.array([0, 1], np.float32)),
        {"axis": 0},
        constants=(1,),
        note="axis",
    ),
    Case("Compress", (X, np.array([True, False, True])), {"axis": 1}, constants=(1,)),
    Case("Compress", (X, flags(24)), constants=(1,), note="flat"),
    Case("NonZero", (np.array([[1, 0], [0, 2]], np.float32),), constants=(0,)),
    Case("NonZero", (np.array([[1, 0], [0, 2]], np.float32),), note="traced"),
    *(Case("Trilu", (floats(2, 4, 5), scalar(1, np.int64)), {"upper": u}, constants=(1,), note=f"upper{u}") for u in (0, 1)),
    Case("ReverseSequence", (X, ints(1, 2)), {"batch_axis": 0, "time_axis": 1}, constants=(1,)),
    Case("ReverseSequence", (floats(3, 2, 4), ints(3, 2)), {"batch_axis": 1, "time_axis": 0}, constants=(1,), note="time-first"),
]

PADDING = [
    Case("Pad", (X,), {"pads": [0, 1, 2, 1, 0, 1], "value": 2.5}, opset=7),
    Case("Pad", (X, ints(0, 1, 2, 1, 0, 1), scalar(2.5)), constants=(1, 2)),
    Case("Pad", (X, ints(0, -1, 1, 0, 0, -2)), constants=(1,), note="negative"),
    *(Case("Pad", (X, ints(0, 1, 2, 0, 1, 3)), {"mode": mode}, constants=(1,), note=mode) for mode in ("edge", "reflect")),
    Case("Pad", (X, ints(0, 2, 3, 1, 1, 2)), {"mode": "wrap"}, opset=19, constants=(1,), note="wrap"),
    Case("Pad", (X, ints(1, 2), None, ints(-1)), opset=18, constants=(1, 3), note="axes"),
    Case("CenterCropPad", (floats(5, 8), ints(8, 5)), opset=18, constants=(1,)),
    Case("CenterCropPad", (floats(4, 7, 3), ints(6, 8)), {"axes": [1, 0]}, opset=18, constants=(1,), note="axes"),
]

MOVEMENT = [*SHAPE, *CONSTANTS, *INDEXING, *PADDING]
