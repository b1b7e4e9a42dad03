"""What clang makes of the memory-bound kernels: wide loads, all under way before the first is waited for, and nothing spilled."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from amdc.kernels import attention, catalog
from amdc.kernels.template import KernelTemplate, Value
from amdc.sim.decoder import decode
from tests.kernels.harness import code_object, source

ROW = {"INPUT": "float", "TYPE": "float", "OUT": "float", "VECTOR": 4, "LOOP": 0}
NORM = {"AFFINE": 2, "PER_CHANNEL": 0, "CENTRED": 1, "STATISTICS": 0, "WEIGHT": "float", "STATISTIC": "float"}
COLUMN = {"COLUMN_LANES": 16, "VECTOR": 4, "ALONG": 0, "TYPE": "float", "OUT": "float"}
DECODE = {"TYPE": "float", "MASK_TYPE": "float", "CAUSAL": 0, "MASK": 0, "SOFTCAP": 0, "VECTORS": 1, "WIDTH": 128, "V_WIDTH": 128}
SLOW = pytest.mark.slow
#        template, parameters, lanes, dwordx4 loads together, most VGPRs
KERNELS = [
    (catalog.SOFTMAX_ROWS, ROW | {"LOG": 0, "ROW_LANES": 1024, "HELD": 8}, 1024, 8, 64),
    pytest.param(
        catalog.SOFTMAX_ROWS,
        ROW | {"LOG": 0, "ROW_LANES": 1024, "VECTOR": 1, "HELD": catalog.MOST_OF_SOFTMAX},
        1024,
        0,
        64,
        marks=SLOW,
    ),
    (catalog.NORMALIZE_ROWS, ROW | NORM | {"RESIDUAL": 0, "ROW_LANES": 64, "HELD": 3}, 256, 9, 48),
    (attention.ATTENTION_DECODE, DECODE | {"HELD": 1, "SPLIT": 1, "JOINED": 0}, 256, 16, 128),
    pytest.param(catalog.NORMALIZE_ROWS, ROW | NORM | {"RESIDUAL": 0, "ROW_LANES": 1024, "HELD": 8}, 1024, 8, 64, marks=SLOW),
    pytest.param(catalog.NORMALIZE_ROWS, ROW | NORM | {"RESIDUAL": 1, "ROW_LANES": 1024, "HELD": 4}, 1024, 8, 64, marks=SLOW),
    pytest.param(
        catalog.REDUCE_ROWS, ROW | {"OP": "OP_SUM", "SPLIT": 0, "ROW_LANES": 256, "HELD": 4, "LOOP": 1}, 256, 4, 32, marks=SLOW
    ),
    pytest.param(catalog.REDUCE_COLUMNS, COLUMN | {"OP": "OP_SUM"}, 256, 7, 64, marks=SLOW),  # one stands in another block
    pytest.param(catalog.SOFTMAX_COLUMNS, COLUMN | {"LOG": 0, "HELD": 8, "LOOP": 0}, 256, 8, 84, marks=SLOW),
]


@pytest.mark.parametrize("template, parameters, lanes, together, vgprs", KERNELS)
def test_loads_are_wide_and_together(
    template: KernelTemplate, parameters: Mapping[str, Value], lanes: int, together: int, vgprs: int
) -> None:
    code = code_object(source(template, parameters, lanes))
    most = count = 0
    for instruction in decode(code.text, code.text_address):
        name = instruction.op.name
        assert not name.startswith(("buffer_load_dwordx2", "buffer_load_dwordx3", "flat_load", "flat_store", "scratch_"))
        waits = name == "s_waitcnt" and int(instruction.modifiers["simm16"]) & 0xF < 0xF
        count = 0 if waits else count + (name == "buffer_load_dwordx4")
        most = max(most, count)
    assert most >= together
    (kernel,) = code.kernels.values()
    assert kernel.scratch_bytes == 0
    assert kernel.vgprs <= vgprs
