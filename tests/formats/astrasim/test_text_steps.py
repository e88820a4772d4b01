"""Text workloads of ASTRA-sim 1.0: the nodes that Chakra's converter makes, the same time, and what is broken told with its line.

`text_converted.json` was written by Chakra's own converter (f37c2bb), two passes of each text: type, what it waits for, us, collective
and bytes of every node.
"""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from gnomon.api.training_traces import convert_text
from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind, NodeKind
from gnomon.formats.astrasim.text_steps import nodes_of
from gnomon.formats.astrasim.text_workload import read_text_workload
from gnomon.formats.chakra.file import read_nodes
from tests.engines.training.golden import by_rank, expected, shared_cases, simulated

RECORDED = json.loads(Path(__file__).with_name("text_converted.json").read_text())
CONVERTED = [case for case in shared_cases() if case.name.startswith("H_text")]
_WORDS = {CollectiveKind.ALL_GATHER: "ALLGATHER", CollectiveKind.ALL_REDUCE: "ALLREDUCE"}


@pytest.mark.parametrize("strategy", RECORDED)
def test_nodes_are_those_of_chakras_converter(tmp_path, strategy):
    file = tmp_path / "workload.txt"
    file.write_text(RECORDED[strategy]["text"])
    made = [_plain(node) for node in nodes_of(read_text_workload(file), passes=2)]
    assert made == RECORDED[strategy]["nodes"]


def _plain(node):
    collective, moved = (node.attributes.get(name) for name in ("comm_type", "comm_size"))
    return [
        node.type,
        sorted(node.data_parents),
        node.duration_us,
        collective and collective.value,
        moved and moved.value,
    ]


@pytest.mark.parametrize("case", CONVERTED, ids=lambda case: case.name)
def test_a_converted_text_takes_the_time_that_astra_sim_gave(tmp_path, case):
    """The text is made of the traces: those of a model-parallel network, whose nodes stand in a known order."""
    file, prefix = tmp_path / "workload.txt", tmp_path / "et" / "w"
    file.write_text(_model_parallel_text(read_nodes(case / "et" / "w.0.et")))
    convert_text(file, npus=8, out=prefix)
    for backend, theirs in expected(case).items():
        made = simulated(case, backend, workload=prefix)
        assert made.cycles == by_rank(theirs["cycles"], 8)
        assert made.exposed_comm == by_rank(theirs["exposed_comm"], 8)


@pytest.mark.skipif(not CONVERTED, reason="no cases of ASTRA-sim beside the repository")
def test_there_are_converted_cases():
    assert len(CONVERTED) == 2


def _model_parallel_text(nodes):
    """The file that these nodes of one pass came from."""
    layers: dict[str, dict[str, list]] = {}
    for node, after in pairwise([*nodes, None]):
        if node.type == NodeKind.COMP:
            name, _, phase = node.name.removeprefix("COMP_NODE_").rpartition("_")
            phase = phase if not name.endswith("_BWD") else f"BWD_{phase}"
            has_exchange = after is not None and after.type == NodeKind.COLLECTIVE
            comm = ("NONE", 0)
            if has_exchange:
                kind = CollectiveKind(after.attributes["comm_type"].value)
                comm = (_WORDS[kind], after.attributes["comm_size"].value)
            layers.setdefault(name.removesuffix("_BWD"), {})[phase] = [node.duration_us, *comm]
    lines = [
        " ".join(map(str, [name, -1, *parts["FWD"], *parts["BWD_IG"], *parts["BWD_WG"], 0]))
        for name, parts in layers.items()
    ]
    return "\n".join(["MODEL", str(len(lines)), *lines])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is the file cut off?"),
        ("DATA\n2\na -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n", ":2: 2 layers said, 1 given"),
        ("DATE\n1\na -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n", ":1: no strategy 'DATE'; did you mean 'DATA'?"),
        ("HYBRID_TRANSFORMER\n1\na -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n", ":1: HYBRID_TRANSFORMER: there is no rule"),
        ("DATA\n1\na -1 1 NONE 0 1 NONE 0 1\n", ":3: 9 columns, where a layer has 12"),
        ("DATA\n1\na -1 x NONE 0 1 NONE 0 1 NONE 0 1\n", ":3: 'x' is no whole number"),
        ("DATA\n1\na -1 1 ALREDUCE 0 1 NONE 0 1 NONE 0 1\n", ":3: no collective 'ALREDUCE'; did you mean 'ALLREDUCE'?"),
        ("HYBRID_DLRM\n1\na -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n", ":1: the number of the last bottom layer is missing"),
        ("HYBRID_DLRM 1\n1\na -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n", ":1: the last bottom layer is 1"),
    ],
)
def test_what_is_broken_is_told_with_its_line(tmp_path, text, said):
    file = tmp_path / "workload.txt"
    file.write_text(text)
    with pytest.raises(BadInput) as fault:
        read_text_workload(file)
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


def test_embeddings_must_exchange(tmp_path):
    file = tmp_path / "workload.txt"
    lines = ["a -1 1 NONE 0 1 NONE 0 1 NONE 0 1", "b -1 1 NONE 0 1 NONE 0 1 NONE 0 1"]
    file.write_text("\n".join(["HYBRID_DLRM DLRM_LAST_BOTTOM_LAYER: 1", "2", *lines]))
    with pytest.raises(BadInput, match="the first layer, 'a', must exchange with ALLTOALL"):
        convert_text(file, npus=2, out=tmp_path / "w")
