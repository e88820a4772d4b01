"""JUnit XML of a run: each rule, unit and criterion is a case that says what became of it."""

from xml.etree import ElementTree as Xml

import pytest

from gnomon.lab import amend, export
from tests.lab.exports.runs import bytes_below, sealed
from tests.lab.samples import bytes_of, changed


def _report(tmp_path, **fields):
    path = sealed(tmp_path, **fields)
    before = bytes_below(tmp_path)
    written = export(path, "junit", tmp_path / "report.xml")
    assert bytes_below(tmp_path).items() - before.items() == {
        (tmp_path / "report.xml", (tmp_path / "report.xml").read_bytes())
    }
    root = Xml.parse(tmp_path / "report.xml").getroot()
    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == [
        f"exp-001-halves.{name}" for name in ("protocol", "units", "criteria")
    ]
    _counts_hold(root, root.iter("testcase"))
    for suite in root:
        _counts_hold(suite, suite.iter("testcase"))
        assert {"timestamp", "hostname"} <= set(suite.keys())
        assert all(case.get("classname") == suite.get("name") for case in suite.iter("testcase"))
    return root, written


def _counts_hold(element, cases):
    cases = list(cases)
    assert int(element.get("tests")) == len(cases)
    for attribute, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        if (attribute, element.tag) == ("skipped", "testsuites"):
            continue  # the schema has it of a suite alone
        assert int(element.get(attribute)) == sum(case.find(child) is not None for case in cases)
    assert float(element.get("time")) == pytest.approx(sum(float(case.get("time")) for case in cases), abs=0.02)


def _case(root, text):
    (found,) = [case for case in root.iter("testcase") if text in case.get("name")]
    return found


def test_a_run_that_goes_well_is_all_green(tmp_path):
    root, written = _report(tmp_path)
    assert not [case.get("name") for case in root.iter("testcase") if len(case) and case[0].tag != "system-out"]
    assert len(list(root[1].iter("testcase"))) == 14
    assert written.counts["failure"] == 0
    properties = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert len(properties["spec.sha256"]) == len(properties["journal.head"]) == 64
    assert properties["protocol.state"] == "completed"


def test_units_that_fail_or_lack_a_number_say_why(tmp_path):
    arm = "echo a bad day \x07 >&2; [ {seed} = 2 ] && exit 3; [ {seed} = 1 ] || echo share=0.5"
    root, _ = _report(tmp_path, protocol__arms__1__command=arm)
    failed = _case(root, "full: half/small/2").find("failure")
    assert failed.get("message") == "exit 3"
    assert failed.text == "a bad day \ufffd\n"
    assert "share: " in _case(root, "full: half/small/1").find("failure").get("message")
    assert len(_case(root, "full: half/small/0")) == 0
    assert "2 of 12 are not: half/small/2, half/large/2" in _case(root, "every cell and seed").find("failure").get(
        "message"
    )
    assert _case(root, "every declared metric").find("failure") is not None
    assert "half.share is missing on 4 of 6 units" in _case(root, "less: ").find("error").get("message")


def test_a_criterion_that_does_not_hold_is_a_failure_with_both_sides(tmp_path):
    root, _ = _report(tmp_path, criteria__0__expr="mean(half.share) > 0.6")
    assert _case(root, "less: ").find("failure").get("message") == "left 0.5, right 0.6"


def test_what_a_run_did_not_come_to_is_skipped(tmp_path):
    root, _ = _report(tmp_path, protocol__arms__0__command="echo share=1.2")
    assert "share is 1.2, expected 1 within 1 %" in _case(root, "the baseline is").find("failure").get("message")
    assert "the run ended before" in _case(root, "the full protocol").find("skipped").get("message")
    assert _case(root, "full: half/small/0").find("skipped").get("message") == "not run"
    assert _case(root, "the run comes to its end").find("failure") is not None


def test_the_abort_criterion_that_fired_is_named_and_no_other(tmp_path):
    abort = [{"id": "big", "expr": "share > 1.9"}, {"id": "any", "expr": "share < 0.7"}]
    root, _ = _report(tmp_path, abort=abort)
    assert _case(root, "abort criterion any").find("failure") is not None
    assert len(_case(root, "abort criterion big")) == 0


@pytest.mark.slow
def test_a_waived_criterion_is_skipped_with_the_reason(tmp_path):
    arm, name = "sleep 0.1; echo share=", "abort criterion slow"
    limit = {"id": "slow", "kind": "time", "check": "phase", "expr": "wall_clock > 0.06 s"}
    root, _ = _report(
        tmp_path,
        protocol__arms__0__command=arm + "1.0",
        protocol__arms__1__command=arm + "0.5",
        protocol__unit_estimate="0.01 s",
        abort=[limit],
    )
    assert _case(root, name).find("skipped").get("message").startswith("waived: wall_clock")


def test_a_failed_sanity_check_skips_all_else(tmp_path):
    root, _ = _report(tmp_path, sanity__0__command="false")
    assert _case(root, "sanity checks pass").find("failure").get("message") == "sanity check shell (exit 1) failed"
    assert _case(root, "sanity: shell").find("failure").get("message") == "exit 1"
    assert _case(root, "less: ").find("error") is not None


def test_a_version_registered_after_the_run_judges_nothing(tmp_path):
    path = sealed(tmp_path, criteria__0__expr="mean(half.share) > 0.6")
    path.write_bytes(bytes_of(changed(criteria__0__expr="mean(half.share) > 0.4")))
    amend(path, "second thoughts")
    export(path, "junit", tmp_path / "report.xml")
    root = Xml.parse(tmp_path / "report.xml").getroot()
    assert _case(root, "less: mean(half.share) > 0.6").find("failure") is not None
