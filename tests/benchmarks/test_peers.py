"""The comparison with peers: what they launch is kept and replayed faithfully, wrong outputs count in no mean.

tests/data/peers holds a small network's code by TVM and by tinygrad, as benchmarks/peers wrote it: whole programs of other
compilers that must run right on the simulated GPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from amdc.errors import UsageError
from amdc.sim import Device
from benchmarks.peers.compare import Refused, Side, described, difference, reference, restored
from benchmarks.peers.launch_folder import Argument, Folder, Launch
from benchmarks.peers.networks import LAYERS, MODELS, random_feed
from benchmarks.peers.replay import Replay
from benchmarks.peers.run import means, ratio, summary

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "peers"


def side(kernels_us: float, launches: int = 1, error: float | None = 0.0) -> Side:
    return Side("some", launches, kernels_us, error, 0.0, ())


@pytest.mark.parametrize("peer", ["tvm", "tinygrad"])
def test_whole_programs_of_peers_compute_what_onnx_runtime_does(peer: str) -> None:
    pytest.importorskip("onnxruntime")
    path = DATA / "small.onnx"
    feed = random_feed(onnx.load(path))
    outputs = Replay(Device("gfx803", check=False), Folder.load(DATA / peer)).run(feed)
    assert difference(outputs.values(), reference(path, feed)) < 1e-5


def test_a_replay_times_launches_that_are_alike_once() -> None:
    folder = Folder.load(DATA / "tinygrad")
    one = folder.launches[1]
    twice = replace(folder, code=(folder.code[one.code],), launches=(replace(one, code=0),) * 2)
    first, second = (timing for _, timing in Replay(Device("gfx803", check=False, timing=True), twice).timings())
    assert first is second
    assert first.microseconds > 0


def test_a_folder_reads_back_as_written(tmp_path: Path) -> None:
    folder = Folder.load(DATA / "tvm")
    scalar = Launch(0, "other", (1, 2, 3), (4, 5, 6), (Argument(1, 16), Argument(value=2.5, dtype="float32")), 128)
    changed = replace(folder, launches=(*folder.launches, scalar))
    changed.save(tmp_path / "new")
    again = Folder.load(tmp_path / "new")
    assert replace(again, weights={}) == replace(changed, weights={})
    assert {n: data.tobytes() for n, data in again.weights.items()} == {n: d.tobytes() for n, d in folder.weights.items()}


def test_a_launch_of_a_kernel_that_is_not_there_is_refused() -> None:
    folder = Folder.load(DATA / "tinygrad")
    broken = replace(folder, launches=(replace(folder.launches[0], kernel="absent"),))
    with pytest.raises(UsageError, match="absent"):
        Replay(Device("gfx803", check=False), broken).run({"x": np.zeros((2, 3, 17, 19), np.float32)})


def test_differences_are_relative_and_not_a_number_is_infinite() -> None:
    assert difference([np.array([1.0, 8.5])], [np.array([1.0, 8.0])]) == pytest.approx(0.0625)
    assert difference([np.array([np.nan, 8.0])], [np.array([1.0, 8.0])]) == float("inf")
    assert difference([np.array([0.25])], [np.array([0.0])]) == 0.25


def test_launches_cost_every_compiler_the_same() -> None:
    assert side(100.0, launches=4).total_us - side(100.0, launches=1).total_us == pytest.approx(3 * 26.0)
    sides = {"amdc": side(74.0), "tvm": side(248.0, launches=2)}
    assert ratio(sides, "tvm") == pytest.approx(3.0)


@pytest.mark.parametrize("bad", [side(1.0, error=0.5), side(1.0, error=float("inf")), Refused("tvm", "no such operator")])
def test_wrong_or_missing_code_has_no_ratio(bad: Side | Refused) -> None:
    assert ratio({"amdc": side(1.0), "tvm": bad}, "tvm") is None
    assert ratio({"amdc": bad, "tvm": side(1.0)}, "tvm") is None
    assert ratio({"amdc": side(1.0)}, "tvm") is None


def test_means_are_geometric_and_tell_models_from_layers() -> None:
    (model, other), layer = list(MODELS)[:2], next(iter(LAYERS))
    table = {
        model: {"amdc": side(74.0), "tvm": side(174.0)},
        other: {"amdc": side(74.0), "tvm": side(774.0)},
        layer: {"amdc": side(74.0), "tvm": side(74.0), "tinygrad": side(474.0)},
    }
    assert means(table, MODELS, "tinygrad") is None
    assert summary(table) == {
        "tvm, models": {"geometric_mean": 4.0, "of_kernels_alone": 4.959, "networks": 2},
        "tvm, layers": {"geometric_mean": 1.0, "of_kernels_alone": 1.0, "networks": 1},
        "tinygrad, layers": {"geometric_mean": 5.0, "of_kernels_alone": 6.405, "networks": 1},
    }


@pytest.mark.parametrize("one", [side(2.5, 3, None), side(1.0, error=float("inf")), Refused("tvm", "no such operator")])
def test_recorded_rows_read_back(one: Side | Refused) -> None:
    assert restored(json.loads(json.dumps(described(one)))) == one


def test_missing_peers_are_named_with_what_to_install(tmp_path: Path) -> None:
    absent = tmp_path / "venv" / "bin" / "python"
    command = [sys.executable, ROOT / "benchmarks/peers/run.py", "sgemm-1024", "--tvm", absent, "--tinygrad", absent]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stdout == ""
    for peer, package in (("tvm", "apache-tvm"), ("tinygrad", "tinygrad")):
        assert f"{peer} is not installed for {absent}" in done.stderr
        assert f"pip install {package}" in done.stderr
