"""Experiments from spec to sealed results: each phase, each end, and what is left of them."""

import csv
import json
import re
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

import gnomon
from gnomon.core.errors import BadInput
from gnomon.lab import errors
from gnomon.lab.runs.experiment import run
from gnomon.lab.specs.registration import amend, register
from tests.lab.plain_worker import HOST
from tests.lab.samples import SOUND, bytes_of, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _experiment(tmp_path, spec=SOUND):
    path = tmp_path / "experiments" / f"{spec['id']}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes_of(spec))
    register(path, now=NOW)
    return path


def _metrics(path):
    return json.loads((path.parent.parent / "results" / path.stem / "metrics.json").read_text())


def test_an_experiment_that_goes_well_has_every_number(tmp_path):
    path = _experiment(tmp_path)
    state = run(path, HOST)
    found = _metrics(path)
    assert (state.end, state.is_sealed) == ("completed", True)
    assert list(found) == [
        "experiment",
        "timestamp",
        "baseline",
        "treatment",
        "per_seed",
        "sanity_checks",
        "resource_usage",
        "abort_triggered",
        "abort_reason",
        "notes",
        "_protocol",
    ]
    assert found["baseline"] == {"share": 1.0, "twice": 2.0}
    assert found["treatment"] == {"share": 0.5, "twice": 1.0}
    assert len(found["per_seed"]) == 12
    assert found["sanity_checks"] == {"shell": True}
    assert found["resource_usage"]["total_runs"] == 14
    assert (found["abort_triggered"], found["abort_reason"]) == (False, None)
    assert found["_protocol"]["units"] == {"planned": 14, "done": 14, "failed": 0, "skipped": 0}
    assert found["_protocol"]["stats"]["half"]["share"] == {"n": 6, "mean": 0.5, "std": 0.0, "ci95": 0.0}


def test_observations_are_one_table(tmp_path):
    path = _experiment(tmp_path)
    run(path, HOST)
    rows = list(csv.DictReader((tmp_path / "results" / path.stem / "observations.csv").read_text().splitlines()))
    assert len(rows) == 13 * 2
    assert {row["metric"] for row in rows} == {"share", "twice"}


def test_sealed_files_are_read_only_and_a_second_run_is_refused(tmp_path):
    path = _experiment(tmp_path)
    run(path, HOST)
    folder = tmp_path / "results" / path.stem
    assert not [
        file for file in folder.rglob("*") if file.is_file() and file.stat().st_mode & 0o222 and file.name != ".lease"
    ]
    with pytest.raises(BadInput, match="sealed already"):
        run(path, HOST)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "error", "end", "done"),
    [
        ({"sanity__0__command": "false"}, errors.SanityFailed, "sanity_failed", 0),
        ({"protocol__arms__0__command": "echo share=1.2"}, errors.BaselineNotReproduced, "baseline_failed", 7),
        ({"protocol__arms__0__command": "echo nothing"}, errors.BaselineNotReproduced, "baseline_failed", 7),
        ({"protocol__arms__0__command": "false"}, errors.BaselineNotReproduced, "baseline_failed", 1),
        ({"protocol__arms__1__command": "echo share=1.5"}, errors.MveFailed, "mve_failed", 8),
        ({"protocol__arms__1__command": "false"}, errors.MveFailed, "mve_failed", 7),
        (
            {"protocol__arms__1__command": "[ {seed} != 2 ] && echo share=0.5"},
            errors.MissingMetrics,
            "completed",
            12,
        ),
        (
            {"abort": [{"id": "big", "expr": "share > 1.9"}, {"id": "any", "expr": "share < 0.7"}]},
            errors.Aborted,
            "aborted",
            8,
        ),
        ({"abort__0": {"id": "runs", "expr": "runs > 3"}}, errors.Aborted, "aborted", 4),
    ],
)
def test_a_run_that_does_not_hold_ends_with_its_metrics_and_its_reason(tmp_path, fields, error, end, done):
    path = _experiment(tmp_path, changed(**fields))
    with pytest.raises(error) as fault:
        run(path, HOST)
    found = _metrics(path)
    assert found["_protocol"]["status"] == end
    assert found["_protocol"]["units"]["done"] == done
    assert found["abort_triggered"] == (end == "aborted")
    assert set(found["treatment"]) == {"share", "twice"}
    assert end == "completed" or found["_protocol"]["reason"] in str(fault.value)
    missing = found["_protocol"]["missing"]
    lacking = sum(unit["metrics"] == {} for unit in found["per_seed"])
    assert len([one for one in missing if one["phase"] != "mve" and one["metric"] is None]) == lacking


def test_an_unregistered_or_edited_spec_does_not_run(tmp_path):
    path = tmp_path / "experiments" / "exp-001-halves.md"
    path.parent.mkdir()
    path.write_bytes(bytes_of(SOUND))
    with pytest.raises(errors.NotRegistered, match="not registered"):
        run(path, HOST)
    register(path, now=NOW)
    path.write_bytes(bytes_of(changed(hypothesis__magnitude=0.9)))
    with pytest.raises(errors.NotRegistered, match=r"hypothesis\.magnitude: 0\.6 -> 0\.9"):
        run(path, HOST)
    assert not (tmp_path / "results").exists()
    amend(path, "a wider claim", now=NOW)
    run(path, HOST)


@pytest.mark.parametrize(
    ("content", "rows", "told"),
    [(None, None, "no such file"), ("a\n1\n", None, "sha256 is"), ("a\n1\n2\n", 5, "2 rows, expected 5")],
)
def test_inputs_are_what_was_registered_or_nothing_runs(tmp_path, content, rows, told):
    from hashlib import sha256

    item = {"path": "data.csv", "sha256": sha256(b"a\n1\n2\n").hexdigest(), **({"rows": rows} if rows else {})}
    path = _experiment(tmp_path, changed(inputs=[item]))
    if content is not None:
        (tmp_path / "data.csv").write_text(content)
    with pytest.raises(errors.PreflightFailed, match=told) as fault:
        run(path, HOST)
    assert fault.value.exit_code == 16
    assert not (tmp_path / "results").exists()


def test_enforcement_below_what_is_asked_for_is_refused(tmp_path):
    path = _experiment(tmp_path, changed(integrity={"min_enforcement": "sandbox"}))
    with pytest.raises(errors.PreflightFailed, match="sandbox is asked for, detect-only is reached"):
        run(path, HOST)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"cpus": 10_000}, "compute_profile.cpus: 10000 asked for, "),
        ({"memory": "1 PB"}, "compute_profile.memory: 1.00 PB asked for, "),
        ({"disk": "1 EB"}, r"compute_profile.disk: 1.00 EB asked for, .* free at "),
        ({"device": "gpu", "gpus": 900}, "compute_profile.gpus: 900 asked for, "),
    ],
)
def test_a_machine_that_is_too_small_is_refused(tmp_path, asked, told):
    path = _experiment(tmp_path, changed(compute_profile=asked, budget__gpu_hours=1000))
    with pytest.raises(errors.PreflightFailed, match=told) as fault:
        run(path, HOST)
    assert fault.value.exit_code == 16


def test_what_is_pinned_must_be_installed_so(tmp_path):
    path = _experiment(tmp_path, changed(environment={"requirements": "requirements.txt"}))
    with pytest.raises(errors.PreflightFailed, match=r"environment.requirements: requirements.txt: no such file"):
        run(path, HOST)
    pins = tmp_path / "requirements.txt"
    pins.write_text(
        "# what units need\n"
        'nothing-of-the-kind==1.0 ; python_version < "3"\n'
        "PyYAML==0.0.1 \\\n    --hash=sha256:00\n"
        "no.such_package==2.0\n"
        f"pytest=={pytest.__version__}  # as it is here\n"
        "numpy>=1\n"
    )
    with pytest.raises(errors.PreflightFailed) as fault:
        run(path, HOST)
    pyyaml, other = str(fault.value).splitlines()
    assert re.search(r"requirements.txt pins PyYAML 0.0.1, here it is \d", pyyaml)
    assert other.endswith("requirements.txt pins no.such_package 2.0, here it is not installed")


@pytest.mark.parametrize(
    ("target", "told"),
    [("results/exp-000-old", "which no unit may write to"), ("../away", "outside of the repository")],
)
def test_a_scratch_folder_that_leads_elsewhere_is_refused(tmp_path, target, told):
    root = tmp_path / "repository"
    (root / "results" / "exp-000-old").mkdir(parents=True)
    (tmp_path / "away").mkdir()
    (root / "scratch").symlink_to(root / target)
    path = _experiment(root, changed(protocol__scratch=["scratch"]))
    with pytest.raises(errors.PreflightFailed, match=rf"protocol.scratch.0: scratch leads to .*, {told}"):
        run(path, HOST)


def test_an_image_is_not_passed_over(tmp_path):
    path = _experiment(tmp_path, changed(environment={"image": "docker.example/a@sha256:00"}))
    with pytest.raises(errors.PreflightFailed, match=r"environment\.image: .* units run on this machine as it is"):
        run(path, HOST)


def test_a_live_criterion_ends_a_unit_at_work(tmp_path):
    script = 'i=0; while :; do i=$((i+1)); echo "{\\"name\\": \\"share\\", \\"value\\": $i, \\"step\\": $i}" >&9; sleep 0.02; done'
    spec = changed(
        protocol__arms__1__command=script.replace("{", "{{").replace("}", "}}"),
        metrics__primary__0__from={"observations": "share"},
        protocol__arms__0__command='echo "{{\\"name\\": \\"share\\", \\"value\\": 1}}" >&9',
        metrics__primary__0__bounds=[0, 1e9],
        abort__0={"id": "diverged", "check": "live", "expr": "share > 5", "for_consecutive": 3},
        mve__pass_if="max(half.share) < 1e9",
    )
    path = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="diverged: share > 5, at half/small/0"):
        run(path, HOST)


@pytest.mark.slow
def test_an_unrealistic_limit_of_time_is_waived_before_its_first_use_and_said(tmp_path):
    arm = "sleep 0.3; echo share="
    spec = changed(
        protocol__arms__0__command=arm + "1.0",
        protocol__arms__1__command=arm + "0.5",
        protocol__unit_estimate="0.01 s",
        abort__0__expr="elapsed > 0.1 s",
    )
    path = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted):  # in force for the baseline, whose units are measured first
        run(path, HOST)
    spec["id"], spec["abort"][0]["check"] = "exp-002-halves", "phase"
    again = _experiment(tmp_path, spec | {"abort": [{**spec["abort"][0], "expr": "wall_clock > 0.06 s"}]})
    run(again, HOST)
    (waived,) = _metrics(again)["_protocol"]["waived_criteria"]
    assert waived["id"] == "slow"
    assert "was waived" in _metrics(again)["notes"]


def test_units_that_fail_are_tried_again_as_often_as_the_spec_says(tmp_path):
    flaky = (
        'n=$(ls "$GNOMON_ROOM/.." | wc -l); f=flag-{seed}-{cell}; [ -e $f ] || {{ touch $f; exit 3; }}; echo share=0.5'
    )
    path = _experiment(tmp_path, changed(protocol__arms__1__command=flaky, protocol__retries=1))
    run(path, HOST)
    found = _metrics(path)
    assert found["_protocol"]["units"]["done"] == 14
    assert found["resource_usage"]["total_runs"] == 14 + 6


def test_a_run_that_is_out_of_time_is_resumed(tmp_path):
    path = _experiment(tmp_path, changed(protocol__arms__0__command="sleep 0.05; echo share=1.0"))
    with pytest.raises(errors.OutOfTime) as fault:
        run(path, HOST, most_s=0.15)
    assert fault.value.exit_code == 124
    assert 0 < _metrics(path)["_protocol"]["units"]["done"] < 14
    assert run(path, HOST).end == "completed"


def test_a_budget_that_is_spent_ends_the_run_and_a_justification_lets_another_go_on(tmp_path):
    path = _experiment(tmp_path, changed(protocol__arms__1__command="exit 3", protocol__retries=3, budget__max_runs=14))
    with pytest.raises(errors.MveFailed):
        run(path, HOST)
    again = _experiment(
        tmp_path,
        changed(id="exp-002-halves", mve=..., budget__max_runs=13, protocol__retries=1)
        | {
            "protocol": {
                **SOUND["protocol"],
                "retries": 1,
                "arms": [SOUND["protocol"]["arms"][0], {"name": "half", "command": "exit 3"}],
            }
        },
    )
    with pytest.raises(errors.BudgetStop, match="runs: 13 of 13 used"):
        run(again, HOST)
    found = _metrics(again)
    assert found["_protocol"]["status"] == "budget_stopped"
    assert found["_protocol"]["units"]["skipped"] > 0


def test_a_person_s_records_stand_in_the_results(tmp_path):
    from gnomon.core.errors import BadInput
    from gnomon.lab import doors

    path = _experiment(tmp_path, changed(protocol__arms__0__command="sleep 0.05; echo share=1.0"))
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.15)
    doors.justify(path, "wall_clock", "the disk was slow")
    assert doors.note(path, "the machine was rebooted at 10:03") == []
    with pytest.raises(BadInput, match="notes are facts"):
        doors.note(path, "this shows that it works", is_strict=True)
    with pytest.raises(BadInput, match="money is never justified"):
        doors.justify(path, "usd", "please")
    run(path, HOST)
    found = _metrics(path)
    assert found["_protocol"]["overages"] == [{"axis": "wall_clock", "text": "the disk was slow"}]
    assert "rebooted at 10:03" in found["notes"]
    with pytest.raises(BadInput, match="sealed already"):
        doors.note(path, "too late")


def test_a_run_goes_on_with_the_version_that_it_began_with(tmp_path):
    path = _experiment(tmp_path, changed(protocol__arms__0__command="sleep 0.05; echo share=1.0"))
    with pytest.raises(errors.OutOfTime):
        run(path, HOST, most_s=0.15)
    path.write_bytes(bytes_of(changed(protocol__arms__0__command="echo share=1.0")))
    amend(path, "quicker", now=NOW)
    with pytest.raises(errors.NotRegistered, match="began with another version"):
        run(path, HOST)


@pytest.mark.parametrize("name", ["$(printf 'two\\nlines')", "$(printf 'no\\377text')", "back\\\\\\\\slash"])
def test_names_of_any_bytes_are_sealed_and_verified(tmp_path, name):
    from gnomon.lab.results.verification import verify

    path = _experiment(tmp_path, changed(protocol__arms__1__command=f'echo x > "$GNOMON_ROOM/{name}"; echo share=0.5'))
    run(path, HOST)
    assert verify(path, tmp_path / "results" / path.stem).is_whole


@pytest.mark.slow
def test_memory_stays_flat_over_many_units(tmp_path):
    import resource

    import scipy.stats  # noqa: F401 - loaded when metrics are first written: not the units' memory

    from gnomon.lab import doors

    spec = changed(
        protocol__arms__0__command=["/bin/echo", "share=1.0"],
        protocol__arms__1__command=["/bin/echo", "share=0.5"],
        protocol__cells=[{"name": "one", "size": 10}],
        variables__independent__0__levels=[10],
        protocol__seeds=list(range(250)),
        protocol__unit_estimate="0.01 s",
        mve=...,
        budget__max_runs=600,
        budget__max_seeds_per_config=250,
    )
    path = _experiment(tmp_path, spec)
    used = []
    run(path, HOST, tell=lambda state: used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    assert used[-1] - used[len(used) // 4] < 20_000  # kB
    found = doors.status(path)
    assert (found.planned, found.state.done) == (501, 501)


@pytest.mark.parametrize(("held", "ends"), [(8, True), (9, False)])
def test_a_live_criterion_sees_every_observation_however_quick_the_unit(tmp_path, held, ends):
    lines = "; ".join(
        f'echo "{{{{\\"name\\": \\"{name}\\", \\"value\\": {value}, \\"step\\": {step}}}}}" >&9'
        for step, value in enumerate([0.5] * 3 + [2] * 8 + [0.5])
        for name in ("share", "other")
    )
    spec = changed(
        protocol__arms__1__command=lines,
        protocol__arms__0__command=lines.split("; ")[0]
        + "; "
        + 'echo "{{\\"name\\": \\"share\\", \\"value\\": 1, \\"step\\": 9}}" >&9',
        metrics__primary__0__from={"observations": "share"},
        metrics__primary__0__bounds=[0, 9],
        abort__0={"id": "high", "check": "live", "expr": "share > 1.5", "for_consecutive": held},
    )
    path = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="high") if ends else nullcontext():
        assert run(path, HOST).end == "completed"


@pytest.mark.slow
@pytest.mark.parametrize(("held", "ends"), [(4, True), (5, False)])
def test_rows_of_live_criteria_are_a_unit_s_own_when_several_are_at_work(tmp_path, held, ends):
    say = 'echo "{{\\"name\\": \\"share\\", \\"value\\": 2}}" >&9; sleep 0.1; '
    spec = changed(
        protocol__arms__1__command=f"sleep 0.{{seed}}; {say * 4}",  # units begin and tell while others are in their row
        protocol__arms__0__command='echo "{{\\"name\\": \\"share\\", \\"value\\": 1}}" >&9',
        metrics__primary__0__from={"observations": "share"},
        metrics__primary__0__bounds=[0, 9],
        abort__0={"id": "high", "check": "live", "expr": "share > 1.5", "for_consecutive": held},
        protocol__workers=3,
        mve=...,
    )
    path = _experiment(tmp_path, spec)
    with pytest.raises(errors.Aborted, match="high") if ends else nullcontext():
        assert run(path, HOST).end == "completed"


@pytest.mark.slow
def test_an_arm_may_be_a_prediction_for_a_scenario(tmp_path):
    for name, batch in (("one", 1), ("eight", 8)):
        text = f"schema: gnomon/scenario/1\nmodel: resnet-50\non: t4\nbatch: {batch}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    arms = [
        {"name": "whole", "role": "baseline", "gnomon": {"engine": "roofline", "scenario": "eight.yaml"}},
        {"name": "half", "gnomon": {"engine": "roofline", "scenario": "one.yaml"}},
    ]
    spec = changed(
        protocol__arms=arms,
        protocol__cells=[{"name": "small", "size": 10}],
        variables__independent__0__levels=[10],
        metrics__primary__0__from={"pointer": "/rows/0/quantities/0/value"},
        metrics__primary__0__unit="s",
        baselines__0__expected={"share": {"ci": [0.001, 0.1]}},
        mve=...,
    )
    path = _experiment(tmp_path, spec)
    assert run(path, HOST).end == "completed"
    found = _metrics(path)
    asked = gnomon.predict("resnet-50", on="t4", batch=8, engine="roofline")
    assert found["baseline"]["share"] == pytest.approx(asked.value)
    assert found["treatment"]["share"] < found["baseline"]["share"]
