// rows.h: what the kernels that reduce contiguous rows share. A row is ROW_LANES lanes' work: 16 (short rows: four in a wave), 64 (a
// wave a row), 256 to 1,024 (a work-group a row: long rows, or few of them).
//   VECTOR  neighbouring elements that a lane takes at once: they divide a row, and its address is a multiple of 4 bytes; or 1
//   HELD    vectors of a row that a lane keeps in registers, all of whose loads are under way at once
//   LOOP    0: a row fits into ROW_LANES * VECTOR * HELD elements, so it is read once; 1: it is walked in such chunks
//   INPUT   any tag of amdc_types.h: what x holds. AMDC_ROW(value, k, offset), a fused prologue, makes of it what TYPE says.
//   TYPE    a float of any width: what is reduced; narrow ones are computed in fp32, double in double (Real)
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
#define ROW_CHUNK (ROW_LANES * VECTOR * HELD)
#define ROW_SCRATCH (AMDC_BLOCK / 64) // values of LDS that amdc_row_reduce takes

// The row of a lane, and its place in the row. Rows beyond the last are a whole wave's, work-group's or DPP row's.
AMDC_DEVICE unsigned amdc_row() {
    if (ROW_LANES > 64) return amdc_group_x();
    return amdc_group_x() * (AMDC_BLOCK / ROW_LANES) + (ROW_LANES == 64 ? amdc_wave() : amdc_thread() / ROW_LANES);
}
AMDC_DEVICE unsigned amdc_row_lane() { return ROW_LANES == AMDC_BLOCK ? amdc_thread() : amdc_thread() % ROW_LANES; }
// The first element of a lane's vector `j` of the chunk that starts at `first`.
AMDC_DEVICE unsigned amdc_row_element(unsigned first, unsigned j) { return first + (j * ROW_LANES + amdc_row_lane()) * VECTOR; }

// Vector `j` of all lanes of a row that 512 or 1,024 lanes keep whole, as a buffer of its own: then a lane has one offset into all of them, and not
// HELD of them in as many registers. `base`: the row's first element, the same for all lanes.
#define ROW_KEPT (ROW_LANES >= 512 && !LOOP)
AMDC_DEVICE amdc_buffer amdc_row_part(const void *rows, unsigned bytes, unsigned size, unsigned base, unsigned j) {
    unsigned start = size * (base + j * ROW_LANES * VECTOR);
    return amdc_make((const char *)rows + start, bytes - start);
}
// Over the lanes of a row; the result is in each of them.
template <class Op, class V> AMDC_DEVICE V amdc_row_reduce(V x, V *scratch) {
    if constexpr (ROW_LANES > 64) return amdc_block_reduce<Op>(x, scratch);
    if constexpr (ROW_LANES == 64) return amdc_wave_reduce<Op>(x);
    x = amdc_step<Op, 0x128, 0xf>(x); // row_ror:8 .. row_ror:1
    x = amdc_step<Op, 0x124, 0xf>(x);
    x = amdc_step<Op, 0x122, 0xf>(x);
    return amdc_step<Op, 0x121, 0xf>(x);
}
