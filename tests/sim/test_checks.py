"""The checks of the simulated GPU where they are subtle: what must be reported, and what compilers do on purpose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from amdc.codegen.toolchain import KernelSource, find_toolchain
from amdc.errors import KernelFault, ModelError
from amdc.sim import Device, Module
from amdc.sim.host_compiler import find_host_compiler

HEAD = """
#define KERNEL extern "C" __attribute__((global)) void
#define LANE __builtin_amdgcn_workitem_id_x()
#define GROUP __builtin_amdgcn_workgroup_id_x()
#define SHARED __attribute__((shared))
#define BARRIER __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup"); __builtin_amdgcn_s_barrier();
"""


@pytest.fixture(scope="module")
def gpu() -> Device:
    return Device("gfx803", max_instructions=1_000_000)


def load(gpu: Device, body: str, parameters: str = "volatile float *y") -> Module:
    source = KernelSource("k", f"{HEAD}\nKERNEL k({parameters}) {{ {body} }}\n")
    return gpu.load(find_toolchain().compile_one(source, "gfx803"))


def run(gpu: Device, body: str, count: int = 256, block: int = 256, grid: int = 1) -> np.ndarray:
    y = gpu.empty(count)
    load(gpu, body).launch("k", grid=(grid,), block=(block,), args=[y])
    return gpu.to_host(y)


def fault(gpu: Device, body: str, **sizes: int) -> str:
    with pytest.raises(KernelFault) as caught:
        run(gpu, body, **sizes)
    return str(caught.value)


TWICE = "SHARED float t[512]; int other = (LANE + 64) % 256;"
ORDERED = {
    "double buffer": TWICE + "t[LANE] = LANE; BARRIER float s = t[other]; t[256 + LANE] = s; BARRIER y[LANE] = t[256 + other];",
    "bytes of one dword": "SHARED unsigned char t[256]; t[LANE % 64 * 4 + LANE / 64] = LANE; BARRIER y[LANE] = t[LANE];",
    "atomics": "SHARED int t[1];"
    " if (LANE == 0) t[0] = 0; BARRIER __atomic_fetch_add(t, 1, __ATOMIC_RELAXED); BARRIER y[LANE] = t[0];",
    "reads alone": TWICE
    + "t[LANE] = LANE; BARRIER float s = 0; for (int i = 0; i < 9; ++i) s += t[(LANE + 31 * i) % 256]; y[LANE] = s;",
}
UNORDERED = {
    "read after write": TWICE + "t[LANE] = LANE; y[LANE] = t[other];",
    "write after read": TWICE + "t[LANE] = LANE; BARRIER float s = t[other]; t[LANE] = s; BARRIER y[LANE] = t[LANE];",
    "read after write, both through flat addresses": "SHARED volatile float t[256];"
    " t[LANE] = LANE; y[LANE] = t[(LANE + 64) % 256];",
    "write after write": "SHARED float t[64]; t[LANE % 64] = LANE; BARRIER y[LANE] = t[LANE % 64];",
    "read of an atomic's place": "SHARED int t[1]; if (LANE == 0) t[0] = 0; BARRIER"
    " __atomic_fetch_add(t, 1, __ATOMIC_RELAXED); y[LANE] = ((volatile int *)t)[0];",
    "write after more reads than the log holds": "SHARED float t[1024];"
    " for (int i = 0; i < 4; ++i) t[LANE + 256 * i] = 0; BARRIER"
    " float s = 0; for (int i = 0; i < 700; ++i) s += t[(LANE * 5 + i * 3) % 1024]; t[LANE] = s; BARRIER y[LANE] = t[LANE];",
}


@pytest.mark.parametrize("body", ORDERED.values(), ids=ORDERED.keys())
def test_ordered_lds_accesses_pass(gpu: Device, body: str) -> None:
    run(gpu, body)


@pytest.mark.parametrize("body", UNORDERED.values(), ids=UNORDERED.keys())
def test_unordered_lds_accesses_are_reported(gpu: Device, body: str) -> None:
    message = fault(gpu, body)
    assert "LDS race" in message and ("ds_" in message or "flat_" in message) and "lane" in message


def test_one_wave_races_with_nobody(gpu: Device) -> None:
    assert run(gpu, UNORDERED["read after write"].replace("% 256", "% 64"), 64, 64)[0] == 0.0


def asm(text: str, result: str = "v0") -> str:
    """A kernel of its own registers: `text` runs between the compiler's code, its result is stored."""
    lines = "\\n\\t".join(text.split(";"))
    clobbered = '"vcc", "s40", "s41", "s42", "s43"'
    return f'float r; __asm__ volatile("{lines}\\n\\tv_mov_b32 %0, {result}" : "=v"(r) :: {clobbered}); y[LANE] = r;'


REPORTED = {
    "one lane's write is not all lanes'": ("v_writelane_b32 v77, 5, 3; v_add_f32 v0, v77, v77", "v77"),
    "undefined through copies": ("v_mov_b32 v78, v77; v_mov_b32 v79, v78; v_add_f32 v0, v79, v79", "v79"),
    "undefined through a select": (
        "s_mov_b64 vcc, 1; v_mov_b32 v78, 0; v_cndmask_b32 v79, v77, v78, vcc; v_add_f32 v0, v79, v79",
        "v79",
    ),
    "an address": ("v_mov_b32 v81, 0; flat_load_dword v0, v[80:81]", "v80"),
    "a scalar in arithmetic": ("s_add_u32 s40, s41, 1; v_mov_b32 v0, s40", "s41"),
    "a scalar through a copy": ("s_mov_b32 s42, s41; s_add_u32 s40, s42, 1; v_mov_b32 v0, s40", "s42"),
    "a scalar base": ("s_load_dword s40, s[42:43], 0x0; v_mov_b32 v0, s40", "s42"),
    "accumulators": ("v_mov_b32 v78, 1.0; v_mac_f32 v77, v78, v78; v_mov_b32 v0, v77", "v77"),
    "a lane that an earlier mask left out": (
        "s_mov_b64 s[40:41], exec; s_mov_b64 exec, 1; v_mov_b32 v77, 0; s_mov_b64 exec, s[40:41]; v_add_f32 v0, v77, v77",
        "v77",
    ),
}
ALLOWED = {
    "masks from nothing": "s_andn2_b64 s[40:41], s[42:43], exec;"
    " s_and_b64 s[42:43], exec, 1; s_or_b64 s[40:41], s[40:41], s[42:43];"
    " v_mov_b32 v0, 0; s_mov_b32 s40, 0; v_mov_b32 v0, s40",
    "spilled scalars": "s_mov_b32 s40, 7; v_writelane_b32 v77, s40, 3; v_mov_b32 v78, v77; v_readlane_b32 s41, v78, 3;"
    " s_add_u32 s41, s41, 1; v_mov_b32 v0, s41",
    "lanes written one by one": "s_mov_b64 s[40:41], exec; s_mov_b64 exec, 1; v_mov_b32 v77, 0; s_andn2_b64 exec, s[40:41], 1;"
    " v_mov_b32 v77, 1; s_mov_b64 exec, s[40:41]; v_add_f32 v0, v77, v77",
    "a select of written lanes": "s_mov_b64 vcc, -1; v_mov_b32 v78, 0; v_cndmask_b32 v79, v77, v78, vcc; v_add_f32 v0, v79, v79",
}


@pytest.mark.parametrize(("text", "register"), REPORTED.values(), ids=REPORTED.keys())
def test_unwritten_registers_are_reported(gpu: Device, text: str, register: str) -> None:
    message = fault(gpu, asm(text), count=64, block=64)
    assert f"reads {register}, which nothing wrote" in message


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_compilers_do_on_purpose_passes(gpu: Device, text: str) -> None:
    run(gpu, asm(text), 64, 64)


def test_the_first_faulting_group_is_named(gpu: Device) -> None:
    """The lowest work-group's fault is reported, whatever the number of host threads."""
    body = "if (GROUP >= 5) y[1000000000 + LANE] = 1;"
    for jobs in (1, 3):
        assert "work-group (5, 0, 0), wave 0, lane 0" in fault(Device("gfx803", jobs=jobs), body, block=64, grid=40)


def test_private_arrays_stay_in_their_lane(gpu: Device) -> None:
    """Scratch memory: each lane's array is its own; an index past the end of scratch memory is reported."""
    body = "volatile int t[40]; for (int i = 0; i < 40; ++i) t[i] = i * LANE; y[LANE] = t[(int)(LANE % 40)];"
    lanes = np.arange(256)
    np.testing.assert_array_equal(run(gpu, body), lanes * (lanes % 40))
    beyond = body.replace("LANE % 40", "LANE + 5000")
    assert "scratch" in fault(gpu, beyond)


def test_block_counts() -> None:
    """With `profile`, a loop's block is counted once an iteration and wave."""
    gpu = Device("gfx803", profile=True, jobs=2)
    module = load(gpu, "float s = 0; for (int i = 0; i < 10; ++i) { s += y[i]; } y[64 + LANE] = s;")
    y = gpu.to_device(np.ones(400, np.float32))
    for _ in range(2):
        module.launch("k", grid=(3,), block=(128,), args=[y])
    counts = module.block_counts["k"]
    assert counts[module.kernels["k"].entry] == 2 * 3 * 2
    assert set(counts.values()) <= {0, 12, 108, 120}


def test_what_cannot_be_simulated_is_named(gpu: Device) -> None:
    with pytest.raises(ModelError, match=r"kernel k of .*cannot be simulated:\n  s_sendmsg at 0x"):
        run(gpu, '__asm__ volatile("s_sendmsg 1");')


def results_with(compiler: str, monkeypatch: pytest.MonkeyPatch, bodies: Sequence[str]) -> list[np.ndarray]:
    monkeypatch.setenv("AMDC_HOST_CC", compiler)
    find_host_compiler.cache_clear()
    try:
        return [run(Device("gfx803"), body) for body in bodies]
    finally:
        find_host_compiler.cache_clear()


def test_host_compilers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """gcc and the wheel's clang give the same bits: elementary functions, rounding, halves, division, carries."""
    pytest.importorskip("ziglang")
    bodies = [
        "float x = (LANE - 100.0f) * 0.37f;"
        " y[LANE] = __builtin_amdgcn_exp2f(x) + __builtin_amdgcn_sinf(x) * __builtin_amdgcn_logf(x * x);",
        "_Float16 h = (_Float16)(LANE * 0.1f); y[LANE] = (float)(h * h + h) / (LANE + 0.3f);",
        "unsigned long long p = (unsigned long long)(LANE * 2654435761u) * 0x123456789abull; y[LANE] = (float)(p >> 17) * 1e-9f;",
    ]
    for first, second in zip(results_with("gcc", monkeypatch, bodies), results_with("ziglang", monkeypatch, bodies), strict=True):
        np.testing.assert_array_equal(first, second)
