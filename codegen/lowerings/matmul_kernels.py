"""Which kernel computes a matrix product: by tiles (`matmul_tiled`), a matrix times few vectors, or any dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.choice import LEVEL, Candidate
from amdc.codegen.dtypes import FLOAT32_MATH, TAGS, sum_type
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_cost import vector_us
from amdc.codegen.lowerings.matmul_operands import Matrix, Product
from amdc.codegen.lowerings.matmul_task import RowNorm, Task
from amdc.codegen.lowerings.matmul_tiled import candidates
from amdc.codegen.lowerings.normed import norm_follows
from amdc.codegen.magic import magic
from amdc.errors import InternalError
from amdc.kernels import gemm

FEW_GROUPS = 2  # a compute unit: below, more waves share the outputs of a work-group
# Rows up to which the GEMV takes a product: its layout 1 reads the rows again for each column of the result.
MOST_ROWS = {0: gemm.GEMV_ROWS[-1], 1: 4}


def launch_product(item: Item, builder: ProgramBuilder, product: Product, norm: RowNorm | None = None) -> None:
    """`item` has a prologue, on A, and an epilogue. Few rows share one reading of B; with one column, A and B change places. A
    norm of A's rows takes the place of the prologue; A is of layout DEEP then."""
    leaves = builder.opt_level >= LEVEL and product.batch == 1 and norm_follows(item.graph, item.node)
    task = Task(item, builder, product, item.prologue(-1), item.epilogue(-1), norm, leaves)
    if not {product.a.place.dtype, product.b.place.dtype} <= set(FLOAT32_MATH):
        if task.prologue:
            raise InternalError(f"'{item.node.name}' has a prologue on {product.a.place.dtype}; its kernel takes none")
        launch_any(task)
        return
    ways = sorted((*_vectors(task), *candidates(task)), key=lambda candidate: candidate.cost())
    builder.choose(_problem(task), ways).build()


def _vectors(task: Task) -> Iterator[Candidate]:
    """gemv.hip, where it takes the product."""
    product, target = task.product, task.builder.target
    if task.norm is not None or task.leaves:
        return
    if _takes_rows(product.b, product.m):
        w, x = product.b, product.a
    elif product.n == 1 and not task.prologue and _takes_rows(product.a, 1):
        w, x = product.a, product.b
    else:
        return
    yield Candidate("gemv", partial(vector_us, product, w, target), partial(_gemv, task, w, x))


def _problem(task: Task) -> str:
    """The key of a product: its sizes, types and layouts, without names."""
    product = task.product
    operands = zip("ab", task.layouts, (product.a, product.b), strict=True)
    kinds = [f"{name}={layout}/{matrix.place.dtype}" for name, layout, matrix in operands]
    bias = f"c={product.c.layout()}/{product.c.place.dtype} bias={int(product.bias is not None)}"
    fused = f"prologue={int(bool(task.prologue))} epilogue={int(bool(task.epilogue))}"
    fused += f" norm={int(task.norm.centred)}{task.norm.affine}{int(bool(task.norm.parts))}" if task.norm else ""
    fused += " leaves=1" if task.leaves else ""
    return f"gemm m={product.m} n={product.n} k={product.k} batch={product.batch} {' '.join(kinds)} {bias} {fused}"


def _takes_rows(w: Matrix, rows: int) -> bool:
    """Whether gemv.hip takes a matrix times this many vectors."""
    return (w.column == 1 and rows <= MOST_ROWS[0]) or (w.k == 1 and rows <= MOST_ROWS[1])


def _gemv(task: Task, w: Matrix, x: Matrix) -> None:
    """`w` is the operand that is a matrix, `x` the one that has few rows (B: one column, whose stride by row counts nothing)."""
    product, prologue, epilogue = task.product, task.prologue, task.epilogue
    c, bias, by_row = product.c, product.bias, w is product.b
    outs, rows = (product.n, product.m) if by_row else (product.m, 1)
    layout = 0 if w.column == 1 else 1
    steps = (c.k, c.column) if by_row else (0, c.k)
    added = (bias.node, bias.row, bias.column if by_row else bias.row, bias.alpha, bias.beta) if bias else ()
    batch = (product.inner, *magic(product.inner))
    strides = (w.k if layout == 0 else w.column, w.outer, w.inner, x.column, x.k, x.outer, x.inner, *steps, c.outer, c.inner)
    sizes = (outs, rows, product.k, *batch, *strides, w.nbytes, x.nbytes, int(by_row))
    types = {"TYPE_W": TAGS[w.place.dtype], "TYPE_X": TAGS[x.place.dtype], "TYPE_Y": TAGS[c.place.dtype]}
    shared = next(count for count in gemm.GEMV_ROWS if count >= rows)
    groups = -(-outs // (64 if layout == 0 else 4))
    few = layout == 0 and groups * product.batch < FEW_GROUPS * task.builder.target.card().compute_units
    waves = max(4, min(16, -(-product.k // 64), 64 // shared)) if few else 4
    task.builder.launch(
        gemm.GEMV,
        {"LAYOUT": layout, "BIAS": int(bias is not None), "X_ROWS": shared, **types, **task.bias_types},
        item=task.item,
        grid=(groups, 1, product.batch),
        arguments=(w.place, x.place, c.place, *sizes, *added, *prologue.operands, *epilogue.operands),
        writes=(c.place,),
        flops=task.flops,
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, (f"{shared}rows" if shared > 1 else "", epilogue.hint))),
        block=(64 * waves, 1, 1),
    )


@dataclass(frozen=True)
class Zeros:
    """The zero points of a quantised product: of A by row, of B by column, each a step of 0 or 1 element, and by batch."""

    a: Node | Place
    b: Node | Place
    a_steps: tuple[int, int, int]  # from row to row, outer batch to outer batch, inner to inner
    b_steps: tuple[int, int, int]


def launch_any(task: Task, zeros: Zeros | None = None) -> None:
    """product.hip: a product of any dtypes, without prologue."""
    product, epilogue = task.product, task.epilogue
    m, n, a, b, c, bias = product.m, product.n, product.a, product.b, product.c, product.bias
    assert task.item.anchor is not None
    parameters = {
        "BIAS": int(bias is not None),
        "ZEROS": int(zeros is not None),
        "SUM": sum_type(dtype_name(task.item.anchor)),
        "TYPE_A": TAGS[a.place.dtype],
        "TYPE_B": TAGS[b.place.dtype],
        "TYPE_C": TAGS[c.place.dtype],
        **task.bias_types,
    }
    batch = (product.inner, *magic(product.inner))
    strides = (a.column, a.k, a.outer, a.inner, b.column, b.k, b.outer, b.inner, c.k, c.column, c.outer, c.inner)
    sizes = (m, n, product.k, *batch, *strides)
    points = (zeros.a, *zeros.a_steps, zeros.b, *zeros.b_steps) if zeros else ()
    task.builder.launch(
        gemm.PRODUCT,
        parameters,
        item=task.item,
        grid=(-(-n // 256), m, product.batch),
        arguments=(a.place, b.place, c.place, *sizes, *points, *task.bias_arguments, *epilogue.operands),
        writes=(c.place,),
        flops=task.flops,
        prelude=epilogue.text,
        hint=epilogue.hint,
    )
