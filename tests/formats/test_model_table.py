from pathlib import Path

import polars as pl
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.measurement import Measurement
from gnomon.formats.model_table import Refused, model_table

ROW = {
    "device": "NVIDIA H100",
    "model": "ResNet50",
    "mode": "inference",
    "batch": "8",
    "precision": "float16",
    "measured_ms": "2.5",
}


def _read(*rows):
    columns = {name: None for row in rows for name in row}
    return model_table(
        Path("t.csv"), pl.DataFrame([columns | row for row in rows], schema=dict.fromkeys(columns, pl.String))
    )


def test_a_row_becomes_a_measurement_in_our_names_and_si():
    row = ROW | {"device": "h100_sxm", "clock_mhz": "1410", "power_w": "300", "head": "classifier-2", "ndev": "2"}
    (found,) = _read(row).measurements
    assert found == Measurement(
        device="h100-sxm",
        devices=2,
        model="resnet-50",
        mode="forward",
        batch=8,
        seq=None,
        dtype="fp16",
        weight_dtype=None,
        kv_dtype=None,
        head="classifier",
        classes=2,
        attention=None,
        time_s=2.5e-3,
        power_w=300.0,
        clock_hz=1.41e9,
        line=2,
    )


def test_the_tables_of_a_source_are_read_as_its_documents_say():
    row = {"source": "NeuSight:label", "model": "bert_large", "device": "h100", "precision": "fp32", "seq": "512"}
    forward, training = _read(ROW | row | {"mode": "inf"}, ROW | row | {"mode": "train"}).measurements
    assert (forward.mode, forward.head, forward.attention) == ("forward", "classifier", "eager")
    assert (training.mode, training.head, training.software) == ("forward+backward", "mlm", "torch 2.1 eager")


@pytest.mark.parametrize(
    ("written", "dtype", "weights"),
    [
        ({"precision": "int4_wo"}, "bf16", "int4"),
        ({"precision": "fp8_block"}, "fp8", None),
        ({"precision": "FP16", "weights": "int4"}, "fp16", "int4"),
        ({"precision": "float16", "weights": "int4"}, "fp16", "int4"),
        ({"precision": "bf16", "weights": "NVFP4"}, "bf16", "fp4"),
    ],
)
def test_arithmetic_and_weights_are_told_apart(written, dtype, weights):
    (found,) = _read(ROW | {"device": "h100"} | written).measurements
    assert (found.dtype, found.weight_dtype) == (dtype, weights)


def test_rows_that_nothing_can_be_compared_with_are_counted_by_reason():
    good = ROW | {"device": "h100"}
    table = _read(
        good,
        good | {"option": "fusion;x=1"},
        good | {"option": "fusion;x=2"},
        good | {"model": "alexnet"},
        good | {"device": "abacus"},
        good | {"mode": "dreaming"},
        good | {"batch": None},
        good | {"precision": None},
        good | {"precision": "fp17"},
        good | {"weights": "fp17"},
        good | {"batch": "2.5"},
        good | {"ndev": "0"},
        good | {"measured_ms": None},
    )
    assert table.rows == 13
    assert len(table.measurements) == 1
    assert table.refused[0] == Refused(
        device="h100-sxm",
        subject="resnet-50",
        mode="forward",
        reason="option 'fusion': a variant that no column describes",
        rows=2,
    )
    assert {refused.reason for refused in table.refused[1:]} == {
        "model 'alexnet' is not in the zoo",
        "device 'abacus' is not in the catalogue",
        "mode 'dreaming' is not one of forward, prefill, decode, forward+backward, forward+backward+optimizer",
        "no batch given",
        "no precision given",
        "precision 'fp17' is no format known here",
        "weights 'fp17' are in no format known here",
        "batch 2.5 is not a whole number from 1 to 1e+09",
        "ndev 0 is not a whole number from 1 to 1e+09",
        "no time: the row gives a throughput or a result of another kind",
    }
    assert sum(refused.rows for refused in table.refused) + len(table.measurements) == table.rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured_ms": "-1"}, r"t\.csv:2: column 'measured_ms': -1 is not a positive number"),
        ({"batch": "eight"}, r"t\.csv:2: column 'batch': 'eight' is not a number"),
    ],
)
def test_a_cell_that_is_no_number_stops_the_reading(change, message):
    with pytest.raises(BadInput, match=message):
        _read(ROW | change)


def test_a_column_that_is_not_read_is_named():
    assert _read(ROW | {"weather": "fine"}).unread_columns == {"weather": ""}
    assert _read(ROW | {"sofware": "x"}).unread_columns == {"sofware": "software"}


def test_a_table_without_times_is_refused():
    with pytest.raises(BadInput, match=r"column 'measured_ms' is missing; is it 'measured_s'\?"):
        _read({name: cell for name, cell in ROW.items() if name != "measured_ms"} | {"measured_s": "1"})
