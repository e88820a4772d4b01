"""Chakra traces: bytes to nodes and back, and what is broken told with its offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.file import decode, encode, read_ranks
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.node import node
from tests.engines.training.golden import shared_cases

_INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "sint32": (-(2**31), 2**31 - 1),
    "sint64": (-(2**63), 2**63 - 1),
    "fixed32": (0, 2**32 - 1),
    "sfixed64": (-(2**63), 2**63 - 1),
}
_attributes = st.one_of(
    *(
        st.builds(Attribute, kind=st.just(kind), value=st.integers(low, high))
        for kind, (low, high) in _INTEGERS.items()
    ),
    st.builds(Attribute, kind=st.just("bool"), value=st.booleans()),
    st.builds(Attribute, kind=st.just("string"), value=st.text()),
    st.builds(Attribute, kind=st.just("double"), value=st.floats(allow_nan=False)),
    st.builds(Attribute, kind=st.just("bool_list"), value=st.lists(st.booleans()).map(tuple)),
)
_ids = st.integers(0, 2**64 - 1)
_nodes = st.builds(
    NodeMessage,
    id=_ids,
    name=st.text(),
    type=st.integers(0, 7),
    control_parents=st.lists(_ids).map(tuple),
    data_parents=st.lists(_ids).map(tuple),
    start_us=_ids,
    duration_us=_ids,
    input_values=st.text(),
    attributes=st.dictionaries(st.text(), _attributes),
)


@pytest.mark.slow
@given(st.lists(_nodes))
def test_nodes_come_back_from_their_bytes(nodes):
    assert list(decode(encode(nodes))) == nodes


@given(st.lists(_nodes, min_size=1), st.data())
def test_a_file_that_is_cut_off_is_told_with_its_offset_or_ends_between_nodes(nodes, data):
    whole = encode(nodes)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    try:
        found = list(decode(cut))
    except BadInput as fault:
        assert fault.text.startswith("byte ")
    else:
        assert found == nodes[: len(found)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "byte 0: the file is empty"),
        (b"\x02\x08", "byte 0: a message of 2 bytes ends after 1"),
        (b"\x01\x0b", "no wire type 3"),
        (b"\x00\x02\x10\xff", "byte 3: the file ends within a number"),
        (b"\x00\x03\x12\x01\xff", "a text that is not UTF-8"),
        (b"\x00\x0b" + b"\xff" * 11, "a number of more than 64 bits"),
    ],
)
def test_what_is_broken_is_told(data, text):
    with pytest.raises(BadInput, match=text):
        list(decode(data))


def test_a_fraction_never_stands_for_an_integer():
    with pytest.raises(BadInput, match="comm_size is double, where an integer belongs"):
        node(NodeMessage(type=7, attributes={"comm_size": Attribute(kind="double", value=1.0)}))


def test_process_groups_are_read_from_the_values_of_a_metadata_node():
    values = '["[{\\"pg_name\\": \\"3\\", \\"ranks\\": [0, 2]}]"]'
    assert node(NodeMessage(type=1, input_values=values)).groups == (("3", (0, 2)),)


def test_equal_files_share_their_nodes(tmp_path):
    paths = [tmp_path / f"w.{rank}.et" for rank in range(3)]
    for rank, path in enumerate(paths):
        path.write_bytes(encode([NodeMessage(id=int(rank > 1), type=4)]))
    first, second, third = read_ranks(paths)
    assert first.nodes is second.nodes
    assert first.nodes != third.nodes
    assert (first.place, second.place) == (str(paths[0]), str(paths[1]))


def test_a_trace_without_nodes_is_refused(tmp_path):
    (tmp_path / "w.0.et").write_bytes(encode([]))
    with pytest.raises(BadInput, match=r"w.0.et: no nodes"):
        read_ranks([tmp_path / "w.0.et"])


def test_two_nodes_with_one_id_are_refused(tmp_path):
    (tmp_path / "w.0.et").write_bytes(encode([NodeMessage(type=4, name="a"), NodeMessage(type=4, name="b")]))
    with pytest.raises(BadInput, match="two nodes have id 0: 'a' and 'b'"):
        read_ranks([tmp_path / "w.0.et"])


@pytest.mark.parametrize(
    "path",
    [path for case in shared_cases() for path in sorted(case.glob("et/w.0.et"))][:20],
    ids=lambda path: path.parents[1].name,
)
def test_traces_of_the_tools_come_back_from_what_is_read_of_them(path):
    nodes = list(decode(path.read_bytes()))
    assert nodes
    assert list(decode(encode(nodes))) == nodes
