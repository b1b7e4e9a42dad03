"""A small model for the runtime's tests: y = (3 x + w)^2 in two kernels, one launch each."""

from __future__ import annotations

import numpy as np

from amdc.codegen.toolchain import KernelSource
from amdc.program import Buffer, Kernel, Launch, Pointer, Port, Program, Scalar

COUNT = 100
WEIGHT = np.linspace(-1, 1, COUNT, dtype=np.float32)
HEAD = 'extern "C" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void '
INDEX = "unsigned i = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x(); if (i >= n) return;"
SCALE = KernelSource(
    symbol="scale",
    text=f"{HEAD} scale(const float *x, const float *w, float *t, float a, unsigned n) {{ {INDEX} t[i] = a * x[i] + w[i]; }}",
    block=(64, 1, 1),
)
SQUARE = KernelSource(
    symbol="square",
    text=f"{HEAD} square(const float *t, float *y, unsigned n) {{ {INDEX} y[i] = t[i] * t[i]; }}",
    block=(64, 1, 1),
)


def reference(x: np.ndarray) -> np.ndarray:
    return (np.float32(3) * x + WEIGHT) ** 2


def make_program() -> Program:
    kinds = (("w", "constant", 0), ("x", "input", 512), ("t", "activation", 1024), ("y", "output", 1536))
    grid = (2, 1, 1)
    count = Scalar("uint32", COUNT)
    return Program(
        arch="gfx803",
        inputs=(Port("image", "x", "float32", (COUNT,)),),
        outputs=(Port("probabilities", "y", "float32", (COUNT,)),),
        buffers={name: Buffer(name, kind, "float32", (COUNT,), offset) for name, kind, offset in kinds},  # type: ignore[arg-type]
        kernels={
            "scale_1": Kernel("scale", "pointwise", {}, SCALE.key, SCALE.block),
            "square_1": Kernel("square", "pointwise", {}, SQUARE.key, SQUARE.block),
        },
        launches=(
            Launch("scale_1", grid, (*map(Pointer, "xwt"), Scalar("float32", 3), count), ("x", "w"), ("t",), "scale"),
            Launch("square_1", grid, (*map(Pointer, "ty"), count), ("t",), ("y",), "square"),
        ),
        arena_bytes=2048,
        constant_bytes=512,
        peak_activation_bytes=1536,
        largest_live_set=800,
    )
