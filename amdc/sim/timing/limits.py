"""What keeps a kernel from more waves on a CU."""

from __future__ import annotations

import math

from amdc.code_object import KernelInfo, groups_per_cu
from amdc.sim.kernarg import LaunchShape
from amdc.target import Target


def limiter_of(kernel: KernelInfo, target: Target, shape: LaunchShape) -> str:
    """ "VGPR", "SGPR", "LDS", "waves" (a SIMD holds no more) or "work-group" (a CU holds no more of them)."""
    size = math.prod(shape.block)
    group_waves = -(-size // target.wave_size)
    fits = groups_per_cu(kernel, target, size, shape.dynamic_lds)
    vgprs = -(-max(kernel.descriptor.vgprs, 1) // target.vgpr_granule) * target.vgpr_granule
    sgprs = -(-max(kernel.descriptor.sgprs, 1) // target.sgpr_granule) * target.sgpr_granule
    slots = {
        "VGPR": target.vgprs_per_lane // vgprs * target.simds_per_cu // group_waves,
        "SGPR": target.sgprs_per_simd // sgprs * target.simds_per_cu // group_waves,
        "waves": target.waves_per_simd * target.simds_per_cu // group_waves,
    }
    tightest = min(slots, key=lambda name: slots[name])
    if slots[tightest] == fits:
        return tightest
    lds = kernel.lds_bytes + shape.dynamic_lds
    return "LDS" if lds * (fits + 1) > target.lds_per_cu else "work-group"
