"""Several inputs, outputs and programs on the command line: .npz files, bindings, buckets, and what is shown of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from tests.cli.conftest import Run, model

A = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
B = np.ones((3, 2), np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sum = a + b and product = a * b, for a [N, S, 2] and b [S, 2]."""
    nodes = [oh.make_node("Add", ["a", "b"], ["sum"], "add"), oh.make_node("Mul", ["a", "b"], ["product"], "multiply")]
    shapes = {"a": ["N", "S", 2], "b": ["S", 2]}
    file = tmp_path_factory.mktemp("several") / "several.onnx"
    onnx.save(model(nodes, shapes, {"sum": ["N", "S", 2], "product": ["N", "S", 2]}), file)
    return file


@pytest.fixture(scope="module")
def bundle(path: Path) -> Path:
    import amdc

    return amdc.compile(path, bindings={"N": (1, 2)}, buckets={"S": (4,)}).save(path.with_suffix(".amdc"))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    np.savez(tmp_path / "in.npz", a=A, b=B)
    return tmp_path / "in.npz"


def test_compile_several(path: Path, tmp_path: Path, amdc: Run) -> None:
    result = amdc("compile", path, "--shape", "b=Bx2", "--bind", "B=3", "--bind", "N=1,2", "-o", tmp_path / "m.amdc")
    assert result.status == 0 and not result.out
    assert "2 (N=1), 2 (N=2) launches" in result.err or "1 (N=1), 1 (N=2) launches" in result.err


@pytest.mark.parametrize("device", ["sim", "host"])
def test_run_on_one_file_to_one_file(bundle: Path, inputs: Path, tmp_path: Path, amdc: Run, device: str) -> None:
    result = amdc("run", bundle, "--input", inputs, "--device", device, "--output", tmp_path / "out.npz")
    assert result.status == 0
    assert [line.split(" min")[0] for line in result.out.splitlines()] == ["sum: float32 [2, 3, 2]", "product: float32 [2, 3, 2]"]
    with np.load(tmp_path / "out.npz") as made:
        np.testing.assert_array_equal(made["sum"], A + B)
        np.testing.assert_array_equal(made["product"], A * B)


def test_run_on_files_to_a_folder(bundle: Path, tmp_path: Path, amdc: Run) -> None:
    np.save(tmp_path / "a.npy", A[:1])
    np.save(tmp_path / "b.npy", B)
    given = [f"a={tmp_path / 'a.npy'}", f"b={tmp_path / 'b.npy'}"]
    result = amdc("run", bundle, "--input", given[0], "--input", given[1], "--device", "host", "--output", tmp_path / "out")
    assert result.status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "sum.npy"), A[:1] + B)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "product.npy"), A[:1] * B)


def test_run_with_a_shape_of_no_program(bundle: Path, tmp_path: Path, amdc: Run) -> None:
    np.savez(tmp_path / "in.npz", a=np.zeros((3, 3, 2), np.float32), b=B)
    result = amdc("run", bundle, "--input", tmp_path / "in.npz", "--device", "host")
    assert result.status == 2
    assert "no program of the bundle takes a [3, 3, 2], b [3, 2]" in result.err
    assert "N=2: a float32 [2, 4, 2], b float32 [4, 2]" in result.err or "N=2, S=4: a float32 [2, 4, 2]" in result.err


def test_verify_every_program(path: Path, amdc: Run) -> None:
    result = amdc("verify", path, "--bind", "N=1,2", "--bind", "S=3", "--device", "sim", "--json")
    verdict = json.loads(result.out)
    assert result.status == 0 and verdict["passed"]
    assert list(verdict["programs"]) == ["N=1", "N=2"]
    assert [output["shape"] for output in verdict["programs"]["N=2"]["outputs"]] == [[2, 3, 2], [2, 3, 2]]


def test_verify_on_a_file_takes_the_program_that_fits(path: Path, inputs: Path, amdc: Run) -> None:
    result = amdc("verify", path, "--bind", "N=1,2", "--bind", "S=3", "--device", "sim", "--input", inputs)
    assert result.status == 0
    assert "N=2: sum [2, 3, 2]: ok" in result.out and "N=1" not in result.out


def test_inspect_shows_every_program(bundle: Path, tmp_path: Path, amdc: Run) -> None:
    text = amdc("inspect", bundle).out
    assert "2 programs share weights" in text and "padded with zeros to the next of 4" in text
    assert text.count("Kernels, by their share") == 2
    facts = json.loads(amdc("inspect", bundle, "--json").out)
    assert len(facts["programs"]) == 2
    assert facts["buckets"][0]["inputs"] == {"a": [1], "b": [0]}
    assert amdc("inspect", bundle, "--html", tmp_path / "report.html").status == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count('class="program"') == 2 and page.count("<svg") == 2
