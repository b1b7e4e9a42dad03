"""Builds kernels that run many small opcode cases on the same operands, launches them, and compares with the oracle.

A vector case reads its operands from v2, v3, ... (one dword slot each, a 64-bit operand takes two) and leaves its results in v20,
v21, ...; it may use v20-v63, s20-s79, vcc, scc, m0 and exec as it likes. v0 is the lane, v1 the lane times 4. Each group of 64
operand tuples is one work-group of one wave.
A scalar case reads s20-s27, leaves its results in s40, s41, ... and may use s28-s79; each operand tuple is one work-group.
Both find the operands' address in s[4:5] (buffer descriptor s[12:15]), 4 KiB of scratch memory of this work-group's own in s[8:9]
(descriptor s[84:87]), and the work-group's number in s2. LDS is 8 KiB, m0 is -1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .assembler import assemble

Words = np.ndarray  # uint32
Oracle = Callable[..., "Words | Sequence[Words]"]
SCRATCH_BYTES = 4096
LDS_BYTES = 8192


@dataclass(frozen=True)
class Case:
    """`code` computes `outputs` dwords; `expect(*operand slots)` gives them: arrays of uint32, one element an operand tuple.

    `check` compares the result with the expectation and gives a boolean array of what is right (see compare.py). `care`, of the
    operand slots too, says where the manual defines the result; the rest is not compared. `covers`: the opcodes under test."""

    name: str
    code: str
    expect: Oracle
    outputs: int = 1
    check: Callable[[list[Words], list[Words]], np.ndarray] | None = None
    care: Callable[..., np.ndarray] | None = None
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mode:
    """The floating-point mode that the kernel descriptor sets: denormals kept (3), flushed (0), kept in operands only (1) or in
    results only (2); IEEE mode; DX10 clamp; rounding to nearest even (0), up (1), down (2), to zero (3)."""

    denorm32: int = 3
    denorm64: int = 3
    ieee: int = 1
    dx10_clamp: int = 1
    round32: int = 0


_PROLOGUE = """
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_load_dwordx2 s[8:9], s[0:1], 0x10
  v_lshlrev_b32 v1, 2, v0
  s_mov_b32 m0, -1
  s_waitcnt lgkmcnt(0)
  s_mul_i32 s3, s2, {in_bytes}
  s_add_u32 s4, s4, s3
  s_addc_u32 s5, s5, 0
  s_mul_i32 s3, s2, {out_bytes}
  s_add_u32 s6, s6, s3
  s_addc_u32 s7, s7, 0
  s_mul_i32 s3, s2, {scratch_bytes}
  s_add_u32 s8, s8, s3
  s_addc_u32 s9, s9, 0
  s_mov_b32 s12, s4
  s_mov_b32 s13, s5
  s_mov_b32 s14, {in_bytes}
  s_mov_b32 s15, 0x27000
  s_mov_b32 s16, s6
  s_mov_b32 s17, s7
  s_mov_b32 s18, {out_bytes}
  s_mov_b32 s19, 0x27000
  s_mov_b32 s84, s8
  s_mov_b32 s85, s9
  s_mov_b32 s86, {scratch_bytes}
  s_mov_b32 s87, 0x27000
"""

_DESCRIPTOR = """
.rodata
.p2align 6
.amdhsa_kernel {name}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_sgpr_workgroup_id_x 1
  .amdhsa_kernarg_size 24
  .amdhsa_group_segment_fixed_size {lds}
  .amdhsa_next_free_vgpr 64
  .amdhsa_next_free_sgpr 90
  .amdhsa_float_denorm_mode_32 {mode.denorm32}
  .amdhsa_float_denorm_mode_16_64 {mode.denorm64}
  .amdhsa_float_round_mode_32 {mode.round32}
  .amdhsa_ieee_mode {mode.ieee}
  .amdhsa_dx10_clamp {mode.dx10_clamp}
.end_amdhsa_kernel
.text
"""

_METADATA = """  - .name: {name}
    .symbol: {name}.kd
    .kernarg_segment_size: 24
    .kernarg_segment_align: 8
    .group_segment_fixed_size: {lds}
    .private_segment_fixed_size: 0
    .wavefront_size: 64
    .sgpr_count: 96
    .vgpr_count: 64
    .max_flat_workgroup_size: 64
    .args:
      - {{.name: operands, .size: 8, .offset: 0, .value_kind: global_buffer, .address_space: global}}
      - {{.name: results, .size: 8, .offset: 8, .value_kind: global_buffer, .address_space: global}}
      - {{.name: scratch, .size: 8, .offset: 16, .value_kind: global_buffer, .address_space: global}}
"""


class Batch:
    """Cases over the same operands and in the same mode: one code object, a kernel for every `per_kernel` cases.

    `operands`: uint32 array [slots, n]; for vector cases n is a multiple of 64."""

    def __init__(
        self,
        name: str,
        cases: Sequence[Case],
        operands: Words,
        *,
        mode: Mode | None = None,
        scalar: bool = False,
        per_kernel: int = 16,
    ) -> None:
        self.name, self.cases, self.operands = name, list(cases), np.ascontiguousarray(operands, np.uint32)
        self.mode, self.scalar, self.per_kernel = mode or Mode(), scalar, per_kernel
        self.width = 1 if scalar else 64
        slots, count = self.operands.shape
        assert count % self.width == 0 and slots <= (8 if scalar else 16)
        names = [case.name for case in self.cases]
        assert len(set(names)) == len(names), f"{name}: double case {sorted(n for n in names if names.count(n) > 1)}"
        self._results: dict[str, list[Words]] = {}

    @property
    def groups(self) -> int:
        return int(self.operands.shape[1]) // self.width

    @cached_property
    def _kernels(self) -> dict[str, list[Case]]:
        step = self.per_kernel
        return {f"{self.name}_{i // step}": self.cases[i : i + step] for i in range(0, len(self.cases), step)}

    @cached_property
    def code_object(self) -> bytes:
        return assemble(self.text())

    @cached_property
    def _module(self):  # type: ignore[no-untyped-def]  # the simulator's module
        return device().load(self.code_object)

    def text(self) -> str:
        """The assembly file."""
        kernels = "".join(self._kernel_text(name, cases) for name, cases in self._kernels.items())
        records = "".join(_METADATA.format(name=name, lds=LDS_BYTES) for name in self._kernels)
        metadata = f".amdgpu_metadata\n---\namdhsa.version: [1, 2]\namdhsa.kernels:\n{records}...\n.end_amdgpu_metadata\n"
        return f".text\n{kernels}\n{metadata}"

    def _kernel_text(self, name: str, cases: list[Case]) -> str:
        slots = self.operands.shape[0]
        sizes = {"in_bytes": self._in_bytes, "out_bytes": self._out_bytes(cases), "scratch_bytes": SCRATCH_BYTES}
        lines = [f".globl {name}\n.p2align 8\n.type {name},@function\n{name}:", _PROLOGUE.format(**sizes)]
        if self.scalar:
            lines.append("  v_mov_b32 v1, 0")
        else:
            lines += [f"  buffer_load_dword v{2 + k}, v1, s[12:15], 0 offen offset:{256 * k}" for k in range(slots)]
            lines.append("  s_waitcnt vmcnt(0)")
        slot = 0
        for case in cases:
            lines += self._case_text(case, slot)
            slot += case.outputs
        lines.append("  s_endpgm")
        return "\n".join(lines) + "\n" + _DESCRIPTOR.format(name=name, lds=LDS_BYTES, mode=self.mode)

    def _case_text(self, case: Case, slot: int) -> list[str]:
        """Fresh scalar operands and zeroed result registers, the case, and the stores."""
        if self.scalar:
            return [
                "  s_load_dwordx8 s[20:27], s[4:5], 0x0",
                "  s_mov_b32 m0, -1\n  s_waitcnt lgkmcnt(0)",
                case.code,
                "  s_mov_b64 exec, 1",
                *(
                    f"  v_mov_b32 v20, s{40 + k}\n  buffer_store_dword v20, off, s[16:19], 0 offset:{4 * (slot + k)}"
                    for k in range(case.outputs)
                ),
                "  s_mov_b64 exec, -1",
            ]
        return [
            case.code,
            "  s_mov_b64 exec, -1\n  s_mov_b32 m0, -1",
            *(
                f"  s_movk_i32 s3, {256 * (slot + k)}\n  buffer_store_dword v{20 + k}, v1, s[16:19], s3 offen"
                for k in range(case.outputs)
            ),
        ]

    @property
    def _in_bytes(self) -> int:
        return 32 if self.scalar else 256 * int(self.operands.shape[0])

    def _out_bytes(self, cases: list[Case]) -> int:
        return 4 * self.width * sum(case.outputs for case in cases)

    def _operand_blocks(self) -> Words:
        """The operands as the kernels read them: [group][slot][lane], or [group][8] for scalar cases."""
        slots = self.operands.shape[0]
        if self.scalar:
            block = np.zeros((self.groups, 8), np.uint32)
            block[:, :slots] = self.operands.T
            return block
        return np.ascontiguousarray(self.operands.reshape(slots, self.groups, 64).transpose(1, 0, 2))

    def _launch(self, kernel: str) -> None:
        gpu, cases = device(), self._kernels[kernel]
        outputs = sum(case.outputs for case in cases)
        operands = gpu.to_device(self._operand_blocks())
        results = gpu.to_device(np.full(self.groups * outputs * self.width, 0xDEADBEEF, np.uint32))
        scratch = gpu.to_device(np.zeros(self.groups * SCRATCH_BYTES // 4, np.uint32))
        self._module.launch(kernel, grid=(self.groups, 1, 1), block=(64, 1, 1), args=[operands, results, scratch])
        raw = np.asarray(gpu.to_host(results)).reshape(self.groups, outputs, self.width)
        slot = 0
        for case in cases:
            self._results[case.name] = [raw[:, slot + k].reshape(-1) for k in range(case.outputs)]
            slot += case.outputs

    def results(self, case: Case) -> list[Words]:
        """The case's result dwords, each an array [n]."""
        if case.name not in self._results:
            self._launch(next(kernel for kernel, cases in self._kernels.items() if case in cases))
        return self._results[case.name]

    def verify(self, case: Case) -> None:
        """Raises AssertionError with the first wrong operand tuples."""
        got = self.results(case)
        with np.errstate(all="ignore"):
            expected = case.expect(*self.operands)
            care = True if case.care is None else case.care(*self.operands)
        expected = [np.asarray(e) for e in ([expected] if isinstance(expected, np.ndarray) else expected)]
        assert len(expected) == case.outputs, f"{case.name}: the oracle gives {len(expected)} dwords, not {case.outputs}"
        assert all(e.dtype == np.uint32 for e in expected), f"{case.name}: the oracle must give uint32"
        if case.check is None:
            right = np.logical_and.reduce([g == e for g, e in zip(got, expected, strict=True)])
        else:
            right = case.check(got, expected)
        right = right | ~np.broadcast_to(care, right.shape)
        if not right.all():
            raise AssertionError(self._difference(case, got, expected, right))

    def _difference(self, case: Case, got: list[Words], expected: list[Words], right: np.ndarray) -> str:
        wrong = np.flatnonzero(~right)
        lines = [f"{case.name}: {len(wrong)} of {right.size} wrong\n{case.code}"]
        for i in wrong[:8]:
            operands, results, wanted = (
                " ".join(f"{int(a[i]):08x}" for a in arrays) for arrays in (self.operands, got, expected)
            )
            lines.append(f"  tuple {i}: operands {operands} -> {results}, expected {wanted}")
        return "\n".join(lines)


def device():  # type: ignore[no-untyped-def]  # the simulator's device
    """The one simulated GPU that all opcode tests share, with its checks on."""
    global _DEVICE
    if _DEVICE is None:
        from amdc.sim import Device

        _DEVICE = Device("gfx803", check=True)
    return _DEVICE


_DEVICE = None
