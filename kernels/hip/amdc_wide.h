// amdc_wide.h: ELEMENTS neighbouring elements of a type at once, as they lie in memory. For kernels that memory bounds: 16 bytes a lane
// keep a stream at its best rate, whatever the elements' size (clpeak on Polaris).
//
//   amdc_wide<T, ELEMENTS> x; x.load(buffer, offset); x.get(i); amdc_wide<T, ELEMENTS>::store(buffer, offset, values)
//
// Offsets are in bytes, multiples of 4 (of the whole size where that is less). 8 bytes are loaded as two dwords (a dwordx2 takes 18
// clocks a wave, a dword 4) and stored as one dwordx2 (a store takes 16 whatever its width; CLRX, "GCN timings").
// AMDC_OUTSIDE is an offset behind every buffer: loads there give 0 without touching memory, stores are dropped.
#ifndef AMDC_WIDE_H
#define AMDC_WIDE_H

#define AMDC_OUTSIDE 0x80000000u

template <class T, unsigned ELEMENTS> struct amdc_wide {
    typedef typename amdc_type<T>::bits bits;
    typedef unsigned pair __attribute__((ext_vector_type(2)));
    static constexpr unsigned size = amdc_size<T>, bytes = ELEMENTS * size, words = (bytes + 3) / 4;
    unsigned data[words];

    __attribute__((device, always_inline)) void load(amdc_buffer b, unsigned offset) {
        if constexpr (bytes < 4) data[0] = amdc_bits<bytes>::load(b, offset);
        else if constexpr (words % 4 == 0) {
#pragma unroll
            for (unsigned i = 0; i < words; i += 4) {
                amdc_u4 four = amdc_load_u32x4(b, offset + 4 * i);
                data[i] = four[0], data[i + 1] = four[1], data[i + 2] = four[2], data[i + 3] = four[3];
            }
        } else {
#pragma unroll
            for (unsigned i = 0; i < words; ++i) data[i] = amdc_load_u32(b, offset + 4 * i);
        }
    }
    __attribute__((device, always_inline)) amdc_value<T> get(unsigned i) const {
        if constexpr (size == 8) return amdc_type<T>::decode(data[2 * i] | (bits)data[2 * i + 1] << 32);
        else return amdc_type<T>::decode((bits)(data[i * size / 4] >> i * size % 4 * 8));
    }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, const amdc_value<T> (&values)[ELEMENTS]) {
        unsigned data[words] = {};
#pragma unroll
        for (unsigned i = 0; i < ELEMENTS; ++i) {
            bits stored = amdc_type<T>::encode(values[i]);
            if constexpr (size == 8) data[2 * i] = (unsigned)stored, data[2 * i + 1] = (unsigned)(stored >> 32);
            else data[i * size / 4] |= (unsigned)stored << i * size % 4 * 8;
        }
        if constexpr (bytes < 4) amdc_bits<bytes>::store(b, offset, (typename amdc_bits<bytes>::type)data[0]);
        else if constexpr (words % 4 == 0) {
#pragma unroll
            for (unsigned i = 0; i < words; i += 4) {
                amdc_u4 four = {data[i], data[i + 1], data[i + 2], data[i + 3]};
                amdc_store_u32x4(b, offset + 4 * i, four);
            }
        } else if constexpr (words == 2) {
            pair two = {data[0], data[1]};
            __builtin_amdgcn_raw_buffer_store_b64(two, b, (int)offset, 0, 0);
        } else {
#pragma unroll
            for (unsigned i = 0; i < words; ++i) amdc_store_u32(b, offset + 4 * i, data[i]);
        }
    }
};

#endif // AMDC_WIDE_H
