"""gnomon claims: add, list, check, report."""

from __future__ import annotations

import pytest
import yaml

from tests.lab.claims.samples import TEST, sealed, write
from tests.report.test_pages import data_of, table_of

LINE = {
    "--tool": "Halves",
    "--statement": "half is half",
    "--value": "0.5",
    "--relation": "equal",
    "--measure": "share of the whole",
    "--source": "Arithmetic",
    "--at": "chapter 1",
}
FURTHER = {
    "--unit": "%",
    "--kind": "accuracy",
    "--year": "1990",
    "--cite": "Euclid",
    "--workload": "numbers",
    "--system": "paper",
    "--tol-rel": "0.1",
    "--experiment": "exp-001-halves",
    "--metric": "share",
    "--arm": "half",
    "--run": "run-2",
    "--differs": "another base",
    "--note": "see there",
}


def _words(options):
    return [word for pair in options.items() for word in pair]


def test_help_names_the_steps(gnomon):
    run = gnomon("claims")
    assert run.code == 2
    assert all(f"  {step} " in run.out for step in ("add", "list", "check", "report"))


@pytest.mark.parametrize("step", ["add", "list", "check", "report"])
def test_the_help_of_each_step_shows_an_example_first(step, capsys):
    from gnomon.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["claims", step, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"example:\n  gnomon claims {step}")


def test_an_unknown_step_names_the_near_one(gnomon):
    run = gnomon("claims", "chekc")
    assert run.code == 2
    assert "did you mean 'check'" in run.err


def test_every_option_of_add_stands_in_the_file(gnomon, tmp_path):
    run = gnomon("claims", "add", "half", *_words(LINE | FURTHER), "--root", str(tmp_path), "--json")
    assert run.code == 0
    assert run.json["schema"] == "gnomon/claims-add/1"
    (claim,) = yaml.safe_load((tmp_path / "claims" / "halves.yaml").read_text())["claims"]
    assert claim == {
        "id": "half",
        "statement": "half is half",
        "value": 0.5,
        "unit": "%",
        "relation": "equal",
        "tol_rel": 0.1,
        "kind": "accuracy",
        "conditions": {"metric": "share of the whole", "workload": "numbers", "system": "paper"},
        "source": {"title": "Arithmetic", "where": "chapter 1", "year": 1990, "cite": "Euclid"},
        "status": "unverified",
        "test": {
            "experiment": "exp-001-halves",
            "metric": "share",
            "arm": "half",
            "run": "run-2",
            "differs": "another base",
        },
        "note": "see there",
    }


def test_a_span_and_an_absolute_tolerance(gnomon, tmp_path):
    words = _words(LINE | {"--value": "2,4", "--relation": "within", "--tol-abs": "1"})
    run = gnomon("claims", "add", "span", *words, "--root", str(tmp_path))
    assert run.out == f"{tmp_path}/claims/halves.yaml: span: 2 to 4 ± 1\n"
    assert "it names no test yet" in run.err


@pytest.mark.parametrize("flag", LINE)
def test_what_a_claim_must_have_is_asked_for(gnomon, tmp_path, flag):
    words = _words({name: word for name, word in LINE.items() if name != flag})
    run = gnomon("claims", "add", "half", *words, "--root", str(tmp_path))
    assert (run.code, run.out) == (2, "")
    assert f"claims add: {flag} missing" in run.err
    assert not (tmp_path / "claims").exists()


@pytest.mark.parametrize(
    ("flag", "word", "code", "told"),
    [
        ("--value", "9 %", 3, "--value: '9 %' is not a number; its unit goes into --unit"),
        ("--value", "NaN", 3, "a finite number"),
        ("--value", "1,2", 3, "every other relation takes one"),
        ("--relation", "about", 2, "invalid choice: 'about'"),
        ("--kind", "power", 2, "invalid choice: 'power'"),
        ("--year", "MCM", 3, "--year: 'MCM' is not a year"),
        ("--tol-rel", "10%", 3, "--tol-rel: '10%' is not a number"),
        ("--tol-abs", "-1", 3, "tol_abs"),
        ("--experiment", "exp-001-halves", 3, "test.metric: missing"),
        ("--statement", "", 3, "statement"),
        ("--tool", " ", 3, "whose claim is it"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_in_a_line(gnomon, tmp_path, flag, word, code, told):
    run = gnomon("claims", "add", "half", *_words(LINE | {flag: word}), "--root", str(tmp_path))
    assert (run.code, run.out) == (code, "")
    assert told in run.err
    assert run.err.count("\n") == 1
    assert not (tmp_path / "claims").exists()


def test_a_shipped_claim_is_taken_over_with_a_test(gnomon, tmp_path):
    words = ("--experiment", "exp-001-a", "--metric", "error", "--root", str(tmp_path))
    run = gnomon("claims", "add", "vidur-latency-error", "--shipped", *words)
    assert run.out == f"{tmp_path}/claims/vidur.yaml: vidur-latency-error: at most 9 %\n"
    again = gnomon("claims", "add", "vidur-latency-error", "--shipped", *words)
    assert again.code == 3
    assert "stands in" in again.err
    run = gnomon("claims", "add", "vidur-search-hour", "--shipped", "--value", "2", "--root", str(tmp_path))
    assert run.code == 2
    assert "--value: a shipped claim says this itself" in run.err


def test_list_shows_claims_by_tool_and_status(gnomon, tmp_path):
    write(tmp_path, {}, {"id": "other", "status": "not_comparable"})
    rows = gnomon("claims", "list", "--root", str(tmp_path), "--json").json["rows"]
    assert len(rows) > 100
    rows = gnomon("claims", "list", "--tool", "halves", "--root", str(tmp_path), "--json").json["rows"]
    assert [row["id"] for row in rows] == ["half-share", "other"]
    run = gnomon("claims", "list", "--status", "not_comparable", "--root", str(tmp_path))
    assert "other" in run.out
    assert "1 claim\n" in run.err
    assert gnomon("claims", "list", "--status", "open").code == 2
    run = gnomon("claims", "list", "--tool", "Vidru")
    assert run.code == 3
    assert "did you mean 'Vidur'" in run.err


def test_check_tells_what_differs_with_code_6_until_it_is_written(gnomon, tmp_path):
    sealed(tmp_path)
    path = write(tmp_path, {"test": TEST}, {"id": "less", "test": TEST, "value": 0.4})
    before = path.read_text()
    run = gnomon("claims", "check", "--root", str(tmp_path))
    assert run.code == 6
    assert "half-share: status: unverified -> reproduced" in run.err
    assert "less: discrepancy.absolute: nothing -> 0.1" in run.err
    assert path.read_text() == before
    document = gnomon("claims", "check", "--root", str(tmp_path), "--json")
    assert (document.code, document.json["updated"]) == (6, False)
    assert [row["status"] for row in document.json["rows"]] == ["reproduced", "refuted"]
    assert gnomon("claims", "check", "--update", "--root", str(tmp_path)).code == 0
    assert "status: refuted" in path.read_text()
    run = gnomon("claims", "check", "--root", str(tmp_path), "--json")
    assert run.code == 0
    assert all(row["changes"] == [] for row in run.json["rows"])


def test_check_without_tests_says_how_to_name_one(gnomon, tmp_path):
    run = gnomon("claims", "check", "--root", str(tmp_path))
    assert run.code == 0
    assert "no claim of this repository names a test" in run.err
    run = gnomon("claims", "check", "--root", str(tmp_path / "none"))
    assert run.code == 3


def test_report_prints_a_table_or_writes_a_page(gnomon, tmp_path):
    write(tmp_path, {})
    run = gnomon("claims", "report", "--tool", "Halves", "--root", str(tmp_path))
    assert "half-share" in run.out
    assert "1 claim: 1 unverified" in run.err
    page = tmp_path / "CLAIMS.md"
    run = gnomon("claims", "report", "-o", str(page), "--root", str(tmp_path), "--json")
    assert run.json["file"] == str(page)
    assert run.json["schema"] == "gnomon/claims-report/1"
    assert "`half-share`" in page.read_text()
    assert gnomon("claims", "report", "--output", str(page), "--root", str(tmp_path)).out == f"{page}\n"
    run = gnomon("claims", "report", "-o", str(tmp_path / "x.pdf"), "--root", str(tmp_path))
    assert run.code == 3
    assert "ends neither in .md nor in .html" in run.err


def test_report_writes_a_page_with_figures_where_its_name_ends_in_html(gnomon, tmp_path):
    write(tmp_path, {}, {"id": "other", "note": "x"})
    page = tmp_path / "claims.html"
    words = ("claims", "report", "--tool", "Halves", "--root", str(tmp_path))
    run = gnomon(*words, "-o", str(page))
    assert (run.code, run.out, run.err) == (0, f"{page}\n", "")
    data = data_of(page.read_text(encoding="utf-8"))
    assert table_of(data, data["grids"]["g0"]["table"])["claim"] == ["half-share", "other"]
    kept = tmp_path / "ledger.json"
    kept.write_text(gnomon(*words, "--json").out)
    assert gnomon("report", str(kept), "-o", str(tmp_path / "again.html")).code == 0
    assert data_of((tmp_path / "again.html").read_text(encoding="utf-8")) == data
