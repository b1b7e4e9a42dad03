"""The harness of `make validate-timing`: reading rows, classes, halves, pairs and statistics, on figures worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from amdc.errors import UsageError
from benchmarks.timing import sgemm
from benchmarks.timing.agreement import agreement, ranks, spearman
from benchmarks.timing.report import Predicted, effects, groups, sgemm_lines
from benchmarks.timing.rows import SgemmRow, classify, neighbours, read_rows, transposed_pairs

HEAD = "layout,M,N,batch,K,gflops,pct_of_8192,MT0,MT1,DepthU,TT0,TT1,WG,GSU,LSU,VW,PGR,PLR,WGM,LdsBytes\n"
TEXT = HEAD + (
    "Ailk_Bljk_SB,512,3000,1,2048,4000,48.8,128,64,16,8,4,16x16x1,1,1,4,True,True,1,28672\n"
    "Ailk_Bljk_SB,512,3000,1,1536,5000,61.0,128,64,16,8,4,16x16x1,1,1,4,True,True,1,28672\n"
    "Alik_Bljk_SB,512,3000,1,1536,4500,54.9,128,64,16,8,4,16x16x1,1,1,4,True,True,8,28672\n"
    "Ailk_Bjlk_SB,512,16,1,512,292.909,3.6,16,16,16,2,2,8x8x4,4,4,2,True,True,1,4096\n"
)


@pytest.fixture
def rows(tmp_path: Path) -> list[SgemmRow]:
    (tmp_path / "rows.csv").write_text(TEXT)
    return read_rows(tmp_path / "rows.csv")


def test_a_row_is_read_whole(rows: list[SgemmRow]) -> None:
    first, last = rows[0], rows[-1]
    assert (first.m, first.n, first.k, first.kind, first.lanes, first.split_k) == (512, 3000, 2048, "NN", 256, 1)
    assert first.microseconds == pytest.approx(2 * 512 * 3000 * 2048 / 4000e9 * 1e6)
    assert (last.kind, last.lanes, last.split_k, last.split_wave) == ("NT", 256, 4, 4)
    assert [row.fitted_on for row in rows] == [True, False, True, False]


def test_what_is_wrong_with_a_data_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        read_rows(tmp_path / "absent.csv")
    (tmp_path / "short.csv").write_text("layout,M\nAilk,3\n")
    with pytest.raises(UsageError, match="no column DepthU"):
        read_rows(tmp_path / "short.csv")


def test_classes(rows: list[SgemmRow]) -> None:
    assert [classify(row, sgemm.has_tile) for row in rows] == ["core", "core", "mapping > 1", "split k"]
    assert classify(rows[0], lambda row: False) == "tile not ours"


def test_pairs(rows: list[SgemmRow]) -> None:
    assert neighbours(rows) == [(rows[0], [rows[1]])]
    assert transposed_pairs(rows) == [(rows[2], rows[1])]


def test_the_operands_change_places(rows: list[SgemmRow]) -> None:
    a, b = sgemm.operands(rows[0])
    assert (a.layout, a.column, a.k, a.floats) == (3, 2048, 1, 3000 * 2048)
    assert (b.layout, b.column, b.k, b.floats) == (0, 1, 512, 512 * 2048)
    assert sgemm.operands(rows[3])[0].layout == 0 and sgemm.operands(rows[2])[1].layout == 3
    assert sgemm.operand(10, 33, True).layout == 2 and sgemm.operand(10, 33, False).layout == 1


def test_a_cut_of_k_is_whole_stages(rows: list[SgemmRow]) -> None:
    assert sgemm.chunk(rows[3]) == 512 // 4 and sgemm.has_tile(rows[3])
    assert sgemm.chunk(replace(rows[3], split_k=5)) == 112  # 7 stages of 16, 35 are wanted for 512 values
    assert not sgemm.has_tile(replace(rows[3], split_k=31))  # of 32 stages two make a piece: pieces 17 and later would be empty
    assert not sgemm.has_tile(replace(rows[0], depth=10)) and not sgemm.has_tile(replace(rows[0], lanes=128))


def test_ranks_share_the_mean_of_equals() -> None:
    assert ranks([10, 30, 20, 20]).tolist() == [1, 4, 2.5, 2.5]


def test_spearman_sees_order_alone() -> None:
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 3, 5, 4]) == pytest.approx(0.8)  # 1 - 6 * 4 / (5 * 24)
    assert math.isnan(spearman([1, 2], [1, 2])) and math.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_agreement() -> None:
    found = agreement([90, 100, 130], [100, 100, 100])
    assert (found.count, found.median_error, found.median_ratio) == (3, pytest.approx(0.1), pytest.approx(1.0))
    assert found.p90_error == pytest.approx(0.1 + 0.8 * 0.2)  # between the second and the third of three, at 0.9 * 2


def test_the_report_counts_by_class_and_shows_effects(rows: list[SgemmRow]) -> None:
    names = ("core", "core", "mapping > 1")
    predicted = [
        Predicted(row, name, gflops, "DRAM") for row, name, gflops in zip(rows, names, (4400.0, 5000.0, 4500.0), strict=False)
    ]
    assert {name: len(members) for name, members in groups(predicted).items()}["core, fitted half"] == 1
    found = effects(predicted)
    assert found["k = 2048 / other k"] == {"pairs": 1, "measured": pytest.approx(0.8), "predicted": pytest.approx(0.88)}
    assert found["TN / NN"]["predicted"] == pytest.approx(0.9)
    text = "\n".join(sgemm_lines(predicted, every_row=True))
    assert "core, k = 2048" in text and rows[0].label in text
