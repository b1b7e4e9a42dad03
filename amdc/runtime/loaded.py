"""A program on a device: its buffers' addresses, and its launches with packed arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amdc.bundle import Bundle
from amdc.code_object import CodeObject
from amdc.errors import BundleError
from amdc.program import ITEM_SIZES, Buffer, Kernel, Launch, Program
from amdc.runtime.device import Device
from amdc.runtime.kernarg import pack_launch


@dataclass(frozen=True)
class Ready:
    """A launch with all that the device needs; addresses do not change during a session, so it is made once."""

    launch: Launch
    module: Any
    kernel: Kernel
    kernarg: bytes


@dataclass(frozen=True)
class LoadedProgram:
    program: Program
    addresses: Mapping[str, int]
    ready: tuple[Ready, ...]


class Code:
    """The code objects of a bundle, loaded on a device."""

    def __init__(self, bundle: Bundle, device: Device) -> None:
        self._parsed = _parse(bundle)
        loaded = device.load_all([(code, bundle.code[key]) for key, code in self._parsed.items()])
        self._modules = dict(zip(self._parsed, loaded, strict=True))

    def place(self, program: Program, arena: int) -> LoadedProgram:
        """A program whose arena begins at an address. Raises `BundleError` where its launches do not fit its kernels."""
        addresses = {name: arena + buffer.offset for name, buffer in program.buffers.items()}
        return LoadedProgram(program, addresses, tuple(self._ready(program, launch, addresses) for launch in program.launches))

    def _ready(self, program: Program, launch: Launch, addresses: Mapping[str, int]) -> Ready:
        kernel = program.kernels[launch.kernel]
        info = self._parsed[kernel.code].kernels.get(kernel.symbol)
        if info is None:
            raise BundleError(f"kernel {launch.kernel}: its code object has no '{kernel.symbol}'; compile the model again")
        return Ready(launch, self._modules[kernel.code], kernel, pack_launch(launch, info, kernel.block, addresses))


def _parse(bundle: Bundle) -> dict[str, CodeObject]:
    wrong = bundle.check()
    if wrong:
        raise BundleError(f"{bundle.name}: {'; '.join(wrong[:3])}; compile the model again")
    codes = {}
    for key, data in bundle.code.items():
        codes[key] = CodeObject.parse(data, f"code object {key[:12]} of {bundle.name}")
        codes[key].require_arch(bundle.arch)
    return codes


def constants_by_offset(bundle: Bundle) -> dict[int, tuple[str, Buffer]]:
    """Every constant in the arena once, by its offset there: programs share them."""
    found: dict[int, tuple[str, Buffer]] = {}
    for program in bundle.programs.values():
        for name, buffer in program.buffers.items():
            if buffer.kind == "constant":
                found[buffer.offset] = name, buffer
    return found


def states_by_offset(bundle: Bundle) -> dict[int, np.ndarray]:
    """The first value of every state, as bytes, by its offset in the arena."""
    found: dict[int, np.ndarray] = {}
    for program in bundle.programs.values():
        for state in program.states:
            offset = program.buffers[state.buffer].offset
            if offset in found:
                continue
            if state.initial is None:
                found[offset] = np.zeros(int(np.prod(state.shape)) * ITEM_SIZES[state.dtype], np.uint8)
            else:
                found[offset] = np.ascontiguousarray(bundle.constants[state.initial])
    return found
