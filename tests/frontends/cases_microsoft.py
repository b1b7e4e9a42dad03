"""ONNX Runtime's own operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.frontends.cases_arithmetic import floats, integers, positive, scalar
from tests.frontends.single_node import Case


def ms(op: str, inputs: tuple[Any, ...], attributes: dict[str, Any] | None = None, **more: Any) -> Case:
    return Case(op, inputs, attributes or {}, domain="com.microsoft", **more)


def bytes_(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    low, high = (0, 256) if dtype == np.uint8 else (-128, 128)
    return integers(*shape, low=low, high=high, dtype=dtype)


X = floats(2, 3, 8)
WIDE = [floats(8) for _ in range(4)]

FUSED = [
    *(ms(op, (X,)) for op in ("Gelu", "QuickGelu", "FastGelu")),
    ms("FastGelu", (X, WIDE[0]), note="bias"),
    ms("QuickGelu", (X,), {"alpha": 1.3}, note="alpha"),
    ms("BiasGelu", (X, WIDE[0])),
    ms("FusedMatMul", (floats(2, 5, 3), floats(2, 4, 5)), {"transA": 1, "transB": 1, "alpha": 0.5}),
    ms("FusedMatMul", (floats(3, 4), floats(4, 5)), note="plain"),
    ms("FusedMatMul", (floats(4, 2, 3), floats(4, 3, 5)), {"transBatchA": 0, "transBatchB": 0}, note="batched"),
    *(
        ms("FusedConv", (floats(1, 3, 6, 6), floats(4, 3, 3, 3), floats(4)), {"activation": a, **p}, note=a)
        for a, p in (
            ("Relu", {"pads": [1, 1, 1, 1]}),
            ("Tanh", {}),
            ("Sigmoid", {}),
            ("LeakyRelu", {"activation_params": [0.2]}),
            ("Clip", {"activation_params": [-0.3, 0.4]}),
            ("HardSigmoid", {"activation_params": [0.3, 0.4]}),
        )
    ),
    ms(
        "FusedConv", (floats(1, 3, 6, 6), floats(4, 3, 3, 3), floats(4), floats(1, 4, 4, 4)), {"activation": "Relu"}, note="added"
    ),
    ms("FusedGemm", (floats(3, 4), floats(5, 4), floats(5)), {"transB": 1, "activation": "Relu", "alpha": 0.5, "beta": 2.0}),
    ms(
        "FusedGemm",
        (floats(3, 4), floats(4, 5), floats(5)),
        {"activation": "LeakyRelu", "activation_alpha": 0.3},
        note="leaky",
    ),
]

IDS = integers(2, 3, low=0, high=7, dtype=np.int32)
NORMALIZATION = [
    ms("SkipLayerNormalization", (X, floats(2, 3, 8), WIDE[0], WIDE[1], WIDE[2]), {"epsilon": 1e-5}),
    ms("SkipLayerNormalization", (X, floats(1, 3, 8), WIDE[0]), {"epsilon": 1e-3}, outputs=4, skipped=(1, 2), note="sum"),
    ms("SkipSimplifiedLayerNormalization", (X, floats(2, 3, 8), WIDE[0], WIDE[1]), {"epsilon": 1e-5}),
    ms(
        "SkipSimplifiedLayerNormalization",
        (X, floats(2, 3, 8), WIDE[0]),
        {"epsilon": 1e-5},
        outputs=4,
        skipped=(1, 2),
        note="sum",
    ),
    ms(
        "EmbedLayerNormalization",
        (IDS, IDS % 2, floats(7, 8), floats(5, 8), floats(2, 8), WIDE[0], WIDE[1], np.array([[1, 1, 0], [1, 1, 1]], np.int32)),
        {"epsilon": 1e-5},
        outputs=2,
    ),
    ms("EmbedLayerNormalization", (IDS, None, floats(7, 8), floats(5, 8), None, WIDE[0], WIDE[1]), outputs=2, note="words"),
    Case("SimplifiedLayerNormalization", (X, WIDE[0]), {"epsilon": 1e-3}),
    Case("LayerNormalization", (X, WIDE[0], WIDE[1]), {"epsilon": 1e-3}, opset=13, note="runtime"),
]

HEADS, KEEP = {"num_heads": 2}, np.array([[1, 1, 0], [1, 1, 1]], np.int32)
QKV = (floats(2, 3, 8), floats(2, 5, 8), floats(2, 5, 12))
ATTENTION = [
    ms("Attention", (X, floats(8, 24), floats(24)), HEADS),
    ms("Attention", (X, floats(8, 24), floats(24), KEEP), HEADS, note="mask"),
    ms("Attention", (X, floats(8, 24), floats(24), np.array([2, 3], np.int32)), HEADS, note="lengths"),
    ms("Attention", (X, floats(8, 24), floats(24)), {**HEADS, "unidirectional": 1, "scale": 0.3}, note="causal"),
    ms("Attention", (X, floats(8, 28), floats(28)), {**HEADS, "qkv_hidden_sizes": [8, 8, 12]}, note="sizes"),
    ms(
        "Attention",
        (X, floats(8, 24), floats(24), None, floats(2, 2, 2, 4, 4)),
        {**HEADS, "unidirectional": 1},
        outputs=2,
        note="past",
    ),
    ms("MultiHeadAttention", QKV, HEADS),
    ms("MultiHeadAttention", (*QKV, floats(28)), HEADS, note="bias"),
    ms("MultiHeadAttention", (*QKV, None, integers(2, 5, low=0, high=2, dtype=np.int32) | 1), HEADS, note="padding"),
    ms("MultiHeadAttention", (*QKV, None, None, floats(2, 2, 3, 5)), HEADS, note="added"),
    ms(
        "MultiHeadAttention",
        (floats(2, 3, 8), floats(2, 3, 8), floats(2, 3, 8), None, None, None, floats(2, 2, 4, 4), floats(2, 2, 4, 4)),
        {**HEADS, "unidirectional": 1},
        outputs=3,
        note="past",
    ),
]

CACHES = (floats(20, 8), floats(20, 8))
GROUPS = {"num_heads": 4, "kv_num_heads": 2}
STEP = (floats(2, 1, 64), floats(2, 1, 32), floats(2, 1, 32), floats(2, 2, 5, 16), floats(2, 2, 5, 16))
PROMPT = (floats(2, 4, 64), floats(2, 4, 32), floats(2, 4, 32), None, None, np.array([3, 3], np.int32), scalar(4, np.int32))


def lengths(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


KEPT = (np.arange(5) < np.array([[3], [4]]))[:, None, :, None]  # behind the valid keys ONNX Runtime writes zeros
SHORTER = (*STEP[:3], *(past * KEPT for past in STEP[3:]))

GROUPED = [
    ms("GroupQueryAttention", PROMPT, GROUPS, constants=(6,), outputs=3, note="prompt"),
    ms("GroupQueryAttention", PROMPT, {**GROUPS, "softcap": 2.0}, constants=(6,), outputs=3, note="softcap"),
    ms("GroupQueryAttention", PROMPT, {**GROUPS, "local_window_size": 2}, constants=(6,), outputs=3, note="window"),
    ms("GroupQueryAttention", (*PROMPT, *CACHES), {**GROUPS, "do_rotary": 1}, constants=(6, 7, 8), outputs=3, note="rotary"),
    ms("GroupQueryAttention", (*STEP, lengths(5, 5), scalar(6, np.int32)), GROUPS, constants=(6,), outputs=3, note="step"),
    ms("GroupQueryAttention", (*SHORTER, lengths(3, 4), scalar(5, np.int32)), GROUPS, constants=(6,), outputs=3, note="shorter"),
    ms(
        "GroupQueryAttention",
        (*STEP, lengths(5, 5), scalar(6, np.int32), *CACHES),
        {**GROUPS, "do_rotary": 1, "rotary_interleaved": 1},
        constants=(6, 7, 8),
        outputs=3,
        note="step-rotary",
    ),
    ms(
        "GroupQueryAttention",
        (floats(2, 4, 128), None, None, *PROMPT[3:]),
        GROUPS,
        constants=(6,),
        outputs=3,
        note="packed",
    ),
    ms("RotaryEmbedding", (floats(2, 3, 32), integers(2, 3, low=0, high=16), *CACHES), {"num_heads": 2}),
    ms("RotaryEmbedding", (floats(2, 4, 3, 16), np.array([5]), *CACHES), {"interleaved": 1}, note="offset"),
]

SCALES = [scalar(value) for value in (0.05, 0.03, 0.07)]
ZEROS = [scalar(value, np.uint8) for value in (128, 120, 100)]
FIRST, SECOND, RESULT = zip(SCALES, ZEROS, strict=True)
LEVELS = bytes_(2, 3, 4, 6)
QUANTIZED = [
    *(
        ms(op, (LEVELS, *FIRST, bytes_(4, 6), *SECOND, *RESULT), constants=(1, 2, 4, 5, 6, 7))
        for op in ("QLinearAdd", "QLinearMul")
    ),
    *(ms(op, (LEVELS, *FIRST, *RESULT), constants=(1, 2, 3, 4)) for op in ("QLinearSigmoid", "QLinearLeakyRelu")),
    ms(
        "QLinearSoftmax",
        (LEVELS, *FIRST, scalar(1 / 256), scalar(0, np.uint8)),
        {"opset": 13, "axis": -1},
        constants=(1, 2, 3, 4),
    ),
    ms("QLinearConcat", (*RESULT, LEVELS, *FIRST, bytes_(2, 5, 4, 6), *SECOND), {"axis": 1}, constants=(0, 1, 3, 4, 6, 7)),
    ms("QLinearGlobalAveragePool", (LEVELS, *FIRST, *RESULT), constants=(1, 2, 3, 4)),
    ms("QLinearGlobalAveragePool", (LEVELS, *FIRST, *RESULT), {"channels_last": 1}, constants=(1, 2, 3, 4), note="last"),
    ms(
        "QLinearAveragePool",
        (LEVELS, *FIRST, *RESULT),
        {"kernel_shape": [2, 3], "pads": [0, 1, 1, 1]},
        constants=(1, 2, 3, 4),
        levels=1,
    ),
    ms(
        "QGemm",
        (bytes_(3, 4), *FIRST, bytes_(4, 5), *SECOND, integers(5, dtype=np.int32), *RESULT),
        constants=(1, 2, 4, 5, 6, 7, 8),
    ),
    ms(
        "QGemm",
        (bytes_(3, 4), *FIRST, bytes_(5, 4), *SECOND),
        {"transB": 1, "alpha": 0.5},
        constants=(1, 2, 3, 4, 5),
        note="float",
    ),
    ms("MatMulIntegerToFloat", (bytes_(3, 4), bytes_(4, 5), *SCALES[:2], *ZEROS[:2], floats(5)), constants=(1, 2, 3, 4, 5)),
    ms("DynamicQuantizeMatMul", (floats(3, 4), bytes_(4, 5, dtype=np.int8), scalar(0.02)), constants=(1, 2)),
    ms(
        "DynamicQuantizeMatMul",
        (floats(3, 4), bytes_(4, 5), scalar(0.02), ZEROS[0], floats(5)),
        constants=(1, 2, 3, 4),
        note="bias",
    ),
    ms("QuantizeLinear", (X * 3, scalar(0.1), scalar(3, np.uint8)), constants=(1, 2)),
    ms("DequantizeLinear", (LEVELS, *FIRST), constants=(1, 2)),
    *(
        ms(
            "MatMulNBits",
            (floats(3, 40), bytes_(6, 3, 8 * bits // 4), positive(18) * 0.1, *zero),
            {"K": 40, "N": 6, "bits": bits, "block_size": 16},
            constants=(1, 2, 3)[: 2 + len(zero)],
            rtol=1e-4,
            note=f"{bits}-bits{'-zero' * len(zero)}",
        )
        for bits in (4, 8)
        for zero in ((), (bytes_(6 * -(-3 * bits // 8)),))
    ),
]

MICROSOFT = [*FUSED, *NORMALIZATION, *ATTENTION, *GROUPED, *QUANTIZED]
