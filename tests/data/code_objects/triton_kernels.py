"""The Triton kernels of make_triton.py: ordinary ones, as a user would write them."""

import triton
import triton.language as tl


@triton.jit
def add_relu(x, y, out, n, BLOCK: tl.constexpr):
    """out = max(x + y, 0), element-wise."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    total = tl.load(x + at, inside) + tl.load(y + at, inside)
    tl.store(out + at, tl.maximum(total, 0.0), inside)


@triton.jit
def softmax(x, out, columns, stride, BLOCK: tl.constexpr):
    """One row a program; columns <= BLOCK."""
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    inside = at < columns
    values = tl.load(x + row * stride + at, inside, other=-float("inf"))
    powers = tl.exp(values - tl.max(values, 0))
    tl.store(out + row * stride + at, powers / tl.sum(powers, 0), inside)


@triton.jit
def matmul(a, b, c, m, n, k, TILE_M: tl.constexpr, TILE_N: tl.constexpr, TILE_K: tl.constexpr):
    """c = a @ b for row-major float32 matrices of any shape."""
    rows = tl.program_id(0) * TILE_M + tl.arange(0, TILE_M)
    columns = tl.program_id(1) * TILE_N + tl.arange(0, TILE_N)
    depth = tl.arange(0, TILE_K)
    total = tl.zeros((TILE_M, TILE_N), tl.float32)
    for start in range(0, k, TILE_K):
        steps = start + depth
        left = tl.load(a + rows[:, None] * k + steps[None, :], (rows[:, None] < m) & (steps[None, :] < k), other=0.0)
        right = tl.load(b + steps[:, None] * n + columns[None, :], (steps[:, None] < k) & (columns[None, :] < n), other=0.0)
        total = tl.dot(left, right, total)
    tl.store(c + rows[:, None] * n + columns[None, :], total, (rows[:, None] < m) & (columns[None, :] < n))
