"""Bad input, kind by kind, from the command line: what it ends in, and what is said. What a test elsewhere shows at
length (one fault of each rule, attacks on what is protected, full disks) is not shown here again.
"""

import json
import re
from copy import deepcopy
from hashlib import sha256
from pathlib import Path

import pytest

from gnomon.cli.main import main
from gnomon.lab.specs.lint import lint
from gnomon.lab.units import failure
from tests.lab.samples import SOUND, bytes_of, changed, text_of
from tests.long import LONG

pytestmark = pytest.mark.slow  # whole commands, again and again


NAME = "exp-001-halves.md"
ONE_CELL = {
    "mve": ...,
    "protocol__cells": [{"name": "small", "size": 10}],
    "variables__independent__0__levels": [10],
}
OBSERVED = {
    **ONE_CELL,
    "metrics__primary__0__from": {"observations": "share"},
    "protocol__arms__0__command": 'echo "{{\\"name\\": \\"share\\", \\"value\\": 1.0}}" >&3',
}


@pytest.fixture
def gnomon(tmp_path, monkeypatch, capsys):
    """A command of `gnomon exp` on the spec in this folder: its exit code and all that it says."""
    monkeypatch.chdir(tmp_path)

    def run(step, *words):
        code = main(["exp", step, f"experiments/{NAME}", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def _write(raw):
    Path("experiments").mkdir(exist_ok=True)
    Path("experiments", NAME).write_bytes(raw)


def _runs(gnomon, fields, *words):
    """Register the sound spec with other fields, run it, and give the exit code, what was said and its metrics."""
    _write(bytes_of(changed(**fields)))
    assert gnomon("register")[0] == 0
    code, said = gnomon("run", *words)
    return code, said, _metrics()


def _metrics():
    return json.loads(Path("results/exp-001-halves/metrics.json").read_bytes())


def _line(value, name="share"):
    return f'echo "{{{{\\"name\\": \\"{name}\\", \\"value\\": {value}}}}}" >&3; '


# The file's form: code 3, file:line:column, a caret, one hint.


@pytest.mark.parametrize(
    ("old", "new", "place", "told", "pointed"),
    [
        ("title: Half", "title: [Half", "5:11", "what opens on line 4 is not closed: end it with ]", ":"),
        ("hypothesis:\n", "hypothesis\n", "6:12", "line 5 has no `: `; write `key: value`", ":"),
        ("title: Half", "title: 'Half", "75:13", "the quote that opens on line 4 is closed here at the earliest", "t"),
        ("title: Half", 'title: "Half', "27:22", "means nothing in double quotes, which open on line 4", "S"),
        ("  metric: share", "   metric: share", "7:10", "read as more of line 6", ":"),
        ("  metric: share", " metric: share", "7:2", "indented unlike the lines around it", "m"),
        ("title: ", "title: @", "4:8", "a value cannot begin with '@'; put it into quotes", "@"),
        ("title: Half", "title: Half: a", "4:12", "a `: ` inside a value; put the value into quotes", ":"),
        ("abort:\n- id", "abort: - id", "81:8", "a list begins on the line below its key", "-"),
        ("title: Half", "title: | Half", "4:10", "begins on the next line", "H"),
        ("  metric: share", "\tmetric: share", "7:1", "a tab: YAML is indented with spaces", "\t"),
        ("title: Half", "title: H\0lf", "4:9", "U+0000 cannot stand in YAML; take it out", "\N{REPLACEMENT CHARACTER}"),
        ("title: Half of a number is less than the number", "title: 2026-13-45", "4:8", "put it into quotes", "2"),
        ("title: ", "title: &a ", "4:8", "an anchor: write the value out", "&"),
    ],
)
def test_broken_yaml_is_told_with_its_place_a_caret_and_one_hint(gnomon, old, new, place, told, pointed):
    assert old in text_of(SOUND)
    _write(text_of(SOUND).replace(old, new, 1).encode())
    code, said = gnomon("lint")
    first, source, caret, count = said.splitlines()
    assert code == 3
    assert first.startswith(f"experiments/{NAME}:{place}: ") and told in first
    assert source[caret.index("^")] == pointed
    assert count == f"gnomon: 1 fault in experiments/{NAME}"


def test_every_key_that_is_given_twice_is_told_and_hides_no_other_fault(gnomon):
    _write(text_of(changed(criteria__0__expr="half.shar < 1")).replace("title:", "id: a\nid: b\ntitle:", 1).encode())
    code, said = gnomon("lint")
    assert code == 3
    assert said.count("key 'id' is given twice, first on line 3; leave one of them") == 2
    assert "did you mean 'half.share'" in said


def test_text_that_is_no_utf_8_is_told_with_line_and_column(gnomon):
    _write(bytes_of(SOUND).replace(b"Half of", b"Half \xe9 of", 1))
    code, said = gnomon("lint")
    assert (code, f"{NAME}:4:13: not text in UTF-8 (byte 63); save it as UTF-8" in said) == (3, True)


@pytest.mark.parametrize("step", ["lint", "plan", "register"])
def test_lines_that_end_in_a_bare_carriage_return_are_refused_with_what_to_do(gnomon, step):
    _write(bytes_of(SOUND).replace(b"\n", b"\r"))
    code, said = gnomon(step)
    assert (code, "save it with the line ends of Unix or Windows" in said) == (3, True)


@pytest.mark.parametrize("change", [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n")])
def test_a_byte_order_mark_and_windows_lines_run_and_the_digest_is_of_the_bytes(gnomon, change):
    raw = change(bytes_of(changed(**ONE_CELL)))
    _write(raw)
    assert gnomon("register")[0] == 0
    assert gnomon("run")[0] == 0
    assert _metrics()["_protocol"]["spec_sha256"] == sha256(raw).hexdigest()
    assert gnomon("verify")[0] == 0


def test_control_characters_of_a_broken_file_do_not_reach_the_terminal(gnomon):
    _write(text_of(SOUND).replace("title: Half", "title: [\x1b[31mHalf", 1).encode())
    assert "\x1b" not in gnomon("lint")[1]


# Fields: each told with its place, all in one pass, nothing taken as 0 in silence.


def test_a_misspelt_key_does_not_pass_and_is_told_what_was_meant(gnomon):
    _write(text_of(SOUND).replace("\ncriteria:", "\nsucess_criteria:", 1).encode())
    code, said = gnomon("lint")
    assert code == 3
    assert "sucess_criteria: unknown key; did you mean 'criteria'?" in said


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("90", "has no unit"),
        ("1e3", "has no unit"),
        ('"1e3"', "has no unit"),
        ("-5 s", "is negative"),
        ("nan s", "does not start with a number"),
        (".nan", "does not start with a number"),
        ("inf s", "does not start with a number"),
        ("1e400 s", "is not a finite quantity"),
        ("90 sec", "did you mean 's'?"),
        ("90 MB", "'MB' is a unit of size, expected time"),
        ("''", "does not start with a number"),
        ("null", "a quantity with its unit is expected"),
        ("true", "a quantity with its unit is expected"),
        ("0 s", "more than 0 s"),
    ],
)
def test_a_time_that_is_none_is_refused_and_never_taken_as_nothing(gnomon, written, told):
    _write(text_of(SOUND).replace("wall_clock: 10 min", f"wall_clock: {written}", 1).encode())
    code, said = gnomon("lint")
    assert code == 3
    assert re.search(rf"{NAME}:\d+:\d+: budget\.wall_clock: .*{re.escape(told)}", said)


@pytest.mark.parametrize(("written", "seconds"), [("2h", 7200.0), ("90 s", 90.0), ("1e3 s", 1000.0), ("1.5 min", 90.0)])
def test_a_time_is_read_as_it_is_written(written, seconds):
    spec = lint(bytes_of(changed(budget__wall_clock=written)), NAME).spec
    assert spec.budget.wall_clock == seconds


def test_a_spec_with_every_mistake_at_once_tells_them_all(gnomon):
    metric = SOUND["metrics"]["primary"][0]
    spec = changed(
        sucess_criteria=[],
        id="exp-1",
        hypothesis__magnitude=float("nan"),
        hypothesis__metric="shar",
        metrics__primary=[metric, metric, dict(metric, name="third")],
        metrics__secondary=[
            {**metric, "name": "here", "from": {"expr": "there + 1"}},
            {**metric, "name": "there", "from": {"expr": "here + 1"}},
        ],
        criteria__0__expr="mean(half.shore) < 1",
        protocol__unit_estimate="90",
        protocol__seeds=[0, 0],
        budget__wall_clock="-2 h",
        budget__max_runs="40",
        abort__0__expr="elapsde > 9 s",
        confounds=[],
    )
    _write(text_of(spec, ("Qestion",)).replace("title:", "title: a\ntitle:", 1).encode())
    code, said = gnomon("lint")
    assert code == 3
    for told in (
        "key 'title' is given twice",
        "sucess_criteria: unknown key",
        "id: String should match",
        "hypothesis.magnitude: a finite number is expected",
        "metrics.primary: at most 2 expected, not 3",
        "metrics.primary.0.name: metric 'share' is declared twice",
        "metrics.primary.1.name: metric 'share' is declared twice",
        "metrics.secondary.0.from.expr: 'here' is made of itself",
        "metrics.secondary.1.from.expr: 'there' is made of itself",
        "hypothesis.metric: 'shar' is no primary metric",
        "criteria.0.expr: column 6 of 'mean(half.shore) < 1': ",
        "did you mean 'half.share'",
        "protocol.seeds: a seed stands twice",
        "protocol.seeds: 2 seeds; a small experiment has 3 at least",
        "did you mean 'elapsed'",
        "protocol.unit_estimate: '90' has no unit",
        "budget.wall_clock: '-2 h' is negative",
        "budget.max_runs: Input should be a valid integer",
        "confounds: at least 1 expected",
        "section 'Question' is missing",
        "section 'Confounds' is missing",
    ):
        assert told in said, told


EVERY = (
    1 if LONG else 4
)  # of the odd values, a field is given one in so many, beginning with another than the field before
_ODD = (None, True, -1, 1.5, 10**400, float("nan"), float("inf"), "", "{", "-1 s", [], [None], {}, {"x": {}}, "a" * 999)


def _fields(value, path=()):
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _fields(item, (*path, key))


@pytest.mark.parametrize("part", SOUND)
def test_any_field_of_any_type_is_sound_or_refused_in_words(part):
    base = changed(compute_profile={"device": "gpu", "gpus": 1}, inputs=[{"path": "a", "sha256": "0" * 64, "rows": 1}])
    for at, path in enumerate(_fields({part: base[part]})):
        for odd in _ODD[at % EVERY :: EVERY]:
            spec = deepcopy(base)
            place = spec
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = odd
            found = lint(bytes_of(spec), NAME)
            assert (found.spec is None) == bool(found.faults)
            assert all(fault.text for fault in found.faults)


def test_more_gpus_than_a_float_holds_are_refused():
    spec = changed(compute_profile={"device": "gpu", "gpus": 10**400})
    assert [fault.where for fault in lint(bytes_of(spec), NAME).faults] == ["compute_profile.gpus"]


# Between registration and run.


def test_an_edited_spec_ends_in_15_with_each_field_and_the_command_to_go_on(gnomon):
    _write(bytes_of(SOUND))
    gnomon("register")
    _write(bytes_of(changed(hypothesis__magnitude=0.9, protocol__workers=2, title="New")))
    for step in ("run", "preflight", "register"):
        code, said = gnomon(step)
        assert code == 15
        assert f"`gnomon exp amend experiments/{NAME} --why TEXT`" in said
        assert "hypothesis.magnitude: 0.6 -> 0.9" in said
        assert "protocol.workers: 2 is new" in said
        assert 'title: "Half of a number is less than the number" -> "New"' in said
    assert not Path("results").exists()
    _write(b"\xff")
    assert (gnomon("run")[0], "cannot be read any more" in gnomon("run")[1]) == (15, True)


def test_every_missing_or_changed_input_is_told_in_16_with_digest_and_rows(gnomon):
    Path("data.csv").write_text("a\n1\n")
    digest = sha256(b"a\n1\n").hexdigest()
    inputs = [{"path": "data.csv", "sha256": "0" * 64, "rows": 3}, {"path": "gone.csv", "sha256": "0" * 64}]
    _write(bytes_of(changed(inputs=inputs)))
    gnomon("register")
    for step in ("preflight", "run"):
        code, said = gnomon(step)
        assert code == 16
        assert f"data.csv: sha256 is {digest}, expected {'0' * 64} (1 rows, expected 3)" in said
        assert "gone.csv: no such file" in said


@pytest.mark.parametrize("level", ["detect-only", "landlock"])
def test_a_host_held_below_the_level_that_is_asked_for_ends_in_16_and_runs_nothing(gnomon, level):
    _write(bytes_of(changed(integrity={"min_enforcement": "sandbox"})))
    gnomon("register")
    code, said = gnomon("run", "--enforcement", level)
    if code == 3:
        pytest.skip(said)  # this host reaches less than that
    assert code == 16
    assert f"integrity.min_enforcement: sandbox is asked for, {level} is reached (held at {level}, as asked)" in said
    assert not Path("results").exists()


def test_the_level_that_was_reached_stands_in_the_results(gnomon):
    _, _, found = _runs(gnomon, ONE_CELL, "--enforcement", "detect-only")
    assert found["_protocol"]["enforcement"] == "detect-only"


# What units print.


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo share=nan", "not finite: nan"),
        ("echo share=inf", "not finite: inf"),
        ("echo share=@@; head -c 1000 /dev/urandom", "'@@' is no number"),
        ("echo share=7", "7.0 is outside of its bounds, 0 to 2"),
        ("true", "the regex matches nothing that was printed"),
    ],
)
def test_what_is_no_number_is_null_with_its_reason_and_ends_in_13(gnomon, command, reason):
    code, _, found = _runs(gnomon, {**ONE_CELL, "protocol__arms__1__command": command})
    protocol = found["_protocol"]
    assert code == 13
    assert found["treatment"] == {"share": None, "twice": None}
    assert {one["reason"] for one in protocol["missing"] if one["metric"] == "share"} == {reason}
    assert {one["nonfinite"] for one in protocol["nonfinite"]} <= {"nan", "inf"}
    assert bool(protocol["nonfinite"]) == ("not finite" in reason)
    assert bool(protocol["enforcement_violations"]) == ("bounds" in reason)
    assert "NaN" not in json.dumps(found)


@pytest.mark.parametrize(
    ("printed", "value", "told"),
    [
        ('{{"share": 0.', None, "not JSON"),
        ('{{"share": 0.5}} and more', None, "not JSON"),
        ('{{"share": 0.5, "share": 0.5}}', 0.5, ""),
        ('{{"share": 0.5, "share": 0.4}}', 0.4, "'share' stands twice: 0.5 and 0.4"),
    ],
)
def test_json_that_is_cut_short_or_says_a_number_twice(gnomon, printed, value, told):
    code, _, found = _runs(
        gnomon,
        {
            **ONE_CELL,
            "metrics__primary__0__from": {"pointer": "/share"},
            "metrics__secondary__0__from": {"pointer": "/share"},
            "protocol__arms__0__command": "echo '{{\"share\": 1.0}}'",
            "protocol__arms__1__command": f"echo '{printed}'",
            "baselines__0__expected__share": {"value": 1.0, "tol_rel": 0.01},
        },
    )
    assert code == (13 if value is None else 0)
    assert found["treatment"]["share"] == (None if value is None else pytest.approx(value))
    events = [one["text"] for one in found["_protocol"]["enforcement_violations"]]
    assert len(events) == (3 if "twice" in told else 0)  # once for each unit, however many metrics read it
    assert told in json.dumps([*found["_protocol"]["missing"], *events])


def test_a_large_log_keeps_its_head_and_tail_and_its_cut_is_a_fact(gnomon):
    command = "echo share=0.9; yes 0123456789abcde | head -c 48000000; echo share=0.5"
    fields = {**ONE_CELL, "protocol__arms__1__command": command}
    code, _, found = _runs(gnomon, fields)
    assert code == 0
    assert found["treatment"]["share"] == 0.5
    assert "half/small/0: standard output was too long: 31222804 bytes of its middle were left out" in found["notes"]
    sizes = [path.stat().st_size for path in Path("results").glob("*/units/*/*/stdout.log")]
    assert (16 << 20) < max(sizes) < (16 << 20) + 100


def test_binary_output_hides_no_number(gnomon):
    command = "head -c 3000000 /dev/urandom; echo; echo share=0.5"
    assert _runs(gnomon, {**ONE_CELL, "protocol__arms__1__command": command})[2]["treatment"]["share"] == 0.5


@pytest.mark.parametrize(
    ("command", "code", "notes", "events"),
    [
        (_line(0.5) * 2, 0, "", 0),
        (_line("NaN") * 2, 13, "", 0),
        (_line(0.5) + _line(0.4), 0, "", 3),
        (_line(0.5) + _line(7, "extra"), 0, "not declared: extra = 7", 0),
        (_line(0.5) + 'printf \'{{"name": "sha\' >&3', 0, "1 lines on the descriptor are no observations", 0),
        (_line(0.5) + "head -c 30000 /dev/urandom >&3", 0, "lines on the descriptor are no observations", 0),
        (_line('\\"fine\\"'), 13, "", 0),
    ],
)
def test_observations_that_are_doubled_undeclared_or_cut(gnomon, command, code, notes, events):
    found_code, _, found = _runs(gnomon, {**OBSERVED, "protocol__arms__1__command": command})
    assert found_code == code
    assert notes in found["notes"]
    assert set(found["treatment"]) == {"share", "twice"}
    told = [one["text"] for one in found["_protocol"]["enforcement_violations"]]
    assert told == ["share: two values: 0.5 and 0.4"] * events


_HUGE = "9" * 4000


@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        (
            r'{"name": "\ud800\u001b", "value": 1}',
            0,
            "not declared: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} = 1",
        ),
        ('{"name": "' + "x" * 900_000 + '", "value": 1}', 0, f"not declared: {'x' * 80} = 1"),
        (f'{{"name": "share", "value": 0.5, "step": {_HUGE}}}', 0, ""),
        (f'{{"name": "share", "value": {_HUGE}}}', 13, ""),
        ("[" * 100_000, 0, "1 lines on the descriptor are no observations"),
        ("\n".join(f'{{"name": "n{number}", "value": 1}}' for number in range(500)), 0, "and 480 more of the kind"),
        ("\n".join(f'{{"name": "n", "value": {number}}}' for number in range(500)), 0, "not declared: n = 499"),
    ],
)
def test_nothing_that_a_unit_sends_stops_the_runner_or_fills_its_results(gnomon, sent, code, told):
    Path("sent").write_text(f'{{"name": "share", "value": 0.5, "step": 0}}\n{sent}\n', encoding="utf-8")
    found_code, _, found = _runs(gnomon, {**OBSERVED, "protocol__arms__1__command": "cat sent >&3"})
    assert found_code == code
    assert told in found["notes"]
    assert len(found["notes"]) < 3 * 21 * 150
    assert len(found["_protocol"]["enforcement_violations"]) <= 3 * 21


@pytest.mark.parametrize(
    ("source", "command", "reason"),
    [
        ({"mlperf": "k"}, ["{python}", "-c", "print(':::MLLOG ' + '[' * 200_000)"], "no :::MLLOG line of key k"),
        ({"pointer": "/k"}, ["{python}", "-c", "print('[' * 200_000)"], "standard output: not JSON"),
        ({"pointer": "/k"}, f"echo '{{{{\"k\": {_HUGE}}}}}'", "is no number"),
        ({"regex": r"k=(\S+)"}, "echo k=1_0", "'1_0' is no number"),
        ({"file": "m", "pointer": "/k"}, "mkfifo $GNOMON_ROOM/m", "m: no such file"),
        (
            {"file": "m", "pointer": "/k"},
            "truncate -s 300M $GNOMON_ROOM/m",
            "m: 314572800 bytes are more than is read",
        ),
    ],
)
def test_what_cannot_be_read_as_the_spec_says_is_missing_and_the_run_goes_on(gnomon, source, command, reason):
    good = {"mlperf": 'echo \':::MLLOG {{"key": "k", "value": 1.0}}\'', "regex": "echo k=1.0"}
    printed = good.get(next(iter(source)), "echo '{{\"k\": 1.0}}'")
    plain = "echo '{{\"k\": 1.0}}' > $GNOMON_ROOM/m" if "file" in source else printed
    fields = {**ONE_CELL, "metrics__primary__0__from": source, "protocol__arms__0__command": plain}
    code, _, found = _runs(gnomon, {**fields, "protocol__arms__1__command": command})
    assert code == 13
    assert all(reason in one["reason"] for one in found["_protocol"]["missing"] if one["metric"] == "share")


# How units end.


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["no-such-program"], "not started: no-such-program: No such file or directory"),
        (["experiments"], "not started: experiments: "),
        ("exit 3", "exit 3"),
        ("echo why it failed >&2; exit 3", "exit 3: why it failed"),
        ("kill -SEGV $$", "ended by SIGSEGV"),
        (["{python}", "-c", "bytearray(10**15)"], "exit 1: MemoryError"),
        ("rm $GNOMON_ROOM/stderr.log; mkfifo $GNOMON_ROOM/stderr.log; exit 4", "exit 4"),
        ("ln -sf /etc/passwd $GNOMON_ROOM/stderr.log; exit 5", "exit 5"),
    ],
)
def test_how_a_unit_failed_is_told_and_it_is_not_tried_again(gnomon, command, reason):
    code, _, found = _runs(gnomon, {**ONE_CELL, "protocol__arms__1__command": command})
    protocol = found["_protocol"]
    assert code == 13
    assert protocol["units"]["failed"] == 3
    assert protocol["attempts"] == 7  # one each: the spec names no retries
    (told,) = {one["reason"] for one in protocol["missing"] if one["phase"] == "full"}
    assert told.startswith(reason) if reason.endswith(": ") else told == reason


def test_a_unit_that_the_kernel_ended_for_memory_says_so(gnomon, monkeypatch):
    monkeypatch.setattr(failure, "killed_for_memory", lambda: 10**9)  # more than when it began
    _, _, found = _runs(gnomon, {**ONE_CELL, "protocol__arms__1__command": "kill -KILL $$"})
    reasons = {one["reason"] for one in found["_protocol"]["missing"]}
    assert reasons == {"ended by SIGKILL: the kernel was out of memory and ended programs"}


def test_a_sanity_check_that_fails_says_why_in_17(gnomon):
    code, said, _ = _runs(gnomon, {**ONE_CELL, "sanity__0__command": ["no-such-program"]})
    assert code == 17
    assert "sanity check shell (not started: no-such-program: No such file or directory) failed" in said


# Files of a run that are not what they were.


def _edit(name, change):
    path = Path("results/exp-001-halves", name)
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw.replace(b'"share":0.5', b'"share":0.4', 1), r"record \d+: its digest does not fit"),
        (lambda raw: raw[:500] + b"\xff\x00" + raw[500:], "record 1: no JSON"),
        (lambda raw: raw[:-20], r"record \d+: .*broken|record \d+: its last line is broken"),
    ],
)
def test_a_corrupt_journal_ends_in_14_with_the_first_bad_record(gnomon, change, told):
    _runs(gnomon, ONE_CELL)
    _edit("journal.jsonl", change)
    for step in ("verify", "status", "read"):
        code, said = gnomon(step)
        assert code == 14, step
        assert re.search(told.replace(": .*broken", ": a broken line"), said), said
    assert gnomon("export", "--to", "csv", "-o", "x.csv")[0] == 14


@pytest.mark.parametrize("change", [lambda raw: raw.replace(b"0.5", b"0.4"), lambda raw: b"{"])
def test_metrics_that_were_edited_end_in_14_and_are_not_read(gnomon, change):
    _runs(gnomon, ONE_CELL)
    _edit("metrics.json", change)
    for step in ("verify", "read"):
        code, said = gnomon(step)
        assert (code, "metrics.json: sha256 is" in said) == (14, True)


def test_a_run_is_not_taken_up_on_a_broken_journal(gnomon):
    _write(bytes_of(changed(**ONE_CELL, protocol__arms__1__command="sleep 0.4; echo share=0.5")))
    gnomon("register")
    assert gnomon("run", "--max-hours", "0.0002")[0] == 124
    _edit("journal.jsonl", lambda raw: raw.replace(b'"kind":"run_started"', b'"kind":"run_startet"', 1))
    for step in ("run", "resume"):
        code, said = gnomon(step)
        assert code == 14
        assert "record 1: its digest does not fit; `gnomon exp verify --salvage` copies what is sound before it" in said


def test_an_edited_or_broken_lock_ends_in_14(gnomon):
    _write(bytes_of(SOUND))
    gnomon("register")
    lock = Path("experiments/exp-001-halves.lock.json")
    for raw in (lock.read_bytes().replace(b"0.6", b"0.7"), b"{"):
        lock.write_bytes(raw)
        code, said = gnomon("run")
        assert (code, str(lock) in said) == (14, True)
