"""Batch normalisation with running statistics, layer and group normalisation, local response normalisation."""

from __future__ import annotations

import math

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import C_TYPES, TAGS
from amdc.codegen.elementwise import Source, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.reduction import row_grid, row_lanes
from amdc.codegen.magic import magic
from amdc.codegen.operators import TRANSCENDENTAL, literal
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import LRN, NORMALIZE_ROWS

BLOCK = 256


@lowers(aten._native_batch_norm_legit_no_training.default)
def batch_norm(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, bias, mean, variance, momentum, epsilon): a map with operands per channel."""
    x, weight, bias, mean, variance, _, epsilon = item.args
    item.require_floats(x, weight, bias, mean, variance)
    if item.used - {0}:
        raise ModelError(f"'{item.user_name}': the saved statistics of a batch norm have no kernel")
    shape = ir.shape(x)
    per_channel = tuple(int(dim == 1) for dim in range(len(shape)))
    parts = {"x": x, "mean": mean, "variance": variance, "weight": weight, "bias": bias}
    given = {name: node for name, node in parts.items() if node is not None}
    sources = [Source(n, dtype_name(n), dense_strides(shape) if name == "x" else per_channel) for name, n in given.items()]

    def emit(values: list[str]) -> tuple[list[str], str]:
        names = dict(zip(given, values, strict=True))
        real = C_TYPES[dtype_name(x)]
        added = literal(epsilon, "float64" if real == "double" else "float32")
        scale = f"    {real} scale = amdc_rsqrt(({real}){names['variance']} + {added});"
        gain = f" * {names['weight']}" if "weight" in names else ""
        shift = f" + {names['bias']}" if "bias" in names else ""
        return [scale], f"({names['x']} - {names['mean']}) * (scale{gain}){shift}"

    y = builder.place(item.node)
    launch_map(builder, item, shape, sources, y, emit, flops=y.numel * (TRANSCENDENTAL + 5), hint="batch_norm")


def _normalize(
    item: Item,
    builder: ProgramBuilder,
    weight: Node | None,
    bias: Node | None,
    epsilon: float,
    rows: int,
    groups: int,
    per_channel: int,
) -> None:
    """Rows of x's elements; `per_channel` elements of a row share a channel (0: each has its own, as in layer norm)."""
    item.require_floats(item.args[0], weight, bias)
    x, y = item.args[0], builder.place(item.node)
    length, lanes = y.numel // rows, row_lanes(rows, y.numel // rows)
    statistics = bool(item.used & {1, 2})
    saved: list[Place] = [builder.place(item.node, index) for index in (1, 2)] if statistics else [y, y]
    affine = 0 if weight is None else 1 if bias is None else 2
    if weight is not None and bias is not None and dtype_name(weight) != dtype_name(bias):
        raise ModelError(f"'{item.user_name}': weight and bias of a normalisation are of one dtype in its kernel")
    if weight is None and bias is not None:
        raise ModelError(f"'{item.user_name}': a normalisation with a bias but no weight has no kernel")
    channels = length // per_channel if per_channel else 1
    operands: list[Operand] = [y, x, weight if weight is not None else x, bias if bias is not None else x, *saved]
    builder.launch(
        NORMALIZE_ROWS,
        {
            "ROW_LANES": lanes,
            "AFFINE": affine,
            "PER_CHANNEL": int(per_channel > 0),
            "STATISTICS": int(statistics),
            "TYPE": TAGS[dtype_name(x)],
            "WEIGHT": TAGS[dtype_name(weight if weight is not None else x)],
            "OUT": TAGS[y.dtype],
            "STATISTIC": TAGS[saved[0].dtype],
        },
        item=item,
        grid=row_grid(rows, lanes),
        arguments=[*operands, rows, length, float(epsilon), groups, *magic(groups), channels, *magic(max(1, per_channel))],
        writes=[y, *saved] if statistics else [y],
        flops=y.numel * (5 + affine),
    )


@lowers(aten.native_layer_norm.default)
def layer_norm(item: Item, builder: ProgramBuilder) -> None:
    """(x, normalized_shape, weight, bias, epsilon)"""
    x, normalized, weight, bias, epsilon = item.args
    rows = math.prod(ir.shape(x)) // math.prod(normalized)
    _normalize(item, builder, weight, bias, epsilon, rows, 1, 0)


@lowers(aten.native_group_norm.default)
def group_norm(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, bias, N, C, HxW, groups, epsilon)"""
    _, weight, bias, n, _, plane, groups, epsilon = item.args
    _normalize(item, builder, weight, bias, epsilon, n * groups, groups, plane)


@lowers(torch.ops.amdc.lrn.default)
def lrn(item: Item, builder: ProgramBuilder) -> None:
    """(x, size, alpha, beta, bias); see amdc.ir.ops."""
    x, size, alpha, beta, bias = item.args
    item.require_floats(x)
    y, shape = builder.place(item.node), ir.shape(x)
    plane = math.prod(shape[2:])
    builder.launch(
        LRN,
        {"SIZE": size, "POWER": int(beta == 0.75), "TYPE": TAGS[y.dtype]},
        item=item,
        grid=(-(-y.numel // BLOCK), 1, 1),
        arguments=[
            y,
            x,
            y.numel,
            shape[1],
            *magic(shape[1]),
            plane,
            *magic(plane),
            float(alpha / size),
            float(beta),
            float(bias),
        ],
        writes=[y],
        flops=y.numel * (2 * size + 2 * TRANSCENDENTAL),
    )
