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

#define MOST_MERGED 16 // what a lane merges between two barriers
// Merges what the first LEFT teams of a column have into what the first team has, in a fixed order.
template <unsigned LEFT, class P, class M> AMDC_DEVICE void merge_into_first(P (&own)[VECTOR], P *shared, const Column &at, M merge) {
    if constexpr (LEFT > 1) {
        constexpr unsigned NEXT = LEFT > MOST_MERGED ? LEFT / MOST_MERGED : 1;
        P *mine = shared + (at.team * COLUMN_LANES + at.lane) * VECTOR;
        if (at.team < LEFT) {
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) mine[v] = own[v];
        }
        amdc_barrier();
        if (at.team < NEXT) { // what it reads is written by no one before the next barrier: those who go on write their own
#pragma unroll
            for (unsigned team = NEXT; team < LEFT; team += NEXT)
#pragma unroll
                for (unsigned v = 0; v < VECTOR; ++v) own[v] = merge(own[v], mine[team * COLUMN_LANES * VECTOR + v]);
        }
        merge_into_first<NEXT>(own, shared, at, merge);
    }
}
// The same into `own` of all teams. `shared` holds a P for each lane and vector element, and may be used again behind it.
template <class P, class M> AMDC_DEVICE void merge_teams(P (&own)[VECTOR], P *shared, const Column &at, M merge) {
    if (TEAMS == 1) return;
    merge_into_first<TEAMS>(own, shared, at, merge);
    P *first = shared + at.lane * VECTOR;
    if (at.team == 0) {
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v) first[v] = own[v];
    }
    amdc_barrier();
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) own[v] = first[v];
    amdc_barrier();
}
