"""`amdc profile --device hip` against the fake HIP runtime: times from events, and nothing that events do not tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amdc.cli import main
from amdc.runtime import hip_library
from tests.runtime.conftest import calls


def amdc(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main.main(list(arguments))
    captured = capfd.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


@pytest.fixture(autouse=True)
def fake_runtime(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hip_library, "FILE_NAMES", (library,))


def test_times_come_from_events(log: Path, saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The fake clock stands at 2 ** k - 1 ms at its k-th record. A run records three times: after the warm-up the first launches
    of the three runs last 2 ** 3, 2 ** 6 and 2 ** 9 ms, and the median counts."""
    page = tmp_path / "page.html"
    options = ["--device", "hip", "--card", "RX 570", "--runs", "3", "--json", "--html", str(page)]
    status, out, err = amdc(capfd, "profile", str(saved), *options)
    assert status == 0, err
    found = json.loads(out)
    first, second = found["launches"]
    assert (found["device_kind"], found["device"], found["card"], found["runs"]) == ("hip", "Fake Radeon 1", "RX 570", 3)
    assert (first["us"], second["us"]) == (pytest.approx(1e3 * 2**6), pytest.approx(1e3 * 2**7))
    assert not {"prediction"} & set(first) and not {"kernel_us", "launch_us"} & set(found["totals"])
    assert not found["hot"] and not found["hints"] and not {"bound", "limiter"} & set(found["kernels"][0])
    assert len(calls(log, "hipEventCreate")) == len(calls(log, "hipEventDestroy")) == 4 * 3
    text = page.read_text()
    assert "measured" in text and "predicted" not in text and "in flight" not in text


def test_table_has_no_column_of_the_simulator(log: Path, saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = amdc(capfd, "profile", str(saved), "--device", "hip", "--card", "RX 570", "--runs", "1")
    assert status == 0 and "measured with events, median of 1 runs" in out
    assert not [word for word in ("predicted", "bound", "in flight", "limiter", "Hot") if word in out]


def test_a_card_that_is_not_told_by_its_name(log: Path, saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = amdc(capfd, "profile", str(saved), "--device", "hip")
    assert (status, out) == (2, "") and "'Fake Radeon 1' does not tell which card it is" in err and "--card: RX 580" in err
