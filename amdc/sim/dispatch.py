"""How a wave starts: the registers and tables that the packet processor sets up before a kernel's first instruction.

Source: LLVM, "User Guide for AMDGPU Backend", "Initial Kernel Execution State"; HSA Platform System Architecture,
"Kernel dispatch packet".
"""

from __future__ import annotations

import struct

from amdc.code_object import KernelInfo
from amdc.sim.kernarg import Apertures, LaunchShape
from amdc.sim.structures import Launch

# Upper halves of flat addresses that mean LDS and scratch: as in native/global_memory.h.
SHARED_APERTURE = 0x00010000
PRIVATE_APERTURE = 0x00020000
QUEUE_BYTES = 256
PACKET_BYTES = 64
STACK_BYTES = 16384  # a lane, for kernels whose stack has no size known at compile time
SWIZZLE = 1 << 31  # word 1 of a buffer resource
SCRATCH_WORD3 = 1 << 19 | 3 << 21 | 1 << 23  # element size 4, index stride 64, add the lane's number
MODE_DX10_CLAMP, MODE_IEEE = 1 << 8, 1 << 9


def scratch_per_lane(kernel: KernelInfo) -> int:
    """Bytes of scratch memory a lane, whole dwords."""
    return (kernel.scratch_bytes + 3 & ~3) + (STACK_BYTES if kernel.uses_dynamic_stack else 0)


def wave_offset_register(kernel: KernelInfo) -> int:
    """The scalar register that receives the wave's offset in the scratch memory.

    A kernel that calls functions but has no scratch memory of its own adds this register to others without having asked for it
    (LLVM 19), so that it is always set up, behind the other ones.
    """
    layout = kernel.descriptor.sgpr_layout
    asked = [entry.first for entry in layout if entry.name == "scratch_wave_offset"]
    return asked[0] if asked else max([kernel.descriptor.user_sgpr_count, *(entry.first + entry.count for entry in layout)])


def queue_block() -> bytes:
    """An amd_queue_t as far as kernels read it: the apertures at 0x40 (group) and 0x44 (private)."""
    block = bytearray(QUEUE_BYTES)
    struct.pack_into("<II", block, 0x40, SHARED_APERTURE, PRIVATE_APERTURE)
    return bytes(block)


def apertures(queue: int) -> Apertures:
    """What hidden arguments say about the address space; `queue` is the address of the `queue_block`."""
    return Apertures(SHARED_APERTURE, PRIVATE_APERTURE, queue)


def dispatch_packet(kernel: KernelInfo, shape: LaunchShape, kernel_object: int, kernarg: int) -> bytes:
    """An AQL kernel dispatch packet. `kernel_object` and `kernarg` are addresses."""
    items = [grid * block for grid, block in zip(shape.grid, shape.block, strict=True)]
    header, setup = 2, 3  # a kernel dispatch; three dimensions
    lds = kernel.lds_bytes + shape.dynamic_lds
    return struct.pack(
        "<2H4H3I2I4Q", header, setup, *shape.block, 0, *items, scratch_per_lane(kernel), lds, kernel_object, kernarg, 0, 0
    )


def initial_state(kernel: KernelInfo, shape: LaunchShape, image: int, addresses: dict[str, int]) -> Launch:
    """The `Launch` of one kernel, except scratch memory, allocations and counters.

    `image` is where the code object's address 0 lies; `addresses` holds "dispatch_ptr", "queue_ptr", "kernarg_segment_ptr" and
    "scratch".
    """
    launch = Launch(entry=kernel.entry, image=image, vgpr_count=max(kernel.descriptor.vgprs, kernel.vgprs))
    launch.groups[:] = shape.grid
    launch.size[:] = shape.block
    launch.total = shape.grid[0] * shape.grid[1] * shape.grid[2]
    launch.lds_size = kernel.lds_bytes + shape.dynamic_lds
    launch.scratch_per_lane = scratch_per_lane(kernel)
    launch.scratch = addresses["scratch"]
    launch.mode = _mode(kernel)
    launch.work_item_ids = kernel.descriptor.workitem_id_dimensions
    _set_scalars(launch, kernel, addresses)
    return launch


def _mode(kernel: KernelInfo) -> int:
    descriptor = kernel.descriptor
    return descriptor.float_mode | (MODE_DX10_CLAMP if descriptor.dx10_clamp else 0) | (MODE_IEEE if descriptor.ieee_mode else 0)


def _set_scalars(launch: Launch, kernel: KernelInfo, addresses: dict[str, int]) -> None:
    launch.group_id[:] = (-1, -1, -1)
    launch.wave_offset = wave_offset_register(kernel)
    values = {
        "private_segment_buffer": _scratch_resource(addresses["scratch"]),
        "dispatch_id": (0, 0),
        "flat_scratch_init": (0, launch.scratch_per_lane),
        "private_segment_size": (launch.scratch_per_lane,),
        "workgroup_info": (0,),
    }
    for entry in kernel.descriptor.sgpr_layout:
        if entry.name.startswith("workgroup_id_"):
            launch.group_id["xyz".index(entry.name[-1])] = entry.first
        elif entry.name != "scratch_wave_offset":
            words = values.get(entry.name) or _words(addresses[entry.name])
            launch.sgprs[entry.first : entry.first + len(words)] = words
            launch.sgpr_count = max(launch.sgpr_count, entry.first + len(words))


def _words(address: int) -> tuple[int, int]:
    return address & 0xFFFFFFFF, address >> 32


def _scratch_resource(address: int) -> tuple[int, int, int, int]:
    low, high = _words(address)
    return low, high | SWIZZLE, 0xFFFFFFFF, SCRATCH_WORD3
