"""The functions that most kernels use, compiled once for all of them, so that a kernel's own C holds little but calls.

Which they are was counted over 400 kernels that amdc had compiled: these make up 98 % of all uses.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from amdc.sim.isa.table import BY_NAME
from amdc.sim.translate.functions import Function, Functions
from amdc.sim.translate.lds import lds_function
from amdc.sim.translate.vector_function import Form, Source, vector_function
from amdc.sim.translate.vector_memory import Access, memory_function

# Operations by the kinds of their sources: v a vector register, s a scalar or a constant, m a lane mask; "-" negated.
OPERATIONS = {
    "v": "v_mov_b32 v_rcp_f32 v_cvt_f32_i32 v_cvt_f32_u32 v_cvt_i32_f32 v_cvt_u32_f32 v_exp_f32 v_log_f32 v_rndne_f32 v_rsq_f32"
    " v_sqrt_f32 v_trunc_f32 v_floor_f32 v_cvt_f32_f16 v_cvt_f16_f32 v_cvt_f32_ubyte0 v_not_b32",
    "s": "v_mov_b32 v_bfrev_b32 v_cvt_f32_u32",
    "vv": "v_add_u32 v_sub_u32 v_mul_lo_u32 v_mul_hi_u32 v_or_b32 v_and_b32 v_xor_b32 v_mac_f32 v_add_f32 v_sub_f32 v_mul_f32"
    " v_max_f32 v_min_f32 v_max_i32 v_min_i32 v_min_u32 v_cmp_eq_u32 v_cmp_ge_u32 v_cmp_lt_u32 v_cmp_gt_u32 v_cmp_lt_f32"
    " v_cmp_gt_f32 v_cmp_u_f32 v_cmp_o_f32 v_ldexp_f32",
    "sv": "v_lshlrev_b32 v_lshrrev_b32 v_ashrrev_i32 v_or_b32 v_and_b32 v_xor_b32 v_add_u32 v_sub_u32 v_subrev_u32 v_mul_lo_u32"
    " v_mul_hi_u32 v_mul_u32_u24 v_mac_f32 v_add_f32 v_sub_f32 v_mul_f32 v_max_f32 v_min_f32 v_max_i32 v_min_i32 v_min_u32"
    " v_mbcnt_hi_u32_b32 v_lshlrev_b64 v_cmp_lt_u32 v_cmp_gt_u32 v_cmp_le_u32 v_cmp_eq_u32 v_cmp_ne_u32 v_cmp_gt_i32 v_cmp_lt_i32"
    " v_cmp_lt_f32 v_cmp_gt_f32 v_cmp_ngt_f32 v_cmp_nlt_f32 v_cmp_neq_f32",
    "vs": "v_mul_lo_u32 v_mul_hi_u32",
    "ss": "v_mbcnt_lo_u32_b32",
    "vvm": "v_cndmask_b32 v_addc_u32 v_subb_u32",
    "svm": "v_cndmask_b32 v_addc_u32 v_subbrev_u32",
    "ssm": "v_cndmask_b32",
    "vvv": "v_fma_f32 v_mad_f32 v_div_scale_f32 v_div_fixup_f32",
    "vsv": "v_mad_u32_u24 v_mad_i32_i24 v_mad_f32 v_madmk_f32",
    "svs": "v_div_scale_f32",
    "vss": "v_bfe_u32",
    "vvs": "v_mad_f32 v_madak_f32 v_div_scale_f32 v_div_fixup_f32",
    "svv": "v_bfi_b32",
    "v-vs": "v_fma_f32",
    "v-vv": "v_fma_f32",
    "vvvm": "v_div_fmas_f32",
}
MOVED = ("v_mov_b32", "v_add_f32")  # with DPP
LOADS = ("u8", "i8", "u16", "i16", "b32", "b64", "b128")
STORES = ("b8", "b16", "b32", "b64", "b128")
LDS = (
    "load b32",
    "load b64",
    "load b128",
    "store b32",
    "store b64",
    "store b128",
    "load2 b32",
    "load2 b64",
    "store2 b32",
    "store2 b64",
)


@functools.cache
def common_functions() -> Mapping[Function, str]:
    """Each common function and the name that it has in the compiled object."""
    made = Functions()
    for kinds, names in OPERATIONS.items():
        for name in names.split():
            made.name(name, vector_function(Form(BY_NAME[name], _sources(name, kinds))))
    for name in MOVED:
        made.name(name, vector_function(Form(BY_NAME[name], _sources(name, "v" * len(BY_NAME[name].src)), moved=True)))
    for access in (*(Access("load", type) for type in LOADS), *(Access("store", type) for type in STORES)):
        for space in ("flat", "buffer"):
            made.name(f"{space}_{access.name}", memory_function(space, access))
    for form in LDS:
        made.name("lds", lds_function(form, returns=form.startswith("load")))
    return MappingProxyType(made.made)


def common_source(defines: str) -> str:
    """The C of the common functions and of the loop over work-groups, for kernels with these preprocessor lines."""
    functions = "\n".join(function.definition(name, "SHARED") for function, name in common_functions().items())
    return f'{defines}#include "kernel.h"\n#include "worker.h"\n{functions}\n'


def _sources(name: str, kinds: str) -> tuple[Source, ...]:
    letters = kinds.replace("-", "")
    negated = [kinds[i + 1 : i + 2] == "-" for i, kind in enumerate(kinds) if kind != "-"]
    types = BY_NAME[name].src
    return tuple(Source(kind != "v", type, neg=neg) for kind, type, neg in zip(letters, types, negated, strict=True))
