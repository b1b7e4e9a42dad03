"""SOPP: program control (the manual, "SOPP instructions"). The constant stands in the modifier `simm16`: signed for branches
(words from the next instruction), unsigned otherwise. Meanings are control forms (forms.py)."""

from __future__ import annotations

from amdc.sim.isa.rows import rows_of

_row = rows_of("SOPP")

SOPP = (
    _row(0, "s_nop", meaning="nop"),
    _row(1, "s_endpgm", meaning="end"),
    _row(2, "s_branch", meaning="branch"),
    _row(3, "s_wakeup", meaning="nop"),
    _row(4, "s_cbranch_scc0", meaning="branch scc0", reads="scc"),
    _row(5, "s_cbranch_scc1", meaning="branch scc1", reads="scc"),
    _row(6, "s_cbranch_vccz", meaning="branch vccz", reads="vcc"),
    _row(7, "s_cbranch_vccnz", meaning="branch vccnz", reads="vcc"),
    _row(8, "s_cbranch_execz", meaning="branch execz", reads="exec"),
    _row(9, "s_cbranch_execnz", meaning="branch execnz", reads="exec"),
    _row(10, "s_barrier", meaning="barrier"),
    _row(11, "s_setkill", note="not simulated"),
    _row(12, "s_waitcnt", meaning="waitcnt"),
    _row(13, "s_sethalt", note="not simulated"),
    _row(14, "s_sleep", meaning="nop"),
    _row(15, "s_setprio", meaning="nop"),
    _row(16, "s_sendmsg", note="not simulated"),
    _row(17, "s_sendmsghalt", note="not simulated"),
    _row(18, "s_trap", meaning="trap"),
    _row(19, "s_icache_inv", meaning="nop"),
    _row(20, "s_incperflevel", meaning="nop"),
    _row(21, "s_decperflevel", meaning="nop"),
    _row(22, "s_ttracedata", meaning="nop"),
    _row(23, "s_cbranch_cdbgsys", note="not simulated"),
    _row(24, "s_cbranch_cdbguser", note="not simulated"),
    _row(25, "s_cbranch_cdbgsys_or_user", note="not simulated"),
    _row(26, "s_cbranch_cdbgsys_and_user", note="not simulated"),
    _row(27, "s_endpgm_saved", meaning="end"),
    _row(28, "s_set_gpr_idx_off", note="relative VGPR indexing; not simulated"),
    _row(29, "s_set_gpr_idx_mode", note="relative VGPR indexing; not simulated"),
)
