"""Compile and simulation times of the benchmark networks, printed as a table and kept in benchmarks/results/.

    python benchmarks/models.py [NAME ...] [-O3] [--record]

For each network: cold compile (an empty cache), warm compile, translation of the kernels for the simulated GPU (an empty
cache), two simulated runs with checks on, launches, distinct kernels, and the activations' peak against its lower bound, the
largest live set.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import onnx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def light(name: str) -> Path:
    return LIGHT / f"light_{name}.onnx"


def timed(function: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def measure(name: str, level: int) -> dict[str, Any]:
    """One network's figures, in an empty cache of its own."""
    import amdc
    from amdc.inputs import random_inputs

    with tempfile.TemporaryDirectory() as cache:
        os.environ["AMDC_CACHE_DIR"] = cache
        bundle, cold = timed(lambda: amdc.compile(light(name), opt_level=level))
        _, warm = timed(lambda: amdc.compile(light(name), opt_level=level))
        opened, translated = timed(lambda: amdc.load(bundle, "sim"))
        with opened as session:
            inputs = random_inputs(session.inputs, 0)
            _, first = timed(lambda: session.run(inputs))
            _, again = timed(lambda: session.run(inputs))
    program = bundle.program
    return {
        "network": name,
        "opt_level": level,
        "compile_cold_s": round(cold, 2),
        "compile_warm_s": round(warm, 2),
        "translate_cold_s": round(translated, 2),
        "simulate_first_s": round(first, 2),
        "simulate_again_s": round(again, 2),
        "launches": len(program.launches),
        "kernels": len(program.kernels),
        "gflop": round(sum(launch.flops for launch in program.launches) / 1e9, 3),
        "activation_peak_bytes": program.peak_activation_bytes,
        "peak_to_lower_bound": round(program.peak_activation_bytes / program.largest_live_set, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["resnet50", "squeezenet", "shufflenet"])
    parser.add_argument("-O", type=int, default=3, dest="level")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/models.json")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.networks:
        rows.append(measure(name, arguments.level))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.record:
        head = description("python benchmarks/models.py")
        (RESULTS / "models.json").write_text(json.dumps(head | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
