"""Where a compiled kernel spends its time: lines of source, or basic blocks without a line table."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from amdc.bundle import MAIN, Bundle
from amdc.code_object import CodeObject
from amdc.codegen.toolchain import KernelSource, find_toolchain
from amdc.errors import ToolchainError
from amdc.profile.hot_lines import hot_kernel
from amdc.profile.instructions import kernel_costs, source_texts
from amdc.program import Kernel
from amdc.sim.decoder import decode
from amdc.sim.timing import InstructionTiming
from tests.profiling.hand_made import changed, launch, predicted, program

SOURCE = KernelSource(
    symbol="sums",
    text="""extern "C" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void sums(float *y, int n) {
  float sum = 1;
  #pragma nounroll
  for (int i = 0; i < n; ++i)
    sum = sum * 0.5f + 1;
  y[__builtin_amdgcn_workitem_id_x()] = sum;
}
""",
    block=(64, 1, 1),
)
KERNEL = Kernel("sums", "template", {}, SOURCE.key, (64, 1, 1))
LOOP = 10  # times that the arithmetic of the loop runs


@pytest.fixture(scope="module", params=[True, False], ids=["lines", "no lines"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    try:
        data = find_toolchain().compile_one(SOURCE, "gfx803", line_tables=request.param)
    except ToolchainError as error:
        pytest.skip(str(error))
    sources = {SOURCE.key: SOURCE.text} if request.param else None
    return Bundle({MAIN: program(launch("sums"))}, {SOURCE.key: data}, {}, sources=sources)


def timings(bundle: Bundle) -> Sequence[InstructionTiming]:
    """Each instruction busy for 4 clocks, the loop's multiply-add LOOP times, and as long stalled."""
    code = CodeObject.parse(bundle.code[SOURCE.key], "sums")
    rows = decode(code.kernel_text(code.kernels["sums"]), code.kernels["sums"].entry)
    times = [LOOP if row.op.name in ("v_mac_f32", "v_mad_f32", "v_madak_f32", "v_madmk_f32") else 1 for row in rows]
    return [InstructionTiming(row.address, row.op.name, n, 4.0 * n, 4.0 * n) for row, n in zip(rows, times, strict=True)]


def test_costs_add_up_to_the_kernels_time(bundle: Bundle) -> None:
    """Two launches of 100 and 50 us: all of their time is somewhere, half of it stalled."""
    rows = tuple(timings(bundle))
    samples = predicted(
        (launch("sums"), changed(instructions=rows)), (launch("sums"), changed(instructions=rows, microseconds=50.0))
    )
    costs = kernel_costs(samples, KERNEL, bundle)
    assert sum(cost.us for cost in costs) == pytest.approx(150) and sum(cost.stalled_us for cost in costs) == pytest.approx(75)
    assert sum(cost.issues for cost in costs) == 2 * sum(row.issues for row in rows)


def test_the_hottest_place_is_the_loop(bundle: Bundle) -> None:
    costs = kernel_costs(predicted((launch("sums"), changed(instructions=tuple(timings(bundle))))), KERNEL, bundle)
    hot = hot_kernel("sums", costs, source_texts(bundle, KERNEL), lines=2)
    first = hot.lines[0]
    assert first.us == max(line.us for line in hot.lines) and first.instruction.startswith("v_ma") and first.stalled == 0.5
    assert len(hot.lines) == 2 and hot.share == pytest.approx(sum(line.us for line in hot.lines) / 100)
    if bundle.sources:
        assert hot.from_source and (first.where, first.text) == ("kernel.hip:5", "sum = sum * 0.5f + 1;")
    else:
        assert not hot.from_source and first.where.startswith("0x") and "1 v_ma" in first.text
