"""`gnomon exp export`: each format from the command line, what it prints, and its exit codes."""

import pytest
import yaml

from tests.lab.exports.runs import registered_spec, sealed


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return str(sealed(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize(
    ("to", "name", "told"),
    [
        ("csv", "o.csv", "26 observations"),
        ("parquet", "o.parquet", "26 observations"),
        ("junit", "o.xml", "36 test cases: 36 passed"),
        ("ro-crate", "crate", "actions"),
    ],
)
def test_each_format_is_written_and_told(gnomon, spec, tmp_path, to, name, told):
    found = gnomon("exp", "export", spec, "--to", to, "-o", str(tmp_path / name))
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"{tmp_path / name}: ")
    assert told in found.out
    assert (tmp_path / name).exists()


def test_json_tells_the_same(gnomon, spec, tmp_path):
    found = gnomon("exp", "export", spec, "--to", "csv", "-o", str(tmp_path / "o.csv"), "--json").json
    assert found == {
        "schema": "gnomon/exp-export/1",
        "format": "csv",
        "place": str(tmp_path / "o.csv"),
        "rows": 26,
        "notes": [],
    }


def test_a_workflow_takes_where_gnomon_and_the_machine_are_from(gnomon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec, file = registered_spec(tmp_path).relative_to(tmp_path), tmp_path / ".github" / "workflows" / "exp.yml"
    words = ("exp", "export", str(spec), "--to", "github-workflow", "-o", str(file.relative_to(tmp_path)))
    refused = gnomon(*words)
    assert (refused.code, refused.err.startswith("gnomon: --gnomon: say what pip installs")) == (3, True)
    found = gnomon(*words, "--gnomon", "./gnomon", "--runs-on", "self-hosted,big")
    assert found.code == 0
    assert "not in the checkout" in found.err
    job = yaml.safe_load(file.read_text())["jobs"]["experiment"]
    assert job["runs-on"] == ["self-hosted", "big"]
    assert "pip install ./gnomon" in str(job["steps"])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--to", "cvs", "-o", "x"), 2, "did you mean 'csv'"),
        (("-o", "x"), 2, "--to"),
        (("--to", "csv"), 2, "-o"),
        (("--to", "csv", "-o", "x", "--run", "run-9"), 3, "no replicate 'run-9'"),
        (("--to", "csv", "-o", "x", "--gnomon", "."), 3, "options of github-workflow"),
        (("--to", "github-workflow", "-o", "x", "--run", "run-2"), 3, "no run is named"),
        (("--to", "mlflow", "-o", "x"), 3, "a tracking URI is expected"),
        (("--to", "csv", "-o", "/proc/x/y"), 3, "cannot be written"),
    ],
)
def test_mistakes_are_told_in_a_line(gnomon, spec, monkeypatch, tmp_path, words, code, told):
    monkeypatch.chdir(tmp_path)
    found = gnomon("exp", "export", spec, *words)
    assert (found.code, len(found.err.splitlines())) == (code, 1)
    assert told in found.err
    assert not list(tmp_path.iterdir())


def test_results_that_were_changed_are_tampering(gnomon, tmp_path):
    spec = sealed(tmp_path)
    file = tmp_path / "results" / spec.stem / "observations.csv"
    file.chmod(0o644)
    file.write_text(file.read_text().replace("0.5", "0.4"))
    found = gnomon("exp", "export", str(spec), "--to", "csv", "-o", str(tmp_path / "o.csv"))
    assert found.code == 14
    assert "observations.csv" in found.err
    assert not (tmp_path / "o.csv").exists()


def test_a_replicate_is_exported_by_its_name(gnomon, tmp_path):
    from gnomon.lab import replicate
    from tests.lab.plain_worker import HOST

    spec = sealed(tmp_path)
    name, _ = replicate(spec, host=HOST)
    for run in ([], ["--run", name]):
        assert (
            gnomon("exp", "export", str(spec), *run, "--to", "csv", "-o", str(tmp_path / f"o{len(run)}.csv")).code == 0
        )
    first, second = ((tmp_path / f"o{count}.csv").read_text().splitlines()[1] for count in (0, 2))
    assert first.split(",")[0] != second.split(",")[0]
