"""Normalisations of contiguous rows: layer, RMS, group and instance norm, alone or behind a residual sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.rows import plan_rows
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import MOST_KEPT, NORMALIZE_ROWS

amdc_ops = torch.ops.amdc


@dataclass(frozen=True)
class Norm:
    """`rows` rows of x. `plane` elements of a row share a channel (0: each has its own, as in layer norm), and `groups` rows are
    an image. `added`: what is added to x before."""

    weight: Node | None
    bias: Node | None
    epsilon: float
    rows: int
    groups: int = 1
    plane: int = 0
    centred: bool = True
    added: Node | None = None

    @property
    def affine(self) -> int:
        return 0 if self.weight is None else 1 if self.bias is None else 2


def _check(item: Item, norm: Norm) -> None:
    item.require_floats(None if item.before else item.args[0], norm.weight, norm.bias)
    if norm.weight is not None and norm.bias is not None and dtype_name(norm.weight) != dtype_name(norm.bias):
        raise ModelError(f"'{item.user_name}': weight and bias of a normalisation are of one dtype in its kernel")
    if norm.weight is None and norm.bias is not None:
        raise ModelError(f"'{item.user_name}': a normalisation with a bias but no weight has no kernel")


def normalize(
    item: Item, builder: ProgramBuilder, norm: Norm, out: Place, saved: list[Place], total: Place | None = None
) -> None:
    """One launch that normalises rows into `out`; `saved`: mean and reciprocal deviation, or empty; `total`: the residual sum."""
    _check(item, norm)
    x = item.args[0]
    length = out.numel // norm.rows
    channel = 1 if norm.plane else -1 if length == item.shape[-1] else None
    prologue, epilogue = item.row_prologue(channel), item.epilogue(channel)
    channels = length // norm.plane if norm.plane else 1
    affine: list[Operand] = [x if value is None else value for value in (norm.weight, norm.bias)]
    sizes = [norm.rows, length, norm.epsilon, norm.groups, *magic(norm.groups), channels, *magic(max(1, norm.plane))]
    residual: list[Operand] = [] if norm.added is None or total is None else [norm.added, total]
    weights = [] if norm.plane else [value for value in (norm.weight, norm.bias) if value is not None]
    wide = [x, out, *weights, *(value for value in (norm.added, total) if value is not None)]
    plan = plan_rows(builder, norm.rows, length, wide, streams=2 if residual else 1, kept=MOST_KEPT)
    builder.launch(
        NORMALIZE_ROWS,
        {
            **plan.parameters,
            "AFFINE": norm.affine,
            "PER_CHANNEL": int(norm.plane > 0),
            "CENTRED": int(norm.centred),
            "STATISTICS": int(bool(saved)),
            "RESIDUAL": int(bool(residual)),
            "INPUT": TAGS[dtype_name(x)],
            "TYPE": TAGS[item.data_dtype],
            "WEIGHT": TAGS[item.data_dtype if norm.weight is None else dtype_name(norm.weight)],
            "OUT": TAGS[out.dtype],
            "STATISTIC": TAGS[saved[0].dtype] if saved else "float",
        },
        item=item,
        grid=plan.grid(norm.rows),
        arguments=[out, x, *affine, *(saved or [out, out]), *sizes, *residual, *prologue.operands, *epilogue.operands],
        writes=[out, *saved, *([total] if total else [])],
        flops=out.numel * (5 + norm.affine + (1 + plan.loop) * prologue.flops + epilogue.flops),
        prelude=prologue.text + epilogue.text,
        hint=epilogue.hint,
        block=plan.block,
    )


def _row_count(x: Node, normalized: Any) -> int:
    return math.prod(ir.shape(x)) // math.prod(normalized)


def _with_statistics(item: Item, builder: ProgramBuilder, norm: Norm) -> None:
    """Of an operator with three results: the statistics are written where something needs them."""
    saved = [builder.place(item.node, index) for index in (1, 2)] if item.used & {1, 2} else []
    normalize(item, builder, norm, builder.place(item.node), saved)


@lowers(aten.native_layer_norm.default)
def native_layer_norm(item: Item, builder: ProgramBuilder) -> None:
    x, normalized, weight, bias, epsilon = item.args
    _with_statistics(item, builder, Norm(weight, bias, float(epsilon), _row_count(x, normalized)))


@lowers(aten.native_group_norm.default)
def native_group_norm(item: Item, builder: ProgramBuilder) -> None:
    _, weight, bias, n, _, plane, groups, epsilon = item.args
    _with_statistics(item, builder, Norm(weight, bias, float(epsilon), n * groups, groups, plane))


@lowers(amdc_ops.layer_norm.default)
def layer_norm(item: Item, builder: ProgramBuilder) -> None:
    x, normalized, weight, bias, epsilon = item.args
    normalize(item, builder, Norm(weight, bias, float(epsilon), _row_count(x, normalized)), builder.place(item.node), [])


@lowers(amdc_ops.rms_norm.default)
def rms_norm(item: Item, builder: ProgramBuilder) -> None:
    x, normalized, weight, epsilon = item.args
    norm = Norm(weight, None, float(epsilon), _row_count(x, normalized), centred=False)
    normalize(item, builder, norm, builder.place(item.node), [])


@lowers(amdc_ops.group_norm.default)
def group_norm(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, groups, epsilon = item.args
    plane = math.prod(ir.shape(x)[2:])
    norm = Norm(weight, bias, float(epsilon), ir.shape(x)[0] * groups, groups, plane)
    normalize(item, builder, norm, builder.place(item.node), [])


@lowers(amdc_ops.add_layer_norm.default, amdc_ops.add_rms_norm.default)
def add_norm(item: Item, builder: ProgramBuilder) -> None:
    """(x, y, normalized_shape, weight, [bias,] epsilon) -> (x + y, its norm)"""
    x, y, normalized, weight, *bias, epsilon = item.args
    norm = Norm(weight, bias[0] if bias else None, float(epsilon), _row_count(x, normalized), centred=bool(bias), added=y)
    normalize(item, builder, norm, builder.place(item.node, 1), [], builder.place(item.node, 0))
