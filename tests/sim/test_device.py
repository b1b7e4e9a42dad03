"""The simulated GPU as a tool of its own: arrays, launches, arguments, and its checks, on kernels written in plain HIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amdc.codegen.toolchain import KernelSource, find_toolchain
from amdc.errors import BundleError, KernelFault, UsageError
from amdc.sim import Device

FOLDER = Path(__file__).parents[1] / "data" / "code_objects"
HEAD = """
#define KERNEL extern "C" __attribute__((global)) void
#define LANE __builtin_amdgcn_workitem_id_x()
#define GROUP __builtin_amdgcn_workgroup_id_x()
#define SHARED __attribute__((shared))
#define BARRIER __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup"); __builtin_amdgcn_s_barrier();
"""
KERNELS = {
    "axpy": "KERNEL axpy(const float *x, float *y, float a, int n) {"
    " int i = GROUP * 256 + LANE; if (i < n) y[i] = a * x[i] + y[i]; }",
    "past_the_end": "KERNEL past_the_end(float *y, int n) { y[LANE + n] = 1; }",
    "read_past_the_end": "KERNEL read_past_the_end(const float *x, float *y, int n) { y[LANE] = x[LANE + n]; }",
    "misaligned": "KERNEL misaligned(float *y) { *(volatile unsigned *)((char *)y + 4 * LANE + 2) = 1; }",
    "lds_past_the_end": "KERNEL lds_past_the_end(float *y, int n) { SHARED volatile float t[64]; t[LANE] = LANE; BARRIER"
    " t[LANE + n] = 1; BARRIER y[LANE] = t[63 - LANE]; }",
    "race": "KERNEL race(float *y, int n) { SHARED float t[256]; t[LANE] = LANE; y[LANE] = t[(LANE + n) & 255]; }",
    "no_race": "KERNEL no_race(float *y, int n) { SHARED float t[256]; t[LANE] = LANE; BARRIER y[LANE] = t[(LANE + n) & 255]; }",
    "forever": "KERNEL forever(volatile int *y) { while (y[0] == 0) y[1] = LANE; }",
    "unwritten": "KERNEL unwritten(float *y) { float v;"
    ' __asm__ volatile("v_add_f32 %0, 1.0, v77" : "=v"(v) : : "v77"); y[LANE] = v; }',
    "copied": "KERNEL copied(float *y) { float v;"
    ' __asm__ volatile("v_mov_b32 %0, v77\\n\\tv_mov_b32 %0, 2.0" : "=v"(v) : : "v77"); y[LANE] = v; }',
    "lonely_barrier": "KERNEL lonely_barrier(float *y) {"
    ' if (__builtin_amdgcn_readfirstlane(LANE) < 64) __asm__ volatile("s_barrier"); y[LANE] = 1; }',
}


def code(name: str, line_tables: bool = False) -> bytes:
    return find_toolchain().compile_one(KernelSource(name, HEAD + KERNELS[name] + "\n"), "gfx803", line_tables)


def launch(gpu: Device, name: str, *args: Any, block: int = 64, line_tables: bool = False) -> None:
    gpu.load(code(name, line_tables)).launch(name, grid=(1, 1, 1), block=(block, 1, 1), args=args)


@pytest.fixture(scope="module")
def gpu() -> Device:
    return Device("gfx803", max_instructions=100_000)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("n", [1, 255, 257, 1000])
def test_axpy(check: bool, n: int) -> None:
    gpu = Device("gfx803", check=check)
    x, y = np.random.default_rng(n).standard_normal((2, n)).astype(np.float32)
    there, here = gpu.to_device(x), gpu.to_device(y)
    arguments = [there, here, np.float32(2.5), np.int32(n)]
    gpu.load(code("axpy")).launch("axpy", grid=(-(-n // 256), 1, 1), block=(256, 1, 1), args=arguments)
    np.testing.assert_array_equal(gpu.to_host(here), np.float32(2.5) * x + y)


def test_module_describes_its_kernels(gpu: Device) -> None:
    kernel = gpu.load(code("axpy")).kernels["axpy"]
    explicit = [argument for argument in kernel.arguments if not argument.value_kind.startswith("hidden")]
    assert [argument.size for argument in explicit] == [8, 8, 4, 4]
    assert kernel.vgprs > 0 and kernel.sgprs > 0 and kernel.lds_bytes == 0


def test_new_memory_is_poisoned(gpu: Device) -> None:
    assert np.isnan(gpu.to_host(gpu.empty((5, 3)))).all()
    assert (gpu.to_host(gpu.empty(7, "int32")) == -1).all()


def fault(gpu: Device, name: str, *args: Any, block: int = 64, line_tables: bool = False) -> str:
    with pytest.raises(KernelFault) as caught:
        launch(gpu, name, *args, block=block, line_tables=line_tables)
    message = str(caught.value)
    assert f"kernel {name}" in message and "instruction:" in message and "work-group (0, 0, 0)" in message
    return message


@pytest.mark.parametrize(("n", "lane"), [(1, 63), (40, 24)])
def test_a_store_past_the_end_names_the_lane(gpu: Device, n: int, lane: int) -> None:
    message = fault(gpu, "past_the_end", gpu.empty(64), np.int32(n))
    assert "outside every allocation" in message and f"lane {lane}," in message and "store" in message


def test_a_store_just_inside_passes(gpu: Device) -> None:
    y = gpu.empty(64)
    launch(gpu, "past_the_end", y, np.int32(0))
    assert (gpu.to_host(y) == 1).all()


def test_a_load_past_the_end(gpu: Device) -> None:
    within_guard = np.int32(64)  # further away another allocation may lie
    assert "load" in fault(gpu, "read_past_the_end", gpu.empty(64), gpu.empty(64), within_guard)


def test_memory_that_was_freed(gpu: Device) -> None:
    y = gpu.empty(64)
    gpu.free(y)
    assert "outside every allocation" in fault(gpu, "past_the_end", y, np.int32(0))


def test_misaligned(gpu: Device) -> None:
    assert "misaligned 4-byte access" in fault(gpu, "misaligned", gpu.empty(65))


def test_lds_past_the_end(gpu: Device) -> None:
    launch(gpu, "lds_past_the_end", gpu.empty(64), np.int32(0))
    assert "LDS access" in fault(gpu, "lds_past_the_end", gpu.empty(64), np.int32(1))


def test_lds_race_between_waves(gpu: Device) -> None:
    """Within a wave LDS accesses are in order; another wave's element needs a barrier between."""
    assert "LDS race" in fault(gpu, "race", gpu.empty(256), np.int32(64), block=256)
    launch(gpu, "race", gpu.empty(256), np.int32(0), block=256)
    y = gpu.empty(256)
    launch(gpu, "no_race", y, np.int32(64), block=256)
    np.testing.assert_array_equal(gpu.to_host(y), (np.arange(256, dtype=np.float32) + 64) % 256)


def test_unwritten_registers(gpu: Device) -> None:
    """Arithmetic on a register that nothing wrote is reported; a copy of it that is then overwritten is not."""
    assert "v77" in fault(gpu, "unwritten", gpu.empty(64))
    y = gpu.empty(64)
    launch(gpu, "copied", y)
    assert (gpu.to_host(y) == 2).all()


def test_a_barrier_that_not_all_waves_reach(gpu: Device) -> None:
    assert "barrier" in fault(gpu, "lonely_barrier", gpu.empty(256), block=256)


def test_a_kernel_without_end(gpu: Device) -> None:
    assert "max_instructions" in fault(gpu, "forever", gpu.to_device(np.zeros(2, np.int32)))


def test_a_fault_names_the_source_line(gpu: Device) -> None:
    """With line tables in the code object: the kernels stand behind the head's lines."""
    message = fault(gpu, "past_the_end", gpu.empty(64), np.int32(1), line_tables=True)
    assert f":{HEAD.count(chr(10)) + 1}" in message


def test_checks_can_be_chosen() -> None:
    """Without the register check the same kernel runs; an unknown check is refused."""
    gpu = Device("gfx803", check=["memory"])
    launch(gpu, "unwritten", gpu.empty(64))
    with pytest.raises(UsageError, match="known: memory, registers, barriers, races"):
        Device("gfx803", check=["everything"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (lambda gpu: [gpu.empty(4)], "4"),
        (lambda gpu: [gpu.empty(4), gpu.empty(4), np.float64(1), np.int32(4)], "8 bytes|float64|size"),
    ],
)
def test_wrong_arguments(gpu: Device, args: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gpu.load(code("axpy")).launch("axpy", grid=(1, 1, 1), block=(256, 1, 1), args=args(gpu))


def test_wrong_launches(gpu: Device, tmp_path: Path) -> None:
    module = gpu.load(code("axpy"))
    with pytest.raises(UsageError, match="no kernel 'axpi'; it has: axpy"):
        module.launch("axpi", grid=(1, 1, 1), block=(64, 1, 1), args=[])
    with pytest.raises(UsageError, match="block"):
        module.launch("axpy", grid=(1, 1, 1), block=(2048, 1, 1), args=[gpu.empty(4), gpu.empty(4), np.float32(1), np.int32(4)])
    with pytest.raises(UsageError, match=r"absent\.hsaco"):
        gpu.load(tmp_path / "absent.hsaco")
    with pytest.raises(BundleError):
        gpu.load(b"not an ELF file")


def test_one_thread_and_several_agree() -> None:
    """Work-groups are independent: any number of host threads gives the same bits."""
    results = []
    for jobs in (1, 3):
        gpu = Device("gfx803", jobs=jobs)
        x, y = gpu.to_device(np.arange(5000, dtype=np.float32)), gpu.to_device(np.ones(5000, np.float32))
        gpu.load(code("axpy")).launch("axpy", grid=(20, 1, 1), block=(256, 1, 1), args=[x, y, np.float32(0.1), np.int32(5000)])
        results.append(gpu.to_host(y))
    np.testing.assert_array_equal(*results)
