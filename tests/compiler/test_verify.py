"""verify passes what is right, and names the first kernel and node of what is wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest

import amdc
from amdc.bundle import Bundle
from amdc.compiler.verify import Verification, verify
from amdc.inputs import random_inputs


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three convolutions in a row, with different kernel sizes so that none shares a kernel."""
    rng = np.random.default_rng(11)
    nodes, weights, previous = [], [], "x"
    for index, size in enumerate((3, 1, 5)):
        array = rng.standard_normal((4, 4, size, size), dtype=np.float32)
        weights.append(onnx.numpy_helper.from_array(array, f"w{index}"))
        pads = [size // 2] * 4
        nodes.append(oh.make_node("Conv", [previous, f"w{index}"], [f"c{index}"], f"/layer{index}/Conv", pads=pads))
        nodes.append(oh.make_node("Relu", [f"c{index}"], [f"r{index}"], f"/layer{index}/Relu"))
        previous = f"r{index}"
    ports = [[oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 9, 9])] for name in ("x", previous)]
    graph = oh.make_graph(nodes, "three", *ports, initializer=weights)
    file = tmp_path_factory.mktemp("verify") / "three.onnx"
    onnx.save(oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=8), file)
    return file


def verified(path: Path, bundle: Bundle, **options: float) -> Verification:
    with amdc.load(bundle, "sim") as session:
        return verify(path, bundle, session, random_inputs(session.inputs, 5), **options)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_right_program_passes(path: Path, level: int) -> None:
    assert verified(path, amdc.compile(path, opt_level=level)).passed


@pytest.mark.parametrize("level", [0, 3])
def test_a_wrong_kernel_is_named(path: Path, level: int) -> None:
    """With the second convolution's weights spoiled, the report names that launch and that node, not the third's."""
    bundle = amdc.compile(path, opt_level=level)
    spoiled = {
        name: array * np.float32(1.001) if array.shape in ((4, 4, 1, 1), (4, 4)) else array
        for name, array in bundle.constants.items()
    }
    changed = [name for name in spoiled if spoiled[name] is not bundle.constants[name]]
    assert len(changed) == 1, changed
    result = verified(path, dataclasses.replace(bundle, constants=spoiled))
    assert not result.passed
    assert result.deviation is not None
    assert "/layer1/Conv" in result.deviation.launch.source
    assert "/layer1/Conv" in result.deviation.describe()


def test_tolerances_can_be_given(path: Path) -> None:
    bundle = amdc.compile(path)
    assert not verified(path, bundle, rtol=0.0, atol=0.0).passed
    assert verified(path, bundle, rtol=0.0, atol=1.0).passed


def test_host_and_sim_agree(path: Path, tmp_path: Path) -> None:
    """The Graph in PyTorch and the kernels on the simulated GPU compute the same; the bundle read back from its file, too."""
    file = amdc.compile(path).save(tmp_path / "three.amdc")
    results = {}
    for device in ("host", "sim"):
        with amdc.load(file, device) as session:
            results[device] = session.run(random_inputs(session.inputs, 5))
    largest = np.abs(results["host"]["r2"]).max()
    assert largest > 1 and np.abs(results["host"]["r2"] - results["sim"]["r2"]).max() < 1e-5 * largest


def test_cli_verify(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`amdc verify --json` exits with 0 and says passed; with a tolerance of zero it exits with 1 and names a kernel."""
    from amdc.cli.main import main

    for extra, status in (([], 0), (["--rtol", "0", "--atol", "0"], 1)):
        with pytest.raises(SystemExit) as stopped:
            main(["verify", str(path), "-O3", "--device", "sim", "--json", *extra])
        verdict = json.loads(capfd.readouterr().out)
        assert stopped.value.code == status
        assert verdict["passed"] is (status == 0)
        assert (verdict["first_deviation"] is None) is (status == 0)
