"""Predicted SGEMM: share of the fp32 peak on an RX 580, and GFLOPS against those measured on an R9 Nano with rocBLAS's kernels.

    python benchmarks/sgemm.py [--squares] [--data FILE] [--rows FIRST:LAST:STEP] [--ways N] [--results FILE]

`--squares` times x @ w, both row-major: 4096 cubed (target: 88 % of the peak) and 1024 cubed (75 %), without the launch. `--data`
times the file's rows (target: a median ratio to the measured GFLOPS of at least 1), launches included, as measured. A
column-major C of m x n is a row-major one of n x m, so the row's operands change places. Each problem is laid out as the compiler
does, in the best of the `--ways` that its cost function puts first. All times are predictions of the timing layer. A launch's k
beyond LONG is continued in a straight line from two shorter ones; a C of 1 GiB or more is made by two products,
and a row with such an operand counts as 0.
`--results` keeps the figures in a file, to which a further run with other rows adds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.machine import description  # noqa: E402
from benchmarks.timing.card import ARCH, Buffers, card  # noqa: E402
from benchmarks.timing.rows import SgemmRow, read_rows  # noqa: E402

SHORT, LONG = 256, 1024  # values of k
K_ARGUMENT = 8  # of gemm.hip, behind three buffers with their sizes, M and N
SQUARES = {4096: 88.0, 1024: 75.0}  # targets, in % of the fp32 peak
MOST_FLOATS = (1 << 28) - 1  # of an operand or C in one product


@dataclass(frozen=True)
class Product:
    """C (m x n, row-major) = A B. `a_by_k`: A lies [k][m], else [m][k]; `b_by_n`: B lies [n][k], else [k][n]."""

    m: int
    n: int
    k: int
    a_by_k: bool = False
    b_by_n: bool = False

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    def graph(self) -> Any:
        """The product traced, of tensors without contents."""
        from tests.tracing import trace

        a = torch.empty((self.k, self.m) if self.a_by_k else (self.m, self.k))
        b = torch.empty((self.n, self.k) if self.b_by_n else (self.k, self.n))
        return trace(lambda a, b: (a.t() if self.a_by_k else a) @ (b.t() if self.b_by_n else b), a, b)


@dataclass(frozen=True)
class Found:
    """The best way, its predicted microseconds with and without launches, and what bounds its longest launch."""

    way: str
    us: float
    kernel_us: float
    bound: str


def time_launch(gpu: Any, module: Any, kernel: Any, launch: Any, addresses: dict[str, int]) -> Any:
    """One launch's timing, k continued from two shorter ones where it is long and the launch is gemm.hip's, k uncut."""
    from amdc.program import Scalar
    from amdc.runtime.kernarg import pack_launch

    def timed(k: int | None) -> Any:
        arguments = [Scalar("uint32", k) if k and at == K_ARGUMENT else value for at, value in enumerate(launch.arguments)]
        packed = pack_launch(replace(launch, arguments=tuple(arguments)), module.kernel(kernel.symbol), kernel.block, addresses)
        return module.time_raw(kernel.symbol, launch.grid, kernel.block, packed)

    whole = kernel.template != "gemm" or kernel.parameters["SPLIT"]
    k = 0 if whole else launch.arguments[K_ARGUMENT].value
    if k <= LONG:
        return timed(None)
    short, long = timed(SHORT), timed(LONG)
    clocks = long.clocks + (long.clocks - short.clocks) * (k - LONG) / (LONG - SHORT)
    return replace(long, clocks=clocks, microseconds=long.microseconds * clocks / long.clocks)


def time_way(product: Product, problem: str, way: str, on: str) -> Found:
    from amdc.codegen.toolchain import find_toolchain
    from amdc.target import target
    from amdc.tune.survey import forced_work

    hardware, gpu = replace(target(ARCH), default_card=on), card(on)
    work = forced_work(product.graph(), hardware, 2, {problem: way})[0]
    code = find_toolchain().compile_all(work.sources.values(), ARCH)
    modules = {key: gpu.load(data) for key, data in code.items()}
    with Buffers(gpu) as buffers:
        addresses = {name: buffers.floats(-(-buffer.nbytes // 4)).address for name, buffer in work.buffers.items()}
        kernels = [work.kernels[launch.kernel] for launch in work.launches]
        timings = [
            time_launch(gpu, modules[kernel.code], kernel, launch, addresses)
            for kernel, launch in zip(kernels, work.launches, strict=True)
        ]
    longest = max(timings, key=lambda timing: timing.microseconds)
    return Found(way, sum(t.total_us for t in timings), sum(t.microseconds for t in timings), longest.bound)


def best(product: Product, on: str, ways: int) -> Found:
    """The best of the first `ways` by the compiler's cost function."""
    from amdc.target import target
    from amdc.tune.survey import survey

    (problem,) = survey(product.graph(), replace(target(ARCH), default_card=on), 2).values()
    return min((time_way(product, problem.key, way, on) for way in problem.ranked[:ways]), key=lambda found: found.us)


def squares(ways: int) -> list[dict[str, Any]]:
    """x @ w on an RX 580."""
    peak, rows = card("RX 580").card.fp32_tflops, []
    for size, target_share in SQUARES.items():
        found = best(Product(size, size, size), "RX 580", ways)
        share = 200.0 * size**3 / found.kernel_us / 1e6 / peak
        reached = f"{share:5.1f} % of fp32 peak (target {target_share}) {found.bound}"
        print(f"RX 580 {size}^3  {found.way:14} {found.kernel_us:9.1f} us {reached}")
        rows.append({"size": size, "way": found.way, "us": round(found.kernel_us, 1), "peak_percent": round(share, 1)})
    return rows


def time_row(row: SgemmRow, ways: int) -> dict[str, Any]:
    """A measured row; `ratio` of predicted to measured GFLOPS."""
    sizes = f"{row.kind} {row.m}x{row.n}x{row.k}"
    if max(row.m, row.n) * row.k > MOST_FLOATS:
        print(f"{sizes:22} is refused: an operand of 1 GiB or more", flush=True)
        return {"row": sizes, "way": "", "gflops": 0.0, "measured": row.gflops, "ratio": 0.0}
    cut = 2 if row.m * row.n > MOST_FLOATS else 1
    found = best(Product(row.n // cut, row.m, row.k, row.transposed_b, row.transposed_a), "R9 Nano", ways)
    gflops = row.flops / (cut * found.us) / 1e3
    ratio = gflops / row.gflops
    print(f"{sizes:22} {found.way:20} {gflops:8.1f} GFLOPS, measured {row.gflops:8.1f}: {ratio:5.2f}  {found.bound}", flush=True)
    return {"row": sizes, "way": found.way, "gflops": round(gflops, 1), "measured": row.gflops, "ratio": round(ratio, 3)}


def median_line(rows: Sequence[dict[str, Any]]) -> str:
    ratios = [row["ratio"] for row in rows]
    reached = sum(ratio >= 1 for ratio in ratios)
    return f"{len(rows)} rows: median ratio {statistics.median(ratios):.3f} (target 1), {reached} rows reach the measured GFLOPS"


def keep(path: Path | None, figures: dict[str, Any]) -> None:
    """Write the figures, those of earlier runs included, under this run's date and command."""
    if path:
        made = {name: figures[name] for name in ("squares", "rows") if name in figures}
        path.write_text(json.dumps(description("python benchmarks/sgemm.py") | made, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--squares", action="store_true")
    parser.add_argument("--data", type=Path, help="measured rows, as CSV")
    parser.add_argument("--rows", default="::", help="which of them, as a Python slice")
    parser.add_argument("--ways", type=int, default=1)
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    kept = json.loads(arguments.results.read_text()) if arguments.results and arguments.results.exists() else {}
    if arguments.squares:
        kept["squares"] = squares(arguments.ways)
    if arguments.data:
        wanted = slice(*(int(part) if part else None for part in arguments.rows.split(":")))
        before = {row["row"]: row for row in kept.get("rows", ())}
        for row in read_rows(arguments.data)[wanted]:
            made = time_row(row, arguments.ways)
            before[made["row"]] = made
            kept["rows"] = list(before.values())
            keep(arguments.results, kept)
        print(median_line(kept["rows"]))
    keep(arguments.results, kept)


if __name__ == "__main__":
    main()
