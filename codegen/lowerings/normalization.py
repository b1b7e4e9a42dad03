"""Batch normalisation with running statistics, and local response normalisation."""

from __future__ import annotations

import math

import torch

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.dtypes import C_TYPES, TAGS
from amdc.codegen.elementwise import Source, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.operators import TRANSCENDENTAL, literal
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import LRN

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
