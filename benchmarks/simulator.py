"""Speed of the simulated GPU: amdc's own GEMM, 1024 cubed, in 1e9 multiply-adds a second on one core, by what is checked.

    python benchmarks/simulator.py [--size N] [--record]

The kernel is the one that the compiler chooses for the size. Each figure is the best of three runs after one that translates.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402

CHECKS: dict[str, Any] = {
    "all checks": True,
    "memory alone": ("memory",),
    "registers alone": ("registers",),
    "races alone": ("races",),
    "no checks": False,
}


def gemm(size: int) -> onnx.ModelProto:
    """y = x @ w, all square."""
    weights = onnx.numpy_helper.from_array(np.random.default_rng(0).standard_normal((size, size), dtype=np.float32), "w")
    ports = [[oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size, size])] for name in "xy"]
    graph = oh.make_graph([oh.make_node("MatMul", ["x", "w"], ["y"], "gemm")], "gemm", *ports, initializer=[weights])
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=8)


def seconds(session: Any, inputs: dict[str, np.ndarray], runs: int = 3) -> float:
    session.run(inputs)
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        session.run(inputs)
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/simulator.json")
    arguments = parser.parse_args()
    import amdc

    bundle = amdc.compile(gemm(arguments.size))
    (kernel,) = bundle.program.kernels
    inputs = {"x": np.random.default_rng(1).standard_normal((arguments.size,) * 2, dtype=np.float32)}
    work = arguments.size**3 / 1e9
    rows = []
    for jobs in (1, None):
        for name, check in CHECKS.items():
            if jobs is None and check not in (True, False):
                continue
            with amdc.load(bundle, "sim", check=check, jobs=jobs) as session:
                taken = seconds(session, inputs)
            cores = "one core" if jobs == 1 else "all cores"
            rows.append({"checks": name, "cores": cores, "seconds": round(taken, 3), "gfma_per_s": round(work / taken, 3)})
            print(f"{kernel}  {cores:9}  {name:16} {taken:7.3f} s  {work / taken:6.2f} GFMA/s", flush=True)
    if arguments.record:
        head = description("python benchmarks/simulator.py")
        (ROOT / "benchmarks/results/simulator.json").write_text(
            json.dumps(head | {"kernel": kernel, "size": arguments.size, "rows": rows}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
