"""Winograd convolutions with inputs and filters in LDS: through their lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from amdc.codegen.lowerings.convolution_window import Window
from amdc.codegen.lowerings.convolution_winograd_lds import edges
from amdc.kernels.winograd_lds import SHAPES, STEP, WINOGRAD_LDS, LdsShape
from amdc.sim.decoder import decode
from tests.kernels.harness import code_object, source
from tests.kernels.test_assembly import loops, names
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import CASES, ONE, check, check_fused, launched

TWO_SETS = "winograd2x2 lds 32x28s2"
NAMES = [shape.name for shape in SHAPES]
PARTED = (
    Case(2, 36, 20, (9, 7), (3, 3), pads=ONE),
    Case(1, 64, 8, (6, 6), (3, 3), pads=ONE, groups=2),
    Case(1, 40, 33, (3, 62), (3, 3), pads=(0, 0, 2, 3)),  # no pad on the left, more on the right than a window is wide
)


@pytest.mark.parametrize("name", [f"{TWO_SETS} 2 parts", pytest.param(NAMES[0], marks=pytest.mark.slow)])
def test_one_case(name: str) -> None:
    check(PARTED[0], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_shape(case: Case, name: str) -> None:
    check(case, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{NAMES[0]} 4 parts", f"{NAMES[2]} 3 parts", f"{TWO_SETS} 2 parts"])
@pytest.mark.parametrize("case", PARTED, ids=str)
def test_channels_in_parts(case: Case, name: str) -> None:
    check(case, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [NAMES[0], TWO_SETS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_prologue_and_epilogue(dtype: torch.dtype, name: str) -> None:
    check_fused(name, dtype)


def test_infinities_stay_in_their_row() -> None:
    """A window at the edge reads on into the next row: what lies there must not come through, be it infinite."""
    case = Case(1, 8, 4, (6, 8), (3, 3), pads=ONE)
    function, (x, packed, bias) = case.packed()
    x[:, :, 2, 0] = torch.inf
    result = launched(lambda x: function(x, packed, bias), x, NAMES[1])
    assert torch.isfinite(torch.from_numpy(result)[:, :, :, 4:]).all()


@pytest.mark.parametrize("width, pad, out, expected", [(8, 1, 8, 9), (7, 1, 7, 13), (8, 0, 6, 0), (4, 2, 6, 15), (7, 0, 5, 8)])
def test_columns_in_the_padding(width: int, pad: int, out: int, expected: int) -> None:
    """Bit j: column j of some tile's window; tiles at the edge may reach one output too far."""
    window = Window(1, 1, 8, 8, (8, width), (8, out), (3, 3), (1, 1), (1, pad), (1, 1))
    assert edges(window) == expected


@pytest.mark.parametrize(
    "shape, parts",
    [(SHAPES[0], 1), *(pytest.param(shape, parts, marks=pytest.mark.slow) for shape in SHAPES for parts in (0, 1))],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_loop(shape: LdsShape, parts: int) -> None:
    """Beside its products a stage has few vector instructions; no lane moves; two waves fit on a SIMD; waits are few."""
    parameters = {"TILES": shape.lane_tiles, "SETS": shape.sets, "PARTS": parts, "EDGES": 9, "BIAS": 1}
    code = code_object(source(WINOGRAD_LDS, parameters, 256 * shape.sets))
    products = STEP * 8 * shape.lane_tiles
    hot = min((loop for loop in loops(code) if len(names(loop, "v_mac_f32")) >= products), key=len)
    assert len(names(hot, "v_.*")) <= products + 25
    assert not names(hot, "v_fma_f32|flat_.*|scratch_.*|v_(read|write)lane_b32|buffer_load_dword(x[23])?")
    assert len(names(hot, "s_waitcnt")) <= 12 and len(names(hot, "s_barrier")) == 1
    assert len(names(hot, "ds_read_b128")) == 4 * STEP and len(names(hot, "buffer_load_dwordx4")) == 5
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_(?!atomic_inc$).*|scratch_.*")
    (kernel,) = code.kernels.values()
    assert kernel.vgprs <= 128 and kernel.scratch_bytes == 0
    assert kernel.lds_bytes * shape.groups_per_cu <= 64 * 1024
