"""libamdhip64, the HIP runtime, through ctypes: the dozen functions that running a bundle needs.

Signatures as in HIP's C API (hip_runtime_api.h); they are the same in ROCm 4 to 7. The one structure whose layout changed between
releases, hipDeviceProp_t, is not declared but searched (see `device_arch`).
"""

from __future__ import annotations

import ctypes
import re
from ctypes import POINTER, c_char_p, c_float, c_int, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Any

from amdc.errors import DeviceError

# ROCm 6 and older still run gfx803 unpatched, so they come before a newer one and before the unversioned name.
FILE_NAMES = ("libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so", "libamdhip64.so.7")
FOLDERS = ("", "/opt/rocm/lib/")  # the loader's own search path first
FUNCTIONS: dict[str, list[Any]] = {
    "hipInit": [c_uint],
    "hipGetDeviceCount": [POINTER(c_int)],
    "hipSetDevice": [c_int],
    "hipDeviceGetName": [c_char_p, c_int, c_int],
    "hipMalloc": [POINTER(c_void_p), c_size_t],
    "hipFree": [c_void_p],
    "hipMemcpyHtoD": [c_void_p, c_void_p, c_size_t],
    "hipMemcpyDtoH": [c_void_p, c_void_p, c_size_t],
    "hipModuleLoadData": [POINTER(c_void_p), c_void_p],
    "hipModuleUnload": [c_void_p],
    "hipModuleGetFunction": [POINTER(c_void_p), c_void_p, c_char_p],
    # function; grid x, y, z in blocks; block x, y, z; dynamic LDS; stream; arguments one by one; arguments packed
    "hipModuleLaunchKernel": [c_void_p, *[c_uint] * 7, c_void_p, POINTER(c_void_p), POINTER(c_void_p)],
    "hipDeviceSynchronize": [],
    "hipEventCreate": [POINTER(c_void_p)],
    "hipEventRecord": [c_void_p, c_void_p],
    "hipEventSynchronize": [c_void_p],
    "hipEventElapsedTime": [POINTER(c_float), c_void_p, c_void_p],
    "hipEventDestroy": [c_void_p],
}
PROPERTIES = ("hipGetDevicePropertiesR0600", "hipGetDeviceProperties")
NO_DEVICE = (100, 101)  # hipErrorNoDevice, hipErrorInvalidDevice
PROPERTIES_BYTES = 1 << 14  # hipDeviceProp_t is 0.8 KB in ROCm 5 and 1.5 KB in ROCm 6
NAME_BYTES = 256
CARD_ADVICE = "check that the card is in the machine, that /dev/kfd exists, and that this user is in its group (render or video)"


class HipLibrary:
    """The loaded library. Every call is checked; a failure is a `DeviceError` with HIP's own words."""

    def __init__(self, path: str | None = None) -> None:
        self.path, self._library = _load([path] if path else [folder + name for name in FILE_NAMES for folder in FOLDERS])
        # since ROCm 6 the newer structure has a name of its own, and the older one may be left out
        self._properties = next((name for name in PROPERTIES if hasattr(self._library, name)), PROPERTIES[-1])
        try:
            for name, types in (FUNCTIONS | {self._properties: [c_void_p, c_int]}).items():
                function = getattr(self._library, name)
                function.argtypes, function.restype = types, c_int
            self._library.hipGetErrorString.argtypes, self._library.hipGetErrorString.restype = [c_int], c_char_p
        except AttributeError as error:
            raise DeviceError(f"{self.path} is no usable HIP runtime ({error}); install ROCm 5 or 6") from None

    def call(self, name: str, *arguments: Any, doing: str = "") -> None:
        """Call one of the declared functions. `doing` says in messages what for."""
        status = getattr(self._library, name)(*arguments)
        if status:
            words = self._library.hipGetErrorString(status).decode(errors="replace")
            advice = f"; {CARD_ADVICE}" if status in NO_DEVICE else ""
            raise DeviceError(f"{doing or 'the HIP runtime'}: {name} failed with error {status} ({words}){advice}")

    def device_count(self) -> int:
        """How many cards the runtime sees; 0 where it finds no driver."""
        count = c_int()
        if self._library.hipInit(0) or self._library.hipGetDeviceCount(ctypes.byref(count)):
            return 0
        return count.value

    def device_name(self, index: int) -> str:
        """The product's name; drivers without a name table leave it empty."""
        text = ctypes.create_string_buffer(NAME_BYTES)
        self.call("hipDeviceGetName", text, NAME_BYTES, index)
        return text.value.decode(errors="replace")

    def device_arch(self, index: int) -> str:
        """The architecture, such as gfx803. hipDeviceProp_t begins with the product's name (256 bytes) and holds gcnArchName, a
        string whose place differs between releases: it is the only other string in it that begins with gfx."""
        properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
        self.call(self._properties, properties, index)
        found = re.search(rb"gfx[0-9a-f]{3,}", properties.raw[NAME_BYTES:])
        if not found:
            raise DeviceError(f"{self.path} does not tell the architecture of card {index}; install ROCm 5 or 6")
        return found[0].decode()


def _load(paths: list[str]) -> tuple[str, ctypes.CDLL]:
    for path in paths:
        try:
            return path, ctypes.CDLL(path)
        except OSError as error:
            if Path(path).exists():
                raise DeviceError(f"cannot load {path}: {error}") from None
    raise DeviceError(
        "no HIP runtime (libamdhip64.so) was found: install ROCm 5 or 6, or run on the simulated GPU with --device sim"
    )
