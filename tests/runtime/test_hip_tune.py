"""`amdc tune --device hip` against the fake HIP runtime: times from events, one candidate at a time, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnx.helper as oh
import pytest

from amdc.runtime import hip_library
from amdc.tune import Database
from tests.cli.conftest import model
from tests.runtime.conftest import calls
from tests.runtime.test_hip_profile import amdc
from tests.tune.stand_in import offer_candidates


@pytest.fixture
def relu(library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A model with one operator, for which there are candidates."""
    monkeypatch.setattr(hip_library, "FILE_NAMES", (library,))
    monkeypatch.setattr("amdc.tune.timers.RUNS", 3)
    offer_candidates(monkeypatch)
    path = tmp_path / "relu.onnx"
    onnx.save(model([oh.make_node("Relu", ["x"], ["y"], "r")], {"x": [64]}, {"y": [64]}), path)
    return str(path)


def test_times_come_from_events(relu: str, log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The fake clock stands at 2 ** k - 1 ms at its k-th record: the first candidate's three runs last 1, 2 and 4 ms."""
    database = tmp_path / "t.sqlite"
    status, out, err = amdc(capfd, "tune", relu, "--device", "hip", "--database", str(database), "--json")
    assert status == 0, err
    (found,) = json.loads(out)
    assert (found["candidate"], found["us"], found["timed"]) == ("thrice", pytest.approx(2e3), 3)
    with Database(database) as opened:
        timings = opened.all()
    assert [timing.how for timing in timings] == ["hip"] * 3
    assert [timing.us for timing in timings] == [pytest.approx(2e3 * 16**index) for index in range(3)]
    assert len(calls(log, "hipEventCreate")) == len(calls(log, "hipEventDestroy")) == 3 * 4
    assert len(calls(log, "hipMalloc")) == len(calls(log, "hipFree")) == 3 * 2
    assert len(calls(log, "hipModuleLaunchKernel")) == (3 + 1 + 2) * (3 + 1)


def test_what_a_card_measured_goes_before_predictions(
    relu: str, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    database = str(tmp_path / "t.sqlite")
    monkeypatch.setattr("amdc.tune.timers.ModelTimer.time", lambda self, work, code: float(len(work.launches)))
    assert json.loads(amdc(capfd, "tune", relu, "--database", database, "--json")[1])[0]["candidate"] == "once"
    amdc(capfd, "tune", relu, "--device", "hip", "--database", database)
    monkeypatch.setattr("amdc.tune.lookup.default_path", lambda: Path(database))
    status, _, err = amdc(capfd, "compile", relu, "-o", str(tmp_path / "relu.amdc"))
    assert status == 0 and "3 launches" in err
