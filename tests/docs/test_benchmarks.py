"""What stands about the benchmarks, and the committed figure of one."""

from pathlib import Path

import pytest
from benchmarks.training_scaling import DRAWING, OUT, TABLE, drawing, measured, read_points, ways

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_their_page_names_every_script_that_is_run_by_hand():
    page = (FOLDER / "README.md").read_text()
    scripts = [one.stem for one in FOLDER.glob("*.py") if not one.stem.startswith(("bench_", "__", "conftest"))]
    assert scripts
    assert [one for one in scripts if f"`{one}`" not in page] == []


def test_every_file_that_the_benchmarks_collect_holds_a_test():
    assert [one.name for one in FOLDER.glob("bench_*.py") if "def test_" not in one.read_text()] == []


def test_the_committed_drawing_is_that_of_the_committed_table():
    assert (OUT / DRAWING).read_text() == drawing(read_points(OUT / TABLE))


def test_all_ways_of_the_committed_table_end_at_one_time():
    points = read_points(OUT / TABLE)
    assert len({one.way for one in points}) == 3
    assert len({(one.npus, one.end_ns) for one in points}) == len({one.npus for one in points})


@pytest.mark.parametrize("way", list(ways()), ids=lambda way: way.name)
def test_a_way_measured_again_ends_when_the_table_says(way):
    (again,) = measured(way, ((4, 4, 4),))
    assert again.end_ns == next(one.end_ns for one in read_points(OUT / TABLE) if one.npus == again.npus)
    assert again.seconds > 0
