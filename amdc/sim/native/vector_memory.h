// vector_memory.h: FLAT and MUBUF instructions: an address form, then an access. Generated code calls these with constants, so
// that each use becomes one small function (amdc/sim/translate/vector_memory.py).
#ifndef AMDC_VECTOR_MEMORY_H
#define AMDC_VECTOR_MEMORY_H
#include "access.h"
#include "buffer.h"

// A global address must be a multiple of the access's size, of 4 at most.
#define ALIGN_OF(size) ((size) < 4 ? (size) : 4)

#define DEFINE_FLAT(name, size, ACCESS)                                                                   \
    NOINLINE int name(Wave *W, Registers v, Registers data, const u32 *low, const u32 *high, u64 exec) {                   \
        Lanes L;                                                                                           \
        if (resolve_flat(W, &L, exec, low, high, size, ALIGN_OF(size))) return STOP_FAULT;                 \
        ACCESS;                                                                                            \
        return 0;                                                                                          \
    }
#define DEFINE_BUFFER(name, size, ACCESS)                                                                              \
    NOINLINE int name(Wave *W, Registers v, Registers data, const u32 *words, const u32 *index, const u32 *offset, u32 scalar_offset, \
                      u32 immediate, u64 exec) {                                                                       \
        Lanes L;                                                                                                       \
        if (resolve_buffer(W, &L, exec, words, index, offset, scalar_offset, immediate, size, ALIGN_OF(size)))         \
            return STOP_FAULT;                                                                                         \
        ACCESS;                                                                                                        \
        return 0;                                                                                                      \
    }
#endif
