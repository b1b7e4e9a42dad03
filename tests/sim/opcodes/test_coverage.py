"""Which rows of the simulator's instruction table the oracle covers."""

from __future__ import annotations

import pytest

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

MODULES = (
    test_compare, test_control, test_conversions, test_dpp, test_float16, test_float32, test_float64, test_integer, test_lanes,
    test_lds, test_memory, test_scalar, test_sdwa, test_transcendental,
)  # fmt: skip
# Rows with a meaning that no case covers, and why.
UNCOVERED = {
    "s_endpgm": "ends every kernel of these tests",
    "s_endpgm_saved": "for trap handlers",
    "s_trap": "stops the kernel",
}


def covered() -> set[str]:
    return {name for module in MODULES for batch in module.BATCHES for case in batch.cases for name in case.covers}


def test_every_meaning_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row that the simulator can run has a case here, or stands in UNCOVERED with its reason."""
    from amdc.sim.isa.table import ROWS

    rows = {row.name for row in ROWS if row.meaning}
    names = covered()
    with capsys.disabled():
        print(f"\nopcode oracle: {len(names & rows)} of {len(rows)} rows with a meaning, of {len(ROWS)} rows in the table")
    assert names <= rows, f"cases for opcodes without a row: {sorted(names - rows)}"
    assert rows - names == set(UNCOVERED), f"rows without a case: {sorted(rows - names - set(UNCOVERED))}"
