"""What `amdc inspect` shows of a bundle: a row a kernel and a row a launch, computed once for text, JSON and HTML."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from amdc.bundle import MAIN, Bundle
from amdc.profile.roofline import floor_us
from amdc.program import Program
from amdc.target import Card, target


@dataclass(frozen=True)
class KernelRow:
    kernel: str
    template: str
    parameters: str
    launches: int
    work_group: int  # work-items
    vgprs: int
    sgprs: int
    lds_bytes: int
    scratch_bytes: int
    waves_per_simd: int
    flops: int
    bytes_moved: int
    floor_us: float
    share: float  # of the model's floor


@dataclass(frozen=True)
class LaunchRow:
    index: int
    kernel: str
    nodes: tuple[str, ...]
    grid: tuple[int, int, int]
    flops: int
    bytes_moved: int
    floor_us: float
    bound: str  # "compute" or "memory"


def launch_rows(program: Program, card: Card) -> list[LaunchRow]:
    rows = []
    for index, launch in enumerate(program.launches):
        least, bound = floor_us(launch, card)
        nodes = launch.source or (launch.node,)
        rows.append(LaunchRow(index, launch.kernel, nodes, launch.grid, launch.flops, launch.bytes_moved, least, bound))
    return rows


def kernel_rows(program: Program, card: Card) -> list[KernelRow]:
    """A row a kernel, the largest share of the roofline first."""
    launches: dict[str, list[LaunchRow]] = defaultdict(list)
    for row in launch_rows(program, card):
        launches[row.kernel].append(row)
    total = sum(row.floor_us for rows in launches.values() for row in rows) or 1.0
    made = []
    for name, kernel in program.kernels.items():
        mine = launches[name]
        least = sum(row.floor_us for row in mine)
        made.append(
            KernelRow(
                kernel=name,
                template=kernel.template,
                parameters=" ".join(f"{key}={value}" for key, value in kernel.parameters.items()),
                launches=len(mine),
                work_group=kernel.block[0] * kernel.block[1] * kernel.block[2],
                vgprs=kernel.vgprs,
                sgprs=kernel.sgprs,
                lds_bytes=kernel.lds_bytes,
                scratch_bytes=kernel.scratch_bytes,
                waves_per_simd=kernel.waves_per_simd,
                flops=sum(row.flops for row in mine),
                bytes_moved=sum(row.bytes_moved for row in mine),
                floor_us=least,
                share=least / total,
            )
        )
    return sorted(made, key=lambda row: -row.share)


def summary(program: Program, card: Card) -> dict[str, Any]:
    """The figures at the head of the report."""
    rows = launch_rows(program, card)
    return {
        "arch": program.arch,
        "card": card.name,
        "inputs": [f"{port.name}: {port.dtype} {list(port.shape)}" for port in program.inputs],
        "outputs": [f"{port.name}: {port.dtype} {list(port.shape)}" for port in program.outputs],
        "launches": len(program.launches),
        "kernels": len(program.kernels),
        "weights_bytes": program.constant_bytes,
        "state_bytes": program.state_bytes,
        "activation_bytes": program.peak_activation_bytes,
        "largest_live_set_bytes": program.largest_live_set,
        "flops": sum(row.flops for row in rows),
        "bytes_moved": sum(row.bytes_moved for row in rows),
        "floor_us": sum(row.floor_us for row in rows),
    }


def bundle_json(bundle: Bundle, card_name: str | None = None) -> dict[str, Any]:
    """The facts of the only program, or of all by key, with what a session is told of them."""
    facts = {key: as_json(program, card_name) for key, program in bundle.programs.items()}
    if list(facts) == [MAIN]:
        return facts[MAIN]
    generation = bundle.generation and asdict(bundle.generation)
    return {"programs": facts, "buckets": [asdict(buckets) for buckets in bundle.buckets], "generation": generation}


def as_json(program: Program, card_name: str | None = None) -> dict[str, Any]:
    card = target(program.arch).card(card_name)
    return {
        "summary": summary(program, card),
        "kernels": [asdict(row) for row in kernel_rows(program, card)],
        "launches": [asdict(row) for row in launch_rows(program, card)],
    }
