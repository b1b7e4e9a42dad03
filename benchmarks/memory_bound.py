"""Memory-bound kernels against the DRAM's time, predicted on a simulated card. Nothing is measured on silicon.

    python benchmarks/memory_bound.py [WORD ...] [--card "RX 580"] [--record]

For each case: the bytes that it must move (inputs, weights, outputs, each once), the time of a stream of so many bytes at the
rate that streams reach (86 % of the pins', amdc/target.py), the kernels' predicted time without launches, and the former's share
of the latter. The target is 85 %. WORDs pick the cases whose names contain one; with --record their rows replace those of before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402
from benchmarks.predicted_models import Rates, model_bytes, rates, simulated_times  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "memory_bound.json"
TARGET = 0.85


class Call(nn.Module):
    """A function as a module; further `weights` are constants of the bundle."""

    def __init__(self, function: Callable[..., Tensor], *weights: Tensor) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(nn.Parameter(weight, requires_grad=False) for weight in weights)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, *self.weights)


@dataclass(frozen=True)
class Case:
    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...]


def case(name: str, function: Callable[..., Tensor], *shapes: tuple[int, ...], weights: tuple[tuple[int, ...], ...] = (),
         dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
    made = [torch.randn(shape).to(dtype) for shape in (*shapes, *weights)]
    return Case(
        f"{name} {'x'.join(map(str, shapes[0]))} {str(dtype)[6:]}",
        Call(function, *made[len(shapes) :]),
        tuple(made[: len(shapes)]),
    )


def streams() -> list[Case]:
    add, half = (lambda x, y: x + y), torch.float16
    cases = [case("add", add, (mib << 18,), (mib << 18,)) for mib in (1, 4, 16, 64)]
    cases += [case("add", add, (mib << 19,), (mib << 19,), dtype=half) for mib in (1, 16)]
    cases += [
        case("gelu", F.gelu, (128, 3072)),
        case("gelu", F.gelu, (2048, 3072)),
        case("gelu", F.gelu, (2048, 3072), dtype=half),
    ]
    cases += [case("relu", torch.relu, (8, 64, 112, 112)), case("silu", F.silu, (32, 96, 56, 56))]
    cases += [
        case("scale channels", lambda x, c: x * c, (32, 96, 56, 56), (32, 96, 1, 1)),
        case("bias", add, (2048, 768), (768,)),
    ]
    cases += [case("cast", lambda x: x.half(), (1 << 22,)), case("compare", lambda x, y: x > y, (1 << 22,), (1 << 22,))]
    return cases


def copies() -> list[Case]:
    cases = [case("concat rows", lambda x, y: torch.cat([x, y], 1), (32, 64, 56, 56), (32, 32, 56, 56))]
    cases += [case("concat last", lambda x, y: torch.cat([x, y], -1), (4096, 512), (4096, 256))]
    cases += [case("concat last", lambda x, y: torch.cat([x, y], -1), (4096, 512), (4096, 256), dtype=torch.float16)]
    cases += [
        case("transpose", lambda x: x.mT.contiguous(), (2048, 2048)),
        case("to nhwc", lambda x: x.permute(0, 2, 3, 1).contiguous(), (8, 64, 56, 56)),
    ]
    cases += [case("transpose", lambda x: x.mT.contiguous(), (2048, 2048), dtype=torch.float16)]
    cases += [case("heads", lambda x: x.view(8, 512, 12, 64).transpose(1, 2).contiguous(), (8, 512, 768))]
    cases += [
        case("slice", lambda x: x[:, :, 3:59, 5:61].contiguous(), (32, 64, 64, 64)),
        case("pad", lambda x: F.pad(x, (1, 1, 1, 1)), (32, 64, 56, 56)),
    ]
    return cases


def rows() -> list[Case]:
    cases: list[Case] = []
    soft = lambda x: torch.softmax(x, -1)  # noqa: E731
    for shape in ((12 * 128, 128), (96 * 512, 32), (12 * 512, 512), (4096, 1000), (2048, 4096), (64, 50257), (3000, 771)):
        cases.append(case("softmax", soft, shape))
    cases.append(case("softmax", soft, (12 * 512, 512), dtype=torch.float16))
    cases.append(case("softmax dim 1", lambda x: torch.softmax(x, 1), (16, 64, 4096)))
    for shape in ((128, 768), (2048, 768), (8192, 384), (2048, 4096), (512, 20000)):
        width = (shape[1],)
        cases.append(case("layer_norm", lambda x, g, b: F.layer_norm(x, g.shape, g, b), shape, weights=(width, width)))
    cases.append(
        case(
            "layer_norm",
            lambda x, g, b: F.layer_norm(x, g.shape, g, b),
            (2048, 768),
            weights=((768,), (768,)),
            dtype=torch.float16,
        )
    )
    cases.append(
        case(
            "add + layer_norm",
            lambda x, y, g, b: F.layer_norm(x + y, g.shape, g, b),
            (2048, 768),
            (2048, 768),
            weights=((768,), (768,)),
        )
    )
    cases.append(case("rms_norm", lambda x, g: F.rms_norm(x, g.shape, g), (2048, 2048), weights=((2048,),)))
    cases.append(case("group_norm", lambda x, g, b: F.group_norm(x, 32, g, b), (4, 320, 64, 64), weights=((320,), (320,))))
    return cases


def reductions() -> list[Case]:
    cases = [case("sum rows", lambda x: x.sum(-1), shape) for shape in ((4096, 1024), (65536, 64), (64, 65536))]
    cases += [case("sum all", lambda x: x.sum(), (mib << 18,)) for mib in (1, 16, 64)]
    cases += [case("average pool", lambda x: x.mean((2, 3)), (32, 2048, 7, 7)), case("amax all", lambda x: x.amax(), (1 << 22,))]
    cases += [case("sum columns", lambda x: x.sum(0), shape) for shape in ((4096, 1024), (65536, 64), (64, 65536))]
    cases += [case("mean tokens", lambda x: x.mean(1), (32, 128, 768)), case("variance", lambda x: x.var(-1), (4096, 1024))]
    cases += [
        case("argmax", lambda x: x.argmax(-1), (64, 50257)),
        case("sum columns", lambda x: x.sum(0), (4096, 1024), dtype=torch.float16),
    ]
    return cases


def products() -> list[Case]:
    cases = []
    for n, k in ((768, 768), (768, 3072), (3072, 768), (2304, 768), (50257, 768), (1000, 2048), (4096, 4096)):
        cases.append(Case(f"linear {k} to {n}", nn.Linear(k, n), (torch.randn(1, k),)))
    cases.append(Case("linear 768 to 3072, 4 rows", nn.Linear(768, 3072), (torch.randn(4, 768),)))
    cases.append(Case("linear 768 to 3072, 16 rows", nn.Linear(768, 3072), (torch.randn(16, 768),)))
    cases.append(Case("linear 4096 to 4096 float16", nn.Linear(4096, 4096).half(), (torch.randn(1, 4096).half(),)))
    for m, k in ((768, 3072), (50257, 768)):
        cases.append(case(f"matrix of {m} rows x vector", lambda x, w: x @ w.mT, (1, k), (m, k)))
    cases.append(case("matrix x vector", lambda x, w: x @ w.mT, (1, 4096), (4096, 4096), dtype=torch.float16))
    return cases


def attentions() -> list[Case]:
    attend = F.scaled_dot_product_attention
    cases = []
    for heads, n, d in ((12, 256, 64), (12, 1024, 64), (32, 2048, 128), (1, 16384, 128)):
        cases.append(case(f"decode attention of {n} keys", attend, (1, heads, 1, d), (1, heads, n, d), (1, heads, n, d)))
    return cases


def depthwise() -> list[Case]:
    """Layers of MobileNet and EfficientNet where no block is fused: kernel, step, channels, height and width, images."""
    cases = []
    for k, step, channels, size, images in (
        *((3, 1, 32, 112, 1), (3, 1, 144, 56, 1), (5, 2, 144, 56, 1), (5, 1, 240, 28, 1), (5, 2, 240, 28, 1), (3, 1, 512, 14, 1)),
        *((5, 1, 480, 14, 1), (3, 1, 960, 7, 1), (5, 1, 1152, 7, 1), (5, 1, 480, 14, 8), (3, 1, 960, 7, 8), (5, 1, 1152, 7, 8)),
    ):
        layer = nn.Conv2d(channels, channels, k, step, k // 2, groups=channels)
        name = f"depthwise {k}x{k}/{step} {images}x{channels}x{size}x{size}"
        cases.append(Case(name, layer, (torch.randn(images, channels, size, size),)))
    return cases


def measure(which: Case, rate: Rates, card: str | None) -> dict[str, Any]:
    """One case's figures."""
    import amdc

    bundle = amdc.compile(which.module.eval(), example_inputs=which.inputs)
    program = bundle.program
    launches = simulated_times(bundle, program, rate, card)
    us, nbytes = sum(launch.us for launch in launches), model_bytes(program)
    return {
        "case": which.name,
        "mb": round(nbytes / 1e6, 3),
        "dram_us": round(nbytes / rate.nbytes, 2),
        "predicted_us": round(us, 2),
        "share": round(nbytes / rate.nbytes / us, 3),
        "launches": [
            f"{launch.kernel} {'x'.join(map(str, launch.grid))} {launch.us:.1f} us {launch.bound}" for launch in launches
        ],
    }


def show(row: dict[str, Any]) -> None:
    """A line, and below the target a line for each launch."""
    mark = "" if row["share"] >= TARGET else f"  below {TARGET:.0%}"
    times = f"DRAM {row['dram_us']:8.2f} us  predicted {row['predicted_us']:8.2f} us"
    print(f"{row['case']:44} {row['mb']:9.3f} MB  {times}  {row['share']:6.1%}{mark}")
    print("".join(f"    {launch}\n" for launch in row["launches"] if mark), end="", flush=True)


def record(row: dict[str, Any]) -> None:
    """Put a row into the file of results, in the place of an earlier one of the same case."""
    held = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    head = description("python benchmarks/memory_bound.py") | {"target": TARGET, "label": "predicted, without launches"}
    kept = [other for other in held if other["case"] != row["case"]]
    RESULTS.write_text(json.dumps(head | {"rows": [*kept, row]}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--card", help="by default the RX 580")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/memory_bound.json")
    arguments = parser.parse_args()
    for group in (streams, copies, rows, reductions, products, attentions, depthwise):
        for which in group():
            if not arguments.words or any(word in which.name for word in arguments.words):
                row = measure(which, rates(arguments.card), arguments.card)
                show(row)
                if arguments.record:
                    record(row)


if __name__ == "__main__":
    main()
