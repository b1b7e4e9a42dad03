"""A tiled matrix product to lay out: what is fused into it, its tile, and how k is cut."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import Product
from amdc.codegen.lowerings.normed import RowParts
from amdc.kernels.gemm_tiles import GemmTile
from amdc.kernels.template import Value


@dataclass(frozen=True)
class RowNorm:
    """What A's rows go through: layer norm (`centred`) or RMS norm, with gain and shift by k. `moments`: where mean and scale of
    each row go, if something needs them. `parts`: what the product that made A left of its rows."""

    gain: Node | None
    shift: Node | None
    epsilon: float
    centred: bool
    moments: tuple[Place, ...] = ()
    parts: RowParts | None = None

    @property
    def affine(self) -> int:
        return (self.gain is not None) + (self.shift is not None)


@dataclass(frozen=True)
class Task:
    """A product to lay out, with what is fused into it. `leaves`: also the parts of its rows' moments, for a norm behind it."""

    item: Item
    builder: ProgramBuilder
    product: Product
    prologue: FusedExpression
    epilogue: FusedExpression
    norm: RowNorm | None = None
    leaves: bool = False

    @property
    def flops(self) -> int:
        product = self.product
        added = self.epilogue.flops + 2 * (product.bias is not None)
        return product.batch * product.m * product.n * (2 * product.k + added)

    @property
    def bias_types(self) -> dict[str, Value]:
        return {"TYPE_BIAS": TAGS[dtype_name(self.product.bias.node)]} if self.product.bias else {}

    @property
    def bias_arguments(self) -> tuple[Operand, ...]:
        bias = self.product.bias
        return (bias.node, bias.row, bias.column, bias.alpha, bias.beta) if bias else ()

    @property
    def norm_parameters(self) -> dict[str, Value]:
        norm = self.norm
        if norm is None:
            return {}
        kinds = {
            "NORM": 2 if norm.parts else 1,
            "NORM_WIDTH": self.product.k,
            "NORM_CENTRED": int(norm.centred),
            "NORM_AFFINE": norm.affine,
        }
        tag = TAGS[dtype_name(norm.gain)] if norm.gain is not None else "float"
        return {**kinds, "MOMENTS": int(bool(norm.moments)), "TYPE_AFFINE": tag}

    @property
    def norm_arguments(self) -> tuple[Operand, ...]:
        norm, x = self.norm, self.product.a.place
        if norm is None:
            return ()
        affine = (x if norm.gain is None else norm.gain, x if norm.shift is None else norm.shift)
        parts = (norm.parts.place, norm.parts.count, norm.parts.columns) if norm.parts else ()
        return (*affine, norm.epsilon, *parts, *norm.moments)

    @property
    def layouts(self) -> tuple[int, int]:
        return self.product.a.layout(self.product.k), self.product.b.layout(self.product.k)


@dataclass(frozen=True)
class Way:
    """A tile, and how many pieces k is cut into; `joined`: the last work-group of a tile adds them, else a second launch."""

    tile: GemmTile
    pieces: int
    joined: bool = False

    @property
    def name(self) -> str:
        return self.tile.name + (f" {'join' if self.joined else 'split'}{self.pieces}" if self.pieces > 1 else "")

    @property
    def apart(self) -> bool:
        """Whether a second launch adds up."""
        return self.pieces > 1 and not self.joined

    def chunk(self, k: int) -> int:
        """Values of k of a piece: whole stages."""
        return -(-k // (self.pieces * self.tile.k)) * self.tile.k
