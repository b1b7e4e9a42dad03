"""Compile, run, compare with ONNX Runtime; on a mismatch find the first kernel, and the user's node, that deviates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from amdc.bundle import Bundle
from amdc.compiler.host_session import HostSession
from amdc.compiler.oracle import Oracle, oracle_for
from amdc.compiler.tolerance import ABSOLUTE, Comparison, compare, relative_bounds
from amdc.compiler.torch_oracle import TorchOracle
from amdc.program import Launch
from amdc.runtime.selection import select
from amdc.runtime.session import Session


@dataclass(frozen=True)
class Deviation:
    """The first launch whose result leaves its bound."""

    index: int
    launch: Launch
    comparison: Comparison

    def describe(self) -> str:
        nodes = ", ".join(self.launch.source) or self.launch.node
        return (
            f"first deviating kernel: launch {self.index}, {self.launch.kernel}\n"
            f"  model node(s): {nodes}\n  {self.comparison.describe()}\n  worst element at {list(self.comparison.worst_index)}"
        )


@dataclass(frozen=True)
class Verification:
    outputs: tuple[Comparison, ...]
    deviation: Deviation | None
    checked_launches: int
    expected: dict[str, np.ndarray] = field(repr=False)  # the reference's outputs by name
    actual: dict[str, np.ndarray] = field(repr=False)  # the session's
    reference: str = Oracle.reference  # what gave `expected`

    @property
    def passed(self) -> bool:
        return all(output.passed for output in self.outputs)


def verify(
    model: Any,
    bundle: Bundle,
    session: Session | HostSession,
    inputs: Mapping[str, np.ndarray],
    rtol: float | None = None,
    atol: float | None = None,
    example_inputs: Any = None,
) -> Verification:
    """Run `inputs` through the session and through ONNX Runtime (a PyTorch model: through PyTorch) and compare every output.

    `rtol` is relative to the largest magnitude of the reference, `atol` comes on top; None means the bounds derived from the
    Program (amdc.compiler.tolerance). On a mismatch the program runs once more, on inputs padded to their bucket, with a tap at
    each launch (on the host there are none).
    """
    selection = select(bundle, inputs)
    program = bundle.programs[selection.key]
    oracle = oracle_for(model, example_inputs)
    expected = oracle.outputs(dict(inputs))
    actual = session.run(dict(inputs))
    if bundle.schedule:
        stages = _verify_stages(bundle, session.executed, actual, expected, rtol, atol)
        return replace(stages, reference=oracle.reference)
    bounds = relative_bounds(program)
    floor = ABSOLUTE if atol is None else atol

    def bound(buffer: str) -> float:
        return bounds[buffer] if rtol is None else rtol

    outputs = tuple(
        compare(port.name, actual[port.name], np.asarray(expected[port.name]), bound(port.buffer), floor)
        for port in program.outputs
    )
    if all(output.passed for output in outputs) or isinstance(session, HostSession):
        return Verification(outputs, None, 0, expected, actual, oracle.reference)
    session.reset()
    deviation, checked = _first_deviation(program.launches, oracle, session, selection.arrays, bound, floor)
    return Verification(outputs, deviation, checked, expected, actual, oracle.reference)


def _verify_stages(
    bundle: Bundle,
    executed: Sequence[str],
    actual: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    rtol: float | None,
    atol: float | None,
) -> Verification:
    """The outputs of a model with a loop. Errors of the programs that ran, each as often as it ran, are independent: their
    squares add. No search for the first deviation: ONNX Runtime tells nothing of the values inside a loop."""
    bounds = {key: max(relative_bounds(program).values(), default=0.0) for key, program in bundle.programs.items()}
    relative = math.sqrt(sum(bounds[key] ** 2 for key in executed)) if rtol is None else rtol
    floor = ABSOLUTE if atol is None else atol
    outputs = tuple(
        compare(port.name, actual[port.name], np.asarray(expected[port.name]), relative, floor) for port in bundle.outputs
    )
    return Verification(outputs, None, 0, expected, actual)


def _first_deviation(
    launches: tuple[Launch, ...],
    oracle: Oracle | TorchOracle,
    session: Session,
    inputs: dict[str, np.ndarray],
    bound: Any,
    atol: float,
) -> tuple[Deviation | None, int]:
    """The first launch, in order, whose result leaves its bound, and how many launches could be compared."""
    expected = oracle.tensors([launch.value for launch in launches if launch.value], inputs)
    found: list[Deviation] = []
    checked = 0

    def tap(index: int, launch: Launch, written: Mapping[str, np.ndarray]) -> None:
        nonlocal checked
        if found or launch.value not in expected:
            return
        checked += 1
        buffer = launch.writes[0]
        reference = np.asarray(expected[launch.value])
        result = compare(launch.value, written[buffer].reshape(reference.shape), reference, bound(buffer), atol)
        if not result.passed:
            found.append(Deviation(index, launch, result))

    session.run(inputs, taps=tap)
    return (found[0] if found else None), checked
