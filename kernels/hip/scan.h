// scan.h: how two neighbouring stretches of a running total are put together; for scan.hip and scan_rows.hip.
#define OP_SUM 0
#define OP_PROD 1
#define OP_LOGSUMEXP 2 // log(exp(a) + exp(b)), as torch.logcumsumexp
#define OP_MAX 3       // a NaN wins; of equal values the later one, as torch.cummax
#define OP_MIN 4
#ifndef OP // by hand: a running sum of floats
#define OP OP_SUM
#define INDICES 0
#define EXCLUSIVE 0
#define REVERSE 0
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define OUT_TYPE float
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

#if OP == OP_SUM
#define IDENTITY ((OUT_TYPE)0)
AMDC_DEVICE OUT_TYPE amdc_combine(OUT_TYPE a, OUT_TYPE b) { return a + b; }
#elif OP == OP_PROD
#define IDENTITY ((OUT_TYPE)1)
AMDC_DEVICE OUT_TYPE amdc_combine(OUT_TYPE a, OUT_TYPE b) { return a * b; }
#elif OP == OP_LOGSUMEXP
#define IDENTITY (-__builtin_inff())
AMDC_DEVICE OUT_TYPE amdc_combine(OUT_TYPE a, OUT_TYPE b) {
    OUT_TYPE high = a > b || a != a ? a : b, low = a > b || a != a ? b : a;
    return high == low && high - high != 0 ? high : high + amdc_log1p(amdc_exp(low - high)); // equal infinities: no NaN
}
#elif OP == OP_MAX
#define IDENTITY ((OUT_TYPE)0) // not used: the first element is taken as it is
AMDC_DEVICE OUT_TYPE amdc_combine(OUT_TYPE a, OUT_TYPE b) { return b >= a || b != b ? b : a; }
#else
#define IDENTITY ((OUT_TYPE)0)
AMDC_DEVICE OUT_TYPE amdc_combine(OUT_TYPE a, OUT_TYPE b) { return b <= a || b != b ? b : a; }
#endif
