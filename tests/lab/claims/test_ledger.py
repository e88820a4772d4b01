"""Files of claims: what they may hold, how one is added, and that what stands around it stays."""

from pathlib import Path

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import claims
from gnomon.lab.claims.claim import Claim
from gnomon.lab.claims.ledger import slug
from gnomon.lab.claims.text import file_text, with_claim
from tests.lab.claims.samples import CLAIM, TEST, write

SHIPPED = "vidur-latency-error"


def test_shipped_claims_are_unverified_each_with_its_source_and_one_id():
    entries = claims.shipped()
    assert len({entry.claim.id for entry in entries}) == len(entries) >= 100
    assert {entry.claim.status for entry in entries} == {"unverified"}
    assert all(entry.claim.test is None and entry.claim.source.where for entry in entries)
    assert {"Timeloop", "ASTRA-sim", "Vidur", "NeuSight"} <= {entry.tool for entry in entries}


def test_shipped_files_are_as_gnomon_writes_them():
    folder = Path(claims.__file__).parents[2] / "catalogue" / "claims"
    for path in folder.glob("*.yaml"):
        entries = [entry for entry in claims.shipped() if slug(entry.tool) == path.stem]
        assert path.read_text() == file_text(entries[0].tool, [entry.claim for entry in entries])


def test_a_repository_without_claims_has_the_shipped_ones(tmp_path):
    assert claims.own(tmp_path) == ()
    assert len(claims.ledger(tmp_path)) == len(claims.shipped())
    with pytest.raises(BadInput, match="no such folder"):
        claims.ledger(tmp_path / "none")


def test_own_claims_stand_beside_the_shipped_ones_by_tool(tmp_path):
    path = write(tmp_path, {}, {"id": "other"})
    found = [entry for entry in claims.ledger(tmp_path) if not entry.is_shipped]
    assert [(entry.claim.id, entry.tool, entry.file) for entry in found] == [
        ("half-share", "Halves", path),
        ("other", "Halves", path),
    ]
    tools = [entry.tool.lower() for entry in claims.ledger(tmp_path)]
    assert tools == sorted(tools)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sorce": 1}, "halves.yaml:{line}: claims.0.sorce: unknown key; did you mean 'source'?"),
        ({"conditions": {"metric": "a", "worklod": "b"}}, "unknown key; did you mean 'workload'?"),
        ({"value": "9 %"}, "halves.yaml:6: claims.0.value: a finite number is expected"),
        ({"relation": "about"}, "halves.yaml:8: claims.0.relation"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_field(tmp_path, fields, told):
    path = write(tmp_path, fields)
    line = next((n for n, text in enumerate(path.read_text().splitlines(), 1) if "sorce" in text), 0)
    with pytest.raises(BadInput) as fault:
        claims.own(tmp_path)
    assert told.format(line=line) in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schema: gnomon/claims/2\ntool: a\nclaims: []\n", "a.yaml:1: schema: 'gnomon/claims/2' is not what"),
        ("schema: gnomon/claims/1\ntool: a\nclaims: []\n", "a.yaml:3: claims: at least 1 expected, not 0"),
        ("schema: gnomon/claims/1\nclaims: []\n", "tool: missing"),
        ("- 1\n", "a.yaml"),
        ("", "the file is empty"),
        ("schema: [", "a.yaml"),
    ],
)
def test_a_file_that_is_no_file_of_claims_is_refused(tmp_path, text, told):
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "a.yaml").write_text(text)
    with pytest.raises(BadInput) as fault:
        claims.own(tmp_path)
    assert told in str(fault.value)


def test_an_id_stands_once_in_all_files(tmp_path):
    write(tmp_path, {})
    write(tmp_path, {}, name="again")
    with pytest.raises(BadInput, match=r"'half-share' stands in .*again.yaml:4 already"):
        claims.own(tmp_path)


def test_a_claim_that_is_added_is_read_back(tmp_path):
    entry = claims.add(tmp_path, "Half & Co.", {**CLAIM, "note": "on: 1e5"})
    assert entry.file == tmp_path / "claims" / "half-co.yaml"
    (found,) = claims.own(tmp_path)
    assert found == entry
    assert found.claim.note == "on: 1e5"


@pytest.mark.parametrize(
    ("tool", "fields", "told"),
    [
        ("Halves", {}, "id: 'half-share' stands in"),
        ("Quarters", {}, "id: 'half-share' stands in"),
        ("Halves", {"id": "b", "value": "x"}, "the claim: value: a finite number"),
        ("Halves", {"id": "b", "unti": ""}, "did you mean 'unit'"),
        ("halves!", {"id": "b"}, "holds the claims of 'Halves', not of 'halves!'"),
        (" ", {"id": "b"}, "whose claim is it"),
        ("Halves", {"id": SHIPPED}, "is a claim of 'Vidur' that ships with Gnomon"),
        ("Vidur", {"id": SHIPPED}, "statement: 'half is half of the whole' is not what the shipped claim"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(tmp_path, tool, fields, told):
    before = write(tmp_path, {}).read_text()
    with pytest.raises(BadInput) as fault:
        claims.add(tmp_path, tool, {**CLAIM, **fields})
    assert told in str(fault.value)
    assert [path.read_text() for path in (tmp_path / "claims").iterdir()] == [before]


def test_a_shipped_claim_is_taken_over_word_for_word_with_a_test_of_its_own(tmp_path):
    entry = claims.take_over(tmp_path, SHIPPED, {"test": TEST})
    listed = [one for one in claims.ledger(tmp_path) if one.claim.id == SHIPPED]
    assert listed == [entry]
    assert entry.claim.value == 9
    text = entry.file.read_text()
    entry.file.write_text(text.replace("value: 9", "value: 12"))
    with pytest.raises(BadInput, match=r"vidur.yaml:4: value: 12.0 is not what the shipped claim"):
        claims.ledger(tmp_path)
    with pytest.raises(BadInput, match="did you mean 'vidur-latency-error'"):
        claims.take_over(tmp_path, "vidur-latency", {})


WRITTEN = """\
schema: gnomon/claims/1
tool: Halves  # and quarters
# the first
claims:
  - id: a
    statement: s   # in words
    value: 1
    unit: s
    relation: below
    kind: speed
    conditions: {metric: m}
    source: {title: t, where: w, year: 2000}

  # the second, from the same page
  - id: b
    statement: s
    value: 2
    unit: s
    relation: below
    kind: speed
    conditions: {metric: m}
    source: {title: t, where: w, year: 2000}
# the end
"""


def _claim(**fields):
    return Claim.model_validate({**CLAIM, **fields})


def test_what_stands_around_a_claim_that_is_written_anew_stays():
    found = with_claim(WRITTEN, _claim(id="a"))
    first, second = WRITTEN.split("\n  # the second")
    assert found.startswith(first[: first.index("  - id: a")] + "  - id: a\n    statement: half is half of the whole\n")
    assert found.endswith("\n\n  # the second" + second)
    found = with_claim(WRITTEN, _claim(id="b"))
    assert found.startswith(WRITTEN[: WRITTEN.index("  - id: b")] + "  - id: b\n    statement: half")
    assert found.endswith("# the end\n")


def test_a_new_claim_comes_last_and_all_else_stays():
    found = with_claim(WRITTEN, _claim(id="c"))
    assert found.startswith(WRITTEN.removesuffix("# the end\n") + "  - id: c\n")
    assert found.endswith("# the end\n")
    assert with_claim(WRITTEN.removesuffix("\n# the end\n"), _claim(id="c")).count("- id: ") == 3


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_file_in_braces_is_written_whole(name):
    import yaml

    text = yaml.safe_dump(yaml.safe_load(WRITTEN), default_flow_style=True)
    ids = [one["id"] for one in yaml.safe_load(with_claim(text, _claim(id=name)))["claims"]]
    assert ids == (["a", "b"] if name != "c" else ["a", "b", "c"])


def test_a_list_that_is_not_indented_stays_so():
    text = WRITTEN.replace("\n  ", "\n").replace("\n  # ", "\n# ")
    found = with_claim(text, _claim(id="b"))
    assert "\n- id: b\n  statement: half" in found
    assert found.startswith(text[: text.index("- id: b")])
