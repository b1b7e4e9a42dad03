"""clpeak's compute and global bandwidth tests on a simulated card, against clpeak's own logs of real ones.

Measured: results/AMD_Accelerated_Parallel_Processing/R9_Nano.log and RX_570.log in the clpeak repository (event times, without
the launch). The RX 570 there reports 1,268 MHz, not the reference card's 1,244: predictions of compute are scaled to its clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.toolchain import find_toolchain
from amdc.target import target
from benchmarks.timing.card import ARCH, Buffers, card

FOLDER = Path(__file__).resolve().parent.parent / "kernels"
HEADER = FOLDER.parent.parent / "kernels/hip/amdc.h"
INCLUDE = '#include "amdc.h"\n'
LANES = 256
GROUPS_PER_CU = 2048
ROUNDS = 2048  # multiply-adds a lane
READ_FLOATS = 1 << 27
FETCHES = 16
LOGGED_GHZ = {"RX 570": 1.268}  # where the log's card is not clocked as the table's


@dataclass(frozen=True)
class Case:
    """`measured` GFLOPS, GIOPS or GB/s of one test. `group` is what the figure is counted under: "compute", "bandwidth", or,
    without a target, "double" and "wide" (32 and 64 bytes a lane). `type` and `width` are those of the lane's vector."""

    card: str
    group: str
    type: str
    width: int
    measured: float

    @property
    def unit(self) -> str:
        return "GB/s" if self.group in ("bandwidth", "wide") else "GIOPS" if self.type == "int" else "GFLOPS"

    @property
    def label(self) -> str:
        return f"{self.card} {self.type}{self.width if self.width > 1 else ''}"


def _cases(name: str, group: str, type: str, **measured: float) -> tuple[Case, ...]:
    return tuple(Case(name, group, type, int(width[1:]), figure) for width, figure in measured.items())


CASES = (
    *_cases("RX 570", "compute", "float", w1=5133.96, w4=5109.60, w16=5018.78),
    *_cases("RX 570", "double", "double", w1=323.55),
    *_cases("RX 570", "compute", "int", w1=1032.21, w4=1031.56),
    *_cases("RX 570", "bandwidth", "float", w1=182.67, w2=191.18, w4=193.05),
    *_cases("RX 570", "wide", "float", w8=163.17, w16=139.53),
    *_cases("R9 Nano", "compute", "float", w1=7590.98, w4=7168.11, w16=6995.69),
    *_cases("R9 Nano", "double", "double", w1=508.07),
    *_cases("R9 Nano", "compute", "int", w1=1427.61),
    *_cases("R9 Nano", "bandwidth", "float", w1=441.14, w2=453.39, w4=445.10),
    *_cases("R9 Nano", "wide", "float", w8=205.38, w16=103.30),
)


@cache
def _code(file: str, defines: tuple[tuple[str, str | int], ...]) -> bytes:
    text = HEADER.read_text() + (FOLDER / file).read_text().replace(INCLUDE, "")
    return find_toolchain().compile_one(KernelSource("kernel", text, (*defines, ("AMDC_BLOCK", LANES))), ARCH)


def _microseconds(name: str, code: bytes, groups: int, args: list[Any]) -> float:
    return float(card(name).load(code).time("kernel", grid=(groups, 1, 1), block=(LANES, 1, 1), args=args).microseconds)


def compute(case: Case) -> float:
    """Predicted GFLOPS or GIOPS at the clock of the card in the log."""
    reference = target(ARCH).card(case.card)
    groups = GROUPS_PER_CU * reference.compute_units
    rounds = ROUNDS // (4 if case.type == "double" else 1)
    code = _code("mad_chain.hip", (("TYPE", case.type), ("WIDTH", case.width), ("ROUNDS", rounds)))
    seed = {"float": np.float32, "double": np.float64, "int": np.int32}[case.type](1)
    with Buffers(card(case.card)) as buffers:
        out = buffers.floats(groups * LANES * seed.nbytes // 4)
        taken = _microseconds(case.card, code, groups, [out, seed])
    scale = LOGGED_GHZ.get(case.card, reference.clock_ghz) / reference.clock_ghz
    return 2.0 * rounds * groups * LANES / taken / 1e3 * scale


def bandwidth(case: Case) -> float:
    """Predicted GB/s: the better of both ways to walk the array, as clpeak reports it."""
    groups = READ_FLOATS // (FETCHES * case.width * LANES)
    found = []
    with Buffers(card(case.card)) as buffers:
        source, out = buffers.floats(READ_FLOATS), buffers.floats(groups * LANES)
        for local in (1, 0):
            code = _code("stream_read.hip", (("WIDTH", case.width), ("LOCAL", local)))
            args = [source, np.uint32(source.nbytes), out, np.uint32(groups)]
            found.append(source.nbytes / _microseconds(case.card, code, groups, args) / 1e3)
    return max(found)


def predict(case: Case) -> float:
    """In the case's unit."""
    return bandwidth(case) if case.group in ("bandwidth", "wide") else compute(case)
