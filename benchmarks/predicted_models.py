"""Predicted times of whole models on a simulated card, with their share of the roofline limit. Nothing is measured on silicon.

    python benchmarks/predicted_models.py [NAME ...] [-O3] [--card "RX 580"] [--static] [--top 10] [--record]

Every launch's kernel is timed by the simulator's timing layer (`--static`: by its roofline alone, without a simulation); a launch
costs `launch_us` of the target besides. Two limits are given, both without launches:
  launches  the sum over launches of the longer of flops / fp32 peak and least bytes / DRAM rate: what perfect kernels for this
            cutting into launches would take
  model     the longer of all flops / peak and (weights + inputs + outputs + states) / DRAM rate: activations are never moved
The DRAM rate is what streams reach on Polaris, 86 % of the pins' (amdc/target.py). Flops are those of the direct algorithm, also
where a kernel needs fewer (Winograd). A state counts as read once; what is written of it is small.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402
from benchmarks.workloads import WORKLOADS, Workload  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "predicted_models.json"


@dataclass(frozen=True)
class Rates:
    """What a card does a microsecond."""

    flops: float
    nbytes: float

    def limit(self, flops: float, nbytes: float) -> float:
        """The roofline's microseconds."""
        return max(flops / self.flops, nbytes / self.nbytes)


@dataclass(frozen=True)
class Timed:
    """One launch's prediction: `us` without the launch itself; `limit_us` its roofline."""

    kernel: str
    node: str
    grid: tuple[int, int, int]
    us: float
    limit_us: float
    bound: str


def rates(card: str | None) -> Rates:
    from amdc.target import target

    hardware = target("gfx803")
    product = hardware.card(card)
    return Rates(product.fp32_tflops * 1e6, product.dram_gbps * hardware.dram_efficiency * 1e3)


def model_bytes(program: Any) -> int:
    """Weights that some launch reads (of a table that is only gathered from, what is gathered counts as nothing), inputs,
    outputs and states, each once. The counters on which work-groups agree who finishes are no data of the model."""
    from amdc.codegen.builder import COUNTERS_NAME

    counters = {state.buffer for state in program.states if state.name == COUNTERS_NAME}
    gathers = {name for launch in program.launches if "gather" in launch.kernel for name in launch.reads}
    others = {name for launch in program.launches if "gather" not in launch.kernel for name in launch.reads}
    held = [buffer for buffer in program.buffers.values() if buffer.kind in ("constant", "input", "output", "state")]
    return sum(buffer.nbytes for buffer in held if buffer.name not in counters | (gathers - others))


def static_times(bundle: Any, program: Any, rate: Rates, card: str | None) -> list[Timed]:
    """Each launch at its roofline."""
    found = []
    for launch in program.launches:
        limit = rate.limit(launch.flops, launch.bytes_moved)
        bound = "VALU" if launch.flops / rate.flops >= limit else "DRAM"
        found.append(Timed(launch.kernel, launch.node, launch.grid, limit, limit, bound))
    return found


def simulated_times(bundle: Any, program: Any, rate: Rates, card: str | None) -> list[Timed]:
    """Each launch as the timing layer predicts it; launches that differ in their buffers alone are timed once."""
    import numpy as np

    from amdc.profile.collect import random_inputs
    from amdc.runtime.loaded import Code, states_by_offset
    from amdc.runtime.sim_device import SimDevice
    from amdc.target import target

    device = SimDevice("gfx803", check=False, card=card or target("gfx803").default_card)
    arena = device.allocate(program.arena_bytes)
    loaded = Code(bundle, device).place(program, arena)
    key = next(name for name, held in bundle.programs.items() if held is program)
    given = random_inputs(bundle, 0, key if len(bundle.programs) > 1 else None)
    for port in program.inputs:
        device.write(loaded.addresses[port.buffer], np.ascontiguousarray(given[port.name]))
    for name, buffer in program.buffers.items():
        if buffer.kind == "constant" and buffer.dtype.startswith("int"):
            device.write(loaded.addresses[name], np.ascontiguousarray(bundle.constants[name]))
    for offset, value in states_by_offset(bundle).items():
        device.write(arena + offset, value)
    held: dict[Any, Any] = {}
    found = []
    for ready in loaded.ready:
        launch = ready.launch
        numbers = tuple(argument.value for argument in launch.arguments if hasattr(argument, "value"))
        alike = launch.kernel, launch.grid, numbers
        if alike not in held:
            held[alike] = ready.module.time_raw(ready.kernel.symbol, launch.grid, ready.kernel.block, ready.kernarg)
        timing, limit = held[alike], rate.limit(launch.flops, launch.bytes_moved)
        found.append(Timed(launch.kernel, launch.node, launch.grid, timing.microseconds, limit, timing.bound))
    return found


def measure(workload: Workload, level: int, card: str | None, timer: Callable[..., list[Timed]]) -> dict[str, Any]:
    """One model's figures."""
    from amdc.target import target

    bundle = workload.compile(level)
    program = bundle.programs[workload.key] if workload.key else bundle.program
    rate = rates(card)
    started = time.perf_counter()
    launches = timer(bundle, program, rate, card)
    taken = time.perf_counter() - started
    kernels = sum(launch.us for launch in launches)
    starts = len(launches) * target("gfx803").launch_us
    by_launch = sum(launch.limit_us for launch in launches)
    whole = rate.limit(sum(launch.flops for launch in program.launches), model_bytes(program))
    return {
        "model": workload.name,
        "opt_level": level,
        "card": target("gfx803").card(card).name,
        "launches": len(launches),
        "kernels_ms": round(kernels / 1e3, 4),
        "launches_ms": round(starts / 1e3, 4),
        "total_ms": round((kernels + starts) / 1e3, 4),
        "limit_by_launch_ms": round(by_launch / 1e3, 4),
        "limit_of_model_ms": round(whole / 1e3, 4),
        "share_of_limit_by_launch": round(by_launch / kernels, 4),
        "share_of_limit_of_model": round(whole / (kernels + starts), 4),
        "gflop": round(sum(launch.flops for launch in program.launches) / 1e9, 3),
        "model_mb": round(model_bytes(program) / 1e6, 3),
        "moved_mb": round(sum(launch.bytes_moved for launch in program.launches) / 1e6, 3),
        "timing_s": round(taken, 1),
        "by_launch": launches,
    }


def print_model(row: dict[str, Any], top: int) -> None:
    keys = [key for key in row if key != "by_launch"]
    print("  ".join(f"{key} {row[key]}" for key in keys), flush=True)
    together: Counter[tuple[str, tuple[int, int, int], str]] = Counter()
    times: Counter[tuple[str, tuple[int, int, int], str]] = Counter()
    limits: Counter[tuple[str, tuple[int, int, int], str]] = Counter()
    for launch in row["by_launch"]:
        key = launch.kernel, launch.grid, launch.bound
        together[key] += launch.us
        times[key] += 1
        limits[key] += launch.limit_us
    for key, us in together.most_common(top):
        kernel, grid, bound = key
        print(
            f"  {us:9.1f} us  {times[key]:3} x  limit {limits[key] / us:6.1%}  {bound:7}  {'x'.join(map(str, grid)):12} {kernel}"
        )


def record(row: dict[str, Any], top: int) -> None:
    """Put a model's row, with its slowest launches, in the place of its older one; other models' rows stay."""
    slowest = sorted(row["by_launch"], key=lambda launch: -launch.us)[:top]
    figures = {key: value for key, value in row.items() if key != "by_launch"}
    head = description("python benchmarks/predicted_models.py")
    made = figures | {"date": head["date"], "slowest": [vars(launch) for launch in slowest]}
    held = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    kept = {(old["model"], old["opt_level"], old["card"]): old for old in held}
    kept[row["model"], row["opt_level"], row["card"]] = made
    RESULTS.write_text(json.dumps(head | {"rows": list(kept.values())}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(WORKLOADS), metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("-O", type=int, default=3, dest="level")
    parser.add_argument("--card", help="by default the RX 580")
    parser.add_argument("--static", action="store_true", help="rooflines alone, without a simulation")
    parser.add_argument("--top", type=int, default=10, help="kernels to print, and launches to record")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/predicted_models.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - set(WORKLOADS):
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    for name in arguments.models:
        timer = static_times if arguments.static else simulated_times
        row = measure(WORKLOADS[name], arguments.level, arguments.card, timer)
        print_model(row, arguments.top)
        if arguments.record:
            record(row, arguments.top)


if __name__ == "__main__":
    main()
