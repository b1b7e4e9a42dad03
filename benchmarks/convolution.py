"""Predicted time of each convolution of ResNet-50, MobileNetV2 and EfficientNet-Lite0, and its share of what the card can do.

    python benchmarks/convolution.py [--network NAME] [--batch N] [--layers TEXT] [--candidates TEXT] [--card CARD] [--record]

Each layer has constant weights, a bias and a rectifier. `us` is predicted by the simulator's timing layer, without the launch,
and never less than DRAM needs for input, output and the kernel's own weights. Shares:
  direct     the time of the convolution's multiply-adds, by definition, at the fp32 peak (Winograd's may exceed 100 %)
  algorithm  the time of the multiply-adds that the algorithm spends (16 of 36 in Winograd's F(2x2, 3x3), 25 of 36 in
             that of phases), or of the bytes that must pass DRAM, whichever is longer
Targets: 3x3 of ResNet-50 at least 80 % of the algorithm's or direct; depthwise at least 85 % of the DRAM time of its bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.convolution_layers import NETWORKS, Layer  # noqa: E402
from benchmarks.machine import description  # noqa: E402

ARCH = "gfx803"
PRODUCTS = {"winograd2x2": 16 / 36, "winograd4x4": 36 / 144, "phases": 25 / 36}  # multiply-adds for one of the convolution's


@dataclass(frozen=True)
class Row:
    """Microseconds are predicted; shares are of the times that the head of this file names."""

    layer: str
    batch: int
    kernel: str
    us: float
    direct: float
    algorithm: float
    bound: str
    busy: dict[str, float]


def graph_of(layer: Layer, batch: int) -> Any:
    """The packed convolution with its rectifier in one region, traced."""
    from amdc.ir.ops import packed
    from amdc.ir.regions import make_region
    from tests.tracing import trace

    generator = torch.Generator().manual_seed(layer.channels)
    x = torch.randn(batch, layer.channels, layer.size, layer.size, generator=generator)
    weight = torch.randn(layer.outs, layer.channels // layer.groups, layer.kernel, layer.kernel, generator=generator)
    bias = torch.randn(layer.outs, generator=generator)
    window = ([layer.stride] * 2, [layer.pad] * 4, [1, 1], layer.groups)
    if layer.groups > 1:
        graph = trace(lambda x: torch.relu(packed.convolution(x, weight, bias, *window)), x)
    else:
        matrix = packed.pack_convolution_weight(weight, 1)
        kernel = [layer.kernel] * 2
        graph = trace(lambda x: torch.relu(packed.convolution_packed(x, matrix, bias, kernel, *window, layer.outs)), x)
    make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "layer")
    return graph


def candidates(graph: Any) -> tuple[str | None, list[str], str | None]:
    """The problem, its candidates' names, and which one is taken; no problem where there is no choice."""
    from amdc.codegen.choice import Choice, Choices
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.target import target

    seen: list[Choice] = []
    lower(graph, target(ARCH), LoweringOptions(choices=Choices(record=seen.append)))
    return (seen[0].problem, [c.name for c in seen[0].candidates], seen[0].chosen) if seen else (None, [], None)


def launch_times(graph: Any, forced: dict[str, str], card: str) -> tuple[list[Any], int]:
    """The timings of a program's launches, and the bytes of its constants."""
    import amdc.sim
    from amdc.codegen.choice import Choices
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.codegen.toolchain import find_toolchain
    from amdc.runtime.kernarg import pack_launch
    from amdc.target import target

    lowered = lower(graph, target(ARCH), LoweringOptions(choices=Choices(forced)))
    code = find_toolchain().compile_all(lowered.sources.values(), ARCH)
    gpu = amdc.sim.Device(ARCH, check=False, timing=True, card=card)
    program = lowered.program
    modules = dict(zip(code, gpu.load_all(list(code.values())), strict=True))
    addresses = {name: gpu.allocate(max(buffer.nbytes, 1)) for name, buffer in program.buffers.items()}
    for name, address in addresses.items():
        gpu.write(address, lowered.constants.get(name, torch.zeros(program.buffers[name].nbytes, dtype=torch.uint8).numpy()))
    timings = []
    for launch in program.launches:
        kernel = program.kernels[launch.kernel]
        module = modules[kernel.code]
        kernarg = pack_launch(launch, module.kernel(kernel.symbol), kernel.block, addresses)
        timings.append(module.time_raw(kernel.symbol, launch.grid, kernel.block, kernarg))
    return timings, sum(array.nbytes for array in lowered.constants.values())


def predicted(layer: Layer, batch: int, card: str, wanted: str | None) -> Iterator[Row]:
    """A row for the candidate that the compiler takes, or for each whose name contains `wanted`."""
    from amdc.target import target

    graph = graph_of(layer, batch)
    problem, names, chosen = candidates(graph)
    product = target(ARCH).card(card)
    direct = layer.multiply_adds * batch * 2 / (product.fp32_tflops * 1e6)
    for name in [chosen] if wanted is None else [name for name in names if wanted in name]:
        timings, weights = launch_times(graph, {problem: name} if problem and name else {}, card)
        memory = (4 * layer.elements[0] * batch + weights) / (product.dram_gbps * product.dram_efficiency * 1e3)
        us = max(sum(timing.microseconds for timing in timings), memory)
        spent = direct * next((share for kind, share in PRODUCTS.items() if (name or "").startswith(kind)), 1.0)
        longest = max(timings, key=lambda timing: timing.microseconds)
        busy = {unit: round(share, 3) for unit, share in longest.busy.items()}
        kernel = f"{name or longest.kernel}{' *' if wanted is not None and name == chosen else ''}"
        yield Row(
            layer.name, batch, kernel, round(us, 2), round(direct / us, 4), round(max(spent, memory) / us, 4), longest.bound, busy
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=sorted(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--layers", default="", help="only layers whose names contain this")
    parser.add_argument("--candidates", help="every candidate whose name contains this, not only the one taken (marked *)")
    parser.add_argument("--card", default="RX 580")
    parser.add_argument("--record", action="store_true", help="add to benchmarks/results/convolution.json")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for network, layers in NETWORKS.items():
        if arguments.network not in (None, network):
            continue
        print(f"{network}, batch {arguments.batch}, predicted for {arguments.card}", flush=True)
        for layer in layers:
            if arguments.layers not in layer.name:
                continue
            for row in predicted(layer, arguments.batch, arguments.card, arguments.candidates):
                rows.append(row)
                busy = " ".join(f"{unit} {share:.0%}" for unit, share in row.busy.items())
                print(
                    f"  {row.layer:34} {row.kernel:26} {row.us:9.1f} us  direct {row.direct:6.1%}  algorithm {row.algorithm:6.1%}"
                    f"  {row.bound:7} {busy}",
                    flush=True,
                )
    if arguments.record:
        record(rows, arguments.card)


def record(rows: list[Row], card: str) -> None:
    """Replace the rows of the same layers and batches."""
    path = ROOT / "benchmarks/results/convolution.json"
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    fresh = {(row.layer, row.batch) for row in rows}
    kept = [row for row in kept if (row["layer"], row["batch"]) not in fresh]
    head = description("python benchmarks/convolution.py") | {"card": card, "times": "predicted"}
    path.write_text(json.dumps(head | {"rows": kept + [asdict(row) for row in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
