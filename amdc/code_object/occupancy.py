"""How many waves of a kernel fit on one SIMD.

Sources: GCN3 ISA manual (registers and LDS of a CU, the barrier resource of 16 work-groups); LLVM's AMDGPU backend (granules).
"""

from __future__ import annotations

from amdc.code_object.kernels import KernelInfo
from amdc.target import Target

LDS_GRANULE = 512  # bytes, since GCN2 [LLVM]
GROUPS_PER_CU = 16  # work-groups of more than one wave: each needs one of the CU's barriers [LLVM]


def _round_up(value: int, granule: int) -> int:
    return -(-value // granule) * granule


def waves_per_simd(kernel: KernelInfo, target: Target, workgroup_size: int | None = None, dynamic_lds: int = 0) -> int:
    """Waves that the fuller SIMDs of a CU hold at once, 0 where not even one work-group fits.

    `workgroup_size` counts work-items (default: the largest that the kernel was compiled for); `dynamic_lds` is in bytes.
    """
    vgprs = _round_up(max(kernel.descriptor.vgprs, 1), target.vgpr_granule)
    sgprs = _round_up(max(kernel.descriptor.sgprs, 1), target.sgpr_granule)
    waves = min(target.waves_per_simd, target.vgprs_per_lane // vgprs, target.sgprs_per_simd // sgprs)
    group_waves = -(-(workgroup_size or kernel.max_workgroup_size) // target.wave_size)
    groups = waves * target.simds_per_cu // group_waves
    if group_waves > 1:
        groups = min(groups, GROUPS_PER_CU)
    lds = _round_up(kernel.lds_bytes + dynamic_lds, LDS_GRANULE)
    if lds:
        groups = min(groups, target.lds_per_cu // lds)
    return -(-groups * group_waves // target.simds_per_cu)
