"""Runs a bundle and notes what each launch took: on a card by its events, on the simulated card by the timing model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from amdc.bundle import Bundle
from amdc.errors import UsageError
from amdc.inputs import inputs_for
from amdc.program import Launch
from amdc.runtime.session import Session
from amdc.runtime.sim_device import SimDevice
from amdc.sim.timing import LaunchTiming

Progress = Callable[[int, int, str], None]  # launches done, of how many, what runs


@dataclass(frozen=True)
class Sample:
    """What one launch took in microseconds, with the launch itself; `timing` is the timing model's, None on a card."""

    program: str
    launch: Launch
    us: float
    timing: LaunchTiming | None = None


def collect(session: Session, inputs: Mapping[str, Any], runs: int, progress: Progress) -> list[Sample]:
    """A sample for each launch of a run, in order. On a card, after a run to warm up, each is the median of `runs` runs, all from
    the states' first values; the model is deterministic and runs once."""
    device = session.device
    if isinstance(device, SimDevice):
        return _predicted(session, device, inputs, progress)
    measured = [_launch_us(session, inputs) for _ in range(runs + 1)][1:]
    launches = _executed(session)
    if any(len(run) != len(launches) for run in measured):
        raise UsageError(f"{session.bundle.name} does not launch the same kernels in each run: profile it with --runs 1")
    return [Sample(*launches[i], us=median(run[i] for run in measured)) for i in range(len(launches))]


def _launch_us(session: Session, inputs: Mapping[str, Any]) -> list[float]:
    session.reset()
    session.run(inputs, time=True)
    return [1e3 * milliseconds for milliseconds in session.launch_ms]


def _predicted(session: Session, device: SimDevice, inputs: Mapping[str, Any], progress: Progress) -> list[Sample]:
    done, programs = 0, session.bundle.programs.values()
    expected = sum(len(program.launches) for program in programs) if session.bundle.schedule else 0

    def tap(index: int, launch: Launch, written: dict[str, np.ndarray]) -> None:
        nonlocal done
        done += 1
        progress(done, expected or len(session.bundle.programs[session.executed[-1]].launches), launch.kernel)

    device.gpu.timings.clear()
    session.reset()
    session.run(inputs, taps=tap)
    return predicted_samples(session, device.gpu.timings)


def predicted_samples(session: Session, timings: list[LaunchTiming]) -> list[Sample]:
    """The samples of a session's last run from what its simulated device noted of it."""
    pairs = zip(_executed(session), timings, strict=True)
    return [Sample(program, launch, timing.microseconds + timing.launch_us, timing) for (program, launch), timing in pairs]


def _executed(session: Session) -> list[tuple[str, Launch]]:
    """The launches of the last run with their programs' keys."""
    programs = session.bundle.programs
    return [(key, launch) for key in session.executed for launch in programs[key].launches]


def random_inputs(bundle: Bundle, seed: int, key: str | None = None) -> dict[str, np.ndarray]:
    """Random inputs for a program of a bundle, by default the first. A language model's tokens are in its vocabulary, and stand
    at the end of a full cache: the longest attention that it has. Raises `UsageError` for an unknown program."""
    if key is not None and key not in bundle.programs:
        raise UsageError(f"{bundle.name} has no program '{key}'; it has: {', '.join(bundle.programs)}")
    if key is not None and bundle.schedule:
        raise UsageError(f"the programs of {bundle.name} run one after another: profile it without --program")
    program = bundle.programs[key] if key is not None else next(iter(bundle.programs.values()))
    arrays = inputs_for(program, seed)
    if bundle.generation is not None:
        length = arrays["ids"].shape[1]
        arrays["ids"] = np.random.default_rng(seed).integers(0, bundle.generation.vocabulary, (1, length))
        arrays["start"] = np.array([bundle.generation.max_length - length])
        arrays["last"] = np.array([length - 1])
    return arrays
