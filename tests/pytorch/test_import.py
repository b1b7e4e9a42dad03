"""What an imported Graph holds: names, shared weights, states, bound dimensions; and what is refused, by name."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import amdc
from amdc.errors import ModelError, UsageError
from amdc.frontends import import_any
from amdc.frontends.torch import import_exported, import_module
from amdc.ir.graph import Graph, constant, inputs, outputs, placeholders, shape
from amdc.ir.verifier import verify
from tests.pytorch.modules import MODELS


class Pair(NamedTuple):
    key: Tensor
    value: Tensor


class Nested(nn.Module):
    """Takes and gives tensors in tuples, dicts and named tuples."""

    def forward(self, x: Tensor, past: Any, scale: float = 2.0, *, flag: bool, mask: Tensor | None = None) -> dict[str, Any]:
        y = x * scale if flag else x
        return {"sum": y + past["key"], "parts": (past["value"], [y - 1]), "pair": Pair(y * 3, y * 4), "none": None, "count": 3}


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 4), nn.Linear(4, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.embedding(ids))


class Counter(nn.Module):
    """A buffer that each call changes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.full((3,), 5.0))

    def forward(self, x: Tensor) -> Tensor:
        self.total.add_(x)
        return self.total * 2


class Opaque:
    """No container that PyTorch knows."""

    value = torch.ones(2)


class Function(nn.Module):
    """A function as a module in evaluation mode."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def held(graph: Graph) -> dict[str, Tensor]:
    """The Graph's constants by the user's names."""
    nodes = {str(node.target): node for node in graph.graph.nodes if node.op == "get_attr"}
    return {name: constant(graph, nodes[attribute]) for attribute, name in graph.meta["constants"].items()}


def test_nested_inputs_and_outputs_have_readable_names() -> None:
    example = {"x": torch.randn(2), "past": {"key": torch.randn(2), "value": torch.randn(2)}, "flag": True}
    graph = import_module(Nested().eval(), example)
    verify(graph)
    assert inputs(graph) == ("x", "past.key", "past.value")
    assert outputs(graph) == ("sum", "parts.0", "parts.1.0", "pair.key", "pair.value")
    results = dict(zip(outputs(graph), graph(example["x"], *example["past"].values()), strict=True))
    torch.testing.assert_close(results["pair.value"], example["x"] * 8)


def test_numbers_and_flags_are_fixed() -> None:
    past = {"key": torch.zeros(2), "value": torch.zeros(2)}
    graph = import_module(Nested().eval(), {"x": torch.ones(2), "past": past, "scale": 5.0, "flag": True})
    assert graph(torch.ones(2), torch.zeros(2), torch.zeros(2))[0].tolist() == [5.0, 5.0]


def test_positional_arguments_are_called_as_forward_calls_them() -> None:
    graph = import_module(nn.Bilinear(3, 4, 5).eval(), (torch.randn(2, 3), torch.randn(2, 4)))
    assert inputs(graph) == ("input1", "input2") and outputs(graph) == ("output",)


def test_parameters_are_shared_not_copied() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)).eval()
    constants = held(import_module(model, torch.randn(2, 3)))
    assert set(constants) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    for name, parameter in model.named_parameters():
        assert constants[name].data_ptr() == parameter.data_ptr()


def test_tied_weights_stay_one() -> None:
    assert len(held(import_module(Tied().eval(), torch.tensor([[1, 2]])))) == 1


def test_nodes_say_where_they_stand_in_the_module_tree() -> None:
    graph = import_module(nn.Sequential(nn.Sequential(nn.Linear(3, 4)), nn.ReLU()).eval(), torch.randn(2, 3))
    sources = {name for node in graph.graph.nodes for name in node.meta.get("source", ())}
    assert {"0.0/addmm", "1/relu"} <= sources


def test_changed_buffers_are_states() -> None:
    model = Counter().eval()
    graph = import_module(model, torch.ones(3))
    verify(graph)
    assert graph.meta["states"] == (("total", "total.next"),)
    assert graph.meta["state_values"]["total"].tolist() == [5.0, 5.0, 5.0]
    with amdc.load(amdc.compile(model, example_inputs=torch.ones(3)), device="sim") as session:
        assert [port.name for port in session.inputs] == ["x"] and [port.name for port in session.outputs] == ["output"]
        first, second = (session.run({"x": np.ones(3, np.float32)})["output"].tolist() for _ in range(2))
    assert first == [12.0] * 3 and second == [14.0] * 3
    assert model.total.tolist() == [5.0, 5.0, 5.0]


def test_changed_inputs_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"changes its inputs in place: cache"):
        import_module(Function(lambda x, cache: cache.add_(x)), {"x": torch.ones(2), "cache": torch.ones(2)})


def test_training_mode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Linear is in training mode.*model\.eval\(\)"):
        import_module(nn.Linear(2, 2), torch.ones(1, 2))


def test_all_unsupported_operators_in_one_table() -> None:
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.rand(2) + torch.rand(2) + x.nonzero().sum()

    with pytest.raises(ModelError) as caught:
        import_module(nn.Sequential(nn.Identity(), Draws()).eval(), torch.ones(2))
    text = str(caught.value)
    assert "3 operators in it cannot be compiled" in text
    for row in (r"aten.rand.default +2  1/rand", r"aten.nonzero.default +1  1/nonzero", "random numbers", "depends on values"):
        assert re.search(row, text), text


def test_a_module_that_cannot_be_exported_is_named() -> None:
    with pytest.raises(ModelError, match=r"Function cannot be exported by torch\.export"):
        import_module(Function(lambda x: x if x.sum() > 0 else -x), (torch.ones(2),))


@pytest.mark.parametrize("example", [None, 3, "x"])
def test_examples_are_required(example: Any) -> None:
    with pytest.raises(UsageError, match="pass example_inputs="):
        import_module(nn.ReLU().eval(), example)


def test_objects_that_may_hide_tensors_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"example input 'past' is a Opaque: pass tensors"):
        import_module(Function(lambda x, past: x + past.value), {"x": torch.ones(2), "past": Opaque()})


def test_a_cache_of_transformers_is_an_input() -> None:
    """Its tensors are inputs by readable names, and each step's are outputs."""
    model, (ids,) = MODELS["gpt2"]()
    with torch.no_grad():
        past = model(ids).past_key_values
        wanted = model(ids[:, :1], past_key_values=copy.deepcopy(past))
    graph = import_module(model, {"input_ids": ids[:, :1], "past_key_values": past})
    assert inputs(graph)[:2] == ("input_ids", "past_key_values.key_cache.0")
    assert outputs(graph)[1] == "past_key_values.key_cache.0"
    tensors = [leaf for leaf in torch.utils._pytree.tree_leaves(past) if isinstance(leaf, Tensor)]
    results = graph(ids[:, :1], *tensors)
    torch.testing.assert_close(results[0], wanted.logits, rtol=1e-4, atol=1e-5)
    assert results[1].shape[2] == tensors[0].shape[2] + 1


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="complex64"):
        import_module(Function(lambda x: torch.fft.rfft(x).abs()), (torch.ones(8),))


def test_unknown_containers_are_named() -> None:
    class Box:
        def __init__(self, x: Tensor) -> None:
            self.x = x

    with pytest.raises(ModelError, match=r"Box|export"):
        import_module(Function(Box), (torch.ones(2),))


class Rows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(-1) + x.shape[0]


def test_named_dimensions_are_bound() -> None:
    graph = import_module(Rows().eval(), torch.randn(2, 3), {"x": {0: "N", 1: torch.export.Dim("S")}}, bindings={"N": 5, "S": 7})
    assert shape(placeholders(graph)[0]) == (5, 7)
    x = torch.randn(5, 7)
    torch.testing.assert_close(graph(x)[0], Rows()(x))


def test_wrong_names_and_open_dimensions_are_refused() -> None:
    named = {"x": {0: "N"}}
    for kwargs, message in (
        ({"dynamic_shapes": named}, "dimensions without a size: N"),
        ({"dynamic_shapes": named, "bindings": {"M": 2}}, "no such symbol: M; symbols: N"),
        ({"shapes": {"y": (1, 2)}}, "no such input: y; inputs: x"),
        ({"shapes": {"x": (1, 2, 3)}}, "input 'x' has 2 dimensions, not 3"),
    ):
        with pytest.raises(UsageError, match=message):
            import_module(Rows().eval(), torch.randn(2, 3), **kwargs)


def test_several_bindings_make_one_bundle() -> None:
    model = nn.Linear(3, 4).eval()
    bundle = amdc.compile(
        model, example_inputs=torch.randn(1, 3), dynamic_shapes={"input": {0: "N"}}, bindings={"N": (1, 4)}, opt_level=1
    )
    with amdc.load(bundle, device="sim") as session:
        for count in (1, 4):
            x = torch.randn(count, 3)
            got = torch.from_numpy(session.run({"input": x.numpy()})["output"].copy())
            torch.testing.assert_close(got, model(x).detach())


def test_exported_programs_and_their_files(tmp_path: Path) -> None:
    program = torch.export.export(Rows().eval(), (torch.randn(4, 3),), dynamic_shapes={"x": {0: torch.export.Dim("rows")}})
    torch.export.save(program, tmp_path / "rows.pt2")
    for model in (program, str(tmp_path / "rows.pt2"), tmp_path / "rows.pt2"):
        graph = import_any(model, shapes={"x": (6, 3)})
        verify(graph)
        x = torch.randn(6, 3)
        assert inputs(graph) == ("x",)
        torch.testing.assert_close(graph(x)[0], Rows()(x))
    with pytest.raises(UsageError, match=r"dimensions without a size: .*dimension 0 of 'x'"):
        import_exported(program)


def test_files_that_are_no_exports(tmp_path: Path) -> None:
    (tmp_path / "bad.pt2").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="not a readable PyTorch export"):
        import_any(tmp_path / "bad.pt2")
    with pytest.raises(UsageError, match="no such file"):
        import_any(tmp_path / "missing.pt2")
    with pytest.raises(UsageError, match="belong to PyTorch modules"):
        import_any("model.onnx", example_inputs=torch.ones(1))


def test_strided_weights_and_inputs() -> None:
    """channels_last weights are stored densely; views that relied on their strides still mean the same."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval().to(memory_format=torch.channels_last)
    x = torch.randn(1, 3, 5, 5).to(memory_format=torch.channels_last)
    graph = import_module(model, x)
    verify(graph)
    torch.testing.assert_close(graph(x.contiguous())[0], model(x).detach())


def test_no_grad_and_autocast_blocks() -> None:
    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = self.linear(x)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.linear(x) + y

    model, x = Blocks().eval(), torch.randn(2, 3)
    with torch.enable_grad():
        program = torch.export.export(model, (x,))
    for graph in (import_module(model, x), import_exported(program)):
        verify(graph)
        torch.testing.assert_close(graph(x)[0], model(x).detach())
