// rows.h: what the kernels that reduce contiguous rows share. A row is ROW_LANES lanes' work:
//   64: a wave a row, four rows a work-group (short rows); 256: a work-group a row (long rows, few of them)
//   INPUT  any tag of amdc_types.h: what x holds. AMDC_ROW(value, k, offset), a fused prologue, makes of it what TYPE says.
//   TYPE   a float of any width: what is reduced; narrow ones are computed in fp32, double in double (Real)
// AMDC_EPILOGUE(value, channel, offset) makes what is stored of a result.
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_ROW
#define AMDC_ROW_PARAMS
#define AMDC_ROW(value, channel, offset) (value)
#endif
typedef amdc_value<TYPE> Real;

// The row of a lane, and its place in the row. Rows beyond the last are a whole wave's, or a whole work-group's.
AMDC_DEVICE unsigned amdc_row() { return ROW_LANES == 64 ? amdc_group_x() * (AMDC_BLOCK / 64) + amdc_wave() : amdc_group_x(); }
AMDC_DEVICE unsigned amdc_row_lane() { return ROW_LANES == 64 ? amdc_lane() : amdc_thread(); }

// Over the lanes of a row; the result is in each of them. `scratch` holds one value a wave.
template <class Op> AMDC_DEVICE Real amdc_row_reduce(Real x, Real *scratch) {
    return ROW_LANES == 64 ? amdc_wave_reduce<Op>(x) : amdc_block_reduce<Op>(x, scratch);
}
