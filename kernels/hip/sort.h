// sort.h: values as unsigned keys of the same order, for sort_chunks.hip and merge_runs.hip.
// A key and the place that it came from are never equal to another pair, so that any sorting network sorts stably.
#ifndef X_LOAD // by hand: floats, ascending
#define DESCENDING 0
#define X_TYPE float
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define VALUES_STORE(index, value) amdc_store_f32(amdc_make(values, values_bytes), 4u * (index), value)
#endif

// NaN counts as the largest and both zeros are equal, as in PyTorch. On bits: comparisons of floats flush denormals to zero.
template <class K> AMDC_DEVICE K amdc_float_key(K bits, K infinity) {
    K sign = ~(~(K)0 >> 1), magnitude = bits & ~sign;
    K key = magnitude == 0 ? sign : bits & sign ? ~bits : bits | sign;
    return magnitude > infinity ? ~(K)0 : key;
}
AMDC_DEVICE unsigned amdc_key(float x) { return amdc_float_key(__builtin_bit_cast(unsigned, x), 0x7f800000u); }
AMDC_DEVICE unsigned long amdc_key(double x) { return amdc_float_key(__builtin_bit_cast(unsigned long, x), 0x7ff0000000000000ul); }
AMDC_DEVICE unsigned long amdc_key(long x) { return (unsigned long)x ^ 0x8000000000000000ul; }
AMDC_DEVICE unsigned long amdc_key(unsigned long x) { return x; }
AMDC_DEVICE unsigned amdc_key(unsigned x) { return x; }
template <class T> AMDC_DEVICE unsigned amdc_key(T x) { return (unsigned)(int)x ^ 0x80000000u; } // narrower integers, and bool

typedef decltype(amdc_key((X_TYPE)0)) Key;
AMDC_DEVICE Key amdc_sort_key(X_TYPE x) { return DESCENDING ? ~amdc_key(x) : amdc_key(x); }
AMDC_DEVICE Key amdc_load_key(amdc_buffer b, unsigned index, unsigned *) { return amdc_load_u32(b, 4u * index); }
AMDC_DEVICE Key amdc_load_key(amdc_buffer b, unsigned index, unsigned long *) { return (Key)amdc_load_u64(b, 8u * index); }
AMDC_DEVICE void amdc_store_key(amdc_buffer b, unsigned index, unsigned key) { amdc_store_u32(b, 4u * index, key); }
AMDC_DEVICE void amdc_store_key(amdc_buffer b, unsigned index, unsigned long key) { amdc_store_u64(b, 8u * index, key); }
