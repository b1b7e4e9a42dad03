"""A PyTorch model as PyTorch computes it: the reference for what was compiled from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind
from torch.fx import Interpreter, Node
from torch.utils._pytree import tree_flatten

from amdc.frontends.torch.examples import Examples
from amdc.frontends.torch.exported import Signature
from amdc.frontends.torch.names import output_names, unique


def run_eagerly(model: nn.Module, examples: Examples, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The module's results by name. Its buffers stay as they are: a call that changes them changes copies."""
    args, kwargs = examples.filled(tensors)
    copies = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        leaves, spec = tree_flatten(torch.func.functional_call(model, copies, args, kwargs))
    return _named(leaves, output_names(spec))


def run_program(program: ExportedProgram, signature: Signature, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of an ExportedProgram; it runs on copies of its buffers too."""
    results = _Values(program, frozenset()).run(*_arguments(program, signature, tensors))
    outputs = [value for value, spec in zip(results, program.graph_signature.output_specs, strict=True) if _is_result(spec)]
    return _named(outputs, signature.outputs)


def values_inside(
    program: ExportedProgram, signature: Signature, tensors: Mapping[str, Tensor], names: Collection[str]
) -> dict[str, Tensor]:
    """The values of nodes of a decomposed program, by the names that `meta["value"]` gives them in the Graph."""
    interpreter = _Values(program, frozenset(names))
    with torch.no_grad():
        interpreter.run(*_arguments(program, signature, tensors))
    return interpreter.found


def _is_result(spec: Any) -> bool:
    return str(spec.kind.name) == "USER_OUTPUT"


def _named(leaves: Any, names: Any) -> dict[str, Tensor]:
    return {name: leaf for name, leaf in zip(unique(names), leaves, strict=True) if isinstance(leaf, Tensor)}


class _Values(Interpreter):
    """Runs a graph and keeps the values of some nodes; of several results, number k is called `name.k`, the first also `name`."""

    def __init__(self, program: ExportedProgram, names: Collection[str]) -> None:
        super().__init__(program.graph_module)
        self.found: dict[str, Tensor] = {}
        self._wanted = names

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        parts = result if isinstance(result, (tuple, list)) else (result,)
        for index, part in enumerate(parts):
            for name in (n.name, f"{n.name}.{index}") if index == 0 else (f"{n.name}.{index}",):
                if name in self._wanted and isinstance(part, Tensor):
                    self.found[name] = part.detach()
        return result


def _arguments(program: ExportedProgram, signature: Signature, tensors: Mapping[str, Tensor]) -> list[Any]:
    """The values of a program's placeholders, which hold parameters, buffers and constants beside the user's inputs."""
    names = iter(unique(signature.inputs))
    values: list[Any] = []
    for spec in program.graph_signature.input_specs:
        if spec.kind == InputKind.USER_INPUT:
            name = next(names)
            values.append(spec.arg.value if isinstance(spec.arg, ConstantArgument) else tensors[name])
            continue
        held = program.state_dict.get(str(spec.target), program.constants.get(str(spec.target)))
        values.append(held.clone() if spec.kind == InputKind.BUFFER and isinstance(held, Tensor) else held)
    return values
