"""`amdc tune` and `amdc compile --tune-seconds`: what they print, where results lie, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnx.helper as oh
import pytest

from amdc.bundle import Bundle
from amdc.tune import Database
from amdc.tune.survey import Work
from tests.cli.conftest import Run, convolution_model, model
from tests.tune.stand_in import TIMES, offer_candidates


@pytest.fixture
def relu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with one operator, for which there are candidates; a launch takes 100 us, and the user's database is a new one."""

    def time(self: object, work: Work, code: Mapping[str, bytes]) -> float:
        return 100.0 * len(work.launches)

    offer_candidates(monkeypatch)
    monkeypatch.setattr("amdc.tune.timers.ModelTimer.time", time)
    for module in ("amdc.tune", "amdc.tune.database", "amdc.tune.lookup"):
        monkeypatch.setattr(f"{module}.default_path", lambda: tmp_path / "tuning.sqlite")
    path = tmp_path / "relu.onnx"
    onnx.save(model([oh.make_node("Relu", ["x"], ["y"], "r")], {"x": [64]}, {"y": [64]}), path)
    return path


def test_prints_each_problem(amdc: Run, relu: Path) -> None:
    status, out, err = amdc("tune", relu)
    assert status == 0
    assert out.splitlines()[1].split() == ["100.0", "300.0", "1", "relu", "n=64:", "once"]
    assert "1 of 1 problems tuned" in err


def test_json_and_a_database_of_ones_own(amdc: Run, relu: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    (found,) = json.loads(amdc("tune", relu, "--database", path, "--json", "--card", "R9 Nano").out)
    assert (found["candidate"], found["us"], found["default"], found["timed"]) == ("once", 100.0, "thrice", 3)
    assert not (tmp_path / "tuning.sqlite").exists()
    with Database(path) as database:
        assert {timing.card for timing in database.all()} == {"R9 Nano"}


def test_compile_uses_what_was_tuned(amdc: Run, relu: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "relu.amdc"
    assert "3 launches" in amdc("compile", relu, "-o", bundle).err
    amdc("tune", relu)
    assert "1 launches" in amdc("compile", relu, "-o", bundle).err
    assert Bundle.open(bundle).options["tuning"] == {"card": "RX 580", "used": 1, "stale": 0}
    assert "3 launches" in amdc("compile", relu, "-o", bundle, "--card", "R9 Nano").err


def test_compile_with_a_budget_tunes_first(amdc: Run, relu: Path, tmp_path: Path) -> None:
    assert "1 launches" in amdc("compile", relu, "-O3", "--tune-seconds", 60, "-o", tmp_path / "relu.amdc").err


def test_stale_choices_are_said(amdc: Run, relu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    amdc("tune", relu)
    monkeypatch.delitem(TIMES, "hopeless")
    monkeypatch.setattr("tests.tune.stand_in.COSTS", {"thrice": 1.0, "once": 2.0})
    assert "1 tuned choices are of other kernels than today's" in amdc("compile", relu, "-o", tmp_path / "relu.amdc").err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["-O", "1"], 2, "nothing to tune"),
        (["--card", "RX 9999"], 2, "unknown card 'RX 9999'"),
        (["--device", "hip"], 3, "--device sim"),
        (["--seconds", "0"], 2, "--seconds"),
        (["--database", "DAMAGED"], 2, "delete it, or name another one"),
    ],
)
def test_refusals(amdc: Run, tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    onnx.save(convolution_model(), tmp_path / "m.onnx")
    (tmp_path / "DAMAGED").write_text("no database at all, but some text that is long enough to be looked at" * 9)
    result = amdc("tune", tmp_path / "m.onnx", *(str(tmp_path / a) if a == "DAMAGED" else a for a in arguments))
    assert (result.status, words in result.err, result.out) == (status, True, "")


def test_a_budget_belongs_to_o3(amdc: Run, tmp_path: Path) -> None:
    onnx.save(convolution_model(), tmp_path / "m.onnx")
    result = amdc("compile", tmp_path / "m.onnx", "--tune-seconds", "5")
    assert result.status == 2
    assert "-O3" in result.err
