"""ASTRA-sim: what it is given reads back as the same, and what it printed is told for what it is.

`recorded/astrasim` was printed by its programs at 518bd51.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.adapters.astrasim import binaries
from gnomon.adapters.astrasim.adapter import PIN, ask, run_cluster
from gnomon.adapters.astrasim.cluster import ClusterQuestion
from gnomon.adapters.astrasim.read import read
from gnomon.adapters.astrasim.translate import missing, translate, words
from gnomon.api.training_simulation import simulate_training
from gnomon.core.errors import ToolError, Unsupported
from gnomon.core.fabric import Wiring
from gnomon.core.tool import Limits
from gnomon.core.trace import ClusterTrace, NodeKind, RankTrace, TraceNode
from gnomon.formats.chakra.file import decode
from gnomon.testing.adapter_contract import program
from tests.adapters.astrasim_stand_in import NAMES, alone
from tests.engines.training.golden import by_rank, expected, own_cases, shared_cases, simulated

RECORDED = Path(__file__).parent / "recorded" / "astrasim"
SEEN = [*own_cases(), *shared_cases()[::9]]


def question_of(given):
    return ClusterQuestion(
        trace=given.trace,
        fabric=given.fabric,
        rules=given.rules,
        memory=given.memory,
        groups=given.groups,
        options=given.options,
        backend=given.backend,
    )


def recorded(name):
    return (RECORDED / f"{name}.txt").read_text()


@pytest.fixture
def asked():
    return question_of(simulated(own_cases()[0], "unaware").given)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    return alone(tmp_path, monkeypatch)


@pytest.mark.parametrize("case", SEEN, ids=lambda case: case.name)
def test_its_files_read_back_as_the_same_cluster(tmp_path, case):
    given = simulated(case, next(iter(expected(case)))).given
    question = question_of(given)
    for name, content in translate(question).items():
        (tmp_path / name).write_bytes(content)
    again = simulate_training(
        tmp_path / "w",
        system=tmp_path / "system.json",
        network=tmp_path / "network.yml",
        memory=tmp_path / "memory.json",
        comm_groups=tmp_path / "groups.json" if (tmp_path / "groups.json").exists() else None,
        backend=given.backend,
        num_queues_per_dim=given.options.queues_per_dimension,
        rendezvous_protocol=given.options.has_rendezvous,
    )
    ours = simulated(case, given.backend)
    assert (again.cycles, again.exposed_comm) == (ours.cycles, ours.exposed_comm)


def test_groups_that_nodes_name_are_given_in_the_file_of_groups(asked):
    named = TraceNode(id=1, name="groups", kind=NodeKind.METADATA, parents=(0,), groups=(("5", (1, 3)), ("6", ())))
    nodes = (TraceNode(id=0, name="a", kind=NodeKind.COMP), named, replace(named, id=2, parents=(1,)))
    after = TraceNode(id=3, name="b", kind=NodeKind.COMP, parents=(2, 0))
    traces = tuple(RankTrace(nodes=(*nodes, after), place="") for _ in range(4))
    files = translate(replace(asked, trace=ClusterTrace(ranks=traces), groups={1: (0, 2)}))
    assert json.loads(files["groups.json"]) == {"1": [0, 2], "5": [1, 3], "6": [0, 1, 2, 3]}
    assert [(node.id, node.data_parents) for node in decode(files["w.0.et"])] == [(0, ()), (3, (0,))]


def test_translation_is_pure(asked, monkeypatch):
    monkeypatch.setattr("builtins.open", None)
    first = translate(asked)
    assert translate(asked) == first
    assert "--num-queues-per-dim=1" in words(asked, first)


def test_every_rank_is_read():
    found = read(recorded("ended"), "", 0, 4, backend="unaware", version=PIN.version)
    assert (found.cycles, found.exposed, found.notes) == ((40340,) * 4, (40340,) * 4, ())
    assert (found.version, found.backend) == (PIN.version, "unaware")


def test_a_rank_that_has_no_statistics_has_a_time():
    found = read(recorded("no_statistics"), "", 0, 4, backend="unaware", version="")
    assert (found.cycles, found.exposed) == ((55000,) * 4, (43000,) * 4)


def test_figures_stand_when_it_dies_after_all_ranks_have_ended():
    found = read(recorded("ended"), "malloc_consolidate(): invalid chunk size", -6, 4, backend="aware", version="")
    assert found.cycles == (40340,) * 4
    assert found.notes == ("it died with code -6 after all ranks had ended",)


@pytest.mark.parametrize(
    ("out", "code", "npus", "said"),
    [
        (
            recorded("waiting"),
            0,
            4,
            "4 of 4 ranks never ended; ranks 0, 1, 2, 3 wait with nodes that were not released",
        ),
        (recorded("aborted"), -6, 4, "aborted before 4 of 4 ranks had ended"),
        (recorded("aborted"), 134, 4, "Invalid node_type, node.id=0, node.type=1"),
        (recorded("ended"), 0, 6, "told nothing of ranks 4, 5, though it ended well"),
        (recorded("ended"), 0, 3, "told of rank 3, but there are 3"),
        (
            "[workload] [critical] workload file: w.3.et does not exist",
            1,
            4,
            "failed with code 1: [workload] [critical]",
        ),
        ("", 0, 4, "printed nothing (exit code 0)"),
        (recorded("ended").replace("40340", "0"), 0, 4, "a total of 0 cycles: something was not counted"),
    ],
)
def test_faults_are_told_apart(out, code, npus, said):
    with pytest.raises(ToolError) as fault:
        read(out, "", code, npus, backend="unaware", version="")
    assert said in str(fault.value)
    assert str(fault.value).startswith("astra-sim")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exec sleep 60", "astra-sim was stopped: no answer within 0.5 s"),
        ("exit 0", "astra-sim printed nothing (exit code 0)"),
        ("echo oh no >&2; exit 9", "astra-sim failed with code 9: oh no"),
    ],
)
def test_what_becomes_of_the_program_is_told(asked, stand_in, script, said):
    stand_in(script)
    with pytest.raises(ToolError) as fault:
        ask(asked, Limits(time_s=0.5))
    assert said in str(fault.value)


def test_a_tool_that_is_not_there_is_told_with_what_to_do(asked, stand_in):
    assert binaries.installed() is None
    with pytest.raises(ToolError, match=r"astra-sim is not installed .*put .* on the PATH"):
        ask(asked, Limits())


def test_it_is_found_in_the_folder_of_tools(asked, stand_in, tmp_path):
    stand_in(
        f"ls w.3.et system.json network.yml memory.json >&2 && cat {RECORDED}/ended.txt",
        tmp_path / "tools/astra-sim/bin",
    )
    assert binaries.installed().place == str(tmp_path / "tools" / "astra-sim" / "bin")
    found = run_cluster(asked.trace, asked.fabric, asked.rules, memory=asked.memory, groups=asked.groups)
    assert found.cycles == (40340,) * 4


def test_it_is_run_in_an_image_where_one_is_named(asked, stand_in, tmp_path, monkeypatch):
    said = tmp_path / "said.txt"
    program(tmp_path / "docker", f'if [ "$1" = image ]; then exit 0; fi; echo "$@" > {said}; cat {RECORDED}/ended.txt')
    assert binaries.installed() is None
    monkeypatch.setenv(binaries.IMAGE_VARIABLE, "astra:mine")
    assert binaries.installed().place == "astra:mine"
    assert ask(asked, Limits(time_s=9)).cycles == (40340,) * 4
    assert f"--entrypoint=timeout astra:mine 9 {NAMES[0]} --workload-configuration=w" in said.read_text()


def test_what_it_cannot_do_is_declined_before_it_runs(asked):
    quarrel = [
        TraceNode(id=0, name="groups", kind=NodeKind.METADATA, groups=(("1", members),)) for members in ((0, 1), (0, 2))
    ]
    traces = tuple(RankTrace(nodes=(quarrel[rank % 2],), place="") for rank in range(4))
    metadata = replace(asked, trace=ClusterTrace(ranks=traces))
    two = replace(asked.fabric, dimensions=(replace(asked.fabric.dimensions[0], npus=2, wiring=Wiring.RING),))
    ring = replace(asked, fabric=two, trace=ClusterTrace(ranks=asked.trace.ranks[:2]), backend="aware")
    flat = asked.fabric.dimensions
    wide = replace(asked, fabric=replace(asked.fabric, dimensions=flat * 2), backend="aware")
    bare = replace(asked, rules=replace(asked.rules, splits=None))
    for question, said in (
        (metadata, "ranks name group 1 otherwise"),
        (ring, "aborts on a ring of two"),
        (wide, "one dimension only, not 2"),
        (wide, "4 ranks on a network of 16 NPUs"),
        (bare, "preferred-dataset-splits is not said"),
    ):
        assert any(said in reason for reason in missing(question))
        with pytest.raises(Unsupported, match="astra-sim: "):
            ask(question, Limits())


@pytest.mark.tool
@pytest.mark.skipif(binaries.installed() is None, reason="ASTRA-sim is not installed")
@pytest.mark.parametrize("case", [*own_cases(), *shared_cases()[::4]], ids=lambda case: case.name)
def test_it_says_what_was_recorded_and_what_is_simulated_here(case):
    for backend, theirs in expected(case).items():
        made = simulated(case, backend)
        npus = made.given.fabric.npus
        if npus > 128:
            pytest.skip("takes minutes")
        found = ask(question_of(made.given), Limits(time_s=120))
        assert list(found.cycles) == made.cycles == by_rank(theirs["cycles"], npus)
        assert list(found.exposed) == made.exposed_comm == by_rank(theirs["exposed_comm"], npus)
