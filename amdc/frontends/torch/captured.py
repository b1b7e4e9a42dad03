"""A functional graph that AOT-autograd captured under torch.compile becomes a Graph, for the arguments of one call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule, Node

from amdc.frontends.torch.builder import GraphBuilder
from amdc.frontends.torch.errors import Failures
from amdc.frontends.torch.walker import Walker
from amdc.ir.graph import Graph


@dataclass(frozen=True)
class Output:
    """A result of the captured function: the Graph's output `name` in these strides, or a value known at import."""

    name: str | None
    strides: tuple[int, ...] = ()
    value: Any = None


@dataclass(frozen=True)
class Captured:
    """`graph` is None where nothing is left to compute. `inputs` are the positions of the arguments that the Graph takes."""

    graph: Graph | None
    inputs: tuple[int, ...]
    outputs: tuple[Output, ...]


def import_captured(module: GraphModule, arguments: Sequence[Any], fixed: Collection[int]) -> Captured:
    """The Graph for arguments of these shapes and sizes; those at the positions `fixed` (parameters) become its constants.

    Raises ModelError with all operators that cannot be compiled.
    """
    builder, failures = GraphBuilder(), Failures()
    walker = Walker(builder, failures)
    names = [node.name for node in module.graph.nodes if node.op == "placeholder"]
    values: list[Any] = []
    taken: list[int] = []
    for index, (name, argument) in enumerate(zip(names, arguments, strict=True)):
        if isinstance(argument, Tensor) and index in fixed:
            values.append(builder.constant(argument, name))
        elif isinstance(argument, Tensor):
            values.append(builder.input(name, tuple(argument.shape), argument.dtype))
            taken.append(index)
        else:
            values.append(argument)
    with torch.no_grad():
        results = walker.run(module, values)
    failures.check("the function under torch.compile")
    outputs = _outputs(results, _strides(module, arguments))
    nodes = [result for result in results if isinstance(result, Node)]
    if not nodes:
        return Captured(None, (), outputs)
    meta = {
        "inputs": tuple(names[index] for index in taken),
        "outputs": tuple(output.name for output in outputs if output.name),
        "model": {"producer": f"torch {torch.__version__}", "name": "torch.compile"},
    }
    return Captured(builder.finish(nodes, meta), tuple(taken), outputs)


def _outputs(results: Sequence[Any], strides: Sequence[tuple[int, ...]]) -> tuple[Output, ...]:
    made = []
    for index, (result, steps) in enumerate(zip(results, strides, strict=True)):
        made.append(Output(f"output.{index}", steps) if isinstance(result, Node) else Output(None, value=result))
    return tuple(made)


def _strides(module: GraphModule, arguments: Sequence[Any]) -> list[tuple[int, ...]]:
    """The strides of each result. AOT-autograd makes views of results by them, so they must be what PyTorch's own would be."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    fakes = [mode.from_tensor(argument) if isinstance(argument, Tensor) else argument for argument in arguments]
    with mode, torch.no_grad():
        results = torch.fx.Interpreter(module).run(*fakes)
    return [tuple(result.stride()) if isinstance(result, Tensor) else () for result in results]
