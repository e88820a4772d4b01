"""The behaviours that the protocol promises, each by its letter and number; what a test elsewhere shows at length is shown
here once, on one small experiment.
"""

import json
import re
from datetime import UTC, datetime
from hashlib import sha256

import pytest
import yaml

from gnomon.core.errors import BadInput
from gnomon.core.version import version
from gnomon.lab import doors, errors
from gnomon.lab.claims.check import check
from gnomon.lab.results.verification import verify
from gnomon.lab.runs import packages
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.registration import register
from gnomon.lab.store.journal import scan
from gnomon.lab.store.notes import interpretations
from gnomon.lab.units.local import local_host
from gnomon.lab.units.sandbox import Level, reachable
from tests.lab.claims.samples import TEST, write
from tests.lab.plain_worker import HOST
from tests.lab.samples import SOUND, bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = "hypothesis variables metrics baselines criteria protocol sanity budget abort confounds".split()  # noqa: SIM905
held = pytest.mark.skipif(
    reachable().level < Level.LANDLOCK, reason="nothing here denies: " + "; ".join(reachable().missing)
)


def _experiment(root, spec=SOUND):
    path = root / "experiments" / f"{spec['id']}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes_of(spec))
    register(path, now=NOW)
    return path, root / "results" / path.stem


def _ends(path, error, host=HOST):
    with pytest.raises(error):
        run(path, host)


def _metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def _records(folder, kind=None):
    found = []
    scan(folder / "journal.jsonl", found.append)
    return [record for record in found if kind in (None, record["kind"])]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path, folder = _experiment(tmp_path_factory.mktemp("whole"))
    run(path, HOST)
    return path, folder


# A: the spec is a contract


@pytest.mark.parametrize("part", PARTS)
def test_a1_a_spec_without_a_mandatory_part_is_refused(part):
    assert any(fault.where == part for fault in lint(bytes_of(changed(**{part: ...})), "exp-001-halves.md").faults)


def test_a2_registration_precedes_the_first_number(tmp_path, whole):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    with pytest.raises(errors.NotRegistered) as fault:
        run(path, HOST)
    assert fault.value.exit_code == 15
    lock = json.loads((whole[1] / "exp-001-halves.lock.json").read_text())
    assert lock["registered"] < _records(whole[1], "unit_started")[0]["time"]
    assert _records(whole[1], "registered")[0]["spec_sha256"] == lock["spec_sha256"]


@pytest.mark.slow
@held
@pytest.mark.parametrize(
    "attempt",
    ["echo x >> {file}", "rm {file}", "mv {file} gone", "cp /dev/null {file}", "ln {file} hard; echo x > hard"],
)
def test_a3_nothing_that_runs_can_change_the_spec_and_the_attempt_is_recorded(tmp_path, attempt):
    command = attempt.format(file="experiments/exp-001-halves.md") + "; echo share=0.5"
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=command))
    before = path.read_bytes(), path.stat().st_mode
    run(path, local_host())
    assert (path.read_bytes(), path.stat().st_mode) == before
    assert any(record["target"].endswith("exp-001-halves.md") for record in _records(folder, "violation"))


@pytest.mark.slow  # the kernel holds it, whatever the versions
@pytest.mark.skipif(
    reachable().level < Level.SANDBOX, reason="modes are held in a sandbox alone: " + "; ".join(reachable().missing)
)
@pytest.mark.parametrize(
    "tool",
    [
        "chmod 777 {file}",
        "chown 1 {file}",
        "install -m 777 /dev/null {file}",
        "git checkout -- {file}",
        "git stash",
        "git reset --hard",
    ],
)
def test_a4_tools_of_permission_and_of_git_do_not_reach_the_spec(tmp_path, tool):
    from subprocess import run as command

    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    command(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "exp-001-halves.md").write_text("another version, to which git would go back")
    command([*git, "add", "-A"], check=True)
    command([*git, "commit", "-qm", "x"], check=True)
    path, _ = _experiment(
        tmp_path,
        changed(protocol__arms__1__command=tool.format(file="experiments/exp-001-halves.md") + " 2>&1; echo share=0.5"),
    )
    before = path.read_bytes(), path.stat().st_mode, path.stat().st_uid
    run(path, local_host())
    assert (path.read_bytes(), path.stat().st_mode, path.stat().st_uid) == before


def test_a5_a_spec_that_is_not_what_ran_makes_the_run_invalid(tmp_path):
    path, folder = _experiment(tmp_path)
    run(path, HOST)
    path.write_bytes(path.read_bytes() + b" ")
    assert [finding.kind for finding in verify(path, folder).findings] == ["spec"]
    with pytest.raises(errors.Tampered):
        doors.read(path)


# B: isolation


@pytest.mark.slow  # the kernel holds it, whatever the versions
@held
@pytest.mark.parametrize(
    ("behaviour", "name"),
    [
        ("b1", "results/exp-000-a/metrics.json"),
        ("b1", "results/exp-000-a/deep/x.bin"),
        ("b2", "RESEARCH_LOG.md"),
        ("b2", "QUESTIONS.md"),
        ("b2", "HANDOFF.md"),
        ("b3", "anything.txt"),
    ],
)
def test_b1_b2_b3_earlier_results_the_log_and_all_else_are_read_only(tmp_path, behaviour, name):
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("before")
    path, _ = _experiment(
        tmp_path, changed(protocol__arms__1__command=f"echo after > {name}; rm -rf {name}; echo share=0.5")
    )
    run(path, local_host())
    assert place.read_text() == "before"


@pytest.mark.slow
@held
@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("chmod u+w results/exp-000-old/a.csv; echo 9 > results/exp-000-old/a.csv", "results/exp-000-old"),
        ("rm -rf results/exp-000-old", "results/exp-000-old"),
        ("echo >> experiments/exp-001-halves.md", "exp-001-halves.md"),
    ],
)
def test_a3_b1_what_no_sandbox_denies_is_told_and_makes_the_run_invalid(tmp_path, does, told):
    old = tmp_path / "results" / "exp-000-old"
    old.mkdir(parents=True)
    (old / "a.csv").write_text("1")
    (old / "MANIFEST.sha256").write_text("")
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=f"{does}; echo share=0.5"))
    with pytest.raises(errors.ProtocolViolation, match=f"changed while it ran: {told}$"):
        run(path, local_host("detect-only"))
    (record,) = [one for one in _metrics(folder)["_protocol"]["enforcement_violations"] if one["what"] == "changed"]
    assert record["text"] == told


def test_b3_scratch_that_the_spec_declares_is_writable(tmp_path):
    path, _ = _experiment(
        tmp_path,
        changed(protocol__arms__1__command="echo {seed} >> scratch/log; echo share=0.5", protocol__scratch=["scratch"]),
    )
    run(path, local_host())
    assert len((tmp_path / "scratch" / "log").read_text().split()) == 7


def test_b4_a_dependency_that_changes_during_the_run_is_a_violation(tmp_path, monkeypatch):
    prints = iter([{"python": "3", "packages": {"a": "1"}}, {"python": "3", "packages": {"a": "2"}}])
    monkeypatch.setattr(packages, "fingerprint", lambda: next(prints))
    path, folder = _experiment(tmp_path)
    _ends(path, errors.ProtocolViolation)
    assert _metrics(folder)["_protocol"]["enforcement_violations"][0]["text"] == "a 1 -> 2"


# C: the order of the protocol


def test_c1_phases_come_in_their_order(whole):
    assert [record["phase"] for record in _records(whole[1], "phase_entered")] == ["sanity", "baseline", "mve", "full"]
    assert [record["kind"] for record in _records(whole[1])][-2:] == ["ended", "sealed"]


def test_c2_a_failed_sanity_check_stops_before_any_number(tmp_path):
    path, folder = _experiment(tmp_path, changed(sanity__0__command="false"))
    _ends(path, errors.SanityFailed)
    assert {record["phase"] for record in _records(folder, "unit_started")} == {"sanity"}


def test_c3_no_treatment_starts_without_a_baseline_within_tolerance(tmp_path):
    path, folder = _experiment(tmp_path, changed(protocol__arms__0__command="echo share=1.02", protocol__retries=1))
    _ends(path, errors.BaselineNotReproduced)
    assert _metrics(folder)["_protocol"]["status"] == "baseline_failed"
    assert {record["phase"] for record in _records(folder, "unit_started")} == {"sanity", "baseline"}


def test_c3_a_baseline_without_numbers_says_on_how_many_units_and_why(tmp_path):
    path, folder = _experiment(tmp_path, changed(protocol__arms__0__command="[ {seed} = 0 ] || exit 3; echo share=1.0"))
    _ends(path, errors.BaselineNotReproduced)
    assert "share has no value on 4 of 6 units (whole/small/1: exit 3)" in _metrics(folder)["_protocol"]["reason"]


def test_c4_numbers_of_the_minimum_viable_experiment_stay_apart(tmp_path):
    spec = changed(protocol__arms__1__command="[ $GNOMON_PHASE = mve ] && echo share=0.9 || echo share=0.5")
    path, folder = _experiment(tmp_path, spec)
    run(path, HOST)
    found = _metrics(folder)
    assert found["treatment"]["share"] == 0.5
    assert [unit["metrics"]["share"] for unit in found["_protocol"]["mve"]] == [0.9]


def test_c5_every_cell_and_seed_is_there_or_listed_as_missing(tmp_path):
    path, folder = _experiment(
        tmp_path, changed(protocol__arms__1__command="[ {seed}-{cell} != 1-large ] && echo share=0.5")
    )
    _ends(path, errors.MissingMetrics)
    found = _metrics(folder)
    assert len(found["per_seed"]) == 12
    assert [(one["cell"], one["seed"]) for one in found["_protocol"]["missing"]] == [("large", 1)]


def test_c6_parameters_as_used_are_those_of_the_spec(whole):
    config = json.loads((whole[1] / "config.json").read_text())
    used = {(unit["label"], unit["command"][-1]) for unit in config["units"] if unit["phase"] == "full"}
    assert used == {
        (f"half/{cell}/{seed}", f"echo share=0.5 {size} {seed}")
        for cell, size in (("small", 10), ("large", 20))
        for seed in range(3)
    }


def test_c7_and_g_a_run_writes_no_analysis_and_no_hand_off(whole):
    names = {file.name for file in whole[1].rglob("*") if file.is_file()}
    assert not names & {"analysis.md", "verdict.json", "HANDOFF.md", "QUESTIONS.md"}
    assert {file.name for file in whole[0].parent.parent.iterdir()} == {"experiments", "results"}


# D: metrics


def test_d1_every_declared_metric_is_there_as_a_number_or_null_with_a_reason(tmp_path):
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command="[ {seed} = 0 ] && echo share=0.5 || true"))
    _ends(path, errors.MissingMetrics)
    found = _metrics(folder)
    assert found["treatment"] == {"share": None, "twice": None}
    assert all(one["reason"] for one in found["_protocol"]["missing"])
    assert all(set(unit["metrics"]) == {"share", "twice"} for unit in found["per_seed"])


def test_d2_what_is_not_declared_is_no_metric(tmp_path):
    command = 'echo share=0.5; echo "{{\\"name\\": \\"extra\\", \\"value\\": 7}}" >&9'
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=command))
    run(path, HOST)
    assert "extra" not in json.dumps(_metrics(folder)["treatment"])
    assert "not declared: extra = 7" in _metrics(folder)["notes"]


def test_d3_the_structure_is_fixed(whole):
    found = _metrics(whole[1])
    assert list(found["resource_usage"]) == ["gpu_hours", "wall_clock_seconds", "total_training_steps", "total_runs"]
    assert len(found) == 11 and "_protocol" in found


@pytest.mark.slow
def test_d4_notes_that_interpret_are_told_and_refused_where_asked(tmp_path):
    assert list(interpretations("the data suggests that caching works")) == ["data suggests", "works"]
    path, folder = _experiment(tmp_path, changed(protocol__arms__0__command="sleep 0.1; echo share=1.0"))
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.2)
    with pytest.raises(BadInput, match="notes are facts; this interprets: 'better than expected'"):
        doors.note(path, "it was better than expected", is_strict=True)
    assert doors.note(path, "it was better than expected") == ["better than expected"]
    assert doors.note(path, "the machine was rebooted at 10:03", is_strict=True) == []
    run(path, HOST)
    assert _metrics(folder)["notes"].splitlines()[-2:] == [
        "it was better than expected",
        "the machine was rebooted at 10:03",
    ]


def test_d5_what_is_not_finite_is_null_and_named(tmp_path):
    path, folder = _experiment(
        tmp_path, changed(protocol__arms__1__command="echo share=nan", metrics__primary__0__bounds=..., mve=...)
    )
    _ends(path, errors.MissingMetrics)
    text = (folder / "metrics.json").read_text()
    assert not re.search(r"\bNaN|Infinity", text)
    assert {one["nonfinite"] for one in json.loads(text)["_protocol"]["nonfinite"]} == {"nan"}


@pytest.mark.parametrize(
    "fields",
    [
        {"abort__0": {"id": "a", "expr": "share < 0.9"}},
        {"budget__max_runs": 13},
        {"protocol__arms__1__command": "exit 1"},
    ],
)
def test_d6_metrics_are_written_whatever_the_end(tmp_path, fields):
    fields = {**fields, **({"protocol__retries": 2} if "budget__max_runs" in fields else {})}
    spec = changed(mve=..., **fields) if "budget__max_runs" in fields else changed(**fields)
    if "budget__max_runs" in fields:
        spec["protocol"]["arms"][1]["command"] = "exit 1"
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises((errors.Aborted, errors.BudgetStop, errors.MveFailed)):
        run(path, HOST)
    assert set(_metrics(folder)["treatment"]) == {"share", "twice"}


def test_d7_the_configuration_is_whole(whole):
    config = json.loads((whole[1] / "config.json").read_text())
    assert {"spec", "units", "environment", "enforcement", "before", "after", "budget", "started", "finished"} <= set(
        config
    )
    assert config["spec"]["protocol"]["seeds"] == [0, 1, 2]


def test_d8_metrics_are_read_only_after_the_run_and_bound_by_the_journal(whole):
    assert not (whole[1] / "metrics.json").stat().st_mode & 0o222
    listed = (whole[1] / "MANIFEST.sha256").read_bytes()
    assert _records(whole[1], "sealed")[0]["manifest_sha256"] == sha256(listed).hexdigest()
    assert sha256((whole[1] / "metrics.json").read_bytes()).hexdigest() in listed.decode()


# E: abort and budget


def test_e1_e2_a_criterion_ends_the_run_with_its_reason_and_exit_code(tmp_path):
    path, folder = _experiment(tmp_path, changed(abort__0={"id": "half_way", "expr": "share < 0.9"}))
    with pytest.raises(errors.Aborted, match=r"half_way: share < 0\.9") as fault:
        run(path, HOST)
    found = _metrics(folder)
    assert (fault.value.exit_code, found["abort_triggered"], found["abort_reason"].split(":")[0]) == (
        10,
        True,
        "half_way",
    )


@pytest.mark.slow
def test_e3_only_an_unrealistic_limit_of_time_is_waived(tmp_path):
    arm = "sleep 0.2; echo share="
    spec = changed(
        protocol__arms__0__command=arm + "1.0",
        protocol__arms__1__command=arm + "0.5",
        protocol__unit_estimate="0.01 s",
        abort=[{"id": "wall", "kind": "time", "check": "phase", "expr": "wall_clock > 0.03 s"}],
    )
    path, folder = _experiment(tmp_path, spec)
    run(path, HOST)
    (waived,) = _metrics(folder)["_protocol"]["waived_criteria"]
    assert waived["threshold"] < 1.5 * waived["estimate"]
    spec["id"], spec["abort"][0]["waivable"] = "exp-002-halves", False
    _ends(_experiment(tmp_path, spec)[0], errors.Aborted)


@pytest.mark.slow
def test_e4_e5_wall_clock_is_loose_and_more_of_it_needs_a_reason_that_is_kept(tmp_path):
    spec = changed(
        protocol__arms__0__command="sleep 0.1; echo share=1.0",
        protocol__unit_estimate="0.01 s",
        budget__wall_clock="0.3 s",
    )
    path, folder = _experiment(tmp_path, spec)
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.2)
    _ends_at = _records(folder, "unit_done")
    assert len(_ends_at) < 7
    doors.justify(path, "wall_clock", "a slow disk")
    run(path, HOST)
    found = _metrics(folder)["_protocol"]
    assert found["overages"] == [{"axis": "wall_clock", "text": "a slow disk"}]
    other, where = _experiment(tmp_path, {**spec, "id": "exp-002-halves"})
    _ends(other, errors.BudgetStop)
    assert len([one for one in _records(where, "unit_done") if one["phase"] == "baseline"]) == 6  # the phase completed


def test_e6_the_budget_has_an_axis_for_runs_gpus_time_seeds_and_money(whole):
    lines = {line["axis"]: line for line in json.loads((whole[1] / "config.json").read_text())["budget"]}
    assert set(lines) == {"runs", "gpu_hours", "wall_clock", "usd"}
    faults = lint(bytes_of(changed(budget__max_seeds_per_config=2)), "exp-001-halves.md").faults
    assert any("max_seeds_per_config" in fault.text for fault in faults)
    with pytest.raises(BadInput, match="money"):
        doors.justify(whole[0], "usd", "more")


# F: compute on this machine


@pytest.mark.slow
@held
def test_f4_nothing_leaves_the_machine_unless_the_spec_asks_for_the_network(tmp_path):
    probe = "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 9), 1)\" 2>&1 | tail -1 > $GNOMON_ROOM/told; echo share=0.5"
    path, folder = _experiment(tmp_path, changed(protocol__arms__1__command=probe))
    run(path, local_host())
    told = {file.read_text().split("]")[-1].strip() for file in folder.glob("units/*/attempt-1/told")}
    assert told
    assert told <= {"Network is unreachable", "Permission denied"}


# H: evaluation of performance tools


def test_h1_a_paper_s_number_as_a_baseline_must_be_had_again(tmp_path):
    paper = {
        "name": "paper",
        "arm": "whole",
        "source": "paper",
        "cite": "A. Author 2024, table 2",
        "expected": {"share": {"value": 1.5, "tol_rel": 0.01}},
    }
    path, folder = _experiment(tmp_path, changed(baselines=[paper]))
    _ends(path, errors.BaselineNotReproduced)
    assert _metrics(folder)["_protocol"]["status"] == "baseline_failed"
    assert {record["phase"] for record in _records(folder, "unit_started")} == {"sanity", "baseline"}


def test_h4_a_tool_that_is_not_there_is_a_result_and_the_rest_runs(tmp_path):
    path, folder = _experiment(
        tmp_path, changed(protocol__arms__1__command="[ {cell} = large ] && exec /no/such/simulator; echo share=0.5")
    )
    _ends(path, errors.MissingMetrics)
    found = _metrics(folder)["_protocol"]
    assert (found["units"]["done"], found["units"]["failed"]) == (11, 3)
    assert {one["reason"] for one in found["missing"] if one["cell"] == "large"} == {"exit 127"}


def test_h2_versions_of_what_was_compared_stand_in_the_configuration(whole):
    found = json.loads((whole[1] / "config.json").read_text())["environment"]
    assert found["gnomon"] == version()
    assert {"numpy", "scipy"} <= found["packages"].keys()
    assert all(re.fullmatch(r"[0-9a-f]{64}", found["packages"][name]["record_sha256"]) for name in ("numpy", "scipy"))


def test_h3_what_is_blocked_here_has_a_workflow_that_runs_the_same_spec(tmp_path):
    path, _ = _experiment(tmp_path)
    file = tmp_path / "workflow.yml"
    doors.export(path, "github-workflow", file, gnomon="gnomon")
    jobs = yaml.safe_load(file.read_text())["jobs"]
    steps = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    assert "gnomon exp" in steps
    assert "results/exp-001-halves" in file.read_text()
    assert path.name in file.read_text()


def test_h5_a_discrepancy_is_told_with_its_size_and_conditions(tmp_path):
    path, _ = _experiment(tmp_path)
    run(path, HOST)
    (tmp_path / "claims").mkdir()
    write(tmp_path, {"value": 0.4, "test": TEST})
    (found,) = check(tmp_path)
    assert found.discrepancy is not None
    assert found.discrepancy.absolute == pytest.approx(0.1)
    assert found.discrepancy.relative == pytest.approx(0.25)
    assert found.status == "refuted"
    assert found.resolved_by.measured == 0.5
    assert found.entry.claim.conditions.metric == "share of the whole"
