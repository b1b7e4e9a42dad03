// amdc_activations.h: functions made of those in amdc_math.h and amdc_math64.h; V is float or double.
#ifndef AMDC_ACTIVATIONS_H
#define AMDC_ACTIVATIONS_H

template <class V> AMDC_DEVICE V amdc_sigmoid(V x) { return amdc_rcp((V)1 + amdc_exp(-x)); }
template <class V> AMDC_DEVICE V amdc_silu(V x) { return x * amdc_sigmoid(x); }
template <class V> AMDC_DEVICE V amdc_hardsigmoid(V x) { return amdc_clamp(x + (V)3, (V)0, (V)6) * (V)(1.0 / 6.0); }
template <class V> AMDC_DEVICE V amdc_hardswish(V x) { return x * amdc_hardsigmoid(x); }
template <class V> AMDC_DEVICE V amdc_leaky_relu(V x, V slope) { return x < 0 ? x * slope : x; }
template <class V> AMDC_DEVICE V amdc_elu(V x, V alpha, V scale, V input_scale) {
    return x > 0 ? x * scale : alpha * scale * amdc_expm1(x * input_scale);
}
template <class V> AMDC_DEVICE V amdc_softplus(V x, V beta, V threshold) {
    V bx = x * beta;
    return bx > threshold ? x : amdc_log1p(amdc_exp(bx)) / beta;
}
template <class V> AMDC_DEVICE V amdc_gelu(V x) { return (V)0.5 * x * ((V)1 + amdc_erf(x * (V)0.70710678118654752)); }
template <class V> AMDC_DEVICE V amdc_gelu_tanh(V x) {
    return (V)0.5 * x * ((V)1 + amdc_tanh((V)0.79788456080286536 * (x + (V)0.044715 * x * x * x)));
}

// --- of any type ---
template <class T> AMDC_DEVICE T amdc_shift_left(T x, T bits) { return bits < 0 || bits >= (T)(8 * sizeof(T)) ? (T)0 : (T)(x << bits); }
template <class T> AMDC_DEVICE T amdc_shift_right(T x, T bits) { // of a negative number: towards minus infinity
    bool all = bits < 0 || bits >= (T)(8 * sizeof(T));
    return all ? (T)(x < 0 ? -1 : 0) : (T)(x >> bits);
}
template <class V> AMDC_DEVICE V amdc_log2(V x) { return amdc_log(x) * (V)1.4426950408889634; }
template <> inline __attribute__((device, always_inline)) float amdc_log2<float>(float x) { return amdc_log2_raw(x); }
template <class V> AMDC_DEVICE V amdc_log10(V x) { return amdc_log(x) * (V)0.43429448190325183; }
template <> inline __attribute__((device, always_inline)) float amdc_log10<float>(float x) { return amdc_log2_raw(x) * 0.301029996f; }
AMDC_DEVICE float amdc_exp2(float x) { return amdc_exp2_raw(x); }
AMDC_DEVICE double amdc_exp2(double x) { return amdc_pow(2.0, x); }
template <class V> AMDC_DEVICE V amdc_atan2(V y, V x) {
    V a = amdc_abs(x), b = amdc_abs(y);
    if (x != x || y != y) return x + y;
    bool steep = b > a;
    V t = steep ? a / b : a == 0 ? (V)0 : b / a; // in [0, 1]
    t = a == b && amdc_isinf(a) ? (V)1 : t;
    V angle = amdc_atan(t);
    angle = steep ? (V)1.5707963267948966 - angle : angle;
    bool behind = __builtin_copysign((V)1, x) < 0; // also -0
    return (V)__builtin_copysign(behind ? (V)3.1415926535897932 - angle : angle, y);
}

#endif // AMDC_ACTIVATIONS_H
