"""The roofline of one kernel (Williams et al. 2009): the longer of its memory traffic and its arithmetic, and its launch."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from torch.fx import Node

from amdc.cost.operations import operations
from amdc.ir.graph import dtype, shape
from amdc.ir.pointwise import is_pointwise
from amdc.target import Target


@dataclass(frozen=True)
class Work:
    """What a kernel does: `nbytes` between it and memory, each operand once; `flops` as `operations` counts them."""

    nbytes: int
    flops: int
    launches: int = 1


def microseconds(work: Work, target: Target) -> float:
    """The least time that the work takes on the target's default card, launches included."""
    card = target.card()
    memory = work.nbytes / (card.dram_gbps * target.dram_efficiency * 1e3)
    arithmetic = work.flops / (card.fp32_tflops * 1e6)
    return work.launches * target.launch_us + max(memory, arithmetic)


def nbytes(node: Node) -> int:
    return math.prod(shape(node)) * dtype(node).itemsize


def kernel_work(nodes: Collection[Node], results: Collection[Node], times: int) -> Work:
    """One kernel that computes `nodes`, the point-wise ones of them `times` times in all, and writes `results`."""
    operands = {operand for node in nodes for operand in node.all_input_nodes} - set(nodes)
    flops = sum(operations(node) for node in nodes if is_pointwise(node)) * times
    return Work(sum(map(nbytes, operands)) + sum(map(nbytes, results)), flops)
