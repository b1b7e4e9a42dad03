// amdc_math64.h: the functions of amdc_math.h for double, each within a few units in the last place where not said otherwise.
//
// gfx803 has no double functions beyond approximate rcp, rsq and sqrt, which clang refines for / and sqrt. These are Taylor series after
// the textbook reductions of the argument (Muller, "Elementary Functions", chapters 3 and 11), with enough terms for 2^-53, written for
// exactness and not for speed: a double product takes 16 times a float one on this card. sin, cos and tan lose accuracy beyond |x| = 1e5.
#ifndef AMDC_MATH64_H
#define AMDC_MATH64_H

AMDC_DEVICE double amdc_abs(double x) { return __builtin_fabs(x); }
AMDC_DEVICE bool amdc_isinf(double x) { return __builtin_fabs(x) == __builtin_inf(); }
AMDC_DEVICE double amdc_div_trunc(double a, double b) { return __builtin_trunc(a / b); }
AMDC_DEVICE double amdc_sqrt(double x) { return __builtin_sqrt(x); }
AMDC_DEVICE double amdc_rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
AMDC_DEVICE double amdc_rcp(double x) { return 1.0 / x; }

AMDC_DEVICE double amdc_fmod(double a, double b) { // as the one for float
    double r = __builtin_fabs(a), d = __builtin_fabs(b);
    if (!(r < __builtin_inf()) || !(d > 0)) return __builtin_nan("");
    while (r >= d) {
        double scaled = __builtin_amdgcn_ldexp(d, __builtin_amdgcn_frexp_exp(r) - __builtin_amdgcn_frexp_exp(d));
        r -= scaled > r ? scaled * 0.5 : scaled;
    }
    return __builtin_copysign(r, a);
}
AMDC_DEVICE double amdc_div_floor(double a, double b) {
    if (b == 0) return a / b;
    double r = amdc_fmod(a, b), q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0;
    double f = __builtin_floor(q);
    return q - f > 0.5 ? f + 1.0 : f;
}

AMDC_DEVICE double amdc_remainder(double a, double b) {
    double r = amdc_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// The sum of x^k / k! from k = First to 15; |x| <= 0.35.
template <int First> AMDC_DEVICE double amdc_exp_series(double x) {
    constexpr double inverse[16] = {1.0, 1.0, 1.0 / 2, 1.0 / 3, 1.0 / 4, 1.0 / 5, 1.0 / 6, 1.0 / 7, 1.0 / 8, 1.0 / 9, 1.0 / 10,
                                    1.0 / 11, 1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15};
    double sum = 1.0;
#pragma unroll
    for (int k = 15; k > First; --k) sum = 1.0 + x * inverse[k] * sum;
    return First == 0 ? sum : x * sum;
}
AMDC_DEVICE double amdc_exp(double x) {
    double n = __builtin_rint(x * 1.4426950408889634);
    double r = __builtin_fma(-n, 1.9082149292705877e-10, __builtin_fma(-n, 0.693147180369123816490, x)); // ln 2 in two parts
    double y = __builtin_amdgcn_ldexp(amdc_exp_series<0>(r), (int)n);
    y = x < -745.2 ? 0.0 : y;
    return x > 709.782712893384 ? __builtin_inf() : y;
}
AMDC_DEVICE double amdc_expm1(double x) { return __builtin_fabs(x) < 0.35 ? amdc_exp_series<1>(x) : amdc_exp(x) - 1.0; }

// ln x = e ln 2 + 2 artanh(s), s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)): |s| <= 0.172
AMDC_DEVICE double amdc_log(double x) {
    double m = __builtin_amdgcn_frexp_mant(x), e = (double)__builtin_amdgcn_frexp_exp(x);
    bool small = m < 0.70710678118654752;
    m = small ? m + m : m;
    e = small ? e - 1.0 : e;
    double s = (m - 1.0) / (m + 1.0), u = s * s, sum = 1.0 / 23;
    constexpr double inverse[11] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
#pragma unroll
    for (int k = 10; k >= 1; --k) sum = sum * u + inverse[k];
    double y = e * 0.693147180369123816490 + (e * 1.9082149292705877e-10 + 2.0 * (s + s * u * sum));
    y = x == 0 ? -__builtin_inf() : x < 0 ? __builtin_nan("") : y;
    return x == __builtin_inf() || x != x ? x : y;
}
AMDC_DEVICE double amdc_log1p(double x) {
    double u = 1.0 + x;
    return u == 1.0 || !(u < __builtin_inf()) ? x : amdc_log(u) * (x / (u - 1.0));
}

// Abramowitz and Stegun 7.1.6 (a series of positive terms) up to 3, then the continued fraction 7.1.14 of erfc.
AMDC_DEVICE double amdc_erfc_tail(double a) { // a >= 3
    double fraction = 0.0;
    for (int k = 60; k >= 1; --k) fraction = 0.5 * k / (a + fraction);
    return amdc_exp(-a * a) * 0.56418958354775629 / (a + fraction);
}
AMDC_DEVICE double amdc_erf_series(double a) { // 0 <= a <= 3
    double term = a, sum = a;
    for (int n = 1; n < 70; ++n) {
        term *= 2.0 * a * a / (2 * n + 1);
        sum += term;
    }
    return 1.1283791670955126 * amdc_exp(-a * a) * sum;
}
AMDC_DEVICE double amdc_erf(double x) {
    double a = __builtin_fabs(x);
    double y = a <= 3.0 ? amdc_erf_series(a) : 1.0 - amdc_erfc_tail(a > 30.0 ? 30.0 : a);
    return x != x ? x : __builtin_copysign(y, x);
}
AMDC_DEVICE double amdc_erfc(double x) { // relative accuracy falls to 1e-11 towards 3
    double a = __builtin_fabs(x), tail = a <= 3.0 ? 1.0 - amdc_erf_series(a) : amdc_erfc_tail(a > 30.0 ? 30.0 : a);
    return x != x ? x : x < 0 ? 2.0 - tail : tail;
}

AMDC_DEVICE double amdc_sin_part(double r) { // |r| <= pi/4
    double u = r * r, sum = 1.0;
#pragma unroll
    for (int k = 9; k >= 1; --k) sum = 1.0 - u * (1.0 / (2 * k * (2 * k + 1))) * sum;
    return r * sum;
}
AMDC_DEVICE double amdc_cos_part(double r) {
    double u = r * r, sum = 1.0;
#pragma unroll
    for (int k = 9; k >= 1; --k) sum = 1.0 - u * (1.0 / (2 * k * (2 * k - 1))) * sum;
    return sum;
}
// sin(x + quarter * pi/2), by x = r + n pi/2 with pi/2 in three parts (Cody and Waite)
AMDC_DEVICE double amdc_sine(double x, int quarter) {
    double n = __builtin_rint(x * 0.63661977236758134);
    double r = __builtin_fma(-n, 1.57079632673412561417, x);
    r = __builtin_fma(-n, 6.07710050630396597660e-11, r);
    r = __builtin_fma(-n, 2.02226624879595063154e-21, r);
    int q = (int)n + quarter;
    double y = q & 1 ? amdc_cos_part(r) : amdc_sin_part(r);
    return q & 2 ? -y : y;
}
AMDC_DEVICE double amdc_sin(double x) { return amdc_sine(x, 0); }
AMDC_DEVICE double amdc_cos(double x) { return amdc_sine(x, 1); }
AMDC_DEVICE double amdc_tan(double x) { return amdc_sin(x) / amdc_cos(x); }

// Folded by atan(1/x), atan((x-1)/(x+1)) and one half-angle step to |t| <= tan(pi/16).
AMDC_DEVICE double amdc_atan(double x) {
    double a = __builtin_fabs(x), base = 0.0, sign = 1.0;
    if (a > 1.0) { base = 1.5707963267948966; sign = -1.0; a = 1.0 / a; }
    double rest = 0.0;
    if (a > 0.41421356237309503) { rest = 0.78539816339744828; a = (a - 1.0) / (a + 1.0); }
    double t = a / (1.0 + __builtin_sqrt(1.0 + a * a)), u = t * t, sum = 1.0 / 27;
#pragma unroll
    for (int k = 12; k >= 1; --k) sum = 1.0 / (2 * k + 1) - u * sum;
    double y = rest + 2.0 * (t - t * u * sum);
    return __builtin_copysign(base + sign * y, x);
}
AMDC_DEVICE double amdc_asin(double x) { return amdc_atan(x / __builtin_sqrt((1.0 - x) * (1.0 + x))); }
AMDC_DEVICE double amdc_acos(double x) { return 2.0 * amdc_atan(__builtin_sqrt((1.0 - x) / (1.0 + x))); }

AMDC_DEVICE double amdc_sinh(double x) {
    double a = __builtin_fabs(x), e = amdc_expm1(a), h = amdc_exp(a * 0.5);
    double y = a < 20.0 ? 0.5 * (e + e / (e + 1.0)) : 0.5 * h * h;
    return __builtin_copysign(y, x);
}
AMDC_DEVICE double amdc_cosh(double x) {
    double h = amdc_exp(__builtin_fabs(x) * 0.5);
    return 0.5 * h * h + 0.5 / (h * h);
}
AMDC_DEVICE double amdc_tanh(double x) {
    double a = __builtin_fabs(x), e = amdc_expm1(2.0 * (a > 20.0 ? 20.0 : a));
    return x != x ? x : __builtin_copysign(e / (e + 2.0), x);
}
AMDC_DEVICE double amdc_asinh(double x) {
    double a = __builtin_fabs(x);
    double y = a > 1e18 ? amdc_log(a) + 0.69314718055994531 : amdc_log1p(a + a * a / (1.0 + __builtin_sqrt(a * a + 1.0)));
    return __builtin_copysign(y, x);
}
AMDC_DEVICE double amdc_acosh(double x) {
    double t = x - 1.0;
    return x > 1e18 ? amdc_log(x) + 0.69314718055994531 : amdc_log1p(t + __builtin_sqrt(2.0 * t + t * t));
}
AMDC_DEVICE double amdc_atanh(double x) {
    double a = __builtin_fabs(x);
    return __builtin_copysign(0.5 * amdc_log1p(2.0 * a / (1.0 - a)), x);
}

// x to the y: by products for small whole y, else exp(y ln x), whose relative error is up to |y ln x| units in the last place.
AMDC_DEVICE double amdc_pow(double x, double y) {
    if (y == 0.0 || x == 1.0) return 1.0;
    if (x != x || y != y) return x + y;
    bool whole = __builtin_floor(y) == y;
    if (whole && __builtin_fabs(y) <= 64.0) {
        double r = 1.0, factor = x;
        for (int n = (int)__builtin_fabs(y); n; n >>= 1, factor *= factor)
            if (n & 1) r *= factor;
        return y < 0 ? 1.0 / r : r;
    }
    double a = __builtin_fabs(x), r = y == 0.5 ? __builtin_sqrt(a) : amdc_exp(y * amdc_log(a));
    if (a == 0.0) r = y > 0 ? 0.0 : __builtin_inf();
    if (x < 0 && !whole && a != __builtin_inf()) return __builtin_nan("");
    bool odd = whole && __builtin_floor(y * 0.5) * 2.0 != y;
    return odd ? __builtin_copysign(r, x) : r;
}

#endif // AMDC_MATH64_H
