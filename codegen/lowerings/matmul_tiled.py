"""Matrix products by tiles: the candidates of gemm.hip, whole or cut along k."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import COUNTERS
from amdc.codegen.choice import Candidate
from amdc.codegen.lowerings.matmul_cost import Cut, tiled_us
from amdc.codegen.lowerings.matmul_launch import build
from amdc.codegen.lowerings.matmul_operands import MAX_BYTES, Product
from amdc.codegen.lowerings.matmul_task import Task, Way
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, WIDE_TILES
from amdc.target import Target

PIECES = (2, 3, 4, 5, 6, 8, 9, 12, 16, 24, 32)  # of k, where it is cut
LEAST_STAGES = 4  # of a piece: below, starting and adding it costs more than it saves
ROW_LANES = 16  # in which a row of a tile lies at most whose moments are left (gemm_row_parts.h)
FULL = 4  # work-groups a CU: from there on, pieces of k would only add bytes


def candidates(task: Task) -> list[Candidate]:
    """All ways, the cheapest first. Which there are does not hang on costs, so that tuned choices outlive a better formula."""
    target, product = task.builder.target, task.product
    reads = task.norm is not None and task.norm.parts is None
    costs = {
        way: tiled_us(product, way.tile, task.layouts, Cut(way.pieces, way.joined), target, reads)
        for way in _ways(product, target)
        if _takes(task, way)
    }
    best = sorted(costs, key=costs.__getitem__)
    return [Candidate(way.name, partial(costs.__getitem__, way), partial(build, task, way)) for way in best]


def _takes(task: Task, way: Way) -> bool:
    """Moments of rows are left by one launch, of tiles whose rows lie within a few lanes. The wide tiles' panels fit into LDS as
    long as they are not padded."""
    leaves = not way.apart and way.tile.n // way.tile.thread_n <= ROW_LANES
    return (leaves or not task.leaves) and (way.tile not in WIDE_TILES or gemm.COLUMNS not in task.layouts)


def _ways(product: Product, target: Target) -> Iterator[Way]:
    """Every tile with k whole; with k in pieces where its work-groups do not fill the card."""
    for tile in (*GEMM_TILES, *WIDE_TILES):
        yield Way(tile, 1)
        if tile.groups(product.m, product.n) * product.batch >= FULL * target.card().compute_units:
            continue
        tiles = tile.groups(product.m, product.n) * product.batch
        for pieces in PIECES:
            chunk = Way(tile, pieces).chunk(product.k)
            whole = chunk * (pieces - 1) < product.k and chunk >= LEAST_STAGES * tile.k
            if not whole or 4 * pieces * tiles * tile.m * tile.n >= MAX_BYTES:
                continue
            yield Way(tile, pieces)
            if tiles * tile.waves <= COUNTERS:
                yield Way(tile, pieces, True)
