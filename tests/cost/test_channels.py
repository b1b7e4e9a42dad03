"""What few channels cost, by the distance between rows."""

from __future__ import annotations

import pytest

from amdc.cost import Camping, camping, camping_of_rows
from amdc.target import target

CARD = target("gfx803").card()  # 8 channels of 256 bytes: 2 KiB
ROW = 2048


def test_rows_that_begin_in_one_channel() -> None:
    assert camping(ROW, 64, 1, ROW, CARD) == Camping(8, 8)


def test_longer_rows_drift_apart_in_l2() -> None:
    assert camping(4 * ROW, 64, 1, 4 * ROW, CARD) == Camping(2, 8)


def test_padded_rows_meet_all_channels() -> None:
    assert camping(ROW + 256, 64, 1, ROW, CARD) == Camping(1, 1)


def test_few_rows_meet_few_channels() -> None:
    assert camping(ROW + 256, 1, 1, ROW, CARD).dram == 8


def test_pieces_begin_elsewhere() -> None:
    assert camping(3 * ROW, 64, 3, 768, CARD) == Camping(1, 8 / 3)  # 0, 3 and 6 blocks
    assert camping(4 * ROW, 64, 4, ROW, CARD).dram == 8  # all at multiples of 2 KiB


@pytest.mark.parametrize(
    "width, pitch, dram", [(256, 24576, 1.75), (512, 24576, 1.5), (1024, 24576, 1.0), (256, 24576 + 256, 1.0)]
)
def test_rows_in_few_channels_wait_where_an_l2_channel_has_two_of_dram(width: int, pitch: int, dram: float) -> None:
    assert camping_of_rows(pitch, width, 32, target("gfx803").card("R9 Nano")) == Camping(1, dram)


def test_rows_do_not_wait_where_each_l2_channel_has_one_of_dram() -> None:
    assert camping_of_rows(24576, 256, 32, CARD) == Camping()
