// amdc_math.h: the functions that fused expressions call (codegen/operators.py). Each is within a few units in the last place in
// fp32, which the tests hold against PyTorch. The hardware gives exp2, log2, rcp, rsq and sqrt to 1 unit (GCN3 manual); the
// polynomials are least-squares fits, reweighted towards minimax. Double: amdc_math64.h. sin, cos and tan lose accuracy beyond |x| = 30,000.
#ifndef AMDC_MATH_H
#define AMDC_MATH_H

AMDC_DEVICE float amdc_exp2_raw(float x) { return __builtin_amdgcn_exp2f(x); }
AMDC_DEVICE float amdc_rcp(float x) { return __builtin_amdgcn_rcpf(x); }
AMDC_DEVICE float amdc_inf() { return __builtin_inff(); }

template <class T> AMDC_DEVICE T amdc_abs(T x) { return x < 0 ? (T)-x : x; }
AMDC_DEVICE float amdc_abs(float x) { return __builtin_fabsf(x); }
template <class T> AMDC_DEVICE T amdc_sign(T x) { return (T)((x > 0) - (x < 0)); }
template <class T> AMDC_DEVICE T amdc_relu(T x) { return x < 0 ? (T)0 : x; }
template <class T> AMDC_DEVICE T amdc_minimum(T a, T b) { return b < a || b != b ? b : a; } // a NaN among them is the result
template <class T> AMDC_DEVICE T amdc_maximum(T a, T b) { return b > a || b != b ? b : a; }
template <class T> AMDC_DEVICE T amdc_clamp(T x, T low, T high) {
    T raised = x < low ? low : x;
    return raised > high ? high : raised;
}
template <class T> AMDC_DEVICE T amdc_floor(T x) { return x; } // of integers
template <class T> AMDC_DEVICE T amdc_ceil(T x) { return x; }
template <class T> AMDC_DEVICE T amdc_round(T x) { return x; }
template <class T> AMDC_DEVICE T amdc_trunc(T x) { return x; }
AMDC_DEVICE float amdc_floor(float x) { return __builtin_floorf(x); }
AMDC_DEVICE float amdc_ceil(float x) { return __builtin_ceilf(x); }
AMDC_DEVICE float amdc_round(float x) { return __builtin_rintf(x); } // half to even
AMDC_DEVICE float amdc_trunc(float x) { return __builtin_truncf(x); }
AMDC_DEVICE double amdc_floor(double x) { return __builtin_floor(x); }
AMDC_DEVICE double amdc_ceil(double x) { return __builtin_ceil(x); }
AMDC_DEVICE double amdc_round(double x) { return __builtin_rint(x); }
AMDC_DEVICE double amdc_trunc(double x) { return __builtin_trunc(x); }
template <class T> AMDC_DEVICE bool amdc_isinf(T) { return false; }
AMDC_DEVICE bool amdc_isinf(float x) { return __builtin_fabsf(x) == __builtin_inff(); }

// Integer division truncates in C; a zero divisor gives an undefined value in PyTorch too.
template <class T> AMDC_DEVICE T amdc_div_trunc(T a, T b) { return a / b; }
AMDC_DEVICE float amdc_div_trunc(float a, float b) { return __builtin_truncf(a / b); }
template <class T> AMDC_DEVICE T amdc_fmod(T a, T b) { return a % b; }
AMDC_DEVICE float amdc_fmod(float a, float b) {
    float r = __builtin_fabsf(a), d = __builtin_fabsf(b);
    if (!(r < amdc_inf()) || !(d > 0)) return __builtin_nanf("");
    while (r >= d) { // subtract the largest power-of-two multiple of d: exact
        float scaled = __builtin_amdgcn_ldexpf(d, __builtin_amdgcn_frexp_expf(r) - __builtin_amdgcn_frexp_expf(d));
        r -= scaled > r ? scaled * 0.5f : scaled;
    }
    return __builtin_copysignf(r, a);
}
template <class T> AMDC_DEVICE T amdc_remainder(T a, T b) { // the sign of the divisor, as in Python
    T r = amdc_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? (T)(r + b) : r;
}
template <class T> AMDC_DEVICE T amdc_div_floor(T a, T b) {
    T q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? (T)(q - 1) : q;
}
AMDC_DEVICE float amdc_div_floor(float a, float b) { // PyTorch's: from the exact remainder, not from a rounded quotient
    if (b == 0) return a / b;
    float r = amdc_fmod(a, b), q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0f;
    float f = __builtin_floorf(q);
    return q - f > 0.5f ? f + 1.0f : f;
}

AMDC_DEVICE float amdc_exp(float x) {
    float n = __builtin_rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f; // ln 2 in two parts; the first product is exact
    float y = __builtin_amdgcn_ldexpf(amdc_exp2_raw(r * 1.44269504f), (int)n);
    y = x < -104.0f ? 0.0f : y;
    return x > 88.7228394f ? amdc_inf() : y;
}
AMDC_DEVICE float amdc_log2_raw(float x) { return __builtin_amdgcn_logf(x); }
AMDC_DEVICE float amdc_log(float x) { return amdc_log2_raw(x) * 0.693147181f; }
AMDC_DEVICE float amdc_log1p(float x) { // Kahan: the rounding of 1 + x cancels
    float u = 1.0f + x;
    return u == 1.0f || !(u < amdc_inf()) ? x : amdc_log(u) * (x / (u - 1.0f));
}
AMDC_DEVICE float amdc_expm1(float x) {
    float small = x * (1.0f + x * (0.5f + x * (0.166666667f + x * (0.0416666667f + x * (0.00833333333f + x * 0.00138888889f)))));
    return __builtin_fabsf(x) < 0.25f ? small : amdc_exp(x) - 1.0f;
}
AMDC_DEVICE float amdc_sqrt(float x) { return __builtin_amdgcn_sqrtf(x); }
AMDC_DEVICE float amdc_rsqrt(float x) { return __builtin_amdgcn_rsqf(x); }
AMDC_DEVICE float amdc_erf(float x) {
    float a = __builtin_fabsf(x), u = x * x;
    float small = 7.88911954e-05f;
    small = small * u - 8.02084128e-04f;
    small = small * u + 5.18953534e-03f;
    small = small * u - 2.68544446e-02f;
    small = small * u + 1.12836002e-01f;
    small = small * u - 3.76126271e-01f;
    small = small * u + 1.12837917f;
    float t = a > 4.0f ? 4.0f : a, p = 3.62587596e-07f; // log2(erfc(t)) on [1, 4]
    p = p * t - 3.65215475e-05f;
    p = p * t + 6.69104667e-04f;
    p = p * t - 6.17817214e-03f;
    p = p * t + 3.66063030e-02f;
    p = p * t - 1.56732943e-01f;
    p = p * t - 9.13283110e-01f;
    p = p * t - 1.62975655f;
    p = p * t + 2.94828977e-04f;
    float large = __builtin_copysignf(1.0f - amdc_exp2_raw(p), x);
    return a <= 1.0f ? x * small : x != x ? x : large;
}

// sin and cos of r in [-pi/4, pi/4]
AMDC_DEVICE float amdc_sin_part(float r) {
    float u = r * r;
    return r + r * u * (-1.66666666e-01f + u * (8.33332879e-03f + u * (-1.98392032e-04f + u * 2.71735348e-06f)));
}
AMDC_DEVICE float amdc_cos_part(float r) {
    float u = r * r;
    return 1.0f + u * (-4.99999996e-01f + u * (4.16666167e-02f + u * (-1.38866192e-03f + u * 2.43799294e-05f)));
}
AMDC_DEVICE float amdc_quadrant(float x, float shift, int *quadrant) { // x = r + quadrant * pi/2; `shift` 0 for sin, 1 for cos
    float n = __builtin_rintf(x * 0.636619772f);
    *quadrant = (int)n + (int)shift;
    return x - n * 1.5703125f - n * 4.83751297e-04f - n * 7.54978942e-08f - n * 5.12668115e-12f; // pi/2 in four parts
}
AMDC_DEVICE float amdc_sin(float x) {
    int q;
    float r = amdc_quadrant(x, 0.0f, &q);
    float y = q & 1 ? amdc_cos_part(r) : amdc_sin_part(r);
    return q & 2 ? -y : y;
}
AMDC_DEVICE float amdc_cos(float x) {
    int q;
    float r = amdc_quadrant(x, 1.0f, &q);
    float y = q & 1 ? amdc_cos_part(r) : amdc_sin_part(r);
    return q & 2 ? -y : y;
}
AMDC_DEVICE float amdc_tan(float x) { return amdc_sin(x) / amdc_cos(x); }
AMDC_DEVICE float amdc_asin_part(float x) { // |x| <= 1/2
    float u = x * x;
    return x + x * u * (0.16666657f + u * (0.07500612f + u * (0.0445017f + u * (0.03191148f + u * (0.01410162f + u * 0.03793599f)))));
}
AMDC_DEVICE float amdc_asin(float x) {
    float a = __builtin_fabsf(x);
    float large = 1.57079633f - 2.0f * amdc_asin_part(amdc_sqrt((1.0f - a) * 0.5f));
    return a <= 0.5f ? amdc_asin_part(x) : __builtin_copysignf(large, x);
}
AMDC_DEVICE float amdc_acos(float x) {
    float a = __builtin_fabsf(x), half = 2.0f * amdc_asin_part(amdc_sqrt((1.0f - a) * 0.5f));
    return a <= 0.5f ? 1.57079633f - amdc_asin_part(x) : x < 0 ? 3.14159265f - half : half;
}
AMDC_DEVICE float amdc_atan(float x) {
    float a = __builtin_fabsf(x), t = a > 1.0f ? 1.0f / a : a, u = t * t, p = -0.0017873f;
    p = p * u + 0.01087692f;
    p = p * u - 0.03108541f;
    p = p * u + 0.05783558f;
    p = p * u - 0.08393989f;
    p = p * u + 0.1094779f;
    p = p * u - 0.1426305f;
    p = p * u + 0.19998374f;
    p = p * u - 0.33333288f;
    float y = t + t * u * p;
    return __builtin_copysignf(a > 1.0f ? 1.57079633f - y : y, x);
}
AMDC_DEVICE float amdc_sinh(float x) {
    float a = __builtin_fabsf(x), e = amdc_expm1(a), h = amdc_exp(a * 0.5f);
    float y = a < 20.0f ? 0.5f * (e + e / (e + 1.0f)) : 0.5f * h * h;
    return __builtin_copysignf(y, x);
}
AMDC_DEVICE float amdc_cosh(float x) {
    float h = amdc_exp(__builtin_fabsf(x) * 0.5f), e = h * h;
    return 0.5f * h * h + 0.5f / e;
}
AMDC_DEVICE float amdc_tanh(float x) {
    float a = __builtin_fabsf(x), e = amdc_expm1(2.0f * (a > 10.0f ? 10.0f : a));
    float y = e / (e + 2.0f);
    return x != x ? x : __builtin_copysignf(y, x);
}
AMDC_DEVICE float amdc_asinh(float x) {
    float a = __builtin_fabsf(x);
    float y = a > 1e9f ? amdc_log(a) + 0.693147181f : amdc_log1p(a + a * a / (1.0f + amdc_sqrt(a * a + 1.0f)));
    return __builtin_copysignf(y, x);
}
AMDC_DEVICE float amdc_acosh(float x) {
    float t = x - 1.0f;
    return x > 1e9f ? amdc_log(x) + 0.693147181f : amdc_log1p(t + amdc_sqrt(2.0f * t + t * t));
}
AMDC_DEVICE float amdc_atanh(float x) {
    float a = __builtin_fabsf(x);
    return __builtin_copysignf(0.5f * amdc_log1p(2.0f * a / (1.0f - a)), x);
}

// x to the y, through a double product so that a large exponent keeps its digits; y an integer where x is negative.
AMDC_DEVICE float amdc_pow(float x, float y) {
    if (y == 2.0f) return x * x;
    if (y == 1.0f) return x;
    if (y == 0.5f) return amdc_sqrt(x);
    if (y == 3.0f) return x * x * x;
    if (y == -1.0f) return 1.0f / x;
    if (y == 0.0f || x == 1.0f) return 1.0f;
    float a = __builtin_fabsf(x);
    int exponent = __builtin_amdgcn_frexp_expf(a);
    double p = (double)y * ((double)exponent + (double)amdc_log2_raw(__builtin_amdgcn_frexp_mantf(a)));
    double whole = __builtin_rint(p);
    whole = whole > 300.0 ? 300.0 : whole < -300.0 ? -300.0 : whole;
    float r = __builtin_amdgcn_ldexpf(amdc_exp2_raw((float)(p - whole)), (int)whole);
    if (a == 0.0f) r = y > 0 ? 0.0f : amdc_inf();
    if (a == amdc_inf()) r = y > 0 ? amdc_inf() : 0.0f;
    bool whole_y = __builtin_floorf(y) == y, odd = whole_y && __builtin_floorf(y * 0.5f) * 2.0f != y;
    if (x < 0 && !whole_y && a != amdc_inf()) return __builtin_nanf("");
    if (x != x || y != y) return x + y;
    return odd ? __builtin_copysignf(r, x) : r;
}
template <class T> AMDC_DEVICE T amdc_pow(T x, T y) { // integers
    if (y < 0) return x == 1 ? (T)1 : x == (T)-1 ? (y & 1 ? x : (T)1) : (T)0;
    T r = 1;
    for (; y; y >>= 1, x *= x)
        if (y & 1) r *= x;
    return r;
}

// An index into `extent` elements; a negative one counts from the end.
AMDC_DEVICE unsigned amdc_wrap(long index, unsigned extent) { return (unsigned)index + (index < 0 ? extent : 0u); }
AMDC_DEVICE unsigned amdc_wrap(int index, unsigned extent) { return (unsigned)index + (index < 0 ? extent : 0u); }

#endif // AMDC_MATH_H
