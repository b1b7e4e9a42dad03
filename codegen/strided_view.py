"""Views that are not computed: where the elements of a permuted, expanded, sliced or reshaped tensor lie in another one's memory.

A kernel that takes strides (element maps, matrix products, attention) reads such a view in place; for any other one the builder
copies it first (`ProgramBuilder.view` and `ProgramBuilder.place`). A dimension may step through memory in several strides: the
merged batch and head dimension of attention's operands does. It is a tuple of atoms, outermost first, and a reshape only cuts and
regroups atoms: the "layouts" of CuTe (https://docs.nvidia.com/cutlass/, "CuTe Layout Algebra") in row-major order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amdc.codegen.indexing import Shape, dense_strides

if TYPE_CHECKING:
    from amdc.codegen.builder import Place

Atom = tuple[int, int]  # extent above 1, stride in elements
Axis = tuple[Atom, ...]  # of one dimension; extent 1: ()


def merged(atoms: Iterable[Atom]) -> Axis:
    """The fewest atoms that step alike."""
    found: list[Atom] = []
    for extent, stride in atoms:
        if found and found[-1][1] == stride * extent:
            found[-1] = (found[-1][0] * extent, stride)
        elif extent != 1:
            found.append((extent, stride))
    return tuple(found)


def extent_of(axis: Axis) -> int:
    return math.prod(extent for extent, _ in axis)


@dataclass(frozen=True)
class Layout:
    """Element [i0, i1, ...] lies at `offset` + the sum of what each axis adds for its index, in elements. No extent is 0."""

    axes: tuple[Axis, ...]
    offset: int = 0

    @staticmethod
    def dense(shape: Sequence[int], offset: int = 0) -> Layout:
        return Layout(tuple(merged([pair]) for pair in zip(shape, dense_strides(shape), strict=True)), offset)

    @property
    def shape(self) -> Shape:
        return tuple(map(extent_of, self.axes))

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie side by side in row-major order."""
        return merged(atom for axis in self.axes for atom in axis) in ((), ((math.prod(self.shape), 1),))

    def permute(self, order: Sequence[int]) -> Layout:
        return replace(self, axes=tuple(self.axes[dim] for dim in order))

    def expand(self, shape: Sequence[int]) -> Layout:
        padded: tuple[Axis, ...] = ((),) * (len(shape) - len(self.axes)) + self.axes
        return replace(self, axes=tuple(axis or merged([(extent, 0)]) for axis, extent in zip(padded, shape, strict=True)))

    def flip(self, dim: int) -> Layout:
        axis = self.axes[dim]
        offset = self.offset + sum((extent - 1) * stride for extent, stride in axis)
        return self._with(dim, tuple((extent, -stride) for extent, stride in axis), offset)

    def select(self, dim: int, index: int) -> Layout:
        offset = self.offset
        for extent, stride in reversed(self.axes[dim]):
            offset += index % extent * stride
            index //= extent
        return Layout(self.axes[:dim] + self.axes[dim + 1 :], offset)

    def slice(self, dim: int, start: int, extent: int, step: int = 1) -> Layout | None:
        """`extent` elements from `start` on; None where they do not step evenly."""
        axis = self.axes[dim]
        inner = extent_of(axis[1:])
        if start % inner or (inner > 1 and (extent % inner or step != 1)):
            return None
        stride = axis[0][1] if axis else 0
        return self._with(dim, merged([(extent // inner, stride * step), *axis[1:]]), self.offset + start // inner * stride)

    def reshape(self, shape: Sequence[int]) -> Layout | None:
        """The same elements in the same order; None where an extent would cut an atom unevenly."""
        left = list(merged(atom for axis in self.axes for atom in axis))
        axes: list[Axis] = []
        for wanted in reversed(shape):
            taken: list[Atom] = []
            while wanted > 1:
                extent, stride = left.pop()
                part = math.gcd(extent, wanted)
                if part not in (extent, wanted):
                    return None
                if part < extent:
                    left.append((extent // part, stride * part))
                taken.append((part, stride))
                wanted //= part
            axes.append(merged(reversed(taken)))
        return replace(self, axes=tuple(reversed(axes)))

    def _with(self, dim: int, axis: Axis, offset: int) -> Layout:
        return Layout((*self.axes[:dim], axis, *self.axes[dim + 1 :]), offset)


@dataclass(frozen=True)
class StridedView:
    """A tensor that lies in `base` as `layout` says, which counts elements from the start of `base`."""

    base: Place
    layout: Layout


def common_atoms(axes: Sequence[Axis]) -> tuple[Shape, list[Shape]] | None:
    """Cut axes of one extent at the same places: the fewest extents, and each axis's strides. None where cuts do not fit."""
    left = [list(axis) for axis in axes]
    extents: list[int] = []
    strides: list[list[int]] = []
    while any(left):
        part = min(atoms[-1][0] for atoms in left if atoms)
        if any(not atoms or atoms[-1][0] % part for atoms in left):
            return None
        steps = [atoms[-1][1] for atoms in left]
        if extents and all(step == inner * extents[-1] for step, inner in zip(steps, strides[-1], strict=True)):
            extents[-1] *= part
        else:
            extents.append(part)
            strides.append(steps)
        for atoms in left:
            extent, stride = atoms.pop()
            if extent > part:
                atoms.append((extent // part, stride * part))
    kept = [tuple(step[k] for step in reversed(strides)) for k in range(len(axes))]
    return tuple(reversed(extents)), kept
