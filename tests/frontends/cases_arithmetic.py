"""Element-wise operators, reductions, matrix products, normalisation, quantisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.frontends.single_node import Case

RNG = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return (RNG.random(shape) + 0.1).astype(np.float32)


def unit(*shape: int) -> np.ndarray:
    return (RNG.random(shape) * 1.8 - 0.9).astype(np.float32)


def integers(*shape: int, low: int = -8, high: int = 8, dtype: Any = np.int64) -> np.ndarray:
    return RNG.integers(low, high, shape).astype(dtype)


def flags(*shape: int) -> np.ndarray:
    return RNG.random(shape) < 0.5


def scalar(value: float, dtype: Any = np.float32) -> np.ndarray:
    return np.array(value, dtype)


X = floats(2, 3, 4)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.5], np.float32)

LARGE = np.array([0, 5, 2**63 + 7, 2**64 - 1, 2**40 + 3], np.uint64)

UNARY = [
    *(
        Case(op, (X,))
        for op in ("Abs", "Ceil", "Floor", "Neg", "Sign", "Sin", "Cos", "Tan", "Exp", "Erf", "Tanh", "Sigmoid", "Relu")
    ),
    *(Case(op, (X,)) for op in ("Sinh", "Cosh", "Asinh", "Atan", "Softplus", "Softsign", "Elu", "Selu", "Celu", "HardSwish")),
    *(Case(op, (unit(3, 4),)) for op in ("Asin", "Acos", "Atanh")),
    *(Case(op, (positive(3, 4),)) for op in ("Log", "Sqrt", "Reciprocal")),
    Case("Acosh", (positive(3, 4) + 1,)),
    Case("Round", (np.array([0.5, 1.5, -0.5, 2.4, -2.6], np.float32),)),
    Case("IsNaN", (SPECIAL,)),
    Case("IsInf", (SPECIAL,)),
    Case("IsInf", (SPECIAL,), {"detect_negative": 0}, note="positive"),
    Case("IsInf", (SPECIAL,), {"detect_positive": 0}, note="negative"),
    Case("Relu", (SPECIAL,), note="special"),
    Case("Abs", (integers(3, 4, dtype=np.int32),), note="int32"),
    Case("Not", (flags(3, 4),)),
    Case("BitwiseNot", (integers(3, 4, dtype=np.int32),), opset=18),
    Case("LeakyRelu", (X,), {"alpha": 0.2}),
    Case("Elu", (X,), {"alpha": 2.0}, note="alpha"),
    Case("Celu", (X,), {"alpha": 0.5}, note="alpha"),
    Case("HardSigmoid", (X,), {"alpha": 0.3, "beta": 0.4}),
    Case("ThresholdedRelu", (X,), {"alpha": 0.5}),
    Case("Shrink", (X,), {"lambd": 0.4, "bias": 0.2}),
    Case("Mish", (X,), opset=18),
    Case("Gelu", (X,), opset=20),
    Case("Gelu", (X,), {"approximate": "tanh"}, opset=20, note="tanh"),
    Case("Swish", (X,), {"alpha": 1.5}, opset=24, reference=True),
    Case("SwiGLU", (X, floats(2, 3, 4)), opset=28, reference=True),
    Case("PRelu", (X, floats(3, 1))),
    Case("PRelu", (X, floats(1)), constants=(1,), note="constant"),
    Case("Clip", (X,), {"min": -0.5, "max": 0.5}, opset=7),
    Case("Clip", (X, scalar(-0.5), scalar(0.5)), constants=(1, 2)),
    Case("Clip", (X, None, scalar(0.5)), constants=(2,), note="upper"),
    Case("Clip", (integers(3, 4, dtype=np.int32), scalar(-2, np.int32)), constants=(1,), note="int32"),
]

BINARY = [
    *(Case(op, (X, floats(3, 1))) for op in ("Add", "Sub", "Mul", "Div")),
    *(Case(op, (X, scalar(1.7)), constants=(1,), note="scalar") for op in ("Add", "Sub", "Mul", "Div", "Greater", "LessOrEqual")),
    *(Case(op, (scalar(1.7), X), constants=(0,), note="scalar-first") for op in ("Add", "Sub", "Mul", "Div", "Less", "Pow")),
    *(Case(op, (X, floats(1, 1, 1, 1)), constants=(1,), note="raises-rank") for op in ("Add", "Mul")),
    *(Case(op, (integers(3, 4), integers(4))) for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    *(Case(op, (flags(3, 4), flags(4))) for op in ("And", "Or", "Xor")),
    *(Case(op, (flags(3, 4), np.array([True])), constants=(1,), note="scalar") for op in ("And", "Or", "Xor")),
    *(Case(op, (integers(3, 4), integers(3, 4)), opset=18) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    Case("Add", (X, X[:, :1]), opset=7),
    Case("Div", (integers(3, 4, dtype=np.int32), integers(3, 4, low=1, dtype=np.int32)), note="truncates"),
    Case("Pow", (positive(3, 4), floats(3, 4))),
    Case("Pow", (X, scalar(2.0)), constants=(1,), note="square"),
    Case("Pow", (X, scalar(3, np.int64)), constants=(1,), note="integer-exponent"),
    Case("Mod", (integers(3, 4), integers(3, 4, low=1))),
    Case("Mod", (X, positive(2, 3, 4)), {"fmod": 1}, note="fmod"),
    Case("Mod", (integers(3, 4), scalar(-3, np.int64)), constants=(1,), note="negative-scalar"),
    Case("BitShift", (integers(4, low=0, dtype=np.uint8), integers(4, low=0, high=3, dtype=np.uint8)), {"direction": "LEFT"}),
    *(
        Case(
            "BitShift",
            (LARGE.astype(kind), np.array([0, 1, 9, 63, 40], kind)),
            {"direction": direction},
            reference=True,
            note=note,
        )
        for kind, direction, note in (
            (np.uint64, "RIGHT", "right-uint64"),
            (np.uint64, "LEFT", "left-uint64"),
            (np.int64, "RIGHT", "right-int64"),
            (np.uint16, "RIGHT", "beyond-uint16"),
        )
    ),
    *(
        Case(op, (LARGE, LARGE[::-1] | 1), opset=22, reference=True, note="uint64")
        for op in ("Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Greater", "LessOrEqual", "Equal")
    ),
    Case("Clip", (LARGE, LARGE[1], LARGE[2]), constants=(1, 2), opset=13, note="uint64"),
    Case(
        "BitShift",
        (integers(4, low=0, dtype=np.uint8), integers(4, low=0, high=3, dtype=np.uint8)),
        {"direction": "RIGHT"},
        note="right",
    ),
    Case("Where", (flags(3, 1), floats(3, 4), floats(4))),
    *(Case(op, (X, floats(4), floats(3, 1))) for op in ("Sum", "Mean", "Max", "Min")),
    Case("Sum", (X,), note="one"),
    Case("Max", (X, scalar(0.3)), constants=(1,), note="scalar"),
]

REDUCE = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
AXES = np.array([0, -1])
REDUCTIONS = [
    *(Case(op, (X,), {"axes": [1]}, opset=11, note="axis") for op in REDUCE),
    *(Case(op, (X,), {"axes": [-1, 0], "keepdims": 0}, opset=11, note="axes") for op in REDUCE),
    *(Case(op, (X,), opset=11, note="all") for op in REDUCE),
    *(Case(op, (X, AXES), opset=18, constants=(1,)) for op in REDUCE),
    *(Case(op, (X,), {"noop_with_empty_axes": 1}, opset=18, note="noop") for op in ("ReduceSum", "ReduceMax", "ReduceMean")),
    Case("ReduceSum", (X, AXES), {"keepdims": 0}, opset=13, constants=(1,)),
    Case("ReduceLogSum", (positive(3, 4), np.array([1])), opset=18, constants=(1,)),
    Case("ReduceLogSum", (positive(3, 4),), {"axes": [0]}, opset=11),
    Case("ReduceSum", (integers(3, 4, dtype=np.int32),), note="int32"),
    *(Case(op, (X,), {"axis": 1}) for op in ("ArgMax", "ArgMin")),
    *(Case(op, (integers(4, 5, dtype=np.int32),), {"axis": -1, "keepdims": 0}, note="ties") for op in ("ArgMax", "ArgMin")),
    *(
        Case(op, (integers(4, 5, dtype=np.int32),), {"axis": 0, "select_last_index": 1}, note="last")
        for op in ("ArgMax", "ArgMin")
    ),
    Case("TopK", (X, np.array([2])), {"axis": 1}, constants=(1,), outputs=2),
    Case("TopK", (X, np.array([2])), {"largest": 0}, constants=(1,), outputs=2, note="smallest"),
    Case("TopK", (X,), {"k": 3}, opset=7, outputs=2, reference=False),
    Case("CumSum", (X, scalar(1, np.int64)), constants=(1,)),
    Case("CumSum", (X, scalar(-1, np.int64)), {"exclusive": 1, "reverse": 1}, constants=(1,), note="exclusive-reverse"),
]

SOFTMAX = [
    *(Case(op, (X,), opset=11) for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, (X,), {"axis": 2}, opset=11, note="last") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, (X,), {"axis": 0}, opset=11, note="first") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, (floats(2, 5, 1, 1),), opset=9, note="pixels") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, (X,), {"axis": 1}, opset=13) for op in ("Softmax", "LogSoftmax", "Hardmax")),
]

LINEAR = [
    Case("MatMul", (floats(3, 4), floats(4, 5))),
    Case("MatMul", (floats(2, 3, 4), floats(4, 5)), note="batched-left"),
    Case("MatMul", (floats(2, 1, 3, 4), floats(5, 4, 3)), note="broadcast"),
    Case("MatMul", (floats(4), floats(4, 5)), note="vector"),
    Case("Gemm", (floats(3, 4), floats(4, 5), floats(5))),
    Case(
        "Gemm",
        (floats(4, 3), floats(5, 4), floats(3, 1)),
        {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0},
        note="transposed",
    ),
    Case("Gemm", (floats(3, 4), floats(4, 5)), {"alpha": 0.5}, note="no-bias"),
    Case("Gemm", (floats(3, 4), floats(5, 4), scalar(0.5)), {"transB": 1}, constants=(1, 2), note="scalar-bias"),
    Case("Einsum", (floats(2, 3, 4), floats(2, 4, 5)), {"equation": "bij,bjk->bik"}),
    Case("Einsum", (floats(3, 3),), {"equation": "ii->i"}, note="diagonal"),
]

C = floats(3)
NORMALIZATION = [
    Case(
        "BatchNormalization",
        (floats(2, 3, 4, 5), C, floats(3), floats(3), positive(3)),
        {"epsilon": 1e-3},
        constants=(1, 2, 3, 4),
    ),
    Case("BatchNormalization", (floats(2, 3), C, floats(3), floats(3), positive(3)), opset=9, constants=(1, 2, 3, 4)),
    Case("InstanceNormalization", (floats(2, 3, 4, 5), C, floats(3))),
    Case("GroupNormalization", (floats(2, 6, 4, 5), floats(6), floats(6)), {"num_groups": 3}, opset=21, rtol=1e-4),
    Case("LayerNormalization", (X, floats(4), floats(4))),
    Case("LayerNormalization", (X, floats(3, 4)), {"axis": 1, "epsilon": 1e-2}, note="axis"),
    Case("RMSNormalization", (X, floats(4)), opset=23),
    Case("MeanVarianceNormalization", (floats(2, 3, 4, 5),), rtol=1e-4),
    Case("LpNormalization", (X,), {"axis": 1, "p": 1}),
    Case("LpNormalization", (X,), {"axis": 2}, note="euclidean"),
    Case("LRN", (floats(2, 7, 3, 3),), {"size": 5, "alpha": 0.1, "beta": 0.6, "bias": 1.5}),
]

BYTES = integers(2, 3, 4, low=0, high=255, dtype=np.uint8)
QUANTIZATION = [
    Case("QuantizeLinear", (X * 9, scalar(0.1), scalar(3, np.uint8)), constants=(1, 2), opset=13),
    Case("QuantizeLinear", (X, positive(3), integers(3, dtype=np.int8)), {"axis": 1}, constants=(1, 2), opset=13, note="axis"),
    Case("QuantizeLinear", (X, scalar(0.1)), constants=(1,), opset=10),
    Case("DequantizeLinear", (BYTES, scalar(0.1), scalar(3, np.uint8)), constants=(1, 2), opset=10),
    Case("DequantizeLinear", (BYTES, positive(3), integers(3, low=0, dtype=np.uint8)), {"axis": 1}, constants=(1, 2), opset=13),
    Case("DynamicQuantizeLinear", (X,), opset=11, outputs=3),
]

ARITHMETIC = [*UNARY, *BINARY, *REDUCTIONS, *SOFTMAX, *LINEAR, *NORMALIZATION, *QUANTIZATION]
