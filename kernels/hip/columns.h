// columns.h: what the kernels that work along an outer dimension share. x is [outer, length, inner]; a column is what has one outer
// and one inner index, and a work-group takes neighbouring columns: COLUMN_LANES lanes with VECTOR of them each.
//   TEAMS = AMDC_BLOCK / COLUMN_LANES, at most `length`, lanes share a column: team t takes k = t, t + TEAMS, ...
//   VECTOR  neighbouring columns that a lane takes at once: they divide `inner`, and addresses are multiples of 4 bytes; or 1
//   ALONG   1: inner is 1, so neighbouring lanes are those of a column; 0: neighbouring lanes have neighbouring columns
#define TEAMS (AMDC_BLOCK / COLUMN_LANES)

struct Column {
    unsigned lane, team, first, start; // the lane's first column, and that one's first element
    __attribute__((device, always_inline)) static Column of(unsigned length, unsigned inner, unsigned multiplier, unsigned shift) {
        unsigned thread = amdc_thread(), lane = ALONG ? thread / TEAMS : thread % COLUMN_LANES;
        unsigned column = (amdc_group_x() * COLUMN_LANES + lane) * VECTOR, outer = amdc_divide(column, multiplier, shift);
        return {lane, ALONG ? thread % TEAMS : thread / COLUMN_LANES, column, outer * length * inner + (column - outer * inner)};
    }
};

// Merges what the teams of a column have into `own`, in a fixed order; every lane gets the result. `shared` holds a P for each lane
// and vector element, and may be used again behind it.
template <class P, class M> AMDC_DEVICE void merge_teams(P (&own)[VECTOR], P *shared, const Column &at, M merge) {
    if (TEAMS == 1) return;
    P *mine = shared + (at.team * COLUMN_LANES + at.lane) * VECTOR;
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) mine[v] = own[v];
    amdc_barrier();
#pragma unroll 1
    for (unsigned half = TEAMS / 2; half > 0; half /= 2) {
        if (at.team < half) {
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) mine[v] = own[v] = merge(own[v], mine[half * COLUMN_LANES * VECTOR + v]);
        }
        amdc_barrier();
    }
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) own[v] = shared[at.lane * VECTOR + v];
    amdc_barrier();
}
