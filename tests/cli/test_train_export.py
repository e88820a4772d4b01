"""gnomon train export, as a user calls it."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
STEP = ("train", "export", "gpt2", "--on", "hgx-h100:4", "--tp", "2", "--seq", "64", "--out", "step")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("form", ["et", "json"])
def test_the_command_that_it_ends_with_gives_the_time_that_it_says(gnomon, form):
    run = gnomon(*STEP, "--form", form)
    assert run.code == 0
    time_ns = re.search(r"by these rules, ([\d,]+) ns", run.out)[1].replace(",", "")
    command = shlex.split(run.out[run.out.index("gnomon train simulate") :].replace("\\\n", ""))
    assert gnomon(*command[1:], "--json").json["max_cycles"] == int(time_ns)


def test_the_host_that_is_in_the_recorded_times_is_told(gnomon):
    assert "held up by the host: eager" in gnomon(*STEP).out
    recorded = gnomon(*STEP, "--host", "graphs", "--json").json
    assert (recorded["timer"], recorded["host"]) == ("kernel", "graphs")
    assert recorded["time"]["value"] < gnomon(*STEP, "--json").json["time"]["value"]


def test_json_says_the_same(gnomon):
    found = gnomon(*STEP, "--json").json
    assert (found["schema"], found["form"], found["npus"]) == ("gnomon/training-export/1", "et", 4)
    assert found["command"].startswith("gnomon train simulate --workload step --system step.system.json")
    assert all(Path(found[name]).is_file() for name in ("system", "network", "memory"))


def test_the_reference_describes_every_field(gnomon):
    (section,) = re.findall(r"^## gnomon/training-export/1\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert {*gnomon(*STEP, "--json").json} - {"schema"} <= set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--mode", "prefill"), 2, "--mode prefill: a step of training is written; leave it out"),
        (("--batch", "2", "--microbatch", "2"), 2, "--microbatch and --batch are one thing"),
        (("--batch", "1,2"), 3, "--batch: '1,2' is not a whole number"),
        (("--on", "hgx-h100:8x1000000"), 4, "8,000,000 ranks: up to 4,000,000 are written; ask for fewer devices"),
        (("--on", "h100-sxm"), 3, "--tp"),
        (("--dp", "3"), 3, "--dp"),
        (("--host", "gpu"), 3, "host: 'gpu' does not start with a number; write it like '5 us'; or eager, or graphs"),
        (("--timer", "rooflin"), 3, "no engine 'rooflin' gives times of single operators; did you mean 'roofline'"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(gnomon, words, code, said):
    run = gnomon(*STEP, *words)
    assert run.code == code
    assert said in run.err
    assert len(run.err.strip().splitlines()) == 1
    assert not list(Path().iterdir())


def test_a_micro_batch_and_overrides_are_those_of_predict(gnomon):
    plain = gnomon(*STEP, "--json").json["time"]["value"]
    slower = gnomon(*STEP, "--microbatch", "8", "--efficiency", "0.1", "--json").json["time"]["value"]
    assert slower > plain
