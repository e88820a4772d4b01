"""Observations as CSV and Parquet: the sealed numbers, and nowhere that the protocol keeps."""

import polars as pl
import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import errors, export
from tests.lab.exports.runs import ONE_SEED_FAILS, bytes_below, sealed


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("run"))


def test_csv_is_the_sealed_table_byte_for_byte(path, tmp_path):
    before = bytes_below(path.parent.parent)
    export(path, "csv", tmp_path / "deep" / "o.csv")
    assert (tmp_path / "deep" / "o.csv").read_bytes() == before[
        path.parent.parent / "results" / path.stem / "observations.csv"
    ]
    assert bytes_below(path.parent.parent) == before


def test_parquet_has_the_same_rows_with_types(path, tmp_path):
    written = export(path, "parquet", tmp_path / "o.parquet")
    table = pl.read_parquet(tmp_path / "o.parquet")
    assert written.counts["rows"] == table.height == 13 * 2
    assert (table.schema["value"], table.schema["seed"], table.schema["cell"]) == (pl.Float64, pl.Int64, pl.String)
    full = table.filter(pl.col("phase") == "full", pl.col("metric") == "share")
    assert full["value"].to_list() == [0.5] * 6
    assert table["metric_unit"].unique().to_list() == [""]


def test_a_missing_value_is_null_and_keeps_its_reason(tmp_path):
    path = sealed(tmp_path / "a", protocol__arms__1__command="[ {seed} = 2 ] || echo share=0.5")
    export(path, "parquet", tmp_path / "o.parquet")
    gone = pl.read_parquet(tmp_path / "o.parquet").filter(pl.col("metric") == "share", pl.col("value").is_null())
    assert gone["seed"].to_list() == [2, 2]
    assert all(gone["missing"].to_list())


def test_a_run_without_observations_is_an_empty_table(tmp_path):
    path = sealed(tmp_path / "a", sanity__0__command="false")
    assert export(path, "parquet", tmp_path / "o.parquet").counts["rows"] == 0
    assert pl.read_parquet(tmp_path / "o.parquet").is_empty()


def test_a_changed_run_is_not_exported(tmp_path):
    path = sealed(tmp_path, protocol__arms__1__command=ONE_SEED_FAILS)
    metrics = tmp_path / "results" / path.stem / "metrics.json"
    metrics.chmod(0o644)
    metrics.write_text("{}")
    with pytest.raises(errors.Tampered, match=r"metrics\.json"):
        export(path, "csv", tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


def test_a_run_that_is_not_there_or_not_sealed_is_not_exported(path, tmp_path):
    with pytest.raises(BadInput, match="no replicate 'run-7'"):
        export(path, "csv", tmp_path / "o.csv", "run-7")


@pytest.mark.parametrize(
    "place", ["results/o.csv", "results/exp-001-halves/metrics.json", "experiments/exp-001-halves.md", ".git/config"]
)
def test_nothing_is_written_where_the_protocol_s_files_are(path, place):
    before = bytes_below(path.parent.parent)
    with pytest.raises(BadInput, match="the protocol keeps"):
        export(path, "csv", path.parent.parent / place)
    assert bytes_below(path.parent.parent) == before


def test_a_link_into_the_results_is_no_way_around(path, tmp_path):
    (tmp_path / "link").symlink_to(path.parent.parent / "results")
    with pytest.raises(BadInput, match="the protocol keeps results"):
        export(path, "csv", tmp_path / "link" / "o.csv")


def test_an_unknown_format_is_told_with_its_near_match(path, tmp_path):
    with pytest.raises(BadInput, match="did you mean"):
        export(path, "parket", tmp_path / "o")
