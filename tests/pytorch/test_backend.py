"""torch.compile(model, backend="amdc")."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.exc import BackendCompilerFailed

from amdc.compiler.torch_backend import BackendOptions, Subgraph, amdc_backend
from amdc.errors import ModelError, UsageError
from tests.pytorch.modules import bert

SIM = {"device": "sim"}
compiled_graphs: list[Any] = []


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No graphs from other tests; each compiled one is noted."""
    torch._dynamo.reset()
    compiled_graphs.clear()
    made = Subgraph.__init__

    def noting(self: Subgraph, *args: Any) -> None:
        compiled_graphs.append(self)
        made(self, *args)

    monkeypatch.setattr(Subgraph, "__init__", noting)


def compiled(function: Any, **options: Any) -> Any:
    return torch.compile(function, backend=amdc_backend, options={**SIM, **options})


class Network(nn.Module):
    """Results in several layouts: transposed, sliced, and scaled by a number."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 4)

    def forward(self, x: Tensor, factor: int = 2) -> tuple[Tensor, ...]:
        y = self.norm(nn.functional.gelu(self.first(x)))
        return self.second(y).t(), y[:, :3], x * factor


def same(got: Any, wanted: Any) -> None:
    """Equal values in equal strides."""
    for result, expected in zip(got, wanted, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
        assert result.stride() == expected.stride()


def test_the_entry_point_names_the_backend() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    module, name = project["project"]["entry-points"]["torch_dynamo_backends"]["amdc"].split(":")
    assert getattr(importlib.import_module(module), name) is amdc_backend


def test_results_shapes_and_strides() -> None:
    """A new shape is compiled anew, a known one is not."""
    model = Network().eval()
    function = compiled(model)
    with torch.no_grad():
        for x in (torch.randn(2, 8), torch.randn(2, 8), torch.randn(3, 8), torch.randn(8, 2).t()):
            same(function(x), model(x))
        counts = []
        for _ in range(2):
            same(function(torch.ones(3, 8)), model(torch.ones(3, 8)))
            counts.append([len(graph._compiled) for graph in compiled_graphs])
    assert counts[0] == counts[1]


def test_changed_parameters_are_seen() -> None:
    model = Network().eval()
    function, x = compiled(model), torch.randn(2, 8)
    with torch.no_grad():
        same(function(x), model(x))
        model.second.weight.mul_(3)
        same(function(x), model(x))
        model.second = nn.Linear(16, 4)
        same(function(x), model(x))


def test_layers_of_one_kind_keep_their_own_parameters() -> None:
    layers = [nn.Linear(4, 4).eval(), nn.Linear(4, 4).eval()]
    function, x = compiled(lambda layer, x: layer(x)), torch.randn(3, 4)
    with torch.no_grad():
        for layer in (*layers, *layers):
            torch.testing.assert_close(function(layer, x), layer(x))
    assert compiled_graphs


def test_graph_breaks() -> None:
    """Python that depends on values runs between two compiled parts."""

    def function(x: Tensor) -> Tensor:
        y = x * 2
        return y + 1 if y.sum() > 0 else y - 1

    with torch.no_grad():
        ours = compiled(function)
        for x in (torch.ones(3), -torch.ones(3)):
            torch.testing.assert_close(ours(x), function(x))
    assert len(compiled_graphs) == 3


def test_changes_in_place_reach_the_caller() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        x.add_(1)
        return x.view(-1), x.sum()

    x, y = torch.zeros(3, 4), torch.zeros(3, 4)
    with torch.no_grad():
        view, total = compiled(function)(x)
        same((view, total), function(y))
    torch.testing.assert_close(x, y)
    assert view.data_ptr() == x.data_ptr()


@pytest.mark.slow
def test_a_transformer() -> None:
    model, inputs = bert()
    with torch.inference_mode():
        wanted, got = model(**inputs), compiled(model, opt_level=3)(**inputs)
    torch.testing.assert_close(got.last_hidden_state, wanted.last_hidden_state, rtol=1e-4, atol=1e-5)


def test_training_is_refused() -> None:
    with pytest.raises(BackendCompilerFailed, match=r"compiles inference.*torch\.no_grad\(\)"):
        compiled(nn.Linear(2, 2))(torch.ones(1, 2))


def test_unsupported_operators_are_named() -> None:
    with torch.no_grad(), pytest.raises(ModelError, match="random numbers"):
        compiled(lambda x: torch.rand(3) + x)(torch.ones(3))


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is the option's, else the environment's."""
    monkeypatch.setenv("AMDC_DEVICE", "host")
    assert BackendOptions.make(None, None).device == "host"
    assert BackendOptions.make(SIM, "default").device == "sim"
    monkeypatch.delenv("AMDC_DEVICE")
    assert BackendOptions.make({"opt_level": 3}, None) == BackendOptions(opt_level=3)
    with pytest.raises(UsageError, match="no such option of the backend amdc: devcie; options: device"):
        BackendOptions.make({"devcie": "sim"}, None)
    with pytest.raises(UsageError, match="has no mode 'max-autotune'"):
        BackendOptions.make(None, "max-autotune")


def test_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMDC_DEVICE", "host")
    with torch.no_grad():
        got = torch.compile(lambda x: x.softmax(0), backend=amdc_backend)(torch.arange(3.0))
    torch.testing.assert_close(got, torch.arange(3.0).softmax(0))
    assert type(next(iter(compiled_graphs[0]._compiled.values())).session).__name__ == "HostSession"
