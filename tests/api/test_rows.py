from __future__ import annotations

import polars as pl
import pytest

import gnomon
from gnomon.api.rows import COLUMNS


def test_an_answer_is_a_table_to_polars_with_a_row_for_each_pass():
    found = gnomon.predict("llama-2-7b", "h100-sxm")
    table = pl.DataFrame(found)
    assert table.columns == list(COLUMNS)
    assert table["quantity"].to_list() == ["ttft", "tpot"]
    assert table["value_s"].to_list() == [found["ttft"].value, found["tpot"].value]
    assert table.equals(found.table())


def test_several_answers_are_one_table_with_nulls_where_there_is_none():
    found = gnomon.predict_many(["resnet-50"], ["t4", "h100:8"])
    table = pl.DataFrame(found)
    assert table["value_s"].null_count() == 1
    assert table["reasons"].to_list() == ["", found[1].reasons[0]]
    assert table.equals(found.table())
    assert len(found) == len(list(found)) == 2


def test_the_types_of_the_columns_do_not_depend_on_the_answer():
    answered, refused = gnomon.predict("resnet-50", "t4"), gnomon.predict("resnet-50", "h100:8")
    assert pl.DataFrame(answered).schema == pl.DataFrame(refused).schema


def test_pandas_makes_a_frame_of_the_rows():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the docs extra")
    found = gnomon.predict("resnet-50", "t4")
    assert pandas.DataFrame(found.rows())["value_s"].to_list() == [found.value]


def test_pandas_reads_the_arrow_stream_where_pyarrow_is_installed():
    pandas = pytest.importorskip("pandas", minversion="3", reason="DataFrame.from_arrow came with pandas 3")
    pytest.importorskip("pyarrow", reason="pandas reads Arrow through pyarrow")
    found = gnomon.predict("resnet-50", "t4")
    assert pandas.DataFrame.from_arrow(found)["value_s"].to_list() == [found.value]
