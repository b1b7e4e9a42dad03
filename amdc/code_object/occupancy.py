"""How many work-groups of a kernel fit on one CU, and waves on one SIMD.

Sources: GCN3 ISA manual (registers and LDS of a CU, the barrier resource of 16 work-groups); LLVM's AMDGPU backend (granules).
"""

from __future__ import annotations

from amdc.code_object.kernels import KernelInfo
from amdc.target import Target

LDS_GRANULE = 512  # bytes, since GCN2 [LLVM]
GROUPS_PER_CU = 16  # work-groups of more than one wave: each needs one of the CU's barriers [LLVM]


def _round_up(value: int, granule: int) -> int:
    return -(-value // granule) * granule


def groups_per_cu(kernel: KernelInfo, target: Target, workgroup_size: int | None = None, dynamic_lds: int = 0) -> int:
    """Work-groups that one CU holds at once, 0 where not even one fits; arguments as of `group_limits`."""
    return min(group_limits(kernel, target, workgroup_size, dynamic_lds).values())


def group_limits(kernel: KernelInfo, target: Target, workgroup_size: int | None = None, dynamic_lds: int = 0) -> dict[str, int]:
    """Work-groups of one CU that each resource allows: "VGPR", "SGPR", "waves" (of SIMDs), "work-group" (their number), "LDS".

    `workgroup_size` counts work-items (default: the largest that the kernel was compiled for); `dynamic_lds` is in bytes.
    """
    vgprs = _round_up(max(kernel.descriptor.vgprs, 1), target.vgpr_granule)
    sgprs = _round_up(max(kernel.descriptor.sgprs, 1), target.sgpr_granule)
    waves = {"VGPR": target.vgprs_per_lane // vgprs, "SGPR": target.sgprs_per_simd // sgprs, "waves": target.waves_per_simd}
    group_waves = waves_of(kernel, target, workgroup_size)
    limits = {name: count * target.simds_per_cu // group_waves for name, count in waves.items()}
    if group_waves > 1:
        limits["work-group"] = GROUPS_PER_CU
    if lds := _round_up(kernel.lds_bytes + dynamic_lds, LDS_GRANULE):
        limits["LDS"] = target.lds_per_cu // lds
    return limits


def waves_of(kernel: KernelInfo, target: Target, workgroup_size: int | None = None) -> int:
    """Waves of one work-group."""
    return -(-(workgroup_size or kernel.max_workgroup_size) // target.wave_size)


def waves_per_simd(kernel: KernelInfo, target: Target, workgroup_size: int | None = None, dynamic_lds: int = 0) -> int:
    """Waves that the fuller SIMDs of a CU hold at once; arguments as of `groups_per_cu`."""
    groups = groups_per_cu(kernel, target, workgroup_size, dynamic_lds)
    return -(-groups * waves_of(kernel, target, workgroup_size) // target.simds_per_cu)
