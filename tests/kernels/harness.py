"""Runs one kernel template on the simulated GPU, and bounds how far its fp32 sums may lie from exact ones.

The bound: a sum of K products made by v_mac or v_mad, each of which rounds the product and the sum, in any order, errs by at most
(K + 1) * u * sum |a_i * b_i| with u = 2^-24 the unit roundoff of fp32 (Higham, "Accuracy and Stability of Numerical Algorithms",
section 3.1), to first order; each further operation (bias, scale) adds two u, and flushed denormals add 2^-126 a term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

import amdc.sim
from amdc.code_object import CodeObject
from amdc.codegen.choice import Choices
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.codegen.toolchain import find_toolchain
from amdc.ir.graph import Graph
from amdc.ir.regions import make_region
from amdc.kernels.template import KernelTemplate, Value
from amdc.runtime.session import Session, open_session
from amdc.target import target
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

ARCH = "gfx803"
UNIT = 2.0**-24
SMALLEST = 2.0**-126


def bound(absolute: np.ndarray, terms: int, extra: int = 0) -> np.ndarray:
    """The largest error of sums of `terms` products whose absolute values sum to `absolute`, with `extra` further operations."""
    return (terms + 1 + 2 * extra) * (UNIT * absolute + SMALLEST) * 1.01


def assert_close(result: np.ndarray, exact: np.ndarray, absolute: np.ndarray, terms: int, extra: int = 0) -> None:
    """Raises with the worst element where the error leaves the bound; NaN is an error."""
    assert result.shape == exact.shape, f"shape {result.shape}, expected {exact.shape}"
    error, allowed = np.abs(result.astype(np.float64) - exact), bound(absolute, terms, extra)
    worst = np.unravel_index(np.argmax(np.nan_to_num(error / allowed, nan=np.inf)), error.shape)
    assert np.all(error <= allowed), f"at {worst}: {result[worst]} instead of {exact[worst]}, allowed error {allowed[worst]:.3g}"


def source(template: KernelTemplate, parameters: Mapping[str, Value], lanes: int, prelude: str = "") -> KernelSource:
    """The kernel as the builder would make it, called `kernel`."""
    defines = template.check(parameters) | {"AMDC_BLOCK": lanes, "AMDC_SYMBOL": "kernel"}
    return KernelSource("kernel", template.source(prelude), tuple(defines.items()), (lanes, 1, 1))


def code_object(kernel: KernelSource) -> CodeObject:
    return CodeObject.parse(find_toolchain().compile_one(kernel, ARCH), kernel.symbol)


Argument = np.ndarray | int | float


def launch(kernel: KernelSource, grid: tuple[int, int, int], arguments: Sequence[Argument], out: tuple[int, ...]) -> np.ndarray:
    """Run a kernel whose third argument is the output: arrays become a pointer and a byte count, as the builder passes them."""
    gpu = amdc.sim.Device(ARCH)
    module = gpu.load(find_toolchain().compile_one(kernel, ARCH))
    result = gpu.empty(out)
    given: list[Any] = []
    for argument in (*arguments[:2], result, *arguments[2:]):
        if isinstance(argument, (int, float)):
            given.append(np.float32(argument) if isinstance(argument, float) else np.uint32(argument))
        else:
            array = argument if argument is result else gpu.to_device(argument)
            given += [array, np.uint32(array.nbytes)]
    module.launch("kernel", grid=grid, block=kernel.block, args=given)
    return gpu.to_host(result)


Function = Callable[..., torch.Tensor]


def open_function(
    function: Function, *example: torch.Tensor, fuse: bool = False, candidate: str | None = None
) -> tuple[Graph, Session]:
    """A session on the simulated GPU that computes `function` of inputs like `example`; with `fuse`, all of it in one kernel.
    Where a lowering offers `candidate`, it is taken."""
    graph = trace(function, *example)
    if fuse:
        make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "fused")
    options = LoweringOptions(choices=Choices(lookup=lambda *_: candidate))
    bundle = compile_lowered(lower(graph, target(ARCH), options))
    assert not fuse or len(bundle.program.launches) == 1
    return graph, open_session(bundle, "sim")


def run(graph: Graph, session: Session, *inputs: torch.Tensor) -> np.ndarray:
    """The (only) output."""
    (result,) = session.run({name: value.numpy() for name, value in zip(graph.meta["inputs"], inputs, strict=True)}).values()
    return result


def check_function(
    function: Function,
    inputs: Sequence[torch.Tensor],
    terms: int,
    extra: int = 0,
    times: int = 1,
    fuse: bool = False,
    candidate: str | None = None,
) -> None:
    """Run `function` on the simulated GPU and compare with float64; further `times` with fresh inputs of the same shapes.

    The function must be made of sums of products of its inputs (and rectifiers, which shrink no error bound): its value at the
    inputs' absolute values bounds the sums of absolute products."""
    graph, session = open_function(function, *inputs, fuse=fuse, candidate=candidate)
    generator = torch.Generator().manual_seed(math.prod(inputs[0].shape))
    with session:
        for count in range(times):
            fresh = [torch.randn(x.shape, generator=generator) for x in inputs] if count else inputs
            exact, absolute = (function(*(f(x.double()) for x in fresh)).numpy() for f in (lambda x: x, torch.abs))
            assert_close(run(graph, session, *fresh), exact, absolute, terms, extra)
