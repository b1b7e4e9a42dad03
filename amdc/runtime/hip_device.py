"""A card behind the HIP runtime as a session's device."""

from __future__ import annotations

import ctypes
from ctypes import c_void_p
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from amdc.code_object import CodeObject
from amdc.errors import DeviceError
from amdc.runtime.device import Dimensions
from amdc.runtime.hip_library import CARD_ADVICE, HipLibrary

KFD = Path("/dev/kfd")  # the kernel driver's compute device: without it no card can be used, and HIP need not be loaded to know
# hipModuleLaunchKernel's list of packed arguments (HIP_LAUNCH_PARAM_*)
BUFFER_POINTER, BUFFER_SIZE, END = 1, 2, 3


class HipDevice:
    """The first card of `arch`. All work goes through the null stream, so launches and copies are in order.

    `library` is the path of a libamdhip64 (by default it is searched for).
    """

    kind = "hip"
    poison = False
    has_clock = True

    def __init__(self, arch: str, library: str | None = None) -> None:
        self.hip = HipLibrary(library)
        self.index = _card(self.hip, arch)
        self.arch = arch
        self.name = self.hip.device_name(self.index) or f"card {self.index}"
        self.hip.call("hipSetDevice", self.index)
        self._modules: list[tuple[c_void_p, bytes]] = []  # with the image, which HIP does not copy
        self._functions: dict[tuple[int | None, str], c_void_p] = {}

    def allocate(self, nbytes: int) -> int:
        address = c_void_p()
        self.hip.call("hipMalloc", ctypes.byref(address), nbytes, doing=f"allocating {nbytes} bytes on {self.name}")
        if not address.value:
            raise DeviceError(f"allocating {nbytes} bytes on {self.name} gave no address")
        return address.value

    def free(self, address: int) -> None:
        self.hip.call("hipFree", address)

    def write(self, address: int, data: np.ndarray) -> None:
        if data.nbytes:
            self.hip.call("hipMemcpyHtoD", address, data.ctypes.data, data.nbytes, doing=f"copying to {self.name}")

    def read(self, address: int, nbytes: int) -> bytearray:
        data = bytearray(nbytes)
        if nbytes:
            view = (ctypes.c_char * nbytes).from_buffer(data)
            self.hip.call("hipMemcpyDtoH", ctypes.addressof(view), address, nbytes, doing=f"copying from {self.name}")
        return data

    def load_all(self, codes: list[tuple[CodeObject, bytes]]) -> list[Any]:
        return [self._load(code, data) for code, data in codes]

    def _load(self, code: CodeObject, data: bytes) -> c_void_p:
        module = c_void_p()
        self.hip.call("hipModuleLoadData", ctypes.byref(module), data, doing=f"loading {code.name}")
        self._modules.append((module, data))
        return module

    def launch(self, module: Any, symbol: str, grid: Dimensions, block: Dimensions, kernarg: bytes) -> None:
        function = self._function(module, symbol)
        size = ctypes.c_size_t(len(kernarg))
        packed = (c_void_p * 5)(
            BUFFER_POINTER,
            ctypes.cast(ctypes.c_char_p(kernarg), c_void_p),
            BUFFER_SIZE,
            ctypes.cast(ctypes.byref(size), c_void_p),
            END,
        )
        doing = f"launching {symbol} on {self.name}"
        self.hip.call("hipModuleLaunchKernel", function, *grid, *block, 0, None, None, packed, doing=doing)

    def _function(self, module: Any, symbol: str) -> c_void_p:
        key = module.value, symbol
        if key not in self._functions:
            function = c_void_p()
            self.hip.call("hipModuleGetFunction", ctypes.byref(function), module, symbol.encode(), doing=f"looking up {symbol}")
            self._functions[key] = function
        return self._functions[key]

    def synchronize(self) -> None:
        self.hip.call("hipDeviceSynchronize", doing=f"waiting for {self.name}")

    def mark(self) -> c_void_p:
        event = c_void_p()
        self.hip.call("hipEventCreate", ctypes.byref(event))
        self.hip.call("hipEventRecord", event, None)
        return event

    def spans_ms(self, marks: list[Any]) -> list[float]:
        spans = []
        for start, end in pairwise(marks):
            milliseconds = ctypes.c_float()
            self.hip.call("hipEventSynchronize", end)
            self.hip.call("hipEventElapsedTime", ctypes.byref(milliseconds), start, end)
            spans.append(milliseconds.value)
        for event in marks:
            self.hip.call("hipEventDestroy", event)
        return spans

    def close(self) -> None:
        for module, _ in self._modules:
            self.hip.call("hipModuleUnload", module)
        self._modules, self._functions = [], {}


def _card(hip: HipLibrary, arch: str) -> int:
    """The index of the first card of `arch`. Raises `DeviceError` saying which cards there are."""
    count = hip.device_count()
    if count == 0:
        raise DeviceError(f"no card: {hip.path} finds no AMD GPU; {CARD_ADVICE}, or run on the simulated GPU with --device sim")
    archs = [hip.device_arch(index) for index in range(count)]
    if arch not in archs:
        found = ", ".join(f"{hip.device_name(index)} ({name})" for index, name in enumerate(archs))
        raise DeviceError(f"no card of architecture {arch}: found {found}; compile for one of them, or run with --device sim")
    return archs.index(arch)


@cache
def supported_card(arch: str) -> bool:
    """Whether this machine has a usable card of `arch`. Says nothing where it has not, and costs one look at the file system."""
    if not KFD.exists():
        return False
    try:
        _card(HipLibrary(), arch)
    except DeviceError:
        return False
    return True
