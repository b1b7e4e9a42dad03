// moments.h: the mean and the sum of squared distances from it, of a row that comes in chunks (see rows.h). Each lane merges its
// elements chunk by chunk, then the lanes merge (Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
// sample variances"): no cancellation as with sums of squares, and one reading.
struct Moments {
    Real count = 0, mean = 0, squares = 0;

    // A chunk of a row that starts at element `first`; elements from `end` on do not count.
    __attribute__((device, always_inline)) void add(const Real (&held)[HELD][VECTOR], unsigned first, unsigned end) {
        Real sum = 0, own = 0, added = 0;
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            bool inside = amdc_row_element(first, j) < end; // a vector lies inside or outside
            added += inside ? (Real)VECTOR : (Real)0;
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) sum += inside ? held[j][i] : (Real)0;
        }
        Real center = sum / (added > 0 ? added : (Real)1);
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                Real distance = amdc_row_element(first, j) < end ? held[j][i] - center : (Real)0;
                own += distance * distance;
            }
        Real total = count + added, share = added / (total > 0 ? total : (Real)1), delta = center - mean;
        squares += own + delta * delta * count * share;
        mean += delta * share;
        count = total;
    }
    // Over all lanes of a row of `length` elements: the sum of squared distances from the mean, which it sets.
    __attribute__((device, always_inline)) Real squares_of_row(Real &whole, unsigned length, Real *scratch) const {
        whole = amdc_row_reduce<amdc_sum>(mean * count, scratch) / (Real)length;
        Real delta = mean - whole;
        return amdc_row_reduce<amdc_sum>(squares + delta * delta * count, scratch);
    }
};
