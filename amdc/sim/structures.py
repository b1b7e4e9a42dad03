"""The structures that native code and Python share. They mirror amdc/sim/native/wave.h: keep both in the same order."""

from __future__ import annotations

import ctypes

LDS_PATTERNS = 64  # remembered accesses of a worker


class Fault(ctypes.Structure):
    """What stopped a kernel: see FAULT_* in wave.h for `kind`."""

    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("lane", ctypes.c_uint32),
        ("wave", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("pc", ctypes.c_uint64),
        ("group", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
    ]


class Allocations(ctypes.Structure):
    """Live allocations in ascending order, as arrays of addresses."""

    _fields_ = [
        ("start", ctypes.c_void_p),
        ("end", ctypes.c_void_p),
        ("place", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
    ]


class LdsPattern(ctypes.Structure):
    """An access of a wave to LDS and the clocks that it takes."""

    _fields_ = [
        ("relative", ctypes.c_uint32 * 64),
        ("exec", ctypes.c_uint64),
        ("start", ctypes.c_uint32),
        ("form", ctypes.c_uint32),
        ("clocks", ctypes.c_uint32),
    ]


class TraceBuffer(ctypes.Structure):
    """A worker's stream of what sampled work-groups did: see native/trace.h."""

    _fields_ = [
        ("words", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("used", ctypes.c_uint64),
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("place", ctypes.c_uint64),
        ("full", ctypes.c_uint64),
        ("patterns", LdsPattern * LDS_PATTERNS),
    ]


class Launch(ctypes.Structure):
    """One kernel launch: the initial state of its waves, and what its workers share."""

    _fields_ = [
        ("entry", ctypes.c_uint64),
        ("image", ctypes.c_uint64),
        ("groups", ctypes.c_uint32 * 3),
        ("size", ctypes.c_uint32 * 3),
        ("sgprs", ctypes.c_uint32 * 32),
        ("sgpr_count", ctypes.c_uint32),
        ("group_id", ctypes.c_int32 * 3),
        ("wave_offset", ctypes.c_int32),
        ("work_item_ids", ctypes.c_uint32),
        ("vgpr_count", ctypes.c_uint32),
        ("lds_size", ctypes.c_uint32),
        ("scratch_per_lane", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("scratch", ctypes.c_uint64),
        ("scratch_bytes", ctypes.c_uint64),
        ("next", ctypes.c_uint64),
        ("total", ctypes.c_uint64),
        ("max_instructions", ctypes.c_uint64),
        ("allocations", Allocations),
        ("counts", ctypes.c_void_p),
        ("blocks", ctypes.c_uint64),
        ("picked", ctypes.c_void_p),
        ("sampled", ctypes.c_void_p),
        ("traces", ctypes.c_void_p),
        ("lock", ctypes.c_uint32),
        ("fault", Fault),
    ]
