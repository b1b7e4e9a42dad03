"""Winograd convolutions through their lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.codegen.choice import Choice, Choices
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.codegen.lowerings import winograd_filters
from amdc.ir.regions import make_region
from amdc.kernels import conv
from amdc.runtime.session import open_session
from amdc.target import target
from tests.kernels.harness import ARCH, Function
from tests.kernels.test_convolution import Case
from tests.kernels.winograd_bound import UNIT, largest_errors
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
AT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
TRANSFORMS = (BT, winograd_filters.G, AT)
ONE = (1, 1, 1, 1)
CASES = (
    Case(2, 16, 20, (13, 11), (3, 3), pads=ONE),  # odd sizes, tiles of two images in one wave
    Case(1, 9, 6, (6, 7), (3, 3), pads=(0, 1, 2, 1)),  # pads differ by side, channels no multiple of a stage
    Case(1, 16, 8, (5, 4), (3, 3), pads=ONE, groups=2),
    Case(3, 8, 33, (4, 4), (3, 3), pads=ONE, bias=False),
    Case(2, 33, 17, (4, 3), (3, 3)),  # two outputs an image, one below the other
    Case(1, 8, 4, (1, 1), (3, 3), pads=ONE),
    Case(3, 64, 40, (14, 14), (3, 3), pads=ONE),
)
SHAPES = [shape.name for shape in conv.WINOGRAD_SHAPES]


def launched(function: Function, x: torch.Tensor, name: str, fuse: bool = False, launches: int = 1) -> np.ndarray:
    """What the candidate `name` computes."""
    graph = trace(function, x)
    if fuse:
        make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "fused")
    seen: list[Choice] = []
    choices = Choices(lookup=lambda *_: name, record=seen.append)
    bundle = compile_lowered(lower(graph, target(ARCH), LoweringOptions(choices=choices)))
    assert [choice.chosen for choice in seen] == [name] and len(bundle.program.launches) == launches
    with open_session(bundle, "sim") as session:
        (result,) = session.run({graph.meta["inputs"][0]: x.numpy()}).values()
    return result


def check(case: Case, name: str) -> None:
    plain, (x, weight, *bias) = case.plain(), case.tensors()
    function, (_, packed, *_) = case.packed()
    result = launched(lambda x: function(x, packed, *bias), x, name)
    exact = plain(x.double(), weight.double(), *(b.double() for b in bias)).numpy()
    allowed = largest_errors(x, weight, case.groups, case.pads, TRANSFORMS) + 2 * UNIT * np.abs(exact)
    assert np.all(np.abs(result - exact) <= allowed)


def check_fused(name: str, dtype: torch.dtype) -> None:
    """Padding stays zero whatever the prologue makes of it; narrow inputs and outputs; a residual in the epilogue."""
    case = CASES[1]
    function, (x, packed, bias) = case.packed()
    scale, shift = torch.rand(case.channels, 1, 1), torch.rand(case.channels, 1, 1)
    other = torch.randn(case.plain()(*case.tensors()).shape)
    x, *held = (value.to(dtype) for value in (x, packed, bias, scale, shift, other))

    def fused(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        scale, shift, other = rest
        return torch.relu(function(torch.relu(x * scale + shift), packed, bias) + other)

    result = launched(lambda x: fused(x, *held), x, name, fuse=True)
    exact = fused(x.double(), *(value.double() for value in held)).numpy()
    unit = 2.0**-10 if dtype == torch.float16 else 2.0**-20  # a few roundings of what is stored
    assert np.abs(result - exact).max() <= 8 * unit * np.abs(exact).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_shape(case: Case, name: str) -> None:
    check(case, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{SHAPES[1]} 2 parts", f"{SHAPES[1]} 4 parts", f"{SHAPES[4]} 2 parts"])
@pytest.mark.parametrize(
    "case", [Case(2, 36, 20, (9, 7), (3, 3), pads=ONE), Case(1, 64, 8, (6, 6), (3, 3), pads=ONE, groups=2)], ids=str
)
def test_channels_in_parts(case: Case, name: str) -> None:
    check(case, name)


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.slow)], ids=str)
def test_prologue_and_epilogue(dtype: torch.dtype) -> None:
    check_fused(SHAPES[1], dtype)


@pytest.mark.parametrize("change", [{"stride": (2, 2)}, {"dilation": (2, 2)}, {"kernel": (3, 1)}, {"channels": 4}], ids=str)
def test_where_it_does_not_apply(change: dict[str, tuple[int, ...]]) -> None:
    """Only implicit GEMMs are offered; and for weights that are an input of the model."""
    case = Case(**({"batch": 1, "channels": 16, "outs": 8, "size": (9, 9), "kernel": (3, 3)} | change))  # type: ignore[arg-type]
    assert not any("winograd" in name for name in offered(case, constant=True))
    assert not any("winograd" in name for name in offered(Case(1, 16, 8, (9, 9), (3, 3)), constant=False))


def offered(case: Case, constant: bool) -> list[str]:
    function, (x, *rest) = case.packed()
    graph = trace((lambda x: function(x, *rest)), x) if constant else trace(function, x, *rest)
    seen: list[Choice] = []
    lower(graph, target(ARCH), LoweringOptions(choices=Choices(record=seen.append)))
    return [candidate.name for candidate in seen[0].candidates]
