"""The tags of element types in kernels/hip/amdc_types.h, as values of template parameters."""

from __future__ import annotations

from amdc.kernels.template import Parameter

COMPUTED_IN_FLOAT = ("float", "amdc_f16", "amdc_bf16")
FLOAT_TAGS = (*COMPUTED_IN_FLOAT, "double")
TAGS = (
    *FLOAT_TAGS, "long", "int", "bool", "amdc_i16", "amdc_i8", "amdc_u8", "amdc_u16", "amdc_u32", "amdc_u64",
    "amdc_e4m3fn", "amdc_e5m2", "amdc_e4m3fnuz", "amdc_e5m2fnuz",
)  # fmt: skip


def element_type(name: str, of: str, tags: tuple[str, ...] = TAGS) -> Parameter:
    """The parameter for the element type of one tensor of a kernel; float where it is not given."""
    return Parameter(name, f"element type of {of}", values=tags, default="float")
