// scalar_load.h: loads of the scalar unit through a buffer: one value for all lanes of a wave, reads behind the buffer's end give 0.
#ifndef SCALAR_LOAD_H
#define SCALAR_LOAD_H
typedef int amdc_i4 __attribute__((ext_vector_type(4)));
template <int COUNT> using Floats = float __attribute__((ext_vector_type(COUNT)));
// By LLVM's names: clang 19 has no built-in functions for them.
__attribute__((device)) float scalar_load1(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.f32");
__attribute__((device)) Floats<2> scalar_load2(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v2f32");
__attribute__((device)) Floats<4> scalar_load4(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v4f32");
__attribute__((device)) Floats<8> scalar_load8(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v8f32");
__attribute__((device)) Floats<16> scalar_load16(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v16f32");

// COUNT floats from `offset` bytes on; not one more: clang 19 narrows a load that is not used whole to a width that it cannot emit.
template <int COUNT> AMDC_DEVICE void scalar_load(float *to, amdc_i4 from, unsigned offset) {
    constexpr int now = COUNT >= 16 ? 16 : COUNT >= 8 ? 8 : COUNT >= 4 ? 4 : COUNT >= 2 ? 2 : 1;
    if constexpr (now == 1) {
        to[0] = scalar_load1(from, (int)offset, 0);
    } else {
        Floats<now> some;
        if constexpr (now == 16) some = scalar_load16(from, (int)offset, 0);
        else if constexpr (now == 8) some = scalar_load8(from, (int)offset, 0);
        else if constexpr (now == 4) some = scalar_load4(from, (int)offset, 0);
        else some = scalar_load2(from, (int)offset, 0);
#pragma unroll
        for (int i = 0; i < now; ++i) to[i] = some[i];
    }
    if constexpr (now < COUNT) scalar_load<COUNT - now>(to + now, from, offset + 4 * now);
}
#endif // SCALAR_LOAD_H
