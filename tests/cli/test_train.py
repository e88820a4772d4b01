"""gnomon train simulate, as a user calls it."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

import gnomon
from gnomon.cli.main import main

GOLDEN = Path(__file__).parents[1] / "golden" / "astrasim"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"


@pytest.fixture
def step(tmp_path, monkeypatch):
    """A case to be spoilt; the words of its files."""
    shutil.copytree(GOLDEN / "switch_all_gather", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    files = {"workload": "workload.json", "system": "system.json", "network": "network.yml", "memory": "memory.json"}
    return [word for name, file in files.items() for word in (f"--{name}", file)]


def _run(capsys, *words):
    assert main(["train", "simulate", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_is_what_was_worked_by_hand(step, capsys):
    found = _run(capsys, *step)
    assert found["schema"] == "gnomon/training-simulation/1"
    assert found["cycles"] == found["exposed_comm"] == found["time_ns"]["comm"] == [94390] * 4
    made = gnomon.simulate_training("workload.json", system="system.json", network="network.yml", memory="memory.json")
    assert found == made.to_dict()


def test_the_reference_describes_every_field(step, capsys):
    system = json.loads(Path("system.json").read_text())
    Path("system.json").write_text(json.dumps(system | {"roofline-enabled": 1, "peak-perf": 1}))
    (section,) = re.findall(r"^## gnomon/training-simulation/1\n(.*?)(?=^## )", PAGE.read_text(), re.M | re.S)
    told = set(re.findall(r"`(\w+)`", section))
    found = _run(capsys, *step)
    inner = {*found["time_ns"], *found["roofline"], *found["how"], *(name for one in found["network"] for name in one)}
    assert ({*found} - {"schema"}) | inner <= told


def test_links_that_carry_one_message_at_a_time_are_slower(step, capsys):
    found = _run(capsys, *step, "--backend", "aware")
    assert found["cycles"] == [188140] * 4
    assert [one["link_class"] for one in found["network"]] == ["to switch", "from switch"]
    assert all(one["links"] == 4 and 0 < one["utilization"] < 1 for one in found["network"])


def test_bytes_and_bandwidth_are_those_of_the_messages(step, capsys):
    (found,) = _run(capsys, *step)["network"]
    assert (found["messages"], found["bytes"]) == (12, 12 * 2**20)
    assert found["active_ns"] == 3 * 31450
    assert found["achieved_bytes_per_s"] == pytest.approx(12 * 2**20 / (3 * 31450e-9))


@pytest.mark.parametrize(
    ("words", "cycles"),
    [
        (("--injection-scale", "2"), 94390 + 4 * 10),
        (("--num-queues-per-dim", "2"), 94390),
        (("--rendezvous-protocol",), 94390 + 3 * (200 + 244)),
    ],
)
def test_an_option_changes_what_it_says(step, capsys, words, cycles):
    assert _run(capsys, *step, *words)["cycles"] == [cycles] * 4


def test_equal_ranks_are_simulated_once_unless_events_are_asked_for(step, capsys):
    found = _run(capsys, *step)
    assert found["how"] == {"ranks": 1, "closed_phases": 1, "why_all": None}
    events = _run(capsys, *step, "--exact-events")
    assert events["how"] == {"ranks": 4, "closed_phases": 0, "why_all": "asked for"}
    assert {**events, "how": None} == {**found, "how": None}
    assert main(["train", "simulate", *step]) == 0
    assert "by classes: 1 of 4 ranks, 1 phases in closed form" in capsys.readouterr().err
    assert main(["train", "simulate", *step, "--exact-events"]) == 0
    assert "every rank, message by message: asked for" in capsys.readouterr().err


def test_groups_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(GOLDEN / "groups")
    files = ["--workload", "workload.json", "--system", "system.json", "--network", "network.yml"]
    assert _run(capsys, *files, "--comm-groups", "comm_group.json")["cycles"] == [65874] * 4
    assert main(["train", "simulate", *files]) == 3
    assert "no process group 1" in capsys.readouterr().err


def test_a_trace_and_a_table_are_written(step, capsys):
    assert main(["train", "simulate", *step, "--trace", "out.json", "--csv", "out.csv"]) == 0
    events = json.loads(Path("out.json").read_text())["traceEvents"]
    ran = [event for event in events if event["ph"] == "X"]
    assert [(event["pid"], event["name"], event["dur"]) for event in ran] == [
        (r, "all_gather", 94.39) for r in range(4)
    ]
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [(row["rank"], row["type"], row["end_ns"]) for row in rows] == [
        (str(r), "ALL_GATHER", "94390") for r in range(4)
    ]


def test_the_table_joins_ranks_with_the_same_figures(step, capsys):
    assert main(["train", "simulate", *step]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^ *0-3 +94,390 +94,390 +94,390$", text, re.M)
    assert "Switch of 4, unaware: 94.4 us" in text


@pytest.mark.parametrize(
    ("change", "words", "code", "text"),
    [
        ({}, ("--backend", "awere"), 2, "did you mean 'aware'?"),
        ({}, ("--num-queues-per-dim", "0"), 2, "--num-queues-per-dim: 0 is not from 1 on"),
        ({}, ("--injection-scale", "x"), 2, "--injection-scale: 'x' is no number"),
        ({}, ("--csv", "memory.json/x.csv"), 3, "cannot be written"),
        ({"network.yml": ("31.25", "-1")}, (), 3, "network.yml:3: bandwidth.0: Input should be greater than 0, not -1"),
        ({"network.yml": ("[4]", "[8]")}, (), 3, "workload.json: npus: 4, but the network has 8 NPUs"),
        ({"system.json": ("dataset", "datasets")}, (), 3, "did you mean 'preferred-dataset-splits'?"),
        ({"workload.json": ("1048576", "0")}, (), 3, "an all-gather of 0 bytes cannot be cut"),
        ({"workload.json": ("ALL_GATHER", "BARRIER")}, (), 4, "barrier is not simulated"),
        ({"workload.json": ("{", "")}, (), 3, "workload.json:2"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(step, capsys, change, words, code, text):
    for file, (old, new) in change.items():
        Path(file).write_text(Path(file).read_text().replace(old, new, 1))
    assert main(["train", "simulate", *step, *words]) == code
    told = capsys.readouterr().err
    assert text in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("step_name", ["simulat", ""])
def test_the_steps_are_told(step_name, capsys):
    assert main(["train", *filter(None, [step_name])]) == 2
    captured = capsys.readouterr()
    assert "simulate" in captured.out + captured.err


def test_a_message_that_nobody_receives_is_told(step, capsys):
    send = {"comm_dst": ["int32", 1], "comm_size": ["int64", 64], "comm_tag": ["int32", 7]}
    nodes = [{"id": tag, "type": "COMM_SEND_NODE", "attrs": send | {"comm_tag": ["int32", tag]}} for tag in (7, 8)]
    document = json.loads(Path("workload.json").read_text()) | {"per_rank": {"0": nodes}}
    idle = [{"id": 0, "type": "COMP_NODE"}]
    Path("workload.json").write_text(json.dumps(document | {"all": idle}))
    (told,) = _run(capsys, *step)["assumptions"]
    assert told == "rank 0 sends 64 bytes with tag 7 to rank 1, which never receives them, and so 1 others"
