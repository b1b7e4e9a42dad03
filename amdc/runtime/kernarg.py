"""From a Program's launch to the bytes of its kernel's argument segment: the same for every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from amdc.code_object import ArgumentInfo, KernelInfo
from amdc.errors import BundleError, UsageError
from amdc.program import Argument, Launch, Pointer
from amdc.sim.kernarg import LaunchShape, pack_arguments

SCALARS: dict[str, Callable[[float], np.generic]] = {
    "int32": np.int32,
    "uint32": np.uint32,
    "int64": np.int64,
    "float32": np.float32,
}


def pack_launch(launch: Launch, kernel: KernelInfo, block: tuple[int, int, int], addresses: Mapping[str, int]) -> bytes:
    """The argument segment of `launch`; `addresses` are those of the buffers.

    Raises `BundleError` where the Program's arguments do not fit the kernel's own description of them.
    """
    visible = [info for info in kernel.arguments if not info.hidden]
    if len(visible) != len(launch.arguments):
        raise _mismatch(launch, f"the kernel takes {len(visible)} arguments, the program passes {len(launch.arguments)}")
    values = [
        _value(launch, number, argument, info, addresses)
        for number, (argument, info) in enumerate(zip(launch.arguments, visible, strict=True))
    ]
    try:
        return pack_arguments(kernel, values, LaunchShape(launch.grid, block))
    except UsageError as error:
        raise _mismatch(launch, str(error)) from None


def _value(launch: Launch, number: int, argument: Argument, info: ArgumentInfo, addresses: Mapping[str, int]) -> int | np.generic:
    pointer = info.value_kind == "global_buffer"
    if isinstance(argument, Pointer):
        if not pointer:
            raise _mismatch(launch, f"argument {number} is the buffer {argument.buffer}, but the kernel takes {info.value_kind}")
        return addresses[argument.buffer] + argument.offset
    if pointer:
        raise _mismatch(launch, f"argument {number} is a {argument.dtype}, but the kernel takes a pointer")
    if argument.dtype not in SCALARS:
        raise _mismatch(launch, f"argument {number} has the unknown type {argument.dtype}")
    if argument.dtype == "float32":
        return np.float32(argument.value)
    try:
        return SCALARS[argument.dtype](int(argument.value))
    except OverflowError:
        raise _mismatch(launch, f"argument {number}: {argument.value} is no {argument.dtype}") from None


def _mismatch(launch: Launch, what: str) -> BundleError:
    return BundleError(f"launch of {launch.kernel} for {launch.node}: {what}; compile the model again")
