"""`amdc profile` on the simulated card: tables, JSON, the page, and its exit statuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from tests.cli.conftest import Run, convolution_model, model


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The convolution model with its kernels' sources."""
    import amdc

    path = tmp_path_factory.mktemp("profile") / "small.amdc"
    return amdc.compile(convolution_model(), keep_source=True).save(path)


def test_tables(bundle: Path, amdc: Run) -> None:
    result = amdc("profile", bundle, "--random", "3")
    assert result.status == 0
    assert re.search(r"^small.amdc on simulated RX 580: \d+ us, predicted by the timing model; 2 launches", result.out, re.M)
    assert "Kernels by time" in result.out and re.search(r"conv, relu +1 +\d+\.\d", result.out)
    assert re.search(r"^ *kernel.hip:\d+ +\S", result.out, re.M)  # a hot line with its source
    assert "launches take" in result.out and "work-groups on 36 CUs" in result.out


def test_json(bundle: Path, amdc: Run, tmp_path: Path) -> None:
    """All of it, on stdout alone; times add up, and another card gives other ones."""
    result = amdc("profile", bundle, "--json", "--card", "r9 nano", "--html", tmp_path / "page.html")
    found = json.loads(result.out)
    assert (found["device_kind"], found["card"], found["programs"]) == ("sim", "R9 Nano", ["main"])
    first, second = found["launches"]
    assert second["start_us"] == pytest.approx(first["us"]) and first["us"] > first["prediction"]["launch_us"]
    assert found["totals"]["us"] == pytest.approx(first["us"] + second["us"])
    assert [layer["nodes"] for layer in found["layers"]] == [["conv", "relu"], ["pool"]]
    assert set(first["prediction"]["busy"]) == {"VALU", "SALU", "LDS", "VMEM", "L2", "DRAM"}
    other = json.loads(amdc("profile", bundle, "--json", "--card", "RX 470").out)
    assert other["totals"]["us"] != found["totals"]["us"]


def test_page_needs_nothing_from_elsewhere(bundle: Path, amdc: Run, tmp_path: Path) -> None:
    result = amdc("profile", bundle, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert result.status == 0 and not result.out and not (tmp_path / "page.html.tmp").exists()
    assert not re.search(r"(src|href)=|https?://|@import|url\(", page)
    assert page.count('<circle class="point"') + int(re.search(r"want of arithmetic: (\d)|$", page)[1] or 0) == 2
    assert page.count('class="sorts"') >= 3 and "prefers-color-scheme: dark" in page and "conv, relu" in page
    assert "<b>predicted</b>" in page and "nan" not in page.lower().replace("nano", "")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = relu(x) for x of [4] and [9]."""
    import amdc

    path = tmp_path_factory.mktemp("profile") / "several.amdc"
    nodes = [oh.make_node("Relu", ["x"], ["y"], "relu")]
    return amdc.compile(model(nodes, {"x": ["N"]}, {"y": ["N"]}), bindings={"N": (4, 9)}).save(path)


def test_programs_are_chosen_as_a_run_chooses_them(several: Path, amdc: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(9, np.float32))
    chosen = [["--input", f"x={tmp_path / 'x.npy'}"], ["--program", "N=9"], []]
    ran = [json.loads(amdc("profile", several, "--json", *options).out)["programs"] for options in chosen]
    assert ran == [["N=9"], ["N=9"], ["N=4"]]


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--card", "RX 999"], 2, "unknown card 'RX 999' for gfx803; known: RX 580"),
        (["--program", "N=5"], 2, "has no program 'N=5'; it has: N=4, N=9"),
        (["--program", "N=4", "--input", "x=X"], 2, "--random and --program are for random inputs"),
        (["--input", "y=X"], 2, "the model has no input 'y'"),
        (["--device", "host"], 2, "'host' is not one of"),
        (["--device", "hip"], 3, "no HIP runtime"),
        (["--html", "absent/page.html"], 2, "cannot write absent/page.html: No such file or directory"),
    ],
)
def test_mistakes(
    several: Path, amdc: Run, tmp_path: Path, options: list[str], status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amdc.runtime import hip_library

    monkeypatch.setattr(hip_library, "FILE_NAMES", ("libamdhip64.so.0",))
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "x.npy", np.ones(9, np.float32))
    result = amdc("profile", several, *(option.replace("=X", "=x.npy") for option in options))
    assert (result.status, result.out) == (status, "") and words in result.err and "Traceback" not in result.err


@pytest.mark.slow
def test_a_loop_is_profiled_as_often_as_it_runs(tmp_path: Path, amdc: Run) -> None:
    """x is halved while its sum exceeds 1: three times for [1, 3]."""
    path = tmp_path / "loop.amdc"
    import amdc as compiler

    compiler.compile(halving_model()).save(path)
    np.save(tmp_path / "x.npy", np.array([1, 3], np.float32))
    found = json.loads(amdc("profile", path, "--input", f"x={tmp_path / 'x.npy'}", "--json").out)
    middle = [key for key in found["programs"] if found["programs"].count(key) > 1]
    assert len(middle) == 2 and len({launch["program"] for launch in found["launches"]}) == len(set(found["programs"]))


def halving_model() -> onnx.ModelProto:
    condition = oh.make_tensor_value_info("more", onnx.TensorProto.BOOL, [])
    body = oh.make_graph(
        [
            oh.make_node("Mul", ["v", "half"], ["w"], "halve"),
            oh.make_node("ReduceSum", ["w"], ["s"], "sum", keepdims=0),
            oh.make_node("Greater", ["s", "one"], ["more"], "compare"),
        ],
        "body",
        [
            oh.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            oh.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            oh.make_tensor_value_info("v", onnx.TensorProto.FLOAT, [2]),
        ],
        [condition, oh.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [2])],
    )
    nodes = [
        oh.make_node("ReduceSum", ["x"], ["s0"], "first", keepdims=0),
        oh.make_node("Greater", ["s0", "one"], ["c0"], "start"),
        oh.make_node("Loop", ["", "c0", "x"], ["y"], "loop", body=body),
    ]
    scalars = [oh.make_tensor(name, onnx.TensorProto.FLOAT, [], [value]) for name, value in (("half", 0.5), ("one", 1.0))]
    return model(nodes, {"x": [2]}, {"y": [2]}, initializer=scalars)
