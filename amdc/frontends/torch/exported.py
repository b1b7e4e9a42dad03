"""An ExportedProgram becomes a Graph."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, InputSpec, OutputKind, SymIntArgument, TensorArgument
from torch.fx import Node

from amdc.errors import ModelError
from amdc.frontends.torch.builder import GraphBuilder
from amdc.frontends.torch.decompositions import export_table
from amdc.frontends.torch.errors import Failures
from amdc.frontends.torch.names import input_names, output_names, unique
from amdc.frontends.torch.symbols import Symbols
from amdc.frontends.torch.walker import MISSING, Walker
from amdc.ir.graph import Graph
from amdc.ir.printer import DTYPES


def import_exported(
    program: ExportedProgram,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
    name: str = "the exported program",
) -> Graph:
    """The Graph of an ExportedProgram: core ATen and amdc:: operators with static shapes (contract: amdc.ir.graph).

    `shapes` gives whole input shapes by input name, `bindings` single symbolic dimensions by symbol; each of these must
    get a size. Parameters and buffers stay where they are in memory. Buffers that the program changes are states.
    `meta` of the Graph: inputs, outputs, constants (attribute -> user name), model, and where there are states: states (pairs of
    input and output names) and state_values (input name -> the tensor that it starts with).
    Raises ModelError (operators or signatures that cannot be compiled) and UsageError (unknown inputs, unbound dimensions).
    """
    try:
        functional = decomposed(program)
    except Exception as problem:  # PyTorch raises many types here; all mean that the program cannot be made functional
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        raise ModelError(f"{name} cannot be decomposed by PyTorch: {reason}") from problem
    return import_functional(functional, signature_of(program), name, shapes, bindings)


@dataclass(frozen=True)
class Signature:
    """The names of all leaves of a program's inputs and of its results; `prefix` is cut from the names of parameters."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    prefix: str = ""


def import_functional(
    program: ExportedProgram,
    signature: Signature,
    name: str,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
) -> Graph:
    """`import_exported` of what `decomposed` gave, with names from elsewhere."""
    with torch.no_grad():
        return _Importer(program, signature, name).run(dict(shapes or {}), dict(bindings or {}))


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """The program in terms of operators that the importer knows; this makes it functional, too."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)  # PyTorch's own copy of a tree warns of its own class
        return program.run_decompositions(export_table())


def signature_of(program: ExportedProgram) -> Signature:
    """The names on both sides of a program as the user exported it."""
    entry = program.module_call_graph[0].signature
    parameters = (entry.forward_arg_names or []) if entry is not None else []
    inputs = input_names(program.call_spec.in_spec, parameters)
    return Signature(tuple(inputs), tuple(output_names(program.call_spec.out_spec)))


class _Importer:
    """The state of one import."""

    def __init__(self, program: ExportedProgram, names: Signature, name: str) -> None:
        self.program, self.names, self.name = program, names, name
        self.signature = program.graph_signature
        self.builder, self.failures = GraphBuilder(), Failures()
        self.walker = Walker(self.builder, self.failures, names.prefix)
        self.inputs: list[str] = []
        self.states: dict[str, str] = {}  # buffer -> the name of its input
        self.state_values: dict[str, Tensor] = {}

    def run(self, shapes: dict[str, tuple[int, ...]], bindings: dict[str, int]) -> Graph:
        self._refuse_mutated_inputs()
        values = self._placeholders(shapes, bindings)
        results = self.walker.run(self.program.graph_module, values)
        self.failures.check(self.name)
        nodes, names, states = self._outputs(results)
        meta: dict[str, Any] = {"inputs": tuple(self.inputs), "outputs": tuple(names), "model": self._about()}
        if states:
            meta |= {"states": tuple(states), "state_values": self.state_values}
        return self.builder.finish(nodes, meta)

    def _refuse_mutated_inputs(self) -> None:
        changed = set(self.signature.user_inputs_to_mutate.values())
        if changed:
            called = zip(self.signature.user_inputs, self.names.inputs, strict=True)
            named = [name for argument, name in called if argument in changed]
            raise ModelError(
                f"{self.name} changes its inputs in place: {', '.join(named)}. "
                "Return the new values instead, or make them buffers of the module"
            )

    def _placeholders(self, shapes: dict[str, tuple[int, ...]], bindings: dict[str, int]) -> list[Any]:
        """The value of each placeholder: constants for parameters, known tensors for buffers, inputs for the user's tensors."""
        nodes = [node for node in self.program.graph.nodes if node.op == "placeholder"]
        specs = self.signature.input_specs
        users = [node for node, spec in zip(nodes, specs, strict=True) if spec.kind == InputKind.USER_INPUT]
        names = dict(zip(users, unique(self.names.inputs), strict=True))
        tensors = {n: names[n] for n, s in zip(nodes, specs, strict=True) if n in names and isinstance(s.arg, TensorArgument)}
        symbols = Symbols.bind({name: node.meta["val"].shape for node, name in tensors.items()}, shapes, bindings)
        return [self._placeholder(node, spec, names.get(node, ""), symbols) for node, spec in zip(nodes, specs, strict=True)]

    def _placeholder(self, node: Node, spec: InputSpec, name: str, symbols: Symbols) -> Any:
        if spec.kind == InputKind.USER_INPUT:
            return self._user_input(node, spec, name, symbols)
        if spec.kind not in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            raise ModelError(f"{self.name}: '{spec.target}' is a {spec.kind.name.lower()}, which amdc cannot compile")
        target = str(spec.target)
        tensor = self.program.state_dict.get(target, self.program.constants.get(target))
        assert isinstance(tensor, Tensor), f"the exported program lacks '{target}'"
        called = target.removeprefix(self.names.prefix)
        if target in self.signature.buffers_to_mutate.values():
            return self._state(target, called, tensor)
        if spec.kind == InputKind.PARAMETER:
            return self.builder.constant(tensor, called)
        return self.walker.name(tensor.detach(), called)

    def _state(self, target: str, name: str, tensor: Tensor) -> Node:
        self.states[target] = name
        self.state_values[name] = tensor.detach().contiguous()
        self.inputs.append(name)
        return self.builder.input(name, tuple(tensor.shape), tensor.dtype)

    def _user_input(self, node: Node, spec: InputSpec, name: str, symbols: Symbols) -> Any:
        if isinstance(spec.arg, ConstantArgument):
            return spec.arg.value
        if isinstance(spec.arg, SymIntArgument):
            return symbols.size(node.meta["val"])
        if not isinstance(spec.arg, TensorArgument):
            raise ModelError(f"{self.name}: input '{name}' is a {type(spec.arg).__name__}; amdc takes tensors and plain values")
        val = node.meta["val"]
        if val.dtype not in DTYPES:
            raise ModelError(f"{self.name}: input '{name}' is {str(val.dtype).removeprefix('torch.')}, which amdc cannot compile")
        self.inputs.append(name)
        return self.builder.input(name, tuple(symbols.size(extent) for extent in val.shape), val.dtype)

    def _outputs(self, results: list[Any]) -> tuple[list[Node], list[str], list[tuple[str, str]]]:
        """Nodes and names of the outputs, tensors only, and the states; new values of states come behind the user's outputs."""
        names = iter(unique(self.names.outputs))
        user: list[tuple[Node, str]] = []
        state: list[tuple[Node, str]] = []
        states: list[tuple[str, str]] = []
        for spec, result in zip(self.signature.output_specs, results, strict=True):
            assert result is not MISSING
            if spec.kind == OutputKind.BUFFER_MUTATION:
                held = self.states[str(spec.target)]
                states.append((held, f"{held}.next"))
                state.append((self.walker.node(result, held), f"{held}.next"))
            elif spec.kind == OutputKind.USER_OUTPUT:
                name = next(names)
                if isinstance(result, (Node, Tensor)):
                    user.append((self.walker.node(result, name), name))
            else:
                raise ModelError(f"{self.name}: output '{spec.arg}' is a {spec.kind.name.lower()}, which amdc cannot compile")
        pairs = user + state
        return [node for node, _ in pairs], [name for _, name in pairs], states

    def _about(self) -> dict[str, Any]:
        return {"producer": f"torch {torch.__version__}", "name": self.name}
