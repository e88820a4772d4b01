"""What Python gives in place of a name, a path or a list: taken where it is clear, else one error that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gnomon
from gnomon import Overrides

PAGES = Path(__file__).parents[2] / "docs/how-to"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: gnomon.predict(None, "t4"), "model: None is not a model: give its name, a path, or"),
        (lambda: gnomon.predict("gpt2", None), "on: None is not a system"),
        (lambda: gnomon.predict("gpt2", ["t4"]), r"on: \['t4'\] is not a system: give one name or path"),
        (lambda: gnomon.predict("gpt2", "t4", engine=None), "engine: None is not the name of an engine"),
        (lambda: gnomon.predict("gpt2", "t4", overrides="x"), r"overrides: 'x' is not a gnomon.Overrides"),
        (lambda: gnomon.predict("gpt2", "t4", sizes=[1]), r"sizes: \[1\] is not a mapping of names"),
        (lambda: gnomon.predict("gpt2", "t4", sizes={1: 2}), "sizes: {1: 2} is not a mapping of names"),
        (lambda: gnomon.predict("gpt2", "t4", dtype=3), "dtype: unknown dtype 3"),
        (lambda: gnomon.predict("gpt2", "t4", mode=3), "mode: unknown 3"),
        (lambda: gnomon.predict("gpt2", "t4", head=["lm"]), r"head: unknown \['lm'\]"),
        (lambda: gnomon.predict_many("gpt2", "t4", batches=3), "batches: 3 is not a list"),
        (lambda: gnomon.predict_many("gpt2", "t4", batches="3"), "batches: '3' is not a list"),
        (lambda: gnomon.predict_many(None, "t4"), "models: None is not a list"),
        (lambda: gnomon.predict_many("gpt2", None), "on: None is not a list"),
        (lambda: gnomon.predict_scenario(None), "scenario: None is not a scenario"),
        (lambda: Overrides(efficiency=[1]), r"overrides.efficiency: \[1\] is not a number with its unit"),
        (lambda: Overrides(memory_capacity=True), "overrides.memory_capacity: True is not a number"),
    ],
)
def test_what_is_no_such_thing_is_bad_input_that_names_the_argument(ask: Callable[[], object], message: str) -> None:
    with pytest.raises(gnomon.BadInput, match=f"^{message}"):
        ask()


def test_an_answer_is_no_source_of_a_report(tmp_path: Path) -> None:
    with pytest.raises(gnomon.BadInput, match=r"^sources: resnet-50 on t4.* is not a name or a path; .*to_json\(\)"):
        gnomon.write_report([gnomon.predict("resnet-50", "t4")], tmp_path / "page.html")


def test_a_path_names_a_file_wherever_its_text_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PAGES)
    gpu, scenario = Path("my-gpu.yaml"), Path("my-scenario.yaml")
    assert gnomon.predict("gpt2", gpu) == gnomon.predict("gpt2", "./my-gpu.yaml")
    assert gnomon.predict_many("gpt2", gpu)[0] == gnomon.predict("gpt2", gpu)
    assert gnomon.predict_scenario(scenario) == gnomon.predict_scenario("my-scenario.yaml")
    assert gnomon.compare(scenario)[0].scenario.name == "my-scenario"
    with pytest.raises(gnomon.BadInput, match="no such file; did you mean 'gpt2'"):
        gnomon.predict(Path("gpt2"), "t4")


def test_a_bare_number_among_overrides_is_in_si_as_in_a_file() -> None:
    asked = Overrides(memory_bandwidth=2e11, efficiency=0.7, device_peak=["fp16=20 TFLOP/s"])
    texts = Overrides(memory_bandwidth="200000000000.0", efficiency="0.7", device_peak=("fp16=20 TFLOP/s",))
    assert asked == texts
    assert gnomon.predict("gpt2", "t4", overrides=asked) == gnomon.predict("gpt2", "t4", overrides=texts)
