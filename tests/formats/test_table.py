import gzip
from pathlib import Path

import polars as pl
import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.table import check_columns, numeric, positive, read_table

CSV = "device,time,note\nt4,1.5,\nt4,,slow\n"


def test_csv_gzip_and_parquet_read_alike(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    pl.DataFrame({"device": ["t4", "t4"], "time": [1.5, None], "note": [None, "slow"]}).write_parquet(
        tmp_path / "t.parquet"
    )
    plain, packed, parquet = (read_table(tmp_path / name) for name in ("t.csv", "t.csv.gz", "t.parquet"))
    assert plain.equals(packed)
    assert plain.equals(parquet)


def test_an_empty_cell_is_no_text(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    assert read_table(tmp_path / "t.csv")["note"].to_list() == [None, "slow"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", r"t\.csv: the file is empty"),
        ("t.csv", b"a,b\n1,\xff\n", r"t\.csv: not a readable table"),
        ("t.csv", b"a,b\n1,2,3\n", r"t\.csv:2: more cells than the header has columns"),
        ("t.csv.gz", b"\x1f\x8bno", r"t\.csv\.gz: not a readable table"),
        ("t.parquet", b"PAR1", r"t\.parquet: not a readable table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_table(tmp_path / name)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none\.csv: no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="a folder, not a table"):
        read_table(tmp_path)


def test_a_missing_column_is_refused_with_the_near_one():
    frame = pl.DataFrame({"devise": ["t4"], "time": ["1"]})
    with pytest.raises(BadInput) as fault:
        check_columns(Path("t.csv"), frame, ("device", "time"), ("device", "time"))
    assert str(fault.value) == "t.csv: column 'device' is missing; is it 'devise'? (columns: devise, time)"


def test_columns_that_nobody_reads_are_named():
    frame = pl.DataFrame({"device": ["t4"], "weather": ["fine"]})
    assert check_columns(Path("t.csv"), frame, ("device",), ("device",)) == {"weather": ""}


@pytest.mark.parametrize(
    ("cells", "line", "shown"),
    [
        (["1", "fast"], 3, "'fast'"),
        ([None, "1", "2 ms"], 4, "'2 ms'"),
        (["nan"], 2, "'nan'"),
        (["1", "inf"], 3, "'inf'"),
    ],
)
def test_text_in_a_number_column_is_refused_with_line_and_column(cells, line, shown):
    with pytest.raises(BadInput) as fault:
        numeric(Path("t.csv"), pl.DataFrame({"time": cells}), ("time",))
    assert str(fault.value) == f"t.csv:{line}: column 'time': {shown} is not a number"


def test_spaces_around_a_number_do_no_harm():
    assert numeric(Path("t.csv"), pl.DataFrame({"time": [" 1.5 ", None]}), ("time", "other"))["time"].to_list() == [
        1.5,
        None,
    ]


@pytest.mark.parametrize("bad", [-1.0, 0.0])
def test_a_time_of_zero_or_less_is_refused_with_its_line(bad):
    with pytest.raises(BadInput, match=rf"t\.csv:4: column 'time': {bad:g} is not a positive number"):
        positive(Path("t.csv"), pl.DataFrame({"time": [None, 1.0, bad]}), "time")


def test_rows_of_a_filtered_table_keep_the_line_of_their_file():
    frame = pl.DataFrame({"line": [17], "time": ["soon"]})
    with pytest.raises(BadInput, match=r"t\.csv:17: column 'time': 'soon' is not a number"):
        numeric(Path("t.csv"), frame, ("time",))
    with pytest.raises(BadInput, match=r"t\.csv:17: column 'time': -1 is not a positive number"):
        positive(Path("t.csv"), pl.DataFrame({"line": [17], "time": [-1.0]}), "time")
