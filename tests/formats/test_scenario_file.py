import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.scenario_file import ScenarioFile, parse_scenario

TEXT = """schema: gnomon/scenario/1
model: llama-2-7b
on: h100-sxm
batch: 8
"""


def test_a_scenario_needs_a_model_and_a_system_only():
    assert parse_scenario(TEXT.replace("batch: 8\n", ""), "s.yaml").batch == 1
    assert parse_scenario(TEXT, "s.yaml") == ScenarioFile(
        schema="gnomon/scenario/1", model="llama-2-7b", on="h100-sxm", batch=8
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch: 8", "bacth: 8", "s.yaml:4: bacth: unknown key; did you mean 'batch'?"),
        ("batch: 8", "batch: 0", "s.yaml:4: batch: Input should be greater than or equal to 1, not 0"),
        ("batch: 8", "batch: many", "s.yaml:4: batch: Input should be a valid integer"),
        ("batch: 8", "batch: 8\nbatch: 9", "s.yaml:5:1: key 'batch' is given twice, first on line 4"),
        ("batch: 8", "mode: decoding", "s.yaml:4: mode: Input should be 'forward', 'prefill', 'decode'"),
        ("on: h100-sxm\n", "", "s.yaml:1: on: missing"),
        ("scenario/1", "scenario/7", "s.yaml:1: schema: Input should be 'gnomon/scenario/1'"),
    ],
)
def test_a_faulty_scenario_is_refused_with_line_and_key(old, new, message):
    with pytest.raises(BadInput) as fault:
        parse_scenario(TEXT.replace(old, new), "s.yaml")
    assert str(fault.value).startswith(message), str(fault.value)
