"""A bundle on the simulated GPU: the device that every machine has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import amdc
from amdc.bundle import MAIN, Bundle
from amdc.errors import UsageError
from amdc.program import Scalar
from amdc.runtime import hip_device
from amdc.runtime.session import open_session
from tests.support.small_model import COUNT, WEIGHT, reference

# v_mac_f32 and v_mad_f32 round the product and the sum: numpy's way of a * x + w. The square rounds once on both.
RTOL = 1e-6


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hip_device, "supported_card", lambda arch: False)


@pytest.mark.parametrize("check", [True, False])
def test_runs(saved: Path, image: np.ndarray, check: bool) -> None:
    with amdc.load(saved, check=check, jobs=1) as session:
        assert session.device_kind == "sim"
        outputs = session.run({"image": image})
    np.testing.assert_allclose(outputs["probabilities"], reference(image), rtol=RTOL, atol=1e-6)


def test_many_runs_with_fresh_inputs(saved: Path) -> None:
    random = np.random.default_rng(1)
    with amdc.load(saved, "sim") as session:
        for _ in range(20):
            image = random.standard_normal(COUNT).astype(np.float32)
            np.testing.assert_allclose(session.run({"image": image})["probabilities"], reference(image), rtol=RTOL, atol=1e-6)


def test_taps(bundle: Bundle, image: np.ndarray) -> None:
    seen: dict[str, np.ndarray] = {}
    with open_session(bundle, "sim") as session:
        session.run({"image": image}, taps=lambda index, launch, written: seen.update(written))
    np.testing.assert_allclose(seen["t"], np.float32(3) * image + WEIGHT, rtol=RTOL, atol=1e-6)


def test_what_no_launch_wrote_is_nan(bundle: Bundle, image: np.ndarray) -> None:
    """The second launch covers half of the output; the first run's values must not shine through in the second run."""
    program = bundle.program
    square = program.launches[1]
    half = dataclasses.replace(square, arguments=(*square.arguments[:2], Scalar("uint32", COUNT // 2)))
    changed = dataclasses.replace(program, launches=(program.launches[0], half))
    partial = dataclasses.replace(bundle, programs={MAIN: changed})
    with open_session(partial, "sim") as session:
        for _ in range(2):
            values = session.run({"image": image})["probabilities"]
            assert np.isfinite(values[: COUNT // 2]).all() and np.isnan(values[COUNT // 2 :]).all()


def test_simulated_time_is_not_measured(bundle: Bundle, image: np.ndarray) -> None:
    with open_session(bundle, "sim") as session, pytest.raises(UsageError, match="simulated gfx803 has no clock"):
        session.run({"image": image}, time=True)
