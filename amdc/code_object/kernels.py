"""Kernels of a code object: the metadata's description of each, joined with its descriptor.

Source: LLVM, "User Guide for AMDGPU Backend", "Code Object V3 Metadata" to "Code Object V5 Metadata".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from amdc.code_object.descriptor import DESCRIPTOR_SIZE, Descriptor, decode_descriptor
from amdc.code_object.elf import Symbol
from amdc.errors import BundleError

Value = TypeVar("Value", int, str, bool, list, dict)


@dataclass(frozen=True)
class ArgumentInfo:
    """One kernel argument at `offset` bytes of the kernarg segment. `value_kind` is the metadata's: by_value, global_buffer,
    dynamic_shared_pointer, hidden_block_count_x, ...; `name` and `type` are "" where the producer left them out."""

    name: str
    type: str
    offset: int
    size: int
    value_kind: str
    address_space: str = ""

    @property
    def hidden(self) -> bool:
        """Filled by the runtime, not by the caller."""
        return self.value_kind.startswith("hidden_")


@dataclass(frozen=True)
class KernelInfo:
    """One entry point. Addresses are those of the code object (before loading), sizes are in bytes, `code_size` is the
    symbol's (0 where the producer left it out)."""

    name: str
    symbol: str
    descriptor_address: int
    entry: int
    code_size: int
    kernarg_size: int
    kernarg_align: int
    arguments: tuple[ArgumentInfo, ...]
    lds_bytes: int
    scratch_bytes: int
    sgprs: int
    vgprs: int
    sgpr_spills: int
    vgpr_spills: int
    max_workgroup_size: int
    required_workgroup_size: tuple[int, int, int] | None
    wavefront_size: int
    uses_dynamic_stack: bool
    descriptor: Descriptor


class _Map:
    """A metadata map with typed access; failures name the file and the key."""

    def __init__(self, tree: object, where: str) -> None:
        if not isinstance(tree, dict):
            raise BundleError(f"{where}: damaged metadata: expected a map, found {type(tree).__name__}; rebuild the code object")
        self.tree, self.where = tree, where

    def get(self, key: str, kind: type[Value], default: Value | None = None) -> Value:
        value: Any = self.tree.get(key, default)
        if type(value) is bool and kind is int:
            value = int(value)
        if not isinstance(value, kind) or (isinstance(value, int) and value < 0):
            found = "nothing" if value is None else repr(value)[:40]
            raise BundleError(
                f"{self.where}: damaged metadata: {key} should be {kind.__name__}, found {found}; rebuild the code object"
            )
        return value


def read_kernels(
    metadata: dict[str, Any], symbols: dict[str, Symbol], memory: Callable[[int, int], bytes | None], where: str
) -> dict[str, KernelInfo]:
    """All kernels by name. `memory(address, size)` gives loaded bytes, None outside. Raises `BundleError` naming `where`."""
    entries = _Map(metadata, where).get("amdhsa.kernels", list, [])
    kernels = (_kernel(_Map(entry, where), symbols, memory) for entry in entries)
    return {kernel.name: kernel for kernel in kernels}


def _kernel(entry: _Map, symbols: dict[str, Symbol], memory: Callable[[int, int], bytes | None]) -> KernelInfo:
    name = entry.get(".name", str)
    entry.where = f"{entry.where}: kernel {name}"
    symbol = entry.get(".symbol", str, name + ".kd")
    address, descriptor = _descriptor(symbol, symbols, memory, entry.where)
    code = address + descriptor.entry_offset
    function = symbols.get(symbol.removesuffix(".kd"))
    return KernelInfo(
        name=name,
        symbol=symbol,
        descriptor_address=address,
        entry=code,
        code_size=function.size if function and function.address == code else 0,
        kernarg_size=entry.get(".kernarg_segment_size", int, descriptor.kernarg_size),
        kernarg_align=entry.get(".kernarg_segment_align", int, 16),
        arguments=tuple(_argument(_Map(tree, entry.where)) for tree in entry.get(".args", list, [])),
        lds_bytes=entry.get(".group_segment_fixed_size", int, descriptor.group_segment_size),
        scratch_bytes=entry.get(".private_segment_fixed_size", int, descriptor.private_segment_size),
        sgprs=entry.get(".sgpr_count", int, descriptor.sgprs),
        vgprs=entry.get(".vgpr_count", int, descriptor.vgprs),
        sgpr_spills=entry.get(".sgpr_spill_count", int, 0),
        vgpr_spills=entry.get(".vgpr_spill_count", int, 0),
        max_workgroup_size=entry.get(".max_flat_workgroup_size", int, 1024),
        required_workgroup_size=_sizes(entry),
        wavefront_size=entry.get(".wavefront_size", int, 64),
        uses_dynamic_stack=entry.get(".uses_dynamic_stack", bool, False),
        descriptor=descriptor,
    )


def _descriptor(
    symbol: str, symbols: dict[str, Symbol], memory: Callable[[int, int], bytes | None], where: str
) -> tuple[int, Descriptor]:
    if symbol not in symbols or not symbols[symbol].section:
        raise BundleError(f"{where}: its descriptor's symbol {symbol} is not defined; rebuild the code object")
    address = symbols[symbol].address
    data = memory(address, DESCRIPTOR_SIZE)
    if data is None:
        raise BundleError(f"{where}: its descriptor at 0x{address:x} lies outside the loaded segments; rebuild the code object")
    return address, decode_descriptor(data)


def _argument(tree: _Map) -> ArgumentInfo:
    return ArgumentInfo(
        name=tree.get(".name", str, ""),
        type=tree.get(".type_name", str, ""),
        offset=tree.get(".offset", int),
        size=tree.get(".size", int),
        value_kind=tree.get(".value_kind", str),
        address_space=tree.get(".address_space", str, ""),
    )


def _sizes(entry: _Map) -> tuple[int, int, int] | None:
    sizes = entry.get(".reqd_workgroup_size", list, [])
    if not sizes:
        return None
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise BundleError(f"{entry.where}: damaged metadata: .reqd_workgroup_size is {sizes}; rebuild the code object")
    return (sizes[0], sizes[1], sizes[2])
