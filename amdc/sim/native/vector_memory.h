// vector_memory.h: FLAT and MUBUF instructions: an address form, then an access. Generated code calls these with constants, so
// that each use becomes one small function (amdc/sim/translate/vector_memory.py).
#ifndef AMDC_VECTOR_MEMORY_H
#define AMDC_VECTOR_MEMORY_H
#include "access.h"
#include "buffer.h"

// A global address must be a multiple of the access's size, of 4 at most.
#define ALIGN_OF(size) ((size) < 4 ? (size) : 4)

// Registers are given by number; `index` and `offset` are -1 where the instruction has none.
#define DEFINE_FLAT(name, size, KIND, ACCESS)                                                         \
    NOINLINE int name(Wave *W, u32 to, u32 from, u32 address) {                                        \
        const u64 exec = EXEC;                                                                         \
        Registers v = &VGPR(to), data = &VGPR(from);                                                   \
        Lanes L;                                                                                       \
        if (resolve_flat(W, &L, exec, VGPR(address), VGPR(address + 1), size, ALIGN_OF(size), KIND))   \
            return STOP_FAULT;                                                                         \
        ACCESS;                                                                                        \
        return 0;                                                                                      \
    }
#define DEFINE_BUFFER(name, size, KIND, ACCESS)                                                        \
    NOINLINE int name(Wave *W, u32 to, u32 from, u32 resource, i32 index, i32 offset, u32 scalar_offset, u32 immediate) { \
        const u64 exec = EXEC;                                                                         \
        Registers v = &VGPR(to), data = &VGPR(from);                                                   \
        Lanes L;                                                                                       \
        if (resolve_buffer(W, &L, exec, &SGPR(resource), index < 0 ? 0 : VGPR(index), offset < 0 ? 0 : VGPR(offset), \
                           scalar_offset, immediate, size, ALIGN_OF(size)))                            \
            return STOP_FAULT;                                                                         \
        ACCESS;                                                                                        \
        return 0;                                                                                      \
    }
#endif
