"""`torch.compile(model, backend="amdc")`: each graph that Dynamo captures is compiled into a bundle and run on a device.

Inference alone: where a call would record gradients, the error says so. A graph's parameters become constants of its bundle; it
is compiled at its first call, and again for new shapes and for parameters that were changed in place since.
Options: torch.compile(..., options={"device": "sim" | "hip" | "host", "opt_level": 0..3, "arch": ..., "check": bool, "jobs": n}).
The device is the option's, else that of the environment variable AMDC_DEVICE, else a card where one is found, else the simulated
one.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch.fx import GraphModule

from amdc.compiler.driver import compile_graphs
from amdc.compiler.options import CompileOptions
from amdc.errors import UsageError
from amdc.frontends.torch.captured import Captured, import_captured
from amdc.frontends.torch.decompositions import dynamo_table
from amdc.ir.arrays import from_numpy, to_numpy

KEPT_SESSIONS = 16  # of one captured graph: shapes and parameters that are in use at the same time


@dataclass(frozen=True)
class BackendOptions:
    """What `options=` of torch.compile may hold."""

    device: str | None = None
    opt_level: int = 2
    arch: str = "gfx803"
    check: bool = True
    jobs: int | None = None

    @staticmethod
    def make(options: Mapping[str, Any] | None, mode: str | None) -> BackendOptions:
        """Raises UsageError for an option, or a mode, that does not exist."""
        known = tuple(BackendOptions.__dataclass_fields__)
        if wrong := sorted(set(options or {}) - set(known)):
            raise UsageError(
                f"torch.compile: no such option of the backend amdc: {', '.join(wrong)}; options: {', '.join(known)}"
            )
        if mode not in (None, "default"):
            raise UsageError(f"torch.compile: the backend amdc has no mode '{mode}'; use options={{'opt_level': 0..3}}")
        given = dict(options or {})
        given["device"] = given.get("device") or os.environ.get("AMDC_DEVICE") or None
        return BackendOptions(**given)


def amdc_backend(
    module: GraphModule, example_inputs: Sequence[Any], *, options: Mapping[str, Any] | None = None, mode: str | None = None
) -> Callable[..., Any]:
    """The backend, as Dynamo calls it. AOT-autograd makes the graph functional and breaks its operators down."""
    settings = BackendOptions.make(options, mode)

    def inference(captured: GraphModule, _: Sequence[Any]) -> Subgraph:
        return Subgraph(captured, _parameters(), settings)

    compiled = aot_autograd(fw_compiler=_refuse_training, inference_compiler=inference, decompositions=dynamo_table())
    return compiled(module, example_inputs)


def _refuse_training(captured: GraphModule, _: Sequence[Any]) -> Any:
    raise UsageError(
        "the backend amdc compiles inference, and this call would record gradients: call the compiled model under "
        "torch.no_grad() or torch.inference_mode()"
    )


def _parameters() -> frozenset[int]:
    """The positions of the arguments that are parameters and buffers, as AOT-autograd knows them while it compiles."""
    context = torch._guards.TracingContext.try_get()
    metadata = context.fw_metadata if context is not None else None
    return frozenset(metadata.static_input_indices if metadata is not None else ())


class Subgraph:
    """One captured graph, compiled for each set of shapes and parameters that it is called with."""

    _boxed_call = True  # takes a list, as AOT-autograd prefers

    def __init__(self, module: GraphModule, parameters: frozenset[int], options: BackendOptions) -> None:
        self._module, self._parameters, self._options = module, parameters, options
        self._compiled: OrderedDict[Any, _Compiled] = OrderedDict()

    def __call__(self, arguments: list[Any]) -> list[Any]:
        key = tuple(_key(argument, index in self._parameters) for index, argument in enumerate(arguments))
        if key not in self._compiled:
            self._compiled[key] = _Compiled.make(self._module, arguments, self._parameters, self._options)
            while len(self._compiled) > KEPT_SESSIONS:
                self._compiled.popitem(last=False)[1].close()
        self._compiled.move_to_end(key)
        return self._compiled[key].run(arguments)


def _key(argument: Any, is_parameter: bool) -> Any:
    """What a compiled graph depends on: a parameter's place and version in memory, a tensor's layout, a number's value."""
    if not isinstance(argument, Tensor):
        return argument
    layout = (argument.dtype, tuple(argument.shape), argument.stride())
    if not is_parameter:
        return layout
    return *layout, argument.data_ptr(), 0 if argument.is_inference() else argument._version


@dataclass(frozen=True)
class _Compiled:
    """A captured graph with its session; `held` keeps the parameters' memory from being used for others."""

    captured: Captured
    session: Any
    held: tuple[Any, ...]

    @staticmethod
    def make(module: GraphModule, arguments: Sequence[Any], parameters: frozenset[int], options: BackendOptions) -> _Compiled:
        import amdc

        captured = import_captured(module, arguments, parameters)
        held = tuple(arguments[index] for index in parameters)
        if captured.graph is None:
            return _Compiled(captured, None, held)
        settings = CompileOptions(arch=options.arch, opt_level=options.opt_level, jobs=options.jobs)
        bundle = compile_graphs([("main", captured.graph)], settings)
        session = amdc.load(bundle, options.device, check=options.check, jobs=options.jobs)
        return _Compiled(captured, session, held)

    def run(self, arguments: Sequence[Any]) -> list[Any]:
        results: dict[str, np.ndarray] = {}
        if self.session is not None:
            names = [port.name for port in self.session.inputs]
            given = zip(names, (arguments[index] for index in self.captured.inputs), strict=True)
            results = self.session.run({name: to_numpy(tensor.detach().contiguous()) for name, tensor in given})
        return [
            output.value if output.name is None else _strided(from_numpy(results[output.name]), output.strides)
            for output in self.captured.outputs
        ]

    def close(self) -> None:
        if hasattr(self.session, "close"):
            self.session.close()


def _strided(dense: Tensor, strides: tuple[int, ...]) -> Tensor:
    """A copy of a tensor, which a session lends, in these strides."""
    return torch.empty_strided(tuple(dense.shape), strides, dtype=dense.dtype).copy_(dense)
