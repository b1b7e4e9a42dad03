"""Layers: recurrent ones, attention, losses, integer products; and what stands around networks: spectra, detection, trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.frontends.cases_arithmetic import floats, integers, positive, scalar, unit
from tests.frontends.single_node import Case

STEPS, BATCH, INPUT, HIDDEN = 5, 3, 4, 6
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": ["Relu"], "GRU": ["HardSigmoid", "Tanh"], "LSTM": ["Sigmoid", "Softsign", "Tanh"]}


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def recurrent(op: str, direction: str, lengths: bool = True, note: str = "", **attributes: Any) -> Case:
    """A layer with a bias, an initial state and, if asked for, sequences of different lengths."""
    count, rows = 1 + (direction == "bidirectional"), GATES[op] * HIDDEN
    weights = (floats(count, rows, INPUT) * 0.5, floats(count, rows, HIDDEN) * 0.5, floats(count, 2 * rows) * 0.5)
    ends = np.array([5, 2, 3], np.int32) if lengths else None
    inputs = (floats(STEPS, BATCH, INPUT), *weights, ends, floats(count, BATCH, HIDDEN))
    if op == "LSTM":
        inputs = (*inputs, floats(count, BATCH, HIDDEN), floats(count, 3 * HIDDEN))
    attributes = {"hidden_size": HIDDEN, "direction": direction, **attributes}
    return Case(op, inputs, attributes, constants=(1, 2, 3), outputs=3 if op == "LSTM" else 2, note=note or direction)


RECURRENT = [
    *(recurrent(op, direction) for op in GATES for direction in ("forward", "reverse", "bidirectional")),
    *(recurrent(op, "forward", lengths=False, note="whole") for op in GATES),
    *(recurrent(op, "forward", note="activations", activations=ACTIVATIONS[op]) for op in GATES),
    *(recurrent(op, "forward", note="clip", clip=0.4) for op in GATES),
    recurrent("GRU", "bidirectional", note="linear", linear_before_reset=1),
    recurrent("LSTM", "reverse", note="coupled", input_forget=1),
    Case(
        "LSTM",
        (floats(2, 3, 4), floats(1, 24, 4), floats(1, 24, 6)),
        {"hidden_size": 6, "layout": 1},
        constants=(1, 2),
        outputs=3,
        reference=True,
        note="batch-first",
    ),
]

QUERY, KEY, VALUE = floats(2, 4, 3, 8), floats(2, 2, 5, 8), floats(2, 2, 5, 6)


def attention(inputs: tuple[Any, ...], note: str, outputs: int = 1, opset: int = 24, **attributes: Any) -> Case:
    return Case("Attention", inputs, attributes, opset, outputs=outputs, reference=True, note=note)


PAST = (floats(2, 2, 4, 8), floats(2, 2, 4, 6))
NEW = (floats(2, 2, 3, 8), floats(2, 2, 3, 6))
ATTENTION = [
    attention((QUERY, KEY, VALUE), "groups"),
    attention((floats(2, 3, 32), floats(2, 5, 16), floats(2, 5, 16)), "flat", q_num_heads=4, kv_num_heads=2),
    attention((QUERY, KEY, VALUE, unit(3, 5) > 0), "mask"),
    attention((QUERY, KEY, VALUE, floats(2, 4, 3, 5)), "added", softcap=2.0, scale=0.3),
    attention((QUERY, floats(2, 2, 3, 8), floats(2, 2, 3, 6)), "causal", is_causal=1),
    attention((QUERY, KEY, VALUE), "causal-longer", is_causal=1),
    attention((QUERY, *NEW, None, *PAST), "past", outputs=3, is_causal=1),
    attention((QUERY, KEY, VALUE, None, None, None, ints(4, 5)), "valid-keys", is_causal=1),
    *(attention((QUERY, KEY, VALUE, unit(3, 5)), f"scores{m}", outputs=4, qk_matmul_output_mode=m) for m in range(4)),
    attention((QUERY, KEY, VALUE), "window", opset=25, left_window_size=1, right_window_size=1),
    Case("FlexAttention", (QUERY, KEY, VALUE), {"scale": 0.2}, 26, reference=True, domain="ai.onnx.preview"),
    Case("RotaryEmbedding", (floats(2, 4, 3, 8), floats(9, 4), floats(9, 4), integers(2, 3, low=0)), opset=23, reference=True),
    Case(
        "RotaryEmbedding",
        (floats(2, 3, 32), floats(2, 3, 2), floats(2, 3, 2)),
        {"num_heads": 4, "interleaved": 1, "rotary_embedding_dim": 4},
        opset=23,
        reference=True,
        note="interleaved",
    ),
]

LINEAR_HEADS = {"q_num_heads": 4, "kv_num_heads": 2}
MIXING = [
    Case(
        "LinearAttention",
        (unit(2, 3, 16), unit(2, 3, 8), unit(2, 3, 10), unit(2, 2, 4, 5), -positive(2, 3, 2), positive(2, 3, 2)),
        LINEAR_HEADS,
        27,
        outputs=2,
        reference=True,
    ),
    Case(
        "LinearAttention",
        (unit(2, 3, 16), unit(2, 3, 8), unit(2, 3, 8)),
        {**LINEAR_HEADS, "update_rule": "linear", "scale": 0.5},
        27,
        outputs=2,
        reference=True,
        note="linear",
    ),
    Case(
        "CausalConvWithState",
        (floats(2, 3, 6), floats(3, 1, 4), floats(3), floats(2, 3, 3)),
        {"activation": "silu"},
        27,
        outputs=2,
        reference=True,
    ),
    Case("TensorScatter", (floats(2, 1, 5, 3), floats(2, 1, 2, 3), ints(1, 3)), opset=24, reference=True),
    Case(
        "TensorScatter",
        (floats(2, 1, 5, 3), floats(2, 1, 2, 3), ints(4, 2)),
        {"mode": "circular"},
        24,
        reference=True,
        note="ring",
    ),
]

CLASSES, TARGETS = floats(3, 5, 4), integers(3, 4, low=0, high=5)
LOSSES = [
    *(
        Case(op, (CLASSES, TARGETS, positive(5)), {"reduction": r, "ignore_index": 2}, note=r)
        for op in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
        for r in ("none", "sum", "mean")
    ),
    Case("NegativeLogLikelihoodLoss", (floats(3, 5), integers(3, low=0, high=5)), note="plain"),
    Case("SoftmaxCrossEntropyLoss", (CLASSES, TARGETS), outputs=2, note="logarithms"),
]

# 7 bits: ONNX Runtime's products of uint8 and int8 saturate at 16 bits on processors without VNNI
LEFT, RIGHT = integers(3, 4, low=0, high=128, dtype=np.uint8), integers(4, 5, low=-64, high=64, dtype=np.int8)
IMAGE, FILTERS = integers(1, 2, 6, 6, low=0, high=128, dtype=np.uint8), integers(3, 2, 3, 3, low=-64, high=64, dtype=np.int8)
SCALES, ZEROS = [scalar(v) for v in (0.05, 0.03, 4.0)], [scalar(v, np.uint8) for v in (128, 0, 100)]
ZEROS[1] = scalar(0, np.int8)
QUANTIZED = [
    Case("MatMulInteger", (LEFT, RIGHT), opset=10),
    Case("MatMulInteger", (LEFT, LEFT.T.copy(), ZEROS[0], ZEROS[2]), constants=(2, 3), note="zeros"),
    Case("ConvInteger", (IMAGE, np.abs(FILTERS).astype(np.uint8), ZEROS[0]), {"pads": [1, 1, 1, 1]}, constants=(1, 2)),
    Case("ConvInteger", (IMAGE, np.abs(FILTERS).astype(np.uint8)), {"strides": [2, 2], "pads": [0, 1, 1, 0]}, note="strided"),
    Case(
        "QLinearMatMul",
        (LEFT, SCALES[0], ZEROS[0], RIGHT, SCALES[1], ZEROS[1], SCALES[2], ZEROS[2]),
        constants=(1, 2, 4, 5, 6, 7),
    ),
    Case(
        "QLinearConv",
        (
            IMAGE,
            SCALES[0],
            ZEROS[0],
            FILTERS,
            positive(3) * 0.1,
            np.zeros(3, np.int8),
            SCALES[2],
            ZEROS[2],
            integers(3, dtype=np.int32),
        ),
        {"pads": [1, 1, 1, 1]},
        constants=(1, 2, 3, 4, 5, 6, 7, 8),
    ),
]

SPECTRA = [
    Case("DFT", (floats(2, 12, 1),), {"axis": 1}),
    Case("DFT", (floats(2, 10, 2),), {"axis": 1, "inverse": 1}, note="inverse"),
    Case("DFT", (floats(2, 9, 1),), {"axis": 1, "onesided": 1}, note="half"),
    Case("DFT", (floats(2, 9, 1), scalar(16, np.int64)), {"axis": 1}, constants=(1,), note="longer"),
    Case("DFT", (floats(1, 600, 2),), {"axis": 1}, reference=True, note="split"),
    Case("DFT", (floats(2, 7, 3, 1), None, scalar(1, np.int64)), {}, 20, (2,), note="axis"),
    Case("STFT", (floats(2, 40, 1), scalar(5, np.int64), floats(16)), constants=(1,)),
    Case(
        "STFT",
        (floats(1, 40, 1), scalar(8, np.int64), None, scalar(8, np.int64)),
        {"onesided": 0},
        constants=(1, 3),
        note="whole",
    ),
    *(Case(op, (scalar(10, np.int64),), constants=(0,)) for op in ("HannWindow", "HammingWindow", "BlackmanWindow")),
    Case("HannWindow", (scalar(9, np.int64),), {"periodic": 0}, constants=(0,), note="symmetric"),
    Case(
        "MelWeightMatrix",
        (*(scalar(v, np.int64) for v in (8, 32, 8192)), scalar(10.0), scalar(4000.0)),
        constants=(0, 1, 2, 3, 4),
    ),
]

BOXES = np.array(
    [[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 101]], np.float32
)
DETECTION = [
    Case("AffineGrid", (floats(2, 2, 3), ints(2, 3, 4, 5)), opset=20, constants=(1,)),
    Case("AffineGrid", (floats(2, 3, 4), ints(2, 1, 3, 4, 5)), {"align_corners": 1}, 20, (1,), note="volume"),
    Case("GridSample", (floats(1, 2, 3, 4, 5), unit(1, 2, 3, 4, 3)), {"mode": "linear"}, 20, note="volume"),
    *(
        Case(
            "RoiAlign",
            (floats(2, 3, 9, 8), np.array([[0.5, 1, 6, 7], [2, 0, 7.5, 4]], np.float32), ints(1, 0)),
            {"output_height": 3, "output_width": 2, "sampling_ratio": ratio, "mode": mode},
            16,
            note=f"{mode}{ratio}",
        )
        for mode in ("avg", "max")
        for ratio in (0, 2)
    ),
    Case(
        "DeformConv",
        (floats(1, 4, 5, 5), floats(6, 2, 2, 2), unit(1, 16, 4, 4), floats(6), positive(1, 8, 4, 4)),
        {"group": 2, "offset_group": 2},
        19,
    ),
    Case(
        "NonMaxSuppression",
        (BOXES[None], positive(1, 2, 6), ints(3), np.array([0.5], np.float32), np.array([0.3], np.float32)),
        constants=(2, 3, 4),
    ),
    Case("MaxUnpool", (floats(1, 1, 2, 2), np.array([[[[5, 7], [13, 15]]]])), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("Unique", (integers(12, low=0, high=5).astype(np.float32),), outputs=4),
    Case("Unique", (integers(6, 2, low=0, high=2).astype(np.float32),), {"axis": 0}, outputs=4, note="axis"),
    Case("Unique", (integers(12, low=0, high=5),), {"sorted": 0}, outputs=4, note="unsorted"),
    Case("CumProd", (unit(3, 4) + 1, scalar(1, np.int64)), opset=26, constants=(1,), reference=True),
    Case("CumProd", (unit(3, 4), scalar(0, np.int64)), {"exclusive": 1, "reverse": 1}, 26, (1,), reference=True, note="reverse"),
    Case("Det", (floats(2, 3, 4, 4),)),
    Case("BitCast", (floats(3, 4),), {"to": 6}, 26, reference=True),
    Case("BitCast", (integers(5, dtype=np.int16),), {"to": 4}, 26, reference=True, note="sign"),
    Case(
        "TfIdfVectorizer",
        (integers(2, 9, low=2, high=9, dtype=np.int32),),
        {
            "max_gram_length": 2,
            "max_skip_count": 2,
            "min_gram_length": 1,
            "mode": "TFIDF",
            "ngram_counts": [0, 4],
            "ngram_indexes": [0, 1, 2, 3, 4, 5, 6],
            "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
            "weights": [1.0, 0.5, 2.0, 1.5, 3.0, 0.25, 1.0],
        },
    ),
]

ML = "ai.onnx.ml"
TREE: dict[str, Any] = {
    "leaf_targetids": [0, 1, 0, 1],
    "n_targets": 2,
    "nodes_falseleafs": [0, 1, 1],
    "nodes_falsenodeids": [2, 2, 3],
    "nodes_featureids": [0, 1, 0],
    "nodes_trueleafs": [0, 1, 1],
    "nodes_truenodeids": [1, 0, 1],
    "tree_roots": [0],
}
TRAINING = "ai.onnx.preview.training"
RATE, TIME = scalar(0.1), scalar(2, np.int64)
TABLES = [
    Case("ArrayFeatureExtractor", (floats(3, 4), ints(2, 0)), domain=ML),
    Case("Binarizer", (floats(3, 4),), {"threshold": 0.2}, domain=ML),
    Case(
        "Adagrad",
        (RATE, TIME, floats(3), floats(3), positive(3)),
        {"decay_factor": 0.1},
        outputs=2,
        reference=True,
        domain=TRAINING,
    ),
    Case(
        "Adam",
        (RATE, TIME, *(make(n) for make in (floats, floats, floats, positive) for n in (3, 2))),  # two parameters
        {"beta": 0.9},
        outputs=6,
        reference=True,
        domain=TRAINING,
    ),
    *(
        Case(
            "Momentum",
            (RATE, TIME, floats(3), floats(3), floats(3)),
            {"alpha": 0.9, "beta": 0.8, "mode": mode, "norm_coefficient": 0.01},
            outputs=2,
            reference=True,
            domain=TRAINING,
            note=mode,
        )
        for mode in ("standard", "nesterov")
    ),
]

NETWORKS = [*RECURRENT, *ATTENTION, *MIXING, *LOSSES, *QUANTIZED, *SPECTRA, *DETECTION, *TABLES]
