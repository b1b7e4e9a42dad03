"""Code objects that other compilers made (plain HIP by clang, Triton, TVM) run on the simulated GPU with right results.

They stand in tests/data/code_objects (its README says how each was made). Tolerances: a float32 sum of K products that is rounded
K times is off by at most K * 2^-24 * sum |a b|, whatever the order; the tests allow twice that, for v_mad's second rounding.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "data" / "code_objects"
GEMM_SHAPES = [(1, 1, 1), (16, 16, 16), (31, 33, 17), (33, 33, 33), (67, 131, 29), (1, 257, 5), (129, 1, 64)]
CLANG = ["clang_v4", "clang_v5"]


@pytest.fixture(scope="module")
def gpu() -> Any:
    from amdc.sim import Device

    return Device("gfx803")


@pytest.fixture(scope="module")
def modules(gpu: Any) -> dict[str, Any]:
    return {path.stem: gpu.load(path) for path in sorted(FOLDER.glob("*.hsaco"))}


def floats(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def poisoned(gpu: Any, shape: tuple[int, ...]) -> Any:
    """Device memory full of NaN: an element that no thread writes shows."""
    return gpu.to_device(np.full(shape, np.nan, np.float32))


def assert_product(result: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = 2 * a.shape[1] * 2.0**-24 * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    error = np.abs(result - exact)
    assert not np.isnan(result).any()
    assert (error <= bound).all(), f"error {error.max()} over the bound {bound[error > bound][0]}"


def blocks(size: int, tile: int) -> int:
    return -(-size // tile)


@pytest.mark.parametrize("module", CLANG)
@pytest.mark.parametrize("shape", GEMM_SHAPES, ids=str)
@pytest.mark.parametrize(("kernel", "block"), [("gemm_naive", (16, 16)), ("gemm_naive", (32, 3)), ("gemm_tiled", (16, 16))])
def test_gemm_by_clang(
    gpu: Any, modules: dict[str, Any], module: str, kernel: str, block: tuple[int, int], shape: tuple[int, int, int]
) -> None:
    """Ordinary HIP, with blockDim from the dispatch packet (v4) or the hidden arguments (v5)."""
    m, n, k = shape
    a, b, out = floats((m, k), 1), floats((k, n), 2), poisoned(gpu, (m, n))
    arguments = [gpu.to_device(a), gpu.to_device(b), out, np.int32(m), np.int32(n), np.int32(k)]
    modules[module].launch(kernel, grid=(blocks(n, block[0]), blocks(m, block[1]), 1), block=(*block, 1), args=arguments)
    assert_product(gpu.to_host(out), a, b)


@pytest.mark.parametrize("module", CLANG)
@pytest.mark.parametrize(("count", "groups", "size"), [(1, 1, 64), (1000, 3, 128), (4099, 7, 256), (97, 5, 33)])
def test_reduction_by_clang(gpu: Any, modules: dict[str, Any], module: str, count: int, groups: int, size: int) -> None:
    """Grid-stride loop, dynamic LDS, barriers in a loop, an atomic counter; also blocks of no whole number of waves."""
    x = floats((count,), 3)
    sums, finished = poisoned(gpu, (groups,)), gpu.to_device(np.zeros(1, np.int32))
    arguments = [gpu.to_device(x), sums, finished, np.int32(count)]
    modules[module].launch("block_sums", grid=(groups, 1, 1), block=(size, 1, 1), args=arguments, dynamic_lds=4 * size)
    owner = np.arange(count) // size % groups
    expected = np.bincount(owner, x.astype(np.float64), minlength=groups)
    assert np.abs(gpu.to_host(sums) - expected).max() <= count * 2.0**-24 * np.abs(x).sum()
    assert gpu.to_host(finished)[0] == groups


@pytest.mark.parametrize("module", CLANG)
def test_private_memory_by_clang(gpu: Any, modules: dict[str, Any], module: str) -> None:
    """An array with indices known at run time only lives in scratch memory, which the hardware interleaves by lane."""
    data = np.random.default_rng(4).integers(0, 1000, 300).astype(np.int32)
    out = gpu.to_device(np.full(300, -1, np.int32))
    modules[module].launch(
        "private_table", grid=(3, 1, 1), block=(128, 1, 1), args=[gpu.to_device(data), out, np.int32(300), np.int32(40)]
    )
    assert gpu.to_host(out).tolist() == [_private_table(int(v), 40) for v in data]


def _private_table(value: int, rounds: int) -> int:
    table, total = [value * j for j in range(96)], 0
    for j in range(rounds):
        total += table[(value + j) % 96]
        table[(total + j) % 96] ^= j
    return total


@pytest.mark.parametrize("module", CLANG)
def test_calls_by_clang(gpu: Any, modules: dict[str, Any], module: str) -> None:
    """A function that is not inlined: s_getpc, s_swappc and s_setpc, with 64-bit arithmetic."""
    generator = np.random.default_rng(5)
    values, small = generator.integers(-(2**62), 2**62, 200), generator.integers(0, 256, 200).astype(np.uint8)
    out = gpu.to_device(np.zeros(200, np.int64))
    arguments = [gpu.to_device(values), gpu.to_device(small), out, np.int32(200)]
    modules[module].launch("calls", grid=(2, 1, 1), block=(128, 1, 1), args=arguments)
    expected = values.astype(np.uint64)
    for step in range(3):
        by = (small + np.uint8(step)).astype(np.uint64)
        expected = (expected ^ by) * np.uint64(6364136223846793005) + by
    assert (gpu.to_host(out).view(np.uint64) == expected).all()


@pytest.mark.parametrize("shape", GEMM_SHAPES, ids=str)
def test_gemm_by_triton(gpu: Any, modules: dict[str, Any], shape: tuple[int, int, int]) -> None:
    """tl.dot with 64x64x16 tiles and four waves; Triton's LDS is dynamic, and its last two arguments are unused."""
    m, n, k = shape
    a, b, out = floats((m, k), 6), floats((k, n), 7), poisoned(gpu, (m, n))
    arguments = [gpu.to_device(a), gpu.to_device(b), out, np.int32(m), np.int32(n), np.int32(k), 0, 0]
    modules["triton_matmul"].launch(
        "matmul", grid=(blocks(m, 64), blocks(n, 64), 1), block=(256, 1, 1), args=arguments, dynamic_lds=16384
    )
    assert_product(gpu.to_host(out), a, b)


@pytest.mark.parametrize("count", [1, 33, 512, 1031])
def test_elementwise_by_triton(gpu: Any, modules: dict[str, Any], count: int) -> None:
    x, y, out = floats((count,), 8), floats((count,), 9), poisoned(gpu, (count,))
    arguments = [gpu.to_device(x), gpu.to_device(y), out, np.int32(count), 0, 0]
    modules["triton_add_relu"].launch("add_relu", grid=(blocks(count, 512), 1, 1), block=(256, 1, 1), args=arguments)
    assert (gpu.to_host(out) == np.maximum(x + y, 0)).all()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 33), (5, 1000), (2, 1024), (4, 257)])
def test_softmax_by_triton(gpu: Any, modules: dict[str, Any], rows: int, columns: int) -> None:
    x, out = 4 * floats((rows, columns), 10), poisoned(gpu, (rows, columns))
    arguments = [gpu.to_device(x), out, np.int32(columns), np.int32(columns), 0, 0]
    modules["triton_softmax"].launch("softmax", grid=(rows, 1, 1), block=(256, 1, 1), args=arguments, dynamic_lds=16)
    powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    # exp(v) is exp2 of v / ln 2 rounded: |v| of up to 40 costs about 40 ulp; the sum, reciprocal and product a few more.
    assert np.allclose(gpu.to_host(out), expected, rtol=64 * 2.0**-23, atol=2.0**-126)


@pytest.mark.parametrize("shape", GEMM_SHAPES, ids=str)
def test_gemm_by_tvm(gpu: Any, modules: dict[str, Any], shape: tuple[int, int, int]) -> None:
    """dlight's schedule: 32x64 tiles, blocks of 8x16."""
    m, n, k = shape
    a, b, out = floats((m, k), 11), floats((k, n), 12), poisoned(gpu, (m, n))
    arguments = [gpu.to_device(a), gpu.to_device(b), out, np.int32(k), np.int32(m), np.int32(n)]
    modules["tvm_matmul"].launch("matmul_kernel", grid=(blocks(m, 32), blocks(n, 64), 1), block=(8, 16, 1), args=arguments)
    assert_product(gpu.to_host(out), a, b)


def test_metadata_of_every_producer(modules: dict[str, Any]) -> None:
    """Names as the producers wrote them, in whatever dialect of the metadata."""
    names = {stem: sorted(module.kernels) for stem, module in modules.items()}
    clang = ["block_sums", "calls", "gemm_naive", "gemm_tiled", "private_table"]
    assert names == {
        "clang_v4": clang,
        "clang_v5": clang,
        "triton_add_relu": ["add_relu"],
        "triton_matmul": ["matmul"],
        "triton_softmax": ["softmax"],
        "tvm_matmul": ["matmul_kernel"],
    }
