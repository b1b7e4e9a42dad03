// amdc.h: what all kernel files share. Put in front of each of them as text, so that a kernel is one self-contained source.
//
// Memory goes through MUBUF buffer resources: out-of-range reads give 0, out-of-range writes are dropped, and offsets are 32-bit.
// Loads are one dword or four, never two: a dwordx2 takes 18 clocks a wave, a dword 4 and a dwordx4 16 (see CLRX, "GCN timings").
#ifndef AMDC_H
#define AMDC_H

#define AMDC_DEVICE static inline __attribute__((device, always_inline))
#define AMDC_SHARED __attribute__((shared))
#define AMDC_INLINE __attribute__((always_inline)) // of a lambda
#ifndef AMDC_SYMBOL
#define AMDC_SYMBOL kernel
#endif
#ifndef AMDC_BLOCK
#define AMDC_BLOCK 256
#endif
// The head of a kernel: `AMDC_KERNEL void AMDC_SYMBOL(...)`. The exact work-group size lets clang drop every run-time query of it.
#define AMDC_KERNEL extern "C" __attribute__((global, amdgpu_flat_work_group_size(AMDC_BLOCK, AMDC_BLOCK)))

typedef unsigned amdc_u4 __attribute__((ext_vector_type(4)));
typedef float amdc_f4 __attribute__((ext_vector_type(4)));
typedef __amdgpu_buffer_rsrc_t amdc_buffer;

// A raw buffer of `bytes` bytes. 0x27000: dword 3 of the resource on GCN3 (data format 32, no swizzle).
AMDC_DEVICE amdc_buffer amdc_make(const void *pointer, unsigned bytes) {
    return __builtin_amdgcn_make_buffer_rsrc((void *)pointer, 0, (int)bytes, 0x27000);
}

// --- loads and stores; `offset` is in bytes, per lane; `base` in bytes, the same for all lanes ---
AMDC_DEVICE unsigned amdc_load_u32(amdc_buffer b, unsigned offset, unsigned base = 0) {
    return __builtin_amdgcn_raw_buffer_load_b32(b, (int)offset, (int)base, 0);
}
AMDC_DEVICE float amdc_load_f32(amdc_buffer b, unsigned offset, unsigned base = 0) {
    return __builtin_bit_cast(float, amdc_load_u32(b, offset, base));
}
AMDC_DEVICE amdc_f4 amdc_load_f32x4(amdc_buffer b, unsigned offset, unsigned base = 0) {
    return __builtin_bit_cast(amdc_f4, __builtin_amdgcn_raw_buffer_load_b128(b, (int)offset, (int)base, 0));
}
AMDC_DEVICE amdc_u4 amdc_load_u32x4(amdc_buffer b, unsigned offset, unsigned base = 0) {
    return __builtin_amdgcn_raw_buffer_load_b128(b, (int)offset, (int)base, 0);
}
AMDC_DEVICE unsigned char amdc_load_u8(amdc_buffer b, unsigned offset) { return __builtin_amdgcn_raw_buffer_load_b8(b, (int)offset, 0, 0); }
AMDC_DEVICE unsigned short amdc_load_u16(amdc_buffer b, unsigned offset) {
    return __builtin_amdgcn_raw_buffer_load_b16(b, (int)offset, 0, 0);
}
AMDC_DEVICE unsigned long amdc_load_u64(amdc_buffer b, unsigned offset) {
    return amdc_load_u32(b, offset) | (unsigned long)amdc_load_u32(b, offset + 4) << 32;
}
AMDC_DEVICE void amdc_store_u32(amdc_buffer b, unsigned offset, unsigned value) {
    __builtin_amdgcn_raw_buffer_store_b32(value, b, (int)offset, 0, 0);
}
AMDC_DEVICE void amdc_store_f32(amdc_buffer b, unsigned offset, float value) {
    amdc_store_u32(b, offset, __builtin_bit_cast(unsigned, value));
}
AMDC_DEVICE void amdc_store_f32x4(amdc_buffer b, unsigned offset, amdc_f4 value) {
    __builtin_amdgcn_raw_buffer_store_b128(__builtin_bit_cast(amdc_u4, value), b, (int)offset, 0, 0);
}
AMDC_DEVICE void amdc_store_u32x4(amdc_buffer b, unsigned offset, amdc_u4 value) {
    __builtin_amdgcn_raw_buffer_store_b128(value, b, (int)offset, 0, 0);
}
AMDC_DEVICE void amdc_store_u8(amdc_buffer b, unsigned offset, unsigned char value) {
    __builtin_amdgcn_raw_buffer_store_b8(value, b, (int)offset, 0, 0);
}
AMDC_DEVICE void amdc_store_u16(amdc_buffer b, unsigned offset, unsigned short value) {
    __builtin_amdgcn_raw_buffer_store_b16(value, b, (int)offset, 0, 0);
}
AMDC_DEVICE void amdc_store_u64(amdc_buffer b, unsigned offset, unsigned long value) {
    amdc_store_u32(b, offset, (unsigned)value);
    amdc_store_u32(b, offset + 4, (unsigned)(value >> 32));
}

// --- where a lane stands ---
AMDC_DEVICE unsigned amdc_lane() { return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u)); }
AMDC_DEVICE unsigned amdc_thread() { return __builtin_amdgcn_workitem_id_x(); }
// The same for all lanes of a wave, and clang is told so.
AMDC_DEVICE unsigned amdc_wave() { return __builtin_amdgcn_readfirstlane(__builtin_amdgcn_workitem_id_x() >> 6); }
AMDC_DEVICE unsigned amdc_group_x() { return __builtin_amdgcn_workgroup_id_x(); }
AMDC_DEVICE unsigned amdc_group_y() { return __builtin_amdgcn_workgroup_id_y(); }
AMDC_DEVICE unsigned amdc_group_z() { return __builtin_amdgcn_workgroup_id_z(); }

// --- division by a run-time constant: `amdc.codegen.magic.magic(divisor)` makes multiplier and shift; right for x < 2^31 ---
AMDC_DEVICE unsigned amdc_divide(unsigned x, unsigned multiplier, unsigned shift) {
    return (unsigned)(((unsigned long)x * multiplier >> 32) + x) >> shift;
}

// All waves of the work-group reach this point, and what they wrote to LDS is seen by all.
AMDC_DEVICE void amdc_barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}

// --- reductions over the 64 lanes of a wave, by DPP: no LDS, 6 steps. All lanes must be active. The result is in every lane. ---
// V is float or double.
#define AMDC_MEMBER __attribute__((device, always_inline)) static
struct amdc_sum { static constexpr float identity = 0.0f; template <class V> AMDC_MEMBER V of(V a, V b) { return a + b; } };
struct amdc_product { static constexpr float identity = 1.0f; template <class V> AMDC_MEMBER V of(V a, V b) { return a * b; } };
struct amdc_max {
    static constexpr float identity = -__builtin_inff();
    template <class V> AMDC_MEMBER V of(V a, V b) { return a != a ? a : b > a || b != b ? b : a; } // NaN wins, as in PyTorch
};
struct amdc_min {
    static constexpr float identity = __builtin_inff();
    template <class V> AMDC_MEMBER V of(V a, V b) { return a != a ? a : b < a || b != b ? b : a; }
};
// The value of the lane that DPP control CONTROL selects; `otherwise` where there is none or ROWS masks it out.
template <int CONTROL, int ROWS> AMDC_DEVICE float amdc_other(float x, float otherwise) {
    int other = __builtin_amdgcn_update_dpp(__builtin_bit_cast(int, otherwise), __builtin_bit_cast(int, x), CONTROL, ROWS, 0xf, false);
    return __builtin_bit_cast(float, other);
}
typedef float amdc_f2 __attribute__((ext_vector_type(2))); // the halves of a double
template <int CONTROL, int ROWS> AMDC_DEVICE double amdc_other(double x, double otherwise) {
    amdc_f2 from = __builtin_bit_cast(amdc_f2, x), instead = __builtin_bit_cast(amdc_f2, otherwise);
    amdc_f2 other = {amdc_other<CONTROL, ROWS>(from.x, instead.x), amdc_other<CONTROL, ROWS>(from.y, instead.y)};
    return __builtin_bit_cast(double, other);
}
AMDC_DEVICE float amdc_of_lane(float x, int lane) {
    return __builtin_bit_cast(float, __builtin_amdgcn_readlane(__builtin_bit_cast(int, x), lane));
}
AMDC_DEVICE double amdc_of_lane(double x, int lane) {
    amdc_f2 from = __builtin_bit_cast(amdc_f2, x), other = {amdc_of_lane(from.x, lane), amdc_of_lane(from.y, lane)};
    return __builtin_bit_cast(double, other);
}
template <class Op, int CONTROL, int ROWS, class V> AMDC_DEVICE V amdc_step(V x) {
    return Op::of(x, amdc_other<CONTROL, ROWS>(x, (V)Op::identity));
}
template <class Op, class V> AMDC_DEVICE V amdc_wave_reduce(V x) {
    x = amdc_step<Op, 0x111, 0xf>(x); // row_shr:1 .. row_shr:8: lane 15 of each row of 16 has the row's result
    x = amdc_step<Op, 0x112, 0xf>(x);
    x = amdc_step<Op, 0x114, 0xf>(x);
    x = amdc_step<Op, 0x118, 0xf>(x);
    x = amdc_step<Op, 0x142, 0xa>(x); // row_bcast:15 into rows 1 and 3
    x = amdc_step<Op, 0x143, 0xc>(x); // row_bcast:31 into rows 2 and 3: lane 63 has the wave's result
    return amdc_of_lane(x, 63);
}
// Over the work-group of AMDC_BLOCK lanes; `scratch` holds one V a wave. Ends with a barrier, so `scratch` may be used again.
template <class Op, class V> AMDC_DEVICE V amdc_block_reduce(V x, V *scratch) {
    x = amdc_wave_reduce<Op>(x);
    if (amdc_lane() == 0) scratch[amdc_wave()] = x;
    amdc_barrier();
    x = scratch[0];
    for (int wave = 1; wave < AMDC_BLOCK / 64; ++wave) x = Op::of(x, scratch[wave]);
    amdc_barrier();
    return x;
}

#endif // AMDC_H
