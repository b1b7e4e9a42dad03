// float_mode.h: the host's rounding and denormal controls follow the wave's MODE register [GCN3, "MODE register"]:
// bits 0-1 rounding of f32, 2-3 of f64 and f16 (0 nearest even, 1 up, 2 down, 3 to zero), bits 4-5 denormals of f32, 6-7 of f64 and
// f16 (the low bit keeps them in inputs, the high bit in results).
#ifndef AMDC_FLOAT_MODE_H
#define AMDC_FLOAT_MODE_H
#include "wave.h"

#if defined(__x86_64__)
typedef u32 host_mode;
INLINE host_mode get_host_mode(void) { return __builtin_ia32_stmxcsr(); }
INLINE void set_host_mode(host_mode mode) { __builtin_ia32_ldmxcsr(mode); }
INLINE host_mode host_mode_of(u32 round, u32 denormals) {
    static const u32 rounding[4] = {0x0000, 0x4000, 0x2000, 0x6000};
    return 0x1f80 | rounding[round & 3] | (denormals & 1 ? 0 : 0x0040) | (denormals & 2 ? 0 : 0x8000); // DAZ, FTZ
}
#elif defined(__aarch64__)
typedef u64 host_mode;
INLINE host_mode get_host_mode(void) {
    u64 mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
INLINE void set_host_mode(host_mode mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode) : "memory"); }
INLINE host_mode host_mode_of(u32 round, u32 denormals) { // FZ flushes inputs and results alike
    return (u64)(round & 3) << 22 | (denormals == 3 ? 0 : (u64)1 << 24);
}
#else
#error "amdc.sim runs on x86-64 and aarch64 hosts"
#endif

INLINE void use_f32_mode(Wave *W) { set_host_mode(host_mode_of(W->mode, W->mode >> 4)); }
INLINE void use_f64_mode(Wave *W) { set_host_mode(host_mode_of(W->mode >> 2, W->mode >> 6)); }

// Around operations on f64, where that mode differs from the f32 mode. The operations stand in functions of their own, so that the
// compiler does not move them across a change of mode.
INLINE int modes_differ(Wave *W) { return ((W->mode ^ W->mode >> 2) & 0x33) != 0; }
INLINE void enter_f64(Wave *W) {
    if (modes_differ(W)) use_f64_mode(W);
}
INLINE void leave_f64(Wave *W) {
    if (modes_differ(W)) use_f32_mode(W);
}
// Around v_mad, v_mac and the legacy multiplications, which flush f32 denormals in every mode.
INLINE void enter_flush(Wave *W) {
    if (UNLIKELY(W->mode & 0x30)) set_host_mode(host_mode_of(W->mode, 0));
}
INLINE void leave_flush(Wave *W) {
    if (UNLIKELY(W->mode & 0x30)) use_f32_mode(W);
}
#endif
