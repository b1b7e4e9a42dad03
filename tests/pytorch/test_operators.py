"""Every operator that PyTorch tags as core ATen compiles, or is named as refused; `amdc ops --frontend torch` says the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

import amdc
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.compiler.torch_operators import AT_IMPORT, REFUSED, core_operators, rows
from amdc.errors import ModelError
from amdc.frontends.torch import import_module
from amdc.ir.graph import outputs
from amdc.ir.verifier import verify
from amdc.target import target
from tests.pytorch.aten_cases import CASES

TABLE = {row.name: row for row in rows()}
RUN = sorted(name for name in CASES if name not in REFUSED)
FIRST_RESULT = ("_native_batch_norm_legit_no_training.default", "_embedding_bag.default")  # the others are for training
KNOWN = {"_embedding_bag.default": 2}  # an operator's argument that must be known at import
CHUNK = 40  # operators in one module: exporting is what takes time
UNDEFINED = ("empty.memory_format", "empty_strided.default")  # any values are right


class Call(nn.Module):
    """One operator on tensors; its other arguments are fixed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        args = CASES[name]
        keywords = args[-1] if args and isinstance(args[-1], dict) else {}
        leaves, self.spec = tree_flatten((args[:-1] if keywords else args, keywords))
        self.name, self.operator = name, core_operators()[name]
        self.is_tensor = [isinstance(leaf, Tensor) and KNOWN.get(name) != index for index, leaf in enumerate(leaves)]
        self.fixed = [None if held else leaf for leaf, held in zip(leaves, self.is_tensor, strict=True)]
        self.example = tuple(leaf for leaf, held in zip(leaves, self.is_tensor, strict=True) if held)
        self.eval()

    def forward(self, *tensors: Tensor) -> Any:
        given = iter(tensors)
        leaves = [next(given) if held else value for value, held in zip(self.fixed, self.is_tensor, strict=True)]
        args, kwargs = tree_unflatten(leaves, self.spec)
        result = self.operator(*args, **kwargs)
        return result[0] if self.name in FIRST_RESULT else result


class Calls(nn.Module):
    """Several operators, each with inputs of its own."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.calls = nn.ModuleList(map(Call, names))
        self.example = tuple(tensor for call in self.calls for tensor in call.example)
        self.eval()

    def forward(self, *tensors: Tensor) -> list[Any]:
        given = iter(tensors)
        return [call(*(next(given) for _ in call.example)) for call in self.calls]


def reference(call: Call | Calls) -> list[Tensor]:
    with torch.no_grad():
        return [leaf for leaf in tree_leaves(call(*call.example)) if isinstance(leaf, Tensor)]


def close(got: list[Tensor], wanted: list[Tensor], names: tuple[str, ...]) -> None:
    assert len(got) == len(wanted) == len(names) > 0
    for result, expected, name in zip(got, wanted, names, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_every_core_operator_is_accounted_for() -> None:
    """Each has a case below, or is refused, or is a question about shapes that the import answers."""
    answered = {row.name for row in TABLE.values() if row.note == AT_IMPORT}
    assert set(TABLE) == set(core_operators())
    assert {name for name, row in TABLE.items() if row.status != "refused"} - answered - set(CASES) == set()
    assert {row.note for row in TABLE.values()} >= {""} and "no kernel computes it" not in {row.note for row in TABLE.values()}


@pytest.mark.parametrize("start", range(0, len(RUN), CHUNK))
def test_all_lower(start: int) -> None:
    """Imported, right in PyTorch, and laid out as launches at -O0."""
    names = [name for name in RUN[start : start + CHUNK] if name not in UNDEFINED]
    calls = Calls(names)
    graph = import_module(calls, calls.example)
    verify(graph)
    close(list(graph(*calls.example)), reference(calls), outputs(graph))
    used = {str(node.target).removeprefix("aten.") for node in graph.graph.nodes if node.op == "call_function"}
    assert [name for name in names if name in used and TABLE[name].status != "compiles"] == []
    lower(graph, target("gfx803"), LoweringOptions(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUN if name not in UNDEFINED])
def test_on_sim(name: str) -> None:
    """Compiled and run on the simulated card."""
    call = Call(name)
    with amdc.load(amdc.compile(call, example_inputs=call.example, opt_level=2), device="sim") as session:
        given = {port.name: tensor.numpy() for port, tensor in zip(session.inputs, call.example, strict=True)}
        results = session.run(given)
    found = [torch.from_numpy(results[port.name].copy()) for port in session.outputs]
    close(found, reference(call), tuple(port.name for port in session.outputs))


@pytest.mark.parametrize("name", sorted(set(REFUSED) & set(CASES)))
def test_refused(name: str) -> None:
    call = Call(name)
    with pytest.raises(ModelError):
        import_module(call, call.example)
