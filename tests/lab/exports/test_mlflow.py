"""Runs at an MLflow tracking server: the sealed numbers once, however often they are exported."""

import sys

import pytest

from gnomon.core.errors import BadInput, ToolError
from gnomon.lab import export
from gnomon.lab.exports import mlflow_runs
from tests.lab.exports.runs import bytes_below, sealed

ARM = "[ {seed} = 2 ] && exit 3; [ {seed} = 1 ] || echo share=0.5"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("run"), protocol__arms__1__command=ARM)


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow; it is to leave nothing in the working directory."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    if not mlflow_runs._is_whole():
        pytest.skip("the whole of MLflow is not installed (pip install mlflow)")
    yield pytest.importorskip("mlflow.tracking", reason="MLflow is not installed (pip install mlflow)")
    assert {file.name for file in tmp_path.iterdir()} <= {"m.db", "m.db.artifacts"}


@pytest.fixture
def uri(tmp_path):
    """A database of this test's own; MLflow keeps one open for each address, so that a relative one would be shared."""
    return f"sqlite:///{tmp_path}/m.db"


pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own, and of what it stands on


def _runs(mlflow, uri):
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("exp-001-halves")
    return {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}


def test_a_run_is_a_parent_with_a_child_for_each_arm_cell_and_seed(mlflow, uri, path):
    before = bytes_below(path.parent.parent)
    written = export(path, "mlflow", uri)
    assert (written.counts["runs"], written.counts["made"]) == (13, 13)
    runs = _runs(mlflow, uri)
    children = {name: one for name, one in runs.items() if "mlflow.parentRunId" in one.data.tags}
    (parent,) = [one for name, one in runs.items() if name not in children]
    assert len(children) == 12
    assert {one.data.tags["mlflow.parentRunId"] for one in children.values()} == {parent.info.run_id}
    tags = parent.data.tags
    assert (tags["protocol.state"], tags["criterion.less"]) == ("completed", "undecidable")
    assert len(tags["spec.sha256"]) == len(tags["journal.head"]) == 64
    assert parent.data.metrics == {"whole.share": 1.0, "whole.twice": 2.0}
    good, lacking, failed = (children[f"half/large/{seed}"] for seed in (0, 1, 2))
    assert good.data.metrics == {"share": 0.5, "twice": 1.0}
    assert good.data.params == {"phase": "full", "arm": "half", "cell": "large", "seed": "0", "size": "20"}
    assert (good.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert good.info.start_time <= good.info.end_time
    assert lacking.data.metrics == {}
    assert lacking.data.tags["missing.share"]
    assert failed.data.tags["unit.failure"] == "exit 3"
    assert bytes_below(path.parent.parent) == before


def test_exporting_twice_makes_nothing_twice(mlflow, uri, path):
    export(path, "mlflow", uri)
    before = {name: one.to_dictionary() for name, one in _runs(mlflow, uri).items()}
    written = export(path, "mlflow", uri)
    assert written.counts["made"] == 0
    assert {name: one.to_dictionary() for name, one in _runs(mlflow, uri).items()} == before


def test_an_export_that_broke_off_is_completed(mlflow, uri, path, monkeypatch):
    fill, filled = mlflow_runs._fill, []

    def breaking(client, run_id, entry):
        if len(filled) == 4:
            raise KeyboardInterrupt
        filled.append(entry.unit)
        fill(client, run_id, entry)

    monkeypatch.setattr(mlflow_runs, "_fill", breaking)
    with pytest.raises(KeyboardInterrupt):
        export(path, "mlflow", uri)
    assert len(_runs(mlflow, uri)) == 6  # the parent, four whole children and an open one
    monkeypatch.setattr(mlflow_runs, "_fill", fill)
    assert export(path, "mlflow", uri).counts["made"] == 13 - 4
    runs = _runs(mlflow, uri)
    assert len(runs) == 13
    assert "RUNNING" not in {one.info.status for one in runs.values()}


def test_the_parent_has_the_documents_of_the_run(mlflow, uri, path, tmp_path):
    export(path, "mlflow", uri)
    client = mlflow.MlflowClient(uri)
    (parent,) = [one for one in _runs(mlflow, uri).values() if "mlflow.parentRunId" not in one.data.tags]
    folder, kept = path.parent.parent / "results" / path.stem, tmp_path / "m.db.artifacts"
    listed = {one.path: one.file_size for one in client.list_artifacts(parent.info.run_id)}
    assert listed == {name: (folder / name).stat().st_size for name in mlflow_runs.ARTIFACTS}
    files = {file.name: file for file in kept.rglob("*") if file.is_file()}
    assert {name: file.read_bytes() for name, file in files.items()} == {
        name: (folder / name).read_bytes() for name in mlflow_runs.ARTIFACTS
    }
    before = {name: file.stat().st_mtime_ns for name, file in files.items() if name != "spec.md"}
    files["spec.md"].unlink()  # as where an export was made before there were artifacts
    assert export(path, "mlflow", uri).counts["made"] == 0
    assert files["spec.md"].read_bytes() == (folder / "spec.md").read_bytes()
    assert {name: files[name].stat().st_mtime_ns for name in before} == before


def test_an_experiment_that_keeps_artifacts_in_a_folder_of_another_machine_is_told(mlflow, uri, path, monkeypatch):
    monkeypatch.setattr(mlflow_runs, "_file", lambda place: None)  # as of a server
    mlflow.MlflowClient(uri).create_experiment("exp-001-halves", artifact_location="/nowhere/there")
    (note,) = export(path, "mlflow", uri).notes
    assert note.startswith("no artifacts: the experiment keeps them in /nowhere/there/")


def test_a_run_of_the_same_name_with_another_journal_is_not_added_to(mlflow, uri, path):
    export(path, "mlflow", uri)
    client = mlflow.MlflowClient(uri)
    (one, *_) = _runs(mlflow, uri).values()
    client.set_tag(one.info.run_id, "journal.head", "0" * 64)
    with pytest.raises(BadInput, match="with another journal"):
        export(path, "mlflow", uri)


def test_a_server_that_is_not_there_is_an_outside_tool_s_fault(mlflow, path):
    with pytest.raises(ToolError, match=r"^http://\.\.\.@127\.0\.0\.1:9: mlflow: ") as fault:
        export(path, "mlflow", "http://me:hidden@127.0.0.1:9")
    assert "hidden" not in str(fault.value)


@pytest.mark.parametrize("place", ["mlruns", "./mlruns", "file:///tmp/mlruns", "ftp://a/b"])
def test_a_place_that_is_no_tracking_uri_is_refused(path, place):
    with pytest.raises(BadInput, match="a tracking URI is expected"):
        export(path, "mlflow", place)


def test_a_database_among_the_results_is_refused(path):
    with pytest.raises(BadInput, match="the protocol keeps results"):
        export(path, "mlflow", f"sqlite:///{path.parent.parent}/results/m.db")


def test_without_mlflow_the_extra_is_named(uri, path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ToolError, match=r"pip install -e '\.\[mlflow\]'"):
        export(path, "mlflow", uri)
