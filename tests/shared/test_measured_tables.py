"""The measured tables beside the repository: every row is read or refused for a reason."""

from collections import Counter

import polars as pl
import pytest

from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.formats.device_file import catalogue_device
from gnomon.formats.kernel_table import kernel_table
from gnomon.formats.model_table import model_table
from gnomon.formats.table import read_table
from gnomon.zoo.models import model


def _scenario(row):
    plan = Plan(
        mode=row.mode,
        batch=row.batch,
        seq=row.seq,
        dtype=row.dtype,
        attention=row.attention,
        head=row.head,
        classes=row.classes,
    )
    system = System(name=row.device, device=catalogue_device(row.device), count=row.devices)
    return Scenario(workload=model(row.model).build(plan), system=system, plan=plan)


def test_the_labels_of_neusight_are_measurements_or_refused_by_reason(shared):
    path = shared / "truth" / "models.csv.gz"
    labels = read_table(path).filter(pl.col("source") == "NeuSight:label")
    table = model_table(path, labels)
    refused = Counter()
    for group in table.refused:
        refused[group.reason.split()[0]] += group.rows
    assert table.rows == 72
    assert len(table.measurements) == 59
    assert refused == {"model": 6, "option": 7}


def test_roofline_answers_every_readable_label_of_neusight(shared):
    path = shared / "truth" / "models.csv.gz"
    table = model_table(path, read_table(path).filter(pl.col("source") == "NeuSight:label"))
    engine = RooflineEngine()
    for row in table.measurements:
        scenario = _scenario(row)
        assert engine.missing(scenario) == ()
        assert engine.predict(scenario).value > 0


def test_no_label_of_neusight_is_faster_than_a_third_of_the_roofline(shared):
    # A time below the bound would mean that the workload is counted with work that was not done. The ratio is that
    # loose because the roofline lets no cache save traffic between operators.
    path = shared / "truth" / "models.csv.gz"
    table = model_table(path, read_table(path).filter(pl.col("source") == "NeuSight:label"))
    engine = RooflineEngine()
    ratios = [row.time_s / engine.predict(_scenario(row)).value for row in table.measurements]
    assert min(ratios) > 1 / 3


@pytest.mark.slow
def test_every_measured_operator_is_read_or_refused_by_reason(shared):
    path = shared / "truth" / "kernels.csv.gz"
    table = kernel_table(path, read_table(path))
    assert table.total == 932_499
    assert len(table.rows) == len(table.ops) == 823_769
    assert sum(group.rows for group in table.refused) == table.total - len(table.rows)
    assert (table.ops.flop >= 0).all()
    assert (table.ops.read_bytes > 0).all()
    assert (table.ops.write_bytes > 0).all()
