"""The order of memory around the count of work-groups that share rows (kernels/hip/last_part.h)."""

from __future__ import annotations

from amdc.code_object import CodeObject
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.toolchain import find_toolchain
from amdc.kernels.catalog import REDUCE_ROWS
from amdc.sim.decoder import decode
from tests.kernels.test_split_finish import waits_for_all

ROWS = {"ROW_LANES": 64, "VECTOR": 4, "HELD": 4, "LOOP": 0, "SPLIT": 1, "INPUT": "float", "TYPE": "float", "OUT": "float"}


def test_release_before_the_count_and_acquire_behind_it() -> None:
    defines = {"OP": "OP_VAR", **ROWS, "AMDC_BLOCK": 64, "AMDC_SYMBOL": "kernel"}
    source = KernelSource("kernel", REDUCE_ROWS.source(), tuple(defines.items()), (64, 1, 1))
    code = CodeObject.parse(find_toolchain().compile_one(source, "gfx803"), "reduce_rows")
    instructions = decode(code.text, code.text_address)
    words = [i.op.name for i in instructions]
    count, drop = words.index("flat_atomic_inc"), words.index("buffer_wbinvl1_vol")
    stores = [at for at, word in enumerate(words) if word == "buffer_store_dword" and at < count]
    assert len(stores) == 2  # mean and squares
    assert any(waits_for_all(i) for i in instructions[stores[-1] : count])
    assert any(waits_for_all(i) for i in instructions[count:drop])
    assert words[drop:].count("buffer_load_dword") == 8 and "buffer_load_dword" not in words[count:drop]
