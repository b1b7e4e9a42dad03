"""Images, interpolation and exports: decoded by name, so that a listing is complete, but not simulated.

Source: the manual, "MIMG instructions", "VINTRP instructions", "EXP". Meanings are empty: running one is an error that names it.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_image = rows_of("MIMG")
_interpolate = rows_of("VINTRP")
_interpolate_half = rows_of("VOP3")

_PLAIN = {
    0: "load", 1: "load_mip", 2: "load_pck", 3: "load_pck_sgn", 4: "load_mip_pck", 5: "load_mip_pck_sgn",
    8: "store", 9: "store_mip", 10: "store_pck", 11: "store_mip_pck", 14: "get_resinfo", 96: "get_lod",
}  # fmt: skip
_ATOMICS = ("swap", "cmpswap", "add", "sub", "smin", "umin", "smax", "umax", "and", "or", "xor", "inc", "dec")
_LODS = ("", "_cl", "_d", "_d_cl", "_l", "_b", "_b_cl", "_lz")
_NO_GATHER = (2, 3)  # gather4 takes no derivatives


def _sampled(opcode: int, name: str, skip: tuple[int, ...] = ()) -> tuple[Op, ...]:
    """The 32 variants of a sampling operation: offset (o), comparison (c), and the level of detail."""
    return tuple(
        _image(opcode + 16 * o + 8 * c + i, f"image_{name}{'_c' * c}{lod}{'_o' * o}")
        for o in (0, 1)
        for c in (0, 1)
        for i, lod in enumerate(_LODS)
        if i not in skip
    )


MIMG = (
    *(_image(opcode, f"image_{name}") for opcode, name in _PLAIN.items()),
    *(_image(16 + i, f"image_atomic_{name}") for i, name in enumerate(_ATOMICS)),
    *_sampled(32, "sample"),
    *_sampled(64, "gather4", _NO_GATHER),
    *(
        _image(104 + 4 * o + 2 * c + i, f"image_sample{'_c' * c}{lod}{'_o' * o}")
        for o in (0, 1)
        for c in (0, 1)
        for i, lod in enumerate(("_cd", "_cd_cl"))
    ),
)

VINTRP = (
    _interpolate(0, "v_interp_p1_f32", "f32"),
    _interpolate(1, "v_interp_p2_f32", "f32"),
    _interpolate(2, "v_interp_mov_f32", "f32"),
)

# Interpolation in halves has the VOP3 encoding alone.
VOP3_INTERPOLATION = (
    _interpolate_half(628, "v_interp_p1ll_f16", "f32"),
    _interpolate_half(629, "v_interp_p1lv_f16", "f32"),
    _interpolate_half(630, "v_interp_p2_f16", "f16"),
)

EXP = (rows_of("EXP")(0, "exp"),)
