// amdc_types.h: the element types of tensors. A kernel names a type by a tag (TYPE, OUT, ... among its -D parameters):
//   float double long int bool amdc_i16 amdc_i8 amdc_u8 amdc_u16 amdc_u32 amdc_u64, which lie in memory as they are computed with, and
//   amdc_f16 amdc_bf16 amdc_e4m3fn amdc_e5m2 amdc_e4m3fnuz amdc_e5m2fnuz, which are stored narrow and computed with as float.
// amdc_value<T> is what computes; amdc_read<T>(buffer, index) and amdc_write<T>(buffer, index, value) convert. Rounding is to nearest,
// ties to even. Out of a float8's range, as in PyTorch 2.13: the largest number in e4m3fn, infinity in e5m2, NaN in the fnuz types.
// gfx803 converts half in hardware; bfloat16 and the float8 types (OCP "8-bit Floating Point Specification", revision 1.0; the fnuz forms:
// Noune et al. 2022, "8-bit Numerical Formats for Deep Neural Networks") take a few integer instructions.
#ifndef AMDC_TYPES_H
#define AMDC_TYPES_H

typedef signed char amdc_i8;
typedef unsigned char amdc_u8;
typedef short amdc_i16;
typedef unsigned short amdc_u16;
typedef unsigned amdc_u32;
typedef unsigned long amdc_u64;

// --- floats narrower than 16 bits: Exponent and Mantissa bits behind the sign. UnsignedZero: bias one higher, 0x80 is the only NaN. ---
template <int Exponent, int Mantissa, bool UnsignedZero> struct amdc_float8 {
    static constexpr int bias = (1 << (Exponent - 1)) - (UnsignedZero ? 0 : 1);
    static constexpr bool has_infinity = Exponent == 5 && !UnsignedZero;
    static constexpr unsigned nan = UnsignedZero ? 0x80u : 0x7fu;
    static constexpr unsigned overflow = UnsignedZero ? 0x80u : has_infinity ? 0x7cu : 0x7eu; // what values out of range become

    __attribute__((device, always_inline)) static float decode(unsigned char stored) {
        unsigned magnitude = stored & 0x7fu, sign = (unsigned)(stored & 0x80u) << 24;
        unsigned high = magnitude >> Mantissa, low = magnitude & ((1u << Mantissa) - 1u);
        float value = high ? __builtin_bit_cast(float, (high + 127u - bias) << 23 | low << (23 - Mantissa))
                           : (float)low * __builtin_bit_cast(float, (unsigned)(128 - bias - Mantissa) << 23);
        if (UnsignedZero) value = stored == 0x80u ? __builtin_nanf("") : value;
        else if (!has_infinity) value = magnitude == 0x7fu ? __builtin_nanf("") : value;
        else if (high == 31u) value = low ? __builtin_nanf("") : __builtin_inff();
        return __builtin_bit_cast(float, __builtin_bit_cast(unsigned, value) | sign);
    }
    __attribute__((device, always_inline)) static unsigned char encode(float value) {
        constexpr int shift = 23 - Mantissa;
        unsigned bits = __builtin_bit_cast(unsigned, value), magnitude = bits & 0x7fffffffu, sign = bits >> 24 & 0x80u, result;
        if (magnitude < (unsigned)(128 - bias) << 23) { // below the smallest normal: a whole number of the smallest step
            float scaled = __builtin_bit_cast(float, magnitude) * __builtin_bit_cast(float, (unsigned)(126 + bias + Mantissa) << 23);
            result = (unsigned)__builtin_rintf(scaled);
        } else {
            unsigned rounded = magnitude + ((1u << (shift - 1)) - 1u) + (magnitude >> shift & 1u);
            result = (rounded >> shift) - ((unsigned)(127 - bias) << Mantissa);
            constexpr unsigned largest = has_infinity ? 0x7bu : UnsignedZero ? 0x7fu : 0x7eu;
            result = result > largest ? overflow : result;
        }
        if (magnitude > 0x7f800000u) result = nan;
        if (UnsignedZero) return (unsigned char)(result == 0 || result == 0x80u ? result : result | sign);
        return (unsigned char)(result | sign);
    }
};

// --- how an element of SIZE bytes is loaded and stored; offsets in bytes ---
template <unsigned Bytes> struct amdc_bits;
template <> struct amdc_bits<1> {
    typedef unsigned char type;
    __attribute__((device, always_inline)) static type load(amdc_buffer b, unsigned offset) { return amdc_load_u8(b, offset); }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, type value) { amdc_store_u8(b, offset, value); }
};
template <> struct amdc_bits<2> {
    typedef unsigned short type;
    __attribute__((device, always_inline)) static type load(amdc_buffer b, unsigned offset) { return amdc_load_u16(b, offset); }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, type value) { amdc_store_u16(b, offset, value); }
};
template <> struct amdc_bits<4> {
    typedef unsigned type;
    __attribute__((device, always_inline)) static type load(amdc_buffer b, unsigned offset) { return amdc_load_u32(b, offset); }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, type value) { amdc_store_u32(b, offset, value); }
};
template <> struct amdc_bits<8> {
    typedef unsigned long type;
    __attribute__((device, always_inline)) static type load(amdc_buffer b, unsigned offset) { return amdc_load_u64(b, offset); }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, type value) { amdc_store_u64(b, offset, value); }
};

// --- from stored bits to values and back ---
template <class T> struct amdc_type {
    typedef T value;
    typedef typename amdc_bits<sizeof(T)>::type bits;
    __attribute__((device, always_inline)) static T decode(bits stored) { return __builtin_bit_cast(T, stored); }
    __attribute__((device, always_inline)) static bits encode(T x) { return __builtin_bit_cast(bits, x); }
};
template <> struct amdc_type<bool> {
    typedef bool value;
    typedef unsigned char bits;
    __attribute__((device, always_inline)) static bool decode(bits stored) { return stored != 0; }
    __attribute__((device, always_inline)) static bits encode(bool x) { return x; }
};
struct amdc_f16 {};
struct amdc_bf16 {};
template <> struct amdc_type<amdc_f16> {
    typedef float value;
    typedef unsigned short bits;
    __attribute__((device, always_inline)) static float decode(bits stored) { return (float)__builtin_bit_cast(_Float16, stored); }
    __attribute__((device, always_inline)) static bits encode(float x) { return __builtin_bit_cast(bits, (_Float16)x); }
};
template <> struct amdc_type<amdc_bf16> {
    typedef float value;
    typedef unsigned short bits;
    __attribute__((device, always_inline)) static float decode(bits stored) { return __builtin_bit_cast(float, (unsigned)stored << 16); }
    __attribute__((device, always_inline)) static bits encode(float x) {
        unsigned bits = __builtin_bit_cast(unsigned, x), rounded = bits + 0x7fffu + (bits >> 16 & 1u);
        return (unsigned short)(x != x ? 0x7fc0u : rounded >> 16);
    }
};
template <int Exponent, int Mantissa, bool UnsignedZero> struct amdc_type<amdc_float8<Exponent, Mantissa, UnsignedZero>>
    : amdc_float8<Exponent, Mantissa, UnsignedZero> {
    typedef float value;
    typedef unsigned char bits;
};
typedef amdc_float8<4, 3, false> amdc_e4m3fn;
typedef amdc_float8<5, 2, false> amdc_e5m2;
typedef amdc_float8<4, 3, true> amdc_e4m3fnuz;
typedef amdc_float8<5, 2, true> amdc_e5m2fnuz;

template <class T> using amdc_value = typename amdc_type<T>::value;
template <class T> constexpr unsigned amdc_size = sizeof(typename amdc_type<T>::bits);

template <class T> AMDC_DEVICE amdc_value<T> amdc_load(amdc_buffer b, unsigned offset) { // offset in bytes
    return amdc_type<T>::decode(amdc_bits<amdc_size<T>>::load(b, offset));
}
template <class T> AMDC_DEVICE void amdc_store(amdc_buffer b, unsigned offset, amdc_value<T> value) {
    amdc_bits<amdc_size<T>>::store(b, offset, amdc_type<T>::encode(value));
}
template <class T> AMDC_DEVICE amdc_value<T> amdc_read(amdc_buffer b, unsigned index) { return amdc_load<T>(b, index * amdc_size<T>); }
template <class T> AMDC_DEVICE void amdc_write(amdc_buffer b, unsigned index, amdc_value<T> value) {
    amdc_store<T>(b, index * amdc_size<T>, value);
}

// Four neighbours at once, as they lie: one dwordx4, or one dword or two for narrow types (a dwordx2 is slower than two dwords). Offsets are
// multiples of 4 bytes.
template <class T> struct amdc_four {
    static constexpr unsigned words = amdc_size<T>, per_word = 4 / words; // of 1 or 2 bytes an element
    unsigned data[words];
    __attribute__((device, always_inline)) void load(amdc_buffer b, unsigned offset) {
        for (unsigned i = 0; i < words; ++i) data[i] = amdc_load_u32(b, offset + 4 * i);
    }
    __attribute__((device, always_inline)) amdc_value<T> get(unsigned i) const {
        return amdc_type<T>::decode((typename amdc_type<T>::bits)(data[i / per_word] >> i % per_word * 8 * words));
    }
    __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, const amdc_value<T> (&values)[4]) {
        for (unsigned i = 0; i < words; ++i) {
            unsigned word = 0;
            for (unsigned j = 0; j < per_word; ++j) word |= (unsigned)amdc_type<T>::encode(values[i * per_word + j]) << j * 8 * words;
            amdc_store_u32(b, offset + 4 * i, word);
        }
    }
};
#define AMDC_FOUR_DWORDS(T)                                                                                                            \
    template <> struct amdc_four<T> {                                                                                                  \
        amdc_u4 data;                                                                                                                  \
        __attribute__((device, always_inline)) void load(amdc_buffer b, unsigned offset) { data = amdc_load_u32x4(b, offset); }         \
        __attribute__((device, always_inline)) T get(unsigned i) const {                                                               \
            unsigned word = data[i]; /* clang 19 takes a bit cast of a vector's element for that of its first */                       \
            return __builtin_bit_cast(T, word);                                                                                        \
        }                                                                                                                              \
        __attribute__((device, always_inline)) static void store(amdc_buffer b, unsigned offset, const T (&values)[4]) {                \
            amdc_u4 four = {__builtin_bit_cast(unsigned, values[0]), __builtin_bit_cast(unsigned, values[1]),                           \
                            __builtin_bit_cast(unsigned, values[2]), __builtin_bit_cast(unsigned, values[3])};                          \
            amdc_store_u32x4(b, offset, four);                                                                                         \
        }                                                                                                                              \
    }
AMDC_FOUR_DWORDS(float);
AMDC_FOUR_DWORDS(int);
AMDC_FOUR_DWORDS(unsigned);

// What a value becomes by being stored and loaded again. For half by an instruction that clang cannot look into: it would turn a chain of
// rounded operations into half ones, and contract those.
template <class T> AMDC_DEVICE amdc_value<T> amdc_rounded(amdc_value<T> x) { return amdc_type<T>::decode(amdc_type<T>::encode(x)); }
template <> inline __attribute__((device, always_inline)) float amdc_rounded<amdc_f16>(float x) {
    unsigned half;
    __asm__("v_cvt_f16_f32 %0, %1" : "=v"(half) : "v"(x));
    return amdc_type<amdc_f16>::decode((unsigned short)half);
}

// A float as an integer: towards zero, then modulo 2^n where the type is narrower, which is what x86 hosts of PyTorch give.
template <class T, class F> AMDC_DEVICE T amdc_to_integer(F x) {
    if constexpr (sizeof(T) < 4) return (T)(int)x;
    else if constexpr (sizeof(T) == 4 && (T)-1 > (T)0) return (T)(long)x;
    else if constexpr (sizeof(T) == 8 && (T)-1 > (T)0) return x < (F)9223372036854775808.0 ? (T)(long)x : (T)(long)(x - (F)9223372036854775808.0) ^ 1ul << 63;
    else return (T)x;
}

// A value that is below or equal to all others.
template <class V> AMDC_DEVICE V amdc_least() { return (V)-1 > (V)0 ? (V)0 : (V)(1ul << (8 * sizeof(V) - 1)); }
template <> inline __attribute__((device, always_inline)) float amdc_least<float>() { return -__builtin_inff(); }
template <> inline __attribute__((device, always_inline)) double amdc_least<double>() { return -__builtin_inf(); }

#endif // AMDC_TYPES_H
