"""A trace made to another number of ranks is the trace that those ranks would have written; what cannot be told is refused."""

import json

import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.trace import CollectiveKind, NodeKind
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.file import decode
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.node import node as read_node
from gnomon.formats.chakra.scaling.grid import grid_of
from gnomon.formats.chakra.scaling.scale import scale
from gnomon.formats.chakra.scaling.traced import traced


class Cluster:
    """Ranks of which the number counts along tensor, then data, then pipeline parallelism."""

    def __init__(self, tensor, data, pipeline=1):
        self.tensor, self.data, self.pipeline = tensor, data, pipeline
        self.ranks, self.groups = tensor * data * pipeline, {}
        self.messages = [[] for _ in range(self.ranks)]

    def compute(self, took_us=100):
        for rank in range(self.ranks):
            self._add(rank, NodeKind.COMP, duration_us=took_us)

    def collective(self, which, kind, moved):
        for rank in range(self.ranks):
            first, stride = rank % self.tensor, self.tensor
            block = rank // (self.tensor * self.data) * self.tensor * self.data
            members = {
                "tensor": tuple(range(rank // stride * stride, rank // stride * stride + stride)),
                "data": tuple(block + first + stride * at for at in range(self.data)),
                "all": None,
            }[which]
            name = "" if members is None else self.groups.setdefault(members, str(len(self.groups) + 1))
            self._add(rank, NodeKind.COLLECTIVE, comm_type=int(kind), comm_size=moved, pg_name=name)

    def pipe(self, moved):
        """Each stage to the next."""
        stage = self.tensor * self.data
        for rank in range(self.ranks):
            if rank + stage < self.ranks:
                self._add(rank, NodeKind.SEND, comm_src=rank, comm_dst=rank + stage, comm_tag=1, comm_size=moved)
            if rank >= stage:
                self._add(rank, NodeKind.RECV, comm_src=rank - stage, comm_dst=rank, comm_tag=1, comm_size=moved)

    def pass_on(self, distance, moved):
        """All round the cluster."""
        for rank in range(self.ranks):
            peer, source = (rank + distance) % self.ranks, (rank - distance) % self.ranks
            self._add(rank, NodeKind.SEND, comm_src=rank, comm_dst=peer, comm_tag=1, comm_size=moved)
            self._add(rank, NodeKind.RECV, comm_src=source, comm_dst=rank, comm_tag=1, comm_size=moved)

    def _add(self, rank, kind, duration_us=0, **attributes):
        made = {
            name: Attribute(kind="string" if isinstance(value, str) else "int64", value=value)
            for name, value in attributes.items()
        }
        number = len(self.messages[rank])
        parents = (number - 1,) if number else ()
        self.messages[rank].append(
            NodeMessage(id=number, name=f"{kind.name} {number}", type=int(kind), data_parents=parents,
                        duration_us=duration_us, attributes=made)
        )  # fmt: skip

    def traced(self):
        return traced(self.messages, {name: members for members, name in self.groups.items()})

    def doings(self):
        """Of each rank what its nodes do, with members in place of the names of groups."""
        return _doings(self.messages, {name: members for members, name in self.groups.items()})


def _doings(ranks, groups):
    everyone = tuple(range(len(ranks)))
    made = []
    for messages in ranks:
        nodes = [read_node(message) for message in messages]
        made.append(
            [
                (node.kind, node.parents, node.duration_us, node.collective, node.comm_bytes, node.source,
                 node.destination, groups.get(node.group, everyone))
                for node in nodes
            ]
        )  # fmt: skip
    return made


def scaled_doings(cluster, npus, **options):
    made = scale(cluster.traced(), npus, **options)
    groups = {str(number): members for number, members in made.groups.items()}
    return _doings([list(decode(data)) for data in made.files], groups)


def training_step(tensor, data, pipeline=1, shards=1):
    made = Cluster(tensor, data, pipeline)
    made.collective("data", CollectiveKind.ALL_GATHER, 9600 // data if shards == 1 else shards)
    made.compute()
    made.collective("tensor", CollectiveKind.ALL_REDUCE, 4096)
    made.pipe(2048)
    made.collective("data", CollectiveKind.REDUCE_SCATTER, 9600)
    made.collective("data", CollectiveKind.ALL_REDUCE, 512)
    made.collective("all", CollectiveKind.ALL_REDUCE, 4)
    return made


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ((2, 2), (2, 6)),
        ((1, 2), (1, 8)),
        ((4, 2), (4, 3)),
        ((2, 4), (2, 2)),
        ((2, 2, 2), (2, 4, 2)),
        ((1, 2, 4), (1, 6, 4)),
        ((2, 3, 3), (2, 5, 3)),
        ((2, 2), (2, 2)),
    ],
)
def test_more_data_parallel_ranks_do_what_they_would_have_been_traced_to_do(few, many):
    cluster, wanted = training_step(*few), training_step(*many)
    assert scaled_doings(cluster, wanted.ranks) == wanted.doings()


def test_parts_of_an_all_gather_stay_where_that_is_asked_for():
    wanted = training_step(2, 6, shards=4800)
    assert scaled_doings(training_step(2, 2), 12, shrinks_shards=False) == wanted.doings()


def test_parts_that_do_not_divide_are_rounded_up():
    cluster = Cluster(1, 2)
    cluster.collective("all", CollectiveKind.ALL_GATHER, 5)
    assert {rank[0][4] for rank in scaled_doings(cluster, 3)} == {4}


def test_another_dimension_grows_where_it_is_named():
    """Twice as many pipelines' ranks apart: the tensor-parallel dimension, of stride 1."""
    made = Cluster(2, 2)
    made.collective("tensor", CollectiveKind.ALL_REDUCE, 4096)
    made.collective("data", CollectiveKind.ALL_REDUCE, 4096)
    wanted = Cluster(4, 2)
    wanted.collective("tensor", CollectiveKind.ALL_REDUCE, 4096)
    wanted.collective("data", CollectiveKind.ALL_REDUCE, 4096)
    assert scaled_doings(made, 8, along=1) == wanted.doings()


@pytest.mark.parametrize("distance", [1, -1, 2])
def test_messages_round_a_ring_go_as_far_as_before(distance):
    few, many = Cluster(1, 5), Cluster(1, 12)
    for cluster in (few, many):
        cluster.pass_on(distance, 64)
    assert scaled_doings(few, 12) == many.doings()


def test_groups_that_are_twins_stay_apart():
    cluster = training_step(2, 2)
    extra = {name: members for members, name in cluster.groups.items()}
    for rank, messages in enumerate(cluster.messages):
        members = next(one for one, name in cluster.groups.items() if rank in one and one[1] - one[0] == 2)
        name = str(50 + members[0])
        extra[name] = members
        attributes = messages[-2].attributes | {"pg_name": Attribute(kind="string", value=name)}
        messages[-2] = NodeMessage(id=90, type=messages[-2].type, attributes=attributes)
    made = scale(traced(cluster.messages, extra), 8)
    assert sorted(made.groups.values()).count((0, 2, 4, 6)) == 2


def test_ranks_of_different_times_are_repeated_in_turn():
    cluster = Cluster(1, 2)
    cluster.compute()
    cluster.collective("all", CollectiveKind.ALL_REDUCE, 64)
    slow = cluster.messages[1][0]
    cluster.messages[1][0] = NodeMessage(id=0, name=slow.name, type=slow.type, duration_us=300)
    assert [rank[0][2] for rank in scaled_doings(cluster, 4)] == [100, 300, 100, 300]
    assert any("repeated in turn" in note for note in scale(cluster.traced(), 4).notes)


def test_one_rank_grows_where_sizes_do_not_depend_on_how_many_there_are():
    cluster, wanted = Cluster(1, 1), Cluster(1, 4)
    for one in (cluster, wanted):
        one.collective("all", CollectiveKind.ALL_REDUCE, 64)
    assert scaled_doings(cluster, 4) == wanted.doings()
    cluster.collective("all", CollectiveKind.ALL_GATHER, 64)
    with pytest.raises(Unsupported, match="gathers from one rank"):
        scale(cluster.traced(), 4)


def test_groups_of_a_grid_are_told_by_stride_and_size():
    assert grid_of(16, [(0, 1), (0, 2, 4, 6), tuple(range(8))], []).sizes == (2, 4, 2)
    assert grid_of(16, [(0, 4, 8, 12)], []).sizes == (4, 4)
    assert grid_of(16, [], [4, -4]).sizes == (4, 4)
    assert grid_of(8, [], [1, -7]).sizes == (8,)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([(0, 1, 3)], "ranks 0, 1, 3 is neither contiguous nor of ranks at one distance"),
        ([(1, 0)], "neither contiguous"),
        ([(0, 1), (0, 3)], "which make no grid of 12"),
    ],
)
def test_groups_without_a_pattern_are_refused(groups, said):
    with pytest.raises(Unsupported) as fault:
        grid_of(12, groups, [])
    assert said in str(fault.value)


def _refused(cluster, npus, **options):
    with pytest.raises((Unsupported, BadInput)) as fault:
        scale(cluster.traced(), npus, **options)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_a_number_of_ranks_that_does_not_fit_is_refused_with_those_that_do():
    assert "so to 4, 6, 8 and so on" in _refused(training_step(2, 2), 7)


def test_a_dimension_that_is_not_there_is_refused():
    assert "no dimension of stride 3: the ranks make a grid of 2 x 2" in _refused(training_step(2, 2), 8, along=3)


def test_a_pipeline_does_not_get_longer():
    cluster = Cluster(1, 1, 4)
    cluster.compute()
    cluster.pipe(64)
    assert "do not do the same" in _refused(cluster, 8)


def test_only_messages_in_every_dimension_leave_open_what_grows():
    cluster = Cluster(2, 1, 3)
    cluster.pipe(64)
    assert "--along STRIDE says which" in _refused(cluster, 12)


def test_a_message_half_way_round_is_refused():
    cluster = Cluster(1, 2)
    cluster.pass_on(1, 64)
    assert "onwards or back cannot be told" in _refused(cluster, 4)


def test_a_collective_whose_size_goes_otherwise_is_refused():
    cluster = Cluster(1, 2)
    cluster.collective("all", CollectiveKind.GATHER, 64)
    assert "is a GATHER: how its size goes with the ranks cannot be told" in _refused(cluster, 4)


def test_a_group_without_members_is_refused():
    cluster = training_step(2, 2)
    cluster.groups = {}
    assert "nothing says which ranks group '1' has; --comm-groups" in _refused(cluster, 8)


def test_groups_that_nodes_name_are_taken_and_then_stand_in_a_file():
    cluster, wanted = training_step(2, 2), training_step(2, 4)
    for members in cluster.messages:
        listed = [{"pg_name": name, "ranks": list(ranks)} for ranks, name in cluster.groups.items()]
        text = f"['{json.dumps(listed)}']"
        members.append(NodeMessage(id=99, type=int(NodeKind.METADATA), input_values=text))
    cluster.groups = {}
    made = scale(cluster.traced(), 8)
    last = [list(decode(data))[-1] for data in made.files]
    assert all((node.id, node.type, node.input_values) == (99, NodeKind.METADATA, "") for node in last)
    assert set(made.groups.values()) == set(wanted.groups)
