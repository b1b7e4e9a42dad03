"""SGEMMs measured on an R9 Nano: the rows of the data file, the classes that they fall into, and the halves for fitting."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from amdc.errors import UsageError

COLUMNS = ("layout", "M", "N", "batch", "K", "gflops", "MT0", "MT1", "DepthU", "TT0", "TT1", "WG", "GSU", "LSU", "VW", "WGM")


@dataclass(frozen=True)
class SgemmRow:
    """C = A x B with A m x k, B k x n, C m x n, all column-major; `transposed_a`, `transposed_b`: the operand lies the other way.

    `gflops` is what rocBLAS's kernel reached, launch included. Its tile is `tile_m` x `tile_n`, `depth` values of k a stage,
    `lane_m` x `lane_n` a lane, `lanes` work-items; `split_k` work-groups share a tile's sum (GSU), `split_wave` parts of a
    work-group do (LSU), `vector` floats make a load (VW), `mapping` is the work-group mapping (WGM). `index` is the row's place
    in the file.
    """

    index: int
    m: int
    n: int
    k: int
    gflops: float
    transposed_a: bool
    transposed_b: bool
    tile_m: int
    tile_n: int
    depth: int
    lane_m: int
    lane_n: int
    lanes: int
    split_k: int
    split_wave: int
    vector: int
    mapping: int

    @property
    def microseconds(self) -> float:
        return self.flops / self.gflops / 1e3

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def kind(self) -> str:
        """As BLAS names it: N as it lies, T transposed."""
        return f"{'T' if self.transposed_a else 'N'}{'T' if self.transposed_b else 'N'}"

    @property
    def label(self) -> str:
        return f"{self.kind} {self.m}x{self.n}x{self.k} {self.tile_m}x{self.tile_n}x{self.depth}/{self.lane_m}x{self.lane_n}"

    @property
    def fitted_on(self) -> bool:
        """True for the half of the rows that constants may be fitted on; the others check them."""
        return self.index % 2 == 0


def _row(index: int, fields: dict[str, str]) -> SgemmRow:
    lane_groups = [int(size) for size in fields["WG"].split("x")]
    numbers = {name: int(fields[name]) for name in COLUMNS if name not in ("layout", "WG", "gflops")}
    return SgemmRow(
        index=index,
        m=numbers["M"],
        n=numbers["N"],
        k=numbers["K"],
        gflops=float(fields["gflops"]),
        transposed_a="Alik" in fields["layout"],
        transposed_b="Bjlk" in fields["layout"],
        tile_m=numbers["MT0"],
        tile_n=numbers["MT1"],
        depth=numbers["DepthU"],
        lane_m=numbers["TT0"],
        lane_n=numbers["TT1"],
        lanes=lane_groups[0] * lane_groups[1] * lane_groups[2],
        split_k=numbers["GSU"],
        split_wave=numbers["LSU"],
        vector=numbers["VW"],
        mapping=numbers["WGM"],
    )


def read_rows(path: Path) -> list[SgemmRow]:
    """The rows of the data file. Raises `UsageError` naming a missing file or column."""
    try:
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise UsageError(f"cannot read the measured rows {path}: {error.strerror}; name the file with --data") from None
    if missing := sorted(set(COLUMNS) - set(lines[0] if lines else ())):
        raise UsageError(f"{path} has no column {missing[0]}; needed: {', '.join(COLUMNS)}")
    return [_row(index, fields) for index, fields in enumerate(lines)]


def classify(row: SgemmRow, has_tile: Callable[[SgemmRow], bool]) -> str:
    """The one class of a row that errors are counted by."""
    if not has_tile(row):
        return "tile not ours"
    if row.split_k > 1:
        return "split k"
    return "mapping > 1" if row.mapping > 1 else "core"


def neighbours(rows: Sequence[SgemmRow], k: int = 2048) -> list[tuple[SgemmRow, list[SgemmRow]]]:
    """Each row of that k without split k, with those that differ from it in k alone."""
    whole = [row for row in rows if row.split_k == 1]
    same = {row: [o for o in whole if (o.m, o.n, o.kind) == (row.m, row.n, row.kind)] for row in whole}
    return [(row, [o for o in same[row] if o.k != k]) for row in whole if row.k == k and len(same[row]) > 1]


def transposed_pairs(rows: Sequence[SgemmRow]) -> list[tuple[SgemmRow, SgemmRow]]:
    """(TN, NN) rows of the same sizes."""
    plain = {(row.m, row.n, row.k): row for row in rows if row.kind == "NN"}
    return [(row, plain[row.m, row.n, row.k]) for row in rows if row.kind == "TN" and (row.m, row.n, row.k) in plain]
