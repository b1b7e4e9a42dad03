"""One network, compiled by amdc and by its peers, on the same simulated card: outputs checked, launches timed alike."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from amdc.sim import Device
from amdc.target import target
from benchmarks.peers.launch_folder import LAUNCHES, Folder
from benchmarks.peers.networks import random_feed
from benchmarks.peers.replay import Replay

ARCH = "gfx803"
COMPILE_LIMIT = 1200  # seconds for a peer and a network
HERE = Path(__file__).resolve().parent
SCRIPTS = {"tvm": HERE / "tvm_compile.py", "tinygrad": HERE / "tinygrad_compile.py"}
WRONG = 1e-3  # of the largest output: rounding in another order is far below it, a wrong kernel far above


@dataclass(frozen=True)
class Side:
    """What one compiler made of a network. Times are predicted: `kernels_us` all kernels without launches. `error` is the
    largest difference from ONNX Runtime's outputs over the largest output; None where the outputs were not checked."""

    compiler: str
    launches: int
    kernels_us: float
    error: float | None
    compile_s: float
    slowest: tuple[tuple[str, float], ...]  # kernels with their microseconds over all their launches

    @property
    def total_us(self) -> float:
        """Kernels and launches; a launch costs every compiler the same."""
        return self.kernels_us + self.launches * target(ARCH).launch_us

    @property
    def right(self) -> bool:
        return self.error is None or self.error < WRONG


@dataclass(frozen=True)
class Refused:
    """A compiler that gave no code, and its words."""

    compiler: str
    reason: str


def reference(path: Path, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """ONNX Runtime's outputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, dict(feed))]


def amdc_side(path: Path, card: str, expected: list[np.ndarray] | None) -> Side | Refused:
    """The network through `amdc.compile` at -O3."""
    import amdc
    from amdc.errors import AmdcError
    from benchmarks.predicted_models import rates, simulated_times

    started = time.perf_counter()
    try:
        bundle = amdc.compile(path, opt_level=3)
    except AmdcError as error:
        return Refused("amdc", str(error).splitlines()[0])
    compile_s = time.perf_counter() - started
    difference_found = None
    if expected is not None:
        with amdc.load(bundle, "sim", check=False) as session:
            difference_found = difference(session.run(random_feed(onnx.load(path))).values(), expected)
    timed = simulated_times(bundle, bundle.program, rates(card), card)
    return _side(f"amdc {amdc.__version__}", difference_found, compile_s, [(launch.kernel, launch.us) for launch in timed])


def peer_side(peer: str, python: Path, path: Path, folder: Path, card: str, expected: list[np.ndarray] | None) -> Side | Refused:
    """The network through a peer, whose launches are compiled once and kept in `folder`."""
    if not (folder / LAUNCHES).exists() or (folder / LAUNCHES).stat().st_mtime < path.stat().st_mtime:
        command = [str(python), str(SCRIPTS[peer]), str(path), str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_LIMIT)
        except subprocess.TimeoutExpired:
            return Refused(peer, f"no code within {COMPILE_LIMIT} s")
        if done.returncode:
            return Refused(peer, done.stderr.strip().splitlines()[-1][:200])
    made = Folder.load(folder)
    error = None
    if expected is not None:
        outputs = Replay(Device(ARCH, check=False), made).run(random_feed(onnx.load(path)))
        error = difference(outputs.values(), expected)
    replay = Replay(Device(ARCH, check=False, timing=True, card=card), made)
    replay.set_inputs(random_feed(onnx.load(path)))
    timed = [(launch.kernel, timing.microseconds) for launch, timing in replay.timings()]
    return _side(made.producer, error, made.compile_s, timed)


def difference(outputs: Iterable[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference, over the largest expected value of that output; infinite where an output is not a number."""
    worst = 0.0
    for got, wanted in zip(outputs, expected, strict=True):
        largest = float(np.abs(wanted).max()) or 1.0
        found = float(np.abs(got.astype(np.float64) - wanted).max()) / largest
        worst = max(worst, float("inf") if np.isnan(found) else found)
    return worst


def _side(compiler: str, error: float | None, compile_s: float, timed: list[tuple[str, float]]) -> Side:
    together: dict[str, float] = {}
    for kernel, us in timed:
        together[kernel] = together.get(kernel, 0.0) + us
    slowest = sorted(together.items(), key=lambda entry: -entry[1])[:5]
    rounded = tuple((kernel, round(us, 2)) for kernel, us in slowest)
    return Side(compiler, len(timed), round(sum(us for _, us in timed), 2), error, round(compile_s, 2), rounded)


def described(side: Side | Refused) -> dict[str, Any]:
    """For the file of results; `restored` reads it back."""
    if isinstance(side, Refused):
        return dict(vars(side))
    error = None if side.error is None else f"{side.error:.1e}"  # a string: JSON has no infinity
    more = {"error": error, "slowest": dict(side.slowest), "total_us": round(side.total_us, 2), "right": side.right}
    return {**vars(side), **more}


def restored(entry: Mapping[str, Any]) -> Side | Refused:
    """What `described` wrote."""
    if "reason" in entry:
        return Refused(**entry)
    error = None if entry["error"] is None else float(entry["error"])
    fields = {key: value for key, value in entry.items() if key not in ("total_us", "right")}
    return Side(**fields | {"error": error, "slowest": tuple(entry["slowest"].items())})
