"""Small kernels for which a card's clocks follow from the rules: a loop of `n` rounds over one known body, in assembly.

The cost of a body is the slope (clocks of 3n rounds - clocks of n rounds) / 2n, for a single wave less that of a loop without a
body: so starts, ends and the loop's own instructions fall out. In a body v0 is the item, v1 its byte offset (4 * `stride` *
item), s[12:15] a buffer resource; v2 to v15 and s20 to s29 are free.
"""

from __future__ import annotations

from functools import cache

import numpy as np

import amdc.sim
from amdc.sim.array import DeviceArray
from amdc.sim.module import Module
from amdc.sim.timing import LaunchTiming
from tests.sim.opcodes.assembler import assemble

CARD = "RX 580"
COUNT = 16  # instructions under test in a body
ROUNDS = 20
LDS_BYTES = 16384

MAC = "v_mac_f32 v2, v3, v4\n"
SCALAR = "s_add_u32 s20, s20, 1\n"
WAIT_LDS, WAIT_MEMORY = "s_waitcnt lgkmcnt(0)\n", "s_waitcnt vmcnt(0)\n"
LOAD = "buffer_load_dword v2, v1, s[12:15], 0 offen\n"
BODIES = {
    "empty": "",
    "mac": MAC * COUNT,
    "mad": "v_mad_f32 v2, v3, v4, v5\n" * COUNT,
    "rcp": "v_rcp_f32 v2, v3\n" * COUNT,
    "mul_lo": "v_mul_lo_u32 v2, v3, v4\n" * COUNT,
    "fma": "v_fma_f32 v2, v3, v4, v5\n" * COUNT,
    "add64": "v_add_f64 v[2:3], v[4:5], v[6:7]\n" * COUNT,
    "fma64": "v_fma_f64 v[2:3], v[4:5], v[6:7], v[8:9]\n" * COUNT,
    "scalar": SCALAR * COUNT,
    "mac_and_scalar": (MAC * 4 + SCALAR * 4) * (COUNT // 4),
    "read_b32": "ds_read_b32 v2, v1\n" * COUNT + WAIT_LDS,
    "read_b64": "ds_read_b64 v[2:3], v1\n" * COUNT + WAIT_LDS,
    "read_b128": "ds_read_b128 v[4:7], v1\n" * COUNT + WAIT_LDS,
    "write_b32": "ds_write_b32 v1, v2\n" * COUNT + WAIT_LDS,
    "write_b64": "ds_write_b64 v1, v[2:3]\n" * COUNT + WAIT_LDS,
    "read_and_wait": ("ds_read_b32 v2, v1\n" + WAIT_LDS) * COUNT,
    "load": LOAD * COUNT + WAIT_MEMORY,
    "load_x2": "buffer_load_dwordx2 v[2:3], v1, s[12:15], 0 offen\n" * COUNT + WAIT_MEMORY,
    "load_x4": "buffer_load_dwordx4 v[4:7], v1, s[12:15], 0 offen\n" * COUNT + WAIT_MEMORY,
    "load_and_wait": (LOAD + WAIT_MEMORY) * COUNT,
    "load_then_mac": LOAD + MAC * 64 + WAIT_MEMORY,
    "barrier": "s_barrier\n" * COUNT,
    # The first wave alone works, then all meet.
    "uneven": "s_cbranch_vccz uneven_met\n" + MAC * 2 * COUNT + "uneven_met: s_barrier\n",
    # 16 bytes a lane of memory that nobody reads again: s21 is the group's offset, s22 what the grid reads at a time.
    "stream": "buffer_load_dwordx4 v[4:7], v1, s[12:15], s21 offen\ns_add_u32 s21, s21, s22\n" * 4 + WAIT_MEMORY,
}

PROLOGUE = """
  s_load_dwordx2 s[12:13], s[0:1], 0x0
  s_load_dwordx4 s[8:11], s[0:1], 0x8
  s_mov_b32 m0, -1
  s_mov_b32 s15, 0x27000
  v_cmp_gt_u32 vcc, 64, v0
  s_waitcnt lgkmcnt(0)
  s_mov_b32 s14, s8
  s_mul_i32 s22, s11, 0x1000
  s_mul_i32 s21, s2, 0x1000
  v_mul_lo_u32 v1, v0, s10
  v_lshlrev_b32 v1, 2, v1
"""
LOOP = "{name}_loop:\n{body}  s_sub_u32 s9, s9, 1\n  s_cmp_lg_u32 s9, 0\n  s_cbranch_scc1 {name}_loop\n  s_endpgm\n"
DESCRIPTOR = """
.rodata
.p2align 6
.amdhsa_kernel {name}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_sgpr_workgroup_id_x 1
  .amdhsa_kernarg_size 24
  .amdhsa_group_segment_fixed_size {lds}
  .amdhsa_next_free_vgpr 16
  .amdhsa_next_free_sgpr 30
.end_amdhsa_kernel
.text
"""
ARGUMENTS = ("memory", 8, 0, "global_buffer"), ("bytes", 4, 8, "by_value"), ("rounds", 4, 12, "by_value")
ARGUMENTS += ("stride", 4, 16, "by_value"), ("groups", 4, 20, "by_value")
METADATA = """  - .name: {name}
    .symbol: {name}.kd
    .kernarg_segment_size: 24
    .kernarg_segment_align: 8
    .group_segment_fixed_size: {lds}
    .private_segment_fixed_size: 0
    .wavefront_size: 64
    .sgpr_count: 32
    .vgpr_count: 16
    .max_flat_workgroup_size: 1024
    .args: [{arguments}]
"""


def _lds(body: str) -> int:
    return LDS_BYTES if "ds_" in body else 0


def _kernel(name: str, body: str) -> str:
    head = f".globl {name}\n.p2align 8\n.type {name},@function\n{name}:"
    return head + PROLOGUE + LOOP.format(name=name, body=body) + DESCRIPTOR.format(name=name, lds=_lds(body))


def text() -> str:
    """The assembly file with all kernels."""
    arguments = ", ".join(
        f"{{.name: {name}, .size: {size}, .offset: {offset}, .value_kind: {kind}}}" for name, size, offset, kind in ARGUMENTS
    )
    records = "".join(METADATA.format(name=name, lds=_lds(body), arguments=arguments) for name, body in BODIES.items())
    kernels = "".join(_kernel(name, body) for name, body in BODIES.items())
    return (
        f".text\n{kernels}\n.amdgpu_metadata\n---\namdhsa.version: [1, 2]\namdhsa.kernels:\n{records}...\n.end_amdgpu_metadata\n"
    )


@cache
def loaded(card: str = CARD) -> tuple[amdc.sim.Device, Module]:
    """A timing device of the card with the kernels."""
    gpu = amdc.sim.Device("gfx803", check=False, timing=True, card=card)
    return gpu, gpu.load(assemble(text()))


@cache
def memory(nbytes: int, card: str = CARD) -> DeviceArray:
    """A buffer of zeroes that is never released; its pages appear as they are touched."""
    address = loaded(card)[0].memory.allocate(nbytes, poison=False)
    return DeviceArray(address, (nbytes // 4,), np.dtype(np.float32))


def timed(
    name: str, n: int, waves: int = 1, groups: int = 1, stride: int = 1, nbytes: int = 1 << 16, card: str = CARD
) -> LaunchTiming:
    """One launch of `groups` work-groups of `waves` waves, `n` rounds each, on a buffer of `nbytes`."""
    args = [memory(nbytes, card), np.uint32(nbytes), np.int32(n), np.uint32(stride), np.uint32(groups)]
    return loaded(card)[1].time(name, grid=(groups, 1, 1), block=(64 * waves, 1, 1), args=args)


def round_clocks(name: str, waves: int = 1, stride: int = 1) -> float:
    """Clocks a round, the loop's own included."""
    few, many = (timed(name, n, waves, stride=stride).clocks for n in (ROUNDS, 3 * ROUNDS))
    return (many - few) / (2 * ROUNDS)


def body_clocks(name: str, stride: int = 1) -> float:
    """Clocks of the body for a wave alone on the card."""
    return round_clocks(name, 1, stride) - round_clocks("empty")
