"""Which rows of the simulator's instruction table the oracle covers, and that the others are refused by name."""

from __future__ import annotations

import pytest

from amdc.errors import ModelError

from . import (
    test_compare,
    test_control,
    test_conversions,
    test_dpp,
    test_float16,
    test_float32,
    test_float64,
    test_integer,
    test_lanes,
    test_lds,
    test_memory,
    test_scalar,
    test_sdwa,
    test_transcendental,
)
from .harness import Batch, Case
from .operands import integer32

MODULES = (
    test_compare, test_control, test_conversions, test_dpp, test_float16, test_float32, test_float64, test_integer, test_lanes,
    test_lds, test_memory, test_scalar, test_sdwa, test_transcendental,
)  # fmt: skip
# Rows that the simulator refuses: a kernel that holds one does not load, and the message names the opcode.
REFUSED = {
    "v_mqsad_u32_u8": "v_mqsad_u32_u8 v[20:23], v[2:3], v4, v[24:27]",
    "s_set_gpr_idx_on": "s_set_gpr_idx_on s20, gpr_idx(SRC0)",
    "image_load": "image_load v20, v[2:3], s[20:27] dmask:0x1 unorm",
    "ds_append": "ds_append v20",
    "s_setvskip": "s_setvskip s20, 0",
    "s_sendmsg": "s_sendmsg sendmsg(MSG_INTERRUPT)",
    "tbuffer_load_format_x": "tbuffer_load_format_x v20, v2, s[12:15], dfmt:4, nfmt:7, 0 offen",
    "buffer_load_format_x": "buffer_load_format_x v20, v2, s[12:15], 0 offen",
}
# Rows with a meaning that no case covers, and why.
UNCOVERED = {
    "s_endpgm": "ends every kernel of these tests",
    "s_endpgm_saved": "for trap handlers",
    "s_trap": "stops the kernel",
    "s_wakeup": "LLVM does not assemble it for gfx803",
}


def covered() -> set[str]:
    return {name for module in MODULES for batch in module.BATCHES for case in batch.cases for name in case.covers}


def test_every_meaning_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row that the simulator can run has a case here, or stands in one of the tables above."""
    from amdc.sim.isa.table import ROWS

    rows, names = {row.name for row in ROWS if row.meaning}, covered()
    with capsys.disabled():
        print(f"\nopcode oracle: {len(names & rows)} of {len(rows)} rows with a meaning, of {len(ROWS)} rows in the table")
    assert names <= rows, f"cases for opcodes without a row: {sorted(names - rows)}"
    missing = {row for row in rows - names - set(REFUSED) - set(UNCOVERED) if "_format_" not in row}
    assert not missing, f"rows without a case: {sorted(missing)}"


@pytest.mark.parametrize("opcode", sorted(REFUSED))
def test_refused_by_name(opcode: str) -> None:
    case = Case("refused", f"  s_mov_b32 s20, 0\n  {REFUSED[opcode]}", lambda a, *_: a)
    with pytest.raises(ModelError, match=opcode):
        Batch("refused", [case], integer32()[:, :64]).verify(case)
