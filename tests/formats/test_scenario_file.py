import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.scenario_file import OverridesShape, ScenarioFile, parse_scenario, scenario_text

TEXT = """schema: gnomon/scenario/1
model: llama-2-7b
on: h100-sxm
batch: 8
"""


def test_a_scenario_needs_a_model_and_a_system_only():
    assert parse_scenario(TEXT.replace("batch: 8\n", ""), "s.yaml").batch is None
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
        ("scenario/1", "scenario/7", "s.yaml:1: schema: gnomon/scenario/7 is newer than this Gnomon reads"),
        ("scenario/1", "scenario/0", "s.yaml:1: schema: gnomon/scenario/0 is older than this Gnomon reads: write"),
        ("scenario/1", "scenario/one", "s.yaml:1: schema: Input should be 'gnomon/scenario/1'"),
        ("batch: 8", "overrides: {power: 3 W}", "s.yaml:4: overrides.power: unknown key"),
    ],
)
def test_a_faulty_scenario_is_refused_with_line_and_key(old, new, message):
    with pytest.raises(BadInput) as fault:
        parse_scenario(TEXT.replace(old, new), "s.yaml")
    assert str(fault.value).startswith(message), str(fault.value)


def test_what_is_written_reads_back_the_same_and_leaves_defaults_out():
    whole = ScenarioFile(
        schema="gnomon/scenario/1",
        title="on: yes, 'quoted' \u2192 é",
        model="./a b/config.json",
        on="1e5",
        mode="decode",
        batch=3,
        dtype="010",
        overrides=OverridesShape(device_peak=("bf16=3 TFLOP/s",), efficiency="0.7", launch_overhead=1e-6),
    )
    text = scenario_text(whole)
    assert parse_scenario(text, "s.yaml") == whole
    assert text.startswith("# yaml-language-server: $schema=gnomon-scenario.schema.json\nschema: gnomon/scenario/1\n")
    assert "attention" not in text
    assert "\non: '1e5'\n" in text


def test_one_peak_needs_no_list():
    read = parse_scenario(TEXT + "overrides: {device_peak: 300 TFLOP/s}\n", "s.yaml")
    assert read.overrides == OverridesShape(device_peak=("300 TFLOP/s",))
