"""Work split among work-groups and finished by the last one (kernels/hip/split_finish.h)."""

from __future__ import annotations

import numpy as np
import pytest

import amdc.sim
from amdc.code_object import CodeObject
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.toolchain import find_toolchain
from amdc.kernels.template import KernelTemplate
from amdc.sim.array import DeviceArray
from amdc.sim.decoder import decode
from amdc.sim.isa.model import Instruction
from amdc.sim.module import Module

LANES, WAVES, TILES = 128, 2, 3
KERNEL = """
AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, void *y, unsigned y_bytes, const void *partials,
                             unsigned partials_bytes, unsigned *counters, unsigned parts) {
    unsigned tile = amdc_group_x(), part = amdc_group_z(), first = tile * VALUES_OF_LANE * AMDC_BLOCK + amdc_thread();
    float sums[VALUES_OF_LANE];
#pragma unroll
    for (int i = 0; i < VALUES_OF_LANE; ++i)
        sums[i] = amdc_load_f32(amdc_make(x, x_bytes), part * y_bytes + 4 * (first + i * AMDC_BLOCK));
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part, tile};
    auto value = [&](unsigned i) AMDC_INLINE -> float & { return sums[i]; };
    if (!split_finish<VALUES_OF_LANE, AMDC_BLOCK / 64>(split, amdc_wave(), value)) return;
#pragma unroll
    for (int i = 0; i < VALUES_OF_LANE; ++i) amdc_store_f32(amdc_make(y, y_bytes), 4 * (first + i * AMDC_BLOCK), sums[i]);
}
"""


def compiled(values: int) -> bytes:
    text = KernelTemplate("split", "split_finish.h", "").source() + KERNEL
    defines = (("AMDC_BLOCK", LANES), ("AMDC_SYMBOL", "kernel"), ("VALUES_OF_LANE", values))
    return find_toolchain().compile_one(KernelSource("kernel", text, defines, (LANES, 1, 1)), "gfx803")


class Card:
    """A simulated card with the kernel's buffers for `parts` parts of `values` sums a lane."""

    def __init__(self, values: int, parts: int, **options: bool | int) -> None:
        self.gpu = amdc.sim.Device("gfx803", **options)  # type: ignore[arg-type]
        self.module: Module = self.gpu.load(compiled(values))
        self.shape, self.parts = (TILES, values, LANES), parts
        self.y = self.gpu.empty(self.shape)
        self.partials = self.gpu.empty((parts, *self.shape))
        self.counters = self.gpu.to_device(np.zeros((TILES, WAVES), np.uint32))

    def arguments(self, x: DeviceArray) -> list[object]:
        sizes = [np.uint32(array.nbytes) for array in (x, self.y, self.partials)]
        return [x, sizes[0], self.y, sizes[1], self.partials, sizes[2], self.counters, np.uint32(self.parts)]

    def run(self, x: np.ndarray) -> np.ndarray:
        self.gpu.write(self.y.address, np.full(self.shape, np.nan, np.float32))
        given = self.gpu.to_device(x)
        self.module.launch("kernel", (TILES, 1, self.parts), (LANES, 1, 1), self.arguments(given))
        self.gpu.free(given)
        return self.gpu.to_host(self.y)

    def left(self) -> list[int]:
        return list(self.gpu.to_host(self.counters).ravel())


def in_order(x: np.ndarray) -> np.ndarray:
    """The parts' sum, one part after the other in fp32."""
    total = np.zeros(x.shape[1:], np.float32)
    for part in x:
        total += part
    return total


SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in ((1, 2), (6, 5), (33, 3), (64, 3))]


@pytest.mark.parametrize("values, parts", [(16, 3), (16, 8), (16, 1), *SLOW])
def test_the_last_part_adds_all_in_their_order(values: int, parts: int) -> None:
    card, random = Card(values, parts), np.random.default_rng(values * parts)
    for _ in range(3):
        x = random.standard_normal((parts, *card.shape), np.float32)
        np.testing.assert_array_equal(card.run(x), in_order(x))
        assert card.left() == [0] * TILES * WAVES


def test_a_hundred_launches_on_fresh_inputs() -> None:
    card, random = Card(16, 6, jobs=4), np.random.default_rng(1)
    for _ in range(100):
        x = random.standard_normal((6, *card.shape), np.float32)
        np.testing.assert_array_equal(card.run(x), in_order(x))


def test_predicted_time_does_not_depend_on_which_host_thread_is_last() -> None:
    times = []
    for jobs in (1, 4, 4):
        card = Card(16, 6, jobs=jobs, check=False, timing=True)
        x = card.gpu.to_device(np.ones((6, *card.shape), np.float32))
        for _ in range(2):
            times.append(card.module.time("kernel", (TILES, 1, 6), (LANES, 1, 1), card.arguments(x)).clocks)
            assert card.left() == [0] * TILES * WAVES
        card.run(np.ones((6, *card.shape), np.float32))
        times.append(card.gpu.timings[-1].clocks)
    assert min(times[:2]) > 0
    assert times[0::3] == times[:1] * 3 and times[1::3] == times[1:2] * 3 and times[2::3] == times[2:3] * 3


@pytest.mark.parametrize("values", [16, 64])
def test_release_before_the_count_and_acquire_behind_it(values: int) -> None:
    code = CodeObject.parse(compiled(values), "split")
    (kernel,) = code.kernels.values()
    assert kernel.scratch_bytes == 0 and kernel.vgprs <= 128
    instructions = decode(code.text, code.text_address)
    words = [i.op.name for i in instructions]
    count, drop = words.index("flat_atomic_inc"), words.index("buffer_wbinvl1_vol")
    stores = [at for at, word in enumerate(words) if word == "buffer_store_dwordx4" and at < count]
    assert len(stores) == values // 4
    assert any(waits_for_all(i) for i in instructions[stores[-1] : count])
    assert any(waits_for_all(i) for i in instructions[count:drop])
    assert words[drop:].count("buffer_load_dwordx4") >= 8 and "buffer_load_dwordx4" not in words[count:drop]


def waits_for_all(instruction: Instruction) -> bool:
    return instruction.op.name == "s_waitcnt" and int(instruction.modifiers["simm16"]) & 15 == 0
