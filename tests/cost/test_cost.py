"""The static cost of kernels: traffic, arithmetic and launches, on the numbers of the target's row."""

from __future__ import annotations

import pytest
import torch
from tracing import CONTEXT, trace

from amdc.cost import Work, kernel_work, microseconds
from amdc.cost.operations import operations

TARGET = CONTEXT.target
CARD = TARGET.card()


def test_the_longer_of_traffic_and_arithmetic_and_the_launch() -> None:
    second = 1e6
    stream, peak = CARD.dram_gbps * 1e9 * TARGET.dram_efficiency, CARD.fp32_tflops * 1e12
    assert microseconds(Work(int(stream), 0), TARGET) == pytest.approx(second + TARGET.launch_us)
    assert microseconds(Work(0, int(peak)), TARGET) == pytest.approx(second + TARGET.launch_us)
    assert microseconds(Work(int(stream), int(peak), 0), TARGET) == pytest.approx(second)


def test_a_kernel_reads_each_operand_once_and_computes_as_often_as_told() -> None:
    graph = trace(lambda x, y: (x * y).exp() + x, torch.randn(4, 8), torch.randn(8))
    called = [node for node in graph.graph.nodes if node.op == "call_function"]
    work = kernel_work(called, called[-1:], 32)
    assert work == Work(4 * (32 + 8) + 4 * 32, 32 * sum(map(operations, called)))
    assert [operations(node) for node in called] == [1, 8, 1]
