"""A plan in Markdown as a draft: its text is all there, its fields are those that it states, and the rest is TODO."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon.cli.main import main
from gnomon.core.errors import BadInput
from gnomon.lab.specs.from_markdown import import_markdown
from gnomon.lab.specs.front_matter import document
from gnomon.lab.specs.lint import lint
from gnomon.lab.specs.spec import SECTIONS

PLAN = """\
# Does a prefix cache halve TTFT?

We want to know before buying.

## 1. Research question
Does it halve time to first token?

## Hypothesis
With a shared prefix of 1k tokens,
TTFT falls to at most half.

## Metrics
### Primary
- ttft_s (s): time to first token, lower is better
### Secondary
- `hit_rate` (%): share of blocks found, higher is better
- tokens (counted): how many
- Sanity: errors (1/s)

## Independent variables
- prefix_tokens: 0, 512, 1024
- load: low or high

## Controls
- model: llama-2-7b

## Baseline
The server without the cache, as in the vendor's page.

## Success criteria
- `mean(cached.ttft_s) < 0.5 * mean(plain.ttft_s)`, with `hit_rate` in mind
- hit rate is high

## Seeds
- 0
- 1
- 2

## Method
Run it like so, on one GPU:

```sh
# Budget
python serve.py --seed 0
```

Timeout: 10 min

## Budget
- **Wall clock:** 2 h
- Max runs: 40
- GPU hours: four

Tier: small

## Stopping criteria
- `elapsed > 600 s`
- `ttft_s > 100`

## Threats to validity
- other tenants
- the clock

Timeline
--------
Next week.
"""


@pytest.fixture
def drafted(tmp_path):
    def draft(text):
        (tmp_path / "my plan.md").write_text(text, encoding="utf-8")
        made = import_markdown(tmp_path, tmp_path / "my plan.md")
        return made, document(made.path.read_bytes())

    return draft


def test_what_a_plan_states_is_filled_in_and_nothing_else(drafted):
    made, draft = drafted(PLAN)
    data = draft.data
    assert made.path.name == "exp-001-my-plan.md"
    assert data["title"] == "Does a prefix cache halve TTFT?"
    assert data["hypothesis"]["statement"] == "With a shared prefix of 1k tokens, TTFT falls to at most half."
    assert {data["hypothesis"][key] for key in ("metric", "direction", "magnitude", "reference")} == {"TODO"}
    assert data["variables"]["independent"] == [
        {"name": "prefix_tokens", "levels": [0, 512, 1024]},
        {"name": "load", "levels": "TODO"},
    ]
    assert data["variables"]["controls"] == [{"name": "model", "value": "llama-2-7b", "why": "TODO"}]
    assert data["metrics"] == {
        "primary": [{"name": "ttft_s", "unit": "s", "direction": "lower", "from": "TODO"}],
        "secondary": [
            {"name": "hit_rate", "unit": "%", "direction": "higher", "from": "TODO"},
            {"name": "tokens", "unit": "TODO", "direction": "TODO", "from": "TODO"},
        ],
        "sanity": [{"name": "errors", "unit": "1/s", "direction": "TODO", "from": "TODO"}],
    }
    assert data["criteria"] == [
        {"id": "criterion_1", "expr": "mean(cached.ttft_s) < 0.5 * mean(plain.ttft_s)"},
        {"id": "TODO", "expr": "TODO"},
    ]
    assert data["protocol"]["seeds"] == [0, 1, 2]
    assert (data["protocol"]["unit_timeout"], data["protocol"]["unit_estimate"]) == ("10 min", "TODO")
    assert data["budget"] == {
        "tier": "small",
        "wall_clock": "2 h",
        "max_runs": 40,
        "max_seeds_per_config": "TODO",
        "gpu_hours": "TODO",
    }
    assert data["compute_profile"] == {"device": "TODO", "gpus": "TODO"}
    assert data["abort"] == [
        {"id": "abort_1", "expr": "elapsed > 600 s", "kind": "time"},
        {"id": "abort_2", "expr": "ttft_s > 100", "kind": "TODO"},
    ]
    assert data["confounds"] == ["other tenants", "the clock"]
    assert "mve" not in data


def test_every_line_of_the_plan_is_in_the_draft_under_the_twelve_headings(drafted):
    made, draft = drafted(PLAN)
    lines = draft.prose.splitlines()
    for line in PLAN.splitlines():
        assert line in lines or line.startswith("#") or set(line) <= {"-"} or f"### {line}" in lines, line
    assert [heading for heading, _ in draft.headings if heading in SECTIONS] == list(SECTIONS)
    text = made.path.read_text()
    assert text.index("## Background") < text.index("### Timeline") < text.index("## Variables")


def test_lint_tells_where_each_todo_is_until_none_is_left(drafted, tmp_path):
    made, draft = drafted(PLAN)
    raw = made.path.read_bytes()
    faults = lint(raw, made.path.name).faults
    assert [fault.where for fault in faults if fault.where] == list(made.todo)
    assert all("still TODO" in fault.text for fault in faults)
    for fault in faults:
        assert "TODO" in raw.decode().splitlines()[fault.line - 1]
    mve = next(number for heading, number in draft.headings if heading == "Minimum viable experiment")
    assert [fault.line for fault in faults if not fault.where] == [mve + 2]


def test_a_todo_hides_no_fault_of_what_the_plan_states(drafted):
    made, _ = drafted(PLAN.replace("hit_rate` (%)", "ttft_s` (%)").replace("2 h", "2 hours"))
    told = {(fault.where, fault.text) for fault in lint(made.path.read_bytes(), made.path.name).faults}
    assert ("budget.wall_clock", "still TODO: fill it in") in told
    assert ("metrics.primary.0.name", "metric 'ttft_s' is declared twice") in told


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ("Seeds: 0, 1, 2", "seeds", [0, 1, 2]),
        ("Seeds: [3, 4].", "seeds", [3, 4]),
        ("Seeds: 5", "seeds", "TODO"),
        ("Seeds: three", "seeds", "TODO"),
        ("Seeds: 0-4", "seeds", "TODO"),
        ("Seeds: 0, 1\nSeeds: 0, 2", "seeds", "TODO"),
        ("Unit estimate: 90 s", "unit_estimate", "90 s"),
        ("Unit estimate: 90", "unit_estimate", "TODO"),
        ("Unit estimate: a minute", "unit_estimate", "TODO"),
    ],
)
def test_what_leaves_a_choice_is_not_chosen(drafted, said, field, value):
    assert drafted(f"# A plan\n\n## Protocol\n{said}\n")[1].data["protocol"][field] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "empty"), ("  \n", "empty"), ("---\nid: a\n---\n", "has fields between `---` lines already")],
)
def test_a_plan_that_is_none_is_refused(tmp_path, text, told):
    (tmp_path / "plan.md").write_text(text)
    with pytest.raises(BadInput, match=re.escape(told)):
        import_markdown(tmp_path, tmp_path / "plan.md")
    (tmp_path / "plan.md").write_bytes(b"# \xff")
    with pytest.raises(BadInput, match="not text in UTF-8"):
        import_markdown(tmp_path, tmp_path / "plan.md")
    with pytest.raises(BadInput, match="no such file"):
        import_markdown(tmp_path, tmp_path / "gone.md")
    assert not (tmp_path / "experiments").exists()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["# ", "## Metrics\n", "## Seeds\n", "- ", "`", "1e3", "```\n", "---\n", "a (s)\n", ": ", "\n"])
        | st.text(max_size=12),
        max_size=25,
    )
)
def test_any_text_is_a_draft_that_can_be_read_and_is_not_sound_yet(tmp_path, parts):
    text = "".join(parts).encode("utf-8", "ignore").decode()
    (tmp_path / "plan.md").write_text(text, encoding="utf-8")
    try:
        made = import_markdown(tmp_path, tmp_path / "plan.md")
    except BadInput:
        return
    draft = document(made.path.read_bytes())
    assert made.todo
    assert draft.data["schema"] == "gnomon/experiment/1"
    assert lint(made.path.read_bytes(), made.path.name).spec is None


def test_the_command_line_writes_it_and_says_what_is_left(tmp_path, capsys):
    (tmp_path / "plan.md").write_text(PLAN)
    words = ["exp", "import-md", str(tmp_path / "plan.md"), "--root", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr()
    path = tmp_path / "experiments" / "exp-001-plan.md"
    assert said.out == f"{path}\n"
    assert re.search(rf"\d+ fields and \d sections? are TODO: `gnomon exp lint {path}` says where", said.err)
    assert main(["exp", "register", str(path)]) == 3
    assert main([*words, "--slug", "other", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spec"].endswith("exp-002-other.md")
    assert "hypothesis.metric" in told["todo"]
