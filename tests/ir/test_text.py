"""The text form: every graph that is written reads back equal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tracing import run, trace

from amdc.errors import ModelError
from amdc.ir.graph import Graph
from amdc.ir.parser import parse
from amdc.ir.printer import to_text
from amdc.ir.regions import make_region
from amdc.ir.serialize import constants, load, save


@pytest.fixture
def graph() -> Graph:
    weight, scale = torch.randn(4, 3, 3, 3), torch.tensor([1.0, float("inf"), -0.5])

    def function(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pooled, places = F.max_pool2d(F.conv2d(image * scale.reshape(3, 1, 1), weight, padding=1), 2, return_indices=True)
        return torch.clamp(pooled, 0.1, float("inf")).relu(), places.to(torch.int32)

    made = trace(function, torch.randn(1, 3, 8, 8))
    nodes = {str(node.target): node for node in made.graph.nodes}
    nodes["aten.relu.default"].meta["source"] = (
        "plain",
        "quote ' and \" and # and -> and \n and %relu",
    )
    make_region(made, [nodes["aten.clamp.default"], nodes["aten.relu.default"]], "pointwise")
    return made


def test_a_line_shows_type_call_and_the_users_names(graph: Graph) -> None:
    line = next(line for line in to_text(graph).splitlines() if "aten.convolution" in line)
    assert line.startswith(
        "%convolution : f32[1,4,8,8] = aten.convolution.default(%mul, %_tensor_constant1, None, [1, 1], [1, 1]"
    )
    assert line.endswith("# '/convolution' -> 'convolution_out'")


def test_regions_are_indented_below_their_call(graph: Graph) -> None:
    lines = to_text(graph).splitlines()
    at = next(index for index, line in enumerate(lines) if "region.pointwise_0(" in line)
    assert lines[at + 1].startswith("  %arg0 : f32[1,4,4,4] = input('arg0')")
    assert lines[at + 4] == "  return %relu"


def test_text_reads_back_equal(graph: Graph) -> None:
    again = parse(to_text(graph), constants(graph))
    assert to_text(again) == to_text(graph)
    x = torch.randn(1, 3, 8, 8)
    for got, want in zip(run(again, x), run(graph, x), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)


def test_files_read_back_equal(graph: Graph, tmp_path: Path) -> None:
    save(graph, tmp_path / "dump")
    again = load(tmp_path / "dump")
    assert to_text(again) == to_text(graph)
    for name, tensor in constants(graph).items():
        assert torch.equal(constants(again)[name], tensor)


def test_a_bundled_text_reads_without_small_constants(graph: Graph) -> None:
    large = {name: tensor for name, tensor in constants(graph).items() if tensor.numel() > 8}
    assert len(large) < len(constants(graph))
    assert to_text(parse(to_text(graph), large)) == to_text(graph)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("aten.relu", "aten.nonesuch"), "aten.nonesuch.default, which this PyTorch does not have"),
        (lambda text: text.replace("return [", "retour ["), "expected `%name : type = expression`"),
        (lambda text: text[: text.index("%convolution")], "truncated"),
        (lambda text: text.replace("(%mul,", "(%mull,"), "_mull"),
        (lambda text: text.replace("aten.relu.default(", "aten.relu.default(("), "cannot be read"),
    ],
)
def test_malformed_text_is_one_clear_error(graph: Graph, change, message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("(", r"\(")):
        parse(change(to_text(graph)), constants(graph))


def test_a_missing_constant_is_named(graph: Graph) -> None:
    with pytest.raises(ModelError, match="names the constant '_tensor_constant1', which the constants beside it lack"):
        parse(to_text(graph), {})


def test_a_folder_without_a_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no readable graph"):
        load(tmp_path)


def test_states_are_told_from_inputs() -> None:
    graph = trace(lambda cache, x: (x * 2, cache + x), torch.zeros(3), torch.zeros(3))
    graph.meta |= {"inputs": ("cache", "x"), "outputs": ("y", "cache.next"), "states": (("cache", "cache.next"),)}
    text = to_text(graph)
    assert "= state('cache', 'cache.next')" in text and "= input('x')" in text
    again = parse(text, {})
    assert (again.meta["inputs"], again.meta["states"]) == (graph.meta["inputs"], graph.meta["states"])
    assert to_text(again) == text


def test_values_that_the_text_shows_are_those_that_count() -> None:
    """Programs of one bundle may call different small constants alike."""
    two = torch.tensor([2.0, 2.0])
    graph = trace(lambda x: x * two, torch.zeros(2))
    (name,) = constants(graph)
    again = parse(to_text(graph), {name: torch.tensor([5.0])})
    assert run(again, torch.ones(2))[0].tolist() == [2, 2]
