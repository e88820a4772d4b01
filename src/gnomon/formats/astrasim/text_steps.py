"""A text workload -> the nodes of a rank: what waits for what under each strategy, as Chakra's text converter has it.

A part with NONE still has its node, an all-reduce of its bytes, mostly 0, except under HYBRID_DLRM: Chakra's converter writes it so, and
ASTRA-sim inflates it to one byte for each rank and chunk. [Chakra f37c2bb, text_converter.py; compared node by node in
tests/formats/astrasim/test_text_steps.py]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind, NodeKind
from gnomon.formats.astrasim.text_workload import COLLECTIVES, Layer, Part, TextWorkload
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.message import NodeMessage

_WORDS = {kind: word for word, kind in COLLECTIVES.items()}
Last = int | None  # id of a node that another waits for; None: there is none


@dataclass(slots=True)
class _Steps:
    """The nodes so far, and by layer the last of what a later pass waits for."""

    workload: TextWorkload
    nodes: list[NodeMessage] = field(default_factory=list)
    updated: dict[int, int] = field(default_factory=dict)  # layer -> node after which its weights are new

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.workload.layers

    def compute(self, layer: Layer, part: Part, phase: str, *after: Last) -> int:
        return self._add(
            f"COMP_NODE_{layer.name}_{phase}", NodeKind.COMP, after, duration_us=part.compute_us, attributes={}
        )

    def exchange(self, layer: Layer, part: Part, *after: Last) -> int:
        kind = CollectiveKind.ALL_REDUCE if part.collective is None else part.collective
        attributes = {
            "comm_type": Attribute(kind="int64", value=int(kind)),
            "comm_size": Attribute(kind="int64", value=part.comm_bytes),
        }
        name = f"COMM_COLL_NODE_{layer.name}_{_WORDS[part.collective]}"
        return self._add(name, NodeKind.COLLECTIVE, after, duration_us=0, attributes=attributes)

    def _add(
        self, name: str, kind: NodeKind, after: tuple[Last, ...], duration_us: int, attributes: dict[str, Attribute]
    ) -> int:
        number = len(self.nodes)
        self.nodes.append(
            NodeMessage(
                id=number,
                name=name,
                type=int(kind),
                data_parents=tuple(one for one in after if one is not None),
                duration_us=duration_us,
                attributes=attributes,
            )
        )
        return number


def nodes_of(workload: TextWorkload, passes: int) -> list[NodeMessage]:
    """The nodes of every rank: all do the same. BadInput where the strategy asks for what the layers do not have."""
    steps = _Steps(workload)
    for _ in range(passes):
        _PASSES[workload.strategy](steps)
    return steps.nodes


def _micro(steps: _Steps) -> None:
    """Collectives that wait for nothing."""
    for layer in steps.layers:
        steps.exchange(layer, layer.weight_gradient)


def _data(steps: _Steps) -> None:
    """Data parallel: gradients of weights are summed beside what goes on backwards."""
    last: Last = None
    for at, layer in enumerate(steps.layers):
        last = steps.compute(layer, layer.forward, "FWD", last, steps.updated.get(at))
    for at, layer in reversed(list(enumerate(steps.layers))):
        last = steps.compute(layer, layer.weight_gradient, "BWD_WG", last)
        steps.updated[at] = steps.exchange(layer, layer.weight_gradient, last)
        if at:
            last = steps.compute(layer, layer.input_gradient, "BWD_IG", last)


def _model(steps: _Steps) -> None:
    """Model parallel: what a layer gives is exchanged, forwards and backwards."""
    _through_layers(steps, sums_weights=False)


def _hybrid(steps: _Steps) -> None:
    """Both."""
    _through_layers(steps, sums_weights=True)


def _through_layers(steps: _Steps, *, sums_weights: bool) -> None:
    last: Last = None
    for at, layer in enumerate(steps.layers):
        done = steps.compute(layer, layer.forward, "FWD", last, steps.updated.get(at))
        last = steps.exchange(layer, layer.forward, done)
    exchanged: Last = None
    for at, layer in reversed(list(enumerate(steps.layers))):
        given = steps.compute(layer, layer.input_gradient, "BWD_IG", last, exchanged)
        exchanged = steps.exchange(layer, layer.input_gradient, given) if at else None
        last = steps.compute(layer, layer.weight_gradient, "BWD_WG", given)
        steps.updated[at] = steps.exchange(layer, layer.weight_gradient, last) if sums_weights else last


def _dlrm(steps: _Steps) -> None:
    """Layer 0 is the embeddings: what they exchange is needed at the last bottom layer, and its gradient goes back behind it."""
    bottom = steps.workload.last_bottom_layer
    assert bottom is not None
    embedding = steps.layers[0]
    if embedding.forward.collective is not CollectiveKind.ALL_TO_ALL:
        raise BadInput(
            f"{steps.workload.strategy}: the first layer, {embedding.name!r}, must exchange with ALLTOALL forwards"
        )
    last: Last = None
    looked_up: Last = None
    returned: Last = None
    for at, layer in enumerate(steps.layers):
        needed = looked_up if at == bottom else None
        last = steps.compute(layer, layer.forward, "FWD", last, steps.updated.get(at), needed)
        if layer.forward.collective is CollectiveKind.ALL_TO_ALL:
            exchanged = steps.exchange(layer, layer.forward, last)
            looked_up = exchanged if at == 0 else looked_up
    for at, layer in reversed(list(enumerate(steps.layers))):
        summed = steps.compute(layer, layer.weight_gradient, "BWD_WG", last, returned if at == 0 else None)
        has_sum = layer.weight_gradient.collective is not None
        steps.updated[at] = steps.exchange(layer, layer.weight_gradient, summed) if has_sum else summed
        if at:
            last = steps.compute(layer, layer.input_gradient, "BWD_IG", summed)
        if at == bottom + 1:
            returned = steps.exchange(embedding, embedding.input_gradient, last)


_PASSES: dict[str, Callable[[_Steps], None]] = {
    "MICRO": _micro,
    "DATA": _data,
    "MODEL": _model,
    "HYBRID_DATA_MODEL": _hybrid,
    "HYBRID_MODEL_DATA": _hybrid,
    "HYBRID_DLRM": _dlrm,
    "HYBRID_DLRM_ENHANCED": _dlrm,
}
