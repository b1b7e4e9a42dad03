// vector_memory.h: FLAT and MUBUF instructions: an address form, then an access. Generated code calls these with constants, so
// that each use becomes one small function (amdc/sim/translate/vector_memory.py).
#ifndef AMDC_VECTOR_MEMORY_H
#define AMDC_VECTOR_MEMORY_H
#include "access.h"
#include "buffer.h"
#include "trace.h"

// A global address must be a multiple of the access's size, of 4 at most.
#define ALIGN_OF(size) ((size) < 4 ? (size) : 4)

// The bodies of functions whose parameters are register numbers; `index` and `offset` are -1 where the instruction has none.
#define FLAT_ACCESS(size, KIND, ACCESS)                                                            \
    const u64 exec = EXEC;                                                                         \
    Registers v = &VGPR(to), data = &VGPR(from);                                                   \
    Lanes L;                                                                                       \
    if (resolve_flat(W, &L, exec, VGPR(address), VGPR(address + 1), size, ALIGN_OF(size), KIND))   \
        return STOP_FAULT;                                                                         \
    trace_access(W, &L, exec, size);                                                               \
    ACCESS;                                                                                        \
    return 0;
#define BUFFER_ACCESS(size, KIND, ACCESS)                                                          \
    const u64 exec = EXEC;                                                                         \
    Registers v = &VGPR(to), data = &VGPR(from);                                                   \
    Lanes L;                                                                                       \
    const u32 *indices = index < 0 ? 0 : VGPR(index), *offsets = offset < 0 ? 0 : VGPR(offset);    \
    if (resolve_buffer(W, &L, exec, &SGPR(resource), indices, offsets, scalar_offset, immediate, size, ALIGN_OF(size))) \
        return STOP_FAULT;                                                                         \
    trace_access(W, &L, exec, size);                                                               \
    ACCESS;                                                                                        \
    return 0;
#endif
