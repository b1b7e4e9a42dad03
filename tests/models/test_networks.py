"""Whole networks on the simulated gfx803, checks on: against ONNX Runtime, against stored outputs, on real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import amdc
from amdc.bundle import Bundle
from amdc.cli.photograph import as_input, export_network, load_photograph
from amdc.compiler.verify import Verification, verify
from tests.models.networks import LIGHT_NAMES, PRETRAINED, light, light_output, ramp, random_weights

FAST = {("squeezenet", 3)}
SLOW = pytest.mark.slow
STORED_RTOL = {"densenet121": 2e-3}  # as the onnx package's own data.json says; 1e-3 for all others


def assert_verified(model: Path, bundle: Bundle, inputs: dict[str, np.ndarray] | None = None, seed: int = 0) -> Verification:
    from amdc.inputs import random_inputs

    with amdc.load(bundle, "sim") as session:
        result = verify(model, bundle, session, inputs or random_inputs(session.inputs, seed))
    details = [output.describe() for output in result.outputs] + ([result.deviation.describe()] if result.deviation else [])
    assert result.passed, "\n".join(details)
    return result


def levels() -> list[object]:
    cases = [(name, level) for name in LIGHT_NAMES for level in (0, 1, 3)]
    return [pytest.param(*case, marks=() if case in FAST else SLOW) for case in cases]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "level"), levels())
def test_light_network(name: str, level: int) -> None:
    """Random input against ONNX Runtime; the stored output of the onnx package for its own input."""
    bundle = amdc.compile(light(name), opt_level=level)
    assert_verified(light(name), bundle)
    port = bundle.program.inputs[0]
    with amdc.load(bundle, "sim") as session:
        (actual,) = session.run({port.name: ramp(port.shape)}).values()
    np.testing.assert_allclose(actual, light_output(name), rtol=STORED_RTOL.get(name, 1e-3), atol=1e-7)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "squeezenet" else SLOW) for name in LIGHT_NAMES])
def test_light_network_with_random_weights(name: str, tmp_path: Path) -> None:
    """The light networks fill each weight with one value, which hides exchanged elements; random weights do not."""
    model = random_weights(name, tmp_path)
    assert_verified(model, amdc.compile(model, opt_level=3))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "level"),
    [pytest.param(name, level, marks=SLOW) for name in PRETRAINED for level in (0, 3)],
)
def test_pretrained_network(name: str, level: int) -> None:
    network = PRETRAINED[name]
    shapes = {network.input: network.shape}
    bundle = amdc.compile(network.path, opt_level=level, shapes=shapes)
    for photograph in ("flower.jpg", "china.jpg"):
        assert_verified(network.path, bundle, network.inputs(photograph))


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("efficientnet") / "efficientnet-lite0.onnx"
    export_network(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 3])
def test_efficientnet_names_the_photographs(efficientnet: Path, level: int) -> None:
    """flower.jpg is a daisy (class 985), china.jpg a palace (698)."""
    bundle = amdc.compile(efficientnet, opt_level=level)
    for photograph, expected in (("flower.jpg", 985), ("china.jpg", 698)):
        inputs = {"image": as_input(load_photograph(photograph))}
        assert_verified(efficientnet, bundle, inputs)
        with amdc.load(bundle, "sim") as session:
            assert int(session.run(inputs)["scores"].argmax()) == expected


def test_resnet50_meets_its_structure() -> None:
    """A launch a convolution (two are one), the pooling and the classifier; activations near the largest live set."""
    program = amdc.compile(light("resnet50"), opt_level=3).program
    assert len(program.launches) <= 52 + 1 + 1
    assert program.peak_activation_bytes <= 1.15 * program.largest_live_set
    assert all(kernel.scratch_bytes == 0 for kernel in program.kernels.values())
