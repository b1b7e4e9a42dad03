// recurrent: steps of an RNN, GRU or LSTM layer (amdc/ir/ops/recurrent.py): the state times the recurrent weights, and the gates' functions.
//
// gates [T,B,G*H] hold the input's share; weight is transposed, [H, G*H], so that neighbouring lanes read neighbouring units; state [B,S]
// and out [T,B,S] with S = H, of an LSTM 2 H (hidden, then cell). G = 1, 3 or 4; gates in ONNX's order. Sums in fp32.
//   CELL 1 RNN, 3 GRU, 4 LSTM (the number of gates)    H the hidden size, KSPLIT 1, 2 or 4 parts of each sum
//   STEP 0: one work-group a batch element runs all steps, the state stays in LDS; grid (1, B). For weights that a CU reads from L2 faster
//        (64 B a clock) than a launch a step takes (about 40 us): a model of 256 units runs its whole sequence in one launch.
//   STEP 1: one step, `first` of all; grid (ceil(H / UNITS), B); the state before is read from the last row of out, or from `state`.
//   RESET_FIRST 1: a GRU whose reset gate acts before the product; two products one after the other, so STEP 0 alone
//   COUPLED: an LSTM's forget gate is 1 - i. HIDDEN_BIAS, PEEPHOLES, LENGTHS 1: these operands are given. REVERSE: from the last step on
//   AMDC_GATE_F, AMDC_GATE_G, AMDC_GATE_H(x)   the gates' functions; GATES_LOAD ... generated for the dtypes (codegen/typed.py)
// Work-group 256 = KSPLIT parts of UNITS units; no lane waits for another within a sum. LDS: 2 H (RNN), 4 H (GRU), 3 H (LSTM) floats, and
// the parts of the sums. Limit: H up to 3,072. Static: clang 19, an LSTM of 256 units: 27 VGPRs, no spills.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#include "amdc_math64.h"
#include "amdc_activations.h"
#ifndef CELL
#define CELL 4
#define H 64
#define KSPLIT 4
#define STEP 0
#define RESET_FIRST 0
#define COUPLED 0
#define HIDDEN_BIAS 0
#define PEEPHOLES 0
#define LENGTHS 0
#define REVERSE 0
#define AMDC_GATE_F(x) amdc_sigmoid(x)
#define AMDC_GATE_G(x) amdc_tanh(x)
#define AMDC_GATE_H(x) amdc_tanh(x)
#define GATES_LOAD(index) amdc_load_f32(amdc_make(gates, gates_bytes), 4u * (index))
#define WEIGHT_LOAD(index) amdc_load_f32(amdc_make(weight, weight_bytes), 4u * (index))
#define STATE_LOAD(index) amdc_load_f32(amdc_make(state, state_bytes), 4u * (index))
#define BIAS_LOAD(index) amdc_load_f32(amdc_make(bias, bias_bytes), 4u * (index))
#define PEEP_LOAD(index) amdc_load_f32(amdc_make(peep, peep_bytes), 4u * (index))
#define LENGTHS_LOAD(index) (long)amdc_load_u64(amdc_make(lengths, lengths_bytes), 8u * (index))
#define OUT_LOAD(index) amdc_load_f32(amdc_make(out, out_bytes), 4u * (index))
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif
#define UNITS (AMDC_BLOCK / KSPLIT)
#define WIDTH (CELL == 4 ? 2 * H : H) // of a state
#define FIRST_GATES (CELL == 3 && RESET_FIRST ? 2 : CELL) // that the state before is multiplied for

AMDC_SHARED static float hidden_[2][H];
#if CELL == 4
AMDC_SHARED static float cell_[H];
#elif RESET_FIRST
AMDC_SHARED static float reset_[H], update_[H];
#endif
#if KSPLIT > 1
AMDC_SHARED static float parts_[KSPLIT][CELL][UNITS];
#endif

// sums[g] = what `vector` times the weights of gate `from` + g gives for this lane's unit; right in the lanes of part 0.
template <int COUNT> AMDC_DEVICE void amdc_products(const float *vector, const void *weight, unsigned weight_bytes, unsigned from,
                                                    unsigned unit, float *sums) {
    unsigned part = amdc_thread() / UNITS, place = amdc_thread() % UNITS;
    for (int g = 0; g < COUNT; ++g) sums[g] = 0.0f;
#pragma unroll 4
    for (unsigned k = part; k < H; k += KSPLIT)
        for (int g = 0; g < COUNT; ++g) sums[g] += vector[k] * WEIGHT_LOAD(k * (CELL * H) + (from + g) * H + unit);
#if KSPLIT > 1
    for (int g = 0; g < COUNT; ++g) parts_[part][g][place] = sums[g];
    amdc_barrier();
    for (int p = 1; p < KSPLIT; ++p)
        for (int g = 0; g < COUNT; ++g) sums[g] += part == 0 ? parts_[p][g][place] : 0.0f;
    amdc_barrier();
#endif
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *gates, unsigned gates_bytes, const void *weight, unsigned weight_bytes, const void *state,
    unsigned state_bytes, const void *bias, unsigned bias_bytes, const void *peep, unsigned peep_bytes, const void *lengths, unsigned lengths_bytes,
    unsigned batch, unsigned steps, unsigned first) {
    unsigned b = amdc_group_y(), place = amdc_thread() % UNITS;
    bool leads = amdc_thread() < UNITS; // the lanes that hold whole sums
    unsigned low = STEP ? amdc_group_x() * UNITS : 0, high = STEP ? low + UNITS : H;
    unsigned row = (REVERSE ? steps - first : first - 1) * batch + b; // of the step before
    for (unsigned u = amdc_thread(); u < H; u += AMDC_BLOCK) {
        hidden_[0][u] = first ? OUT_LOAD(row * WIDTH + u) : STATE_LOAD(b * WIDTH + u);
#if CELL == 4
        cell_[u] = first ? OUT_LOAD(row * WIDTH + H + u) : STATE_LOAD(b * WIDTH + H + u);
#endif
    }
    amdc_barrier();
    unsigned from = 0;
    for (unsigned step = first; step < (STEP ? first + 1 : steps); ++step, from ^= 1) {
        unsigned t = REVERSE ? steps - 1 - step : step, gate_row = (t * batch + b) * (CELL * H), out_row = (t * batch + b) * WIDTH;
        const float *before = hidden_[from];
        bool alive = true;
#if LENGTHS
        alive = (long)LENGTHS_LOAD(b) > (long)t;
#endif
#if CELL == 3 && RESET_FIRST
        for (unsigned base = 0; base < H; base += UNITS) {
            unsigned unit = base + place;
            float sums[2];
            amdc_products<2>(before, weight, weight_bytes, 0, unit, sums);
            if (leads && unit < H) {
                update_[unit] = AMDC_GATE_F(sums[0] + GATES_LOAD(gate_row + unit));
                reset_[unit] = AMDC_GATE_F(sums[1] + GATES_LOAD(gate_row + H + unit)) * before[unit];
            }
        }
        amdc_barrier();
#endif
        for (unsigned base = low; base < high; base += UNITS) {
            unsigned unit = base + place;
            float sums[CELL];
#if CELL == 3 && RESET_FIRST
            amdc_products<1>(reset_, weight, weight_bytes, 2, unit, sums);
#else
            amdc_products<CELL>(before, weight, weight_bytes, 0, unit, sums);
#endif
            if (!leads || unit >= H) continue;
            float old = before[unit], next;
#if CELL == 1
            next = AMDC_GATE_F(sums[0] + GATES_LOAD(gate_row + unit));
#elif CELL == 3
#if RESET_FIRST
            float update = update_[unit], recurrent = sums[0];
#else
            float update = AMDC_GATE_F(sums[0] + GATES_LOAD(gate_row + unit)), reset = AMDC_GATE_F(sums[1] + GATES_LOAD(gate_row + H + unit));
            float recurrent = sums[2];
#if HIDDEN_BIAS
            recurrent += BIAS_LOAD(unit);
#endif
            recurrent *= reset;
#endif
            next = (1.0f - update) * AMDC_GATE_G(recurrent + GATES_LOAD(gate_row + 2 * H + unit)) + update * old;
#else
            float was = cell_[unit], i = sums[0] + GATES_LOAD(gate_row + unit), o = sums[1] + GATES_LOAD(gate_row + H + unit);
            float forget = sums[2] + GATES_LOAD(gate_row + 2 * H + unit);
#if PEEPHOLES
            i += PEEP_LOAD(unit) * was;
            forget += PEEP_LOAD(2 * H + unit) * was;
#endif
            i = AMDC_GATE_F(i);
            forget = COUPLED ? 1.0f - i : AMDC_GATE_F(forget);
            float now = forget * was + i * AMDC_GATE_G(sums[3] + GATES_LOAD(gate_row + 3 * H + unit));
#if PEEPHOLES
            o += PEEP_LOAD(H + unit) * now;
#endif
            next = AMDC_GATE_F(o) * AMDC_GATE_H(now);
            now = alive ? now : was;
            cell_[unit] = now;
            OUT_STORE(out_row + H + unit, now);
#endif
            next = alive ? next : old;
            hidden_[from ^ 1][unit] = next;
            OUT_STORE(out_row + unit, next);
        }
        amdc_barrier();
    }
}
