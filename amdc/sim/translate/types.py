"""Operand types of the instruction table as C: how raw register bits become a typed value, and back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperandType:
    """`name` is the C type; `{}` in `load` stands for the raw bits (u32, or u64 where `words` is 2), in `store` for the value."""

    name: str
    load: str
    store: str
    words: int = 1
    sign_bit: int = -1  # what `neg` flips and `abs` clears, where the type has them


TYPES = {
    "f16": OperandType("f32", "f32_of_f16({})", "f16_of_f32({})", 1, 15),
    "f32": OperandType("f32", "as_f32({})", "raw_f32({})", 1, 31),
    "f64": OperandType("f64", "as_f64({})", "raw_f64({})", 2, 63),
    "i16": OperandType("i16", "(i16){}", "(u16){}"),
    "u16": OperandType("u16", "(u16){}", "(u16){}"),
    "i24": OperandType("i32", "((i32)({} << 8) >> 8)", "(u32){}"),
    "u24": OperandType("u32", "({} & 0xffffff)", "(u32){}"),
    "i32": OperandType("i32", "(i32){}", "(u32){}"),
    "u32": OperandType("u32", "{}", "(u32){}"),
    "i64": OperandType("i64", "(i64){}", "(u64){}", 2),
    "u64": OperandType("u64", "{}", "(u64){}", 2),
    "b8": OperandType("u8", "(u8){}", "(u8){}"),
    "b16": OperandType("u16", "(u16){}", "(u16){}", 1, 15),
    "b32": OperandType("u32", "{}", "(u32){}", 1, 31),
    "b64": OperandType("u64", "{}", "(u64){}", 2, 63),
}


def type_bytes(type: str) -> int:
    """Bytes that a memory form's type takes: b8, u16, b96, ..."""
    return int(type[1:]) // 8


def memory_dwords(type: str) -> int:
    """Registers of a memory form's type."""
    return max(type_bytes(type) // 4, 1)
