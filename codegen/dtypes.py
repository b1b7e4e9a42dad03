"""How kernels hold each dtype: by the tags of kernels/hip/amdc_types.h, keyed with the dtype's name in numpy (and ml_dtypes).

Floats narrower than 32 bits lie in memory as such and are computed with as float; all others are computed with as they lie.
"""

from __future__ import annotations

TAGS = {
    "float32": "float",
    "float16": "amdc_f16",
    "bfloat16": "amdc_bf16",
    "float64": "double",
    "int64": "long",
    "int32": "int",
    "int16": "amdc_i16",
    "int8": "amdc_i8",
    "uint64": "amdc_u64",
    "uint32": "amdc_u32",
    "uint16": "amdc_u16",
    "uint8": "amdc_u8",
    "bool": "bool",
    "float8_e4m3fn": "amdc_e4m3fn",
    "float8_e5m2": "amdc_e5m2",
    "float8_e4m3fnuz": "amdc_e4m3fnuz",
    "float8_e5m2fnuz": "amdc_e5m2fnuz",
}
FLOATS = ("float32", "float16", "bfloat16", "float64")  # what models compute in; float8 values are only converted
NARROW = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
FLOAT32_MATH = ("float32", "float16", "bfloat16")  # what the tiled kernels, which compute in fp32, read

# The C++ types that values are held as.
C_TYPES = {dtype: "float" if dtype in NARROW else tag for dtype, tag in TAGS.items()}


def sum_type(dtype: str) -> str:
    """The C++ type in which products that give a tensor of this dtype are summed: one at least as wide, with its overflow."""
    held = C_TYPES[dtype]
    return held if held in ("float", "double", "long", "amdc_u32", "amdc_u64") else "int"
