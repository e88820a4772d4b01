"""Hypothesis strategies: random operators, graphs, devices, plans and scenarios, small enough to run by the hundred."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gnomon.core.device import Device, Link, Sourced
from gnomon.core.dtype import DTYPES
from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.op import (
    AdamStep,
    Attention,
    Conv,
    Elementwise,
    Gather,
    GroupedMatMul,
    MatMul,
    Norm,
    Op,
    Pool,
    Softmax,
)
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.system import System
from gnomon.core.workload import PASSES, Node, Workload

_FORMATS = tuple(DTYPES)
_SIZE = st.integers(1, 512)
_SMALL = st.integers(1, 16)


def dtypes() -> st.SearchStrategy[str]:
    """The name of a number format."""
    return st.sampled_from(_FORMATS)


def _maybe_dtype() -> st.SearchStrategy[str | None]:
    return st.none() | dtypes()


def _matmuls() -> st.SearchStrategy[Op]:
    return st.builds(
        MatMul,
        m=_SIZE,
        n=_SIZE,
        k=_SIZE,
        batch=_SMALL,
        dtype=dtypes(),
        weight_dtype=_maybe_dtype(),
        is_weight=st.booleans(),
        out_dtype=_maybe_dtype(),
        is_tied=st.booleans(),
        has_bias=st.booleans(),
    )


@st.composite
def _grouped(draw: st.DrawFn) -> Op:
    groups = draw(st.integers(1, 16))
    return GroupedMatMul(
        tokens=draw(_SIZE),
        groups=groups,
        chosen=draw(st.integers(1, groups)),
        n=draw(_SIZE),
        k=draw(_SIZE),
        dtype=draw(dtypes()),
        weight_dtype=draw(_maybe_dtype()),
        out_dtype=draw(_maybe_dtype()),
        is_weight_gradient=draw(st.booleans()),
        is_tied=draw(st.booleans()),
        has_bias=draw(st.booleans()),
    )


@st.composite
def _convs(draw: st.DrawFn) -> Op:
    groups = draw(st.sampled_from((1, 2, 4)))
    sides, kernel = draw(st.integers(1, 3)), draw(st.sampled_from((1, 3, 5)))
    return Conv(
        batch=draw(_SMALL),
        c_in=groups * draw(_SMALL),
        c_out=groups * draw(_SMALL),
        in_size=tuple(draw(st.integers(kernel, 64)) for _ in range(sides)),
        kernel=(kernel,) * sides,
        stride=tuple(draw(st.integers(1, 3)) for _ in range(sides)),
        padding=(draw(st.integers(0, kernel - 1)),) * sides,
        groups=groups,
        is_transposed=draw(st.booleans()),
        dtype=draw(dtypes()),
        weight_dtype=draw(_maybe_dtype()),
        has_bias=draw(st.booleans()),
        direction=draw(st.sampled_from(("forward", "input gradient", "weight gradient"))),
    )


@st.composite
def _attentions(draw: st.DrawFn) -> Op:
    kv_heads = draw(st.integers(1, 4))
    q_len = draw(st.integers(1, 64))
    value_dim = draw(st.none() | st.sampled_from((8, 16)))
    return Attention(
        batch=draw(_SMALL),
        heads=kv_heads * draw(st.integers(1, 4)),
        kv_heads=kv_heads,
        head_dim=draw(st.sampled_from((16, 64, 128))),
        q_len=q_len,
        kv_len=q_len + draw(st.integers(0, 64)),
        is_causal=draw(st.booleans()),
        is_fused=draw(st.booleans()),
        has_cache=draw(st.booleans()),
        window=draw(st.none() | st.integers(1, 64)),
        dtype=draw(dtypes()),
        kv_dtype=draw(_maybe_dtype()),
        value_dim=value_dim,
        is_value_in_key=value_dim is not None and draw(st.booleans()),
        kept_dim=draw(st.none() | st.integers(1, 64)),
        has_sinks=draw(st.booleans()),
        has_softcap=draw(st.booleans()),
        is_backward=draw(st.booleans()),
    )


def _vector_ops() -> st.SearchStrategy[Op]:
    norms = st.builds(
        Norm,
        rows=_SIZE,
        columns=_SIZE,
        kind=st.sampled_from(("layer", "rms", "batch", "group")),
        dtype=dtypes(),
        has_weight=st.booleans(),
        has_bias=st.booleans(),
        is_backward=st.booleans(),
    )
    softmaxes = st.builds(Softmax, rows=_SIZE, columns=_SIZE, dtype=dtypes(), is_backward=st.booleans())
    elementwises = st.builds(
        Elementwise,
        elements=_SIZE,
        function=st.sampled_from(tuple(FUNCTIONS)),
        inputs=st.integers(1, 3),
        outputs=st.integers(1, 2),
        broadcast=_SIZE,
        dtype=dtypes(),
    )
    gathers = st.builds(
        Gather,
        rows=_SIZE,
        columns=_SIZE,
        table_rows=_SIZE,
        dtype=dtypes(),
        is_tied=st.booleans(),
        is_backward=st.booleans(),
    )
    pools = st.builds(
        Pool,
        in_elements=_SIZE,
        out_elements=_SIZE,
        window=st.integers(1, 49),
        dtype=dtypes(),
        is_backward=st.booleans(),
    )
    steps = st.builds(AdamStep, weights=_SIZE, gradient_dtype=dtypes())
    return st.one_of(norms, softmaxes, elementwises, gathers, pools, steps)


def ops() -> st.SearchStrategy[Op]:
    """An operator of any class, forward or backward, in any formats; sizes of a few hundred."""
    return st.one_of(_matmuls(), _grouped(), _convs(), _attentions(), _vector_ops())


@st.composite
def nodes(draw: st.DrawFn, max_size: int = 6) -> tuple[Node, ...]:
    """A graph of one to `max_size` nodes in an order that respects `after`."""
    found: list[Node] = []
    for index, op in enumerate(draw(st.lists(ops(), min_size=1, max_size=max_size))):
        earlier = [node.name for node in found]
        after = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
        found.append(Node(name=f"node{index}", op=op, after=tuple(after), repeat=draw(st.integers(1, 4))))
    return tuple(found)


@st.composite
def workloads(draw: st.DrawFn, max_size: int = 6) -> Workload:
    """A workload on a random graph; it need not be any sensible model."""
    batch = draw(_SMALL)
    return Workload(
        name="random",
        mode="forward",
        nodes=draw(nodes(max_size)),
        batch=batch,
        dtype=draw(dtypes()),
        item="sequence",
        items=batch,
    )


def _sourced(low: float, high: float) -> st.SearchStrategy[Sourced]:
    values = st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.builds(Sourced, value=values, source=st.just("drawn at random"), kind=st.just("assumed"))


@st.composite
def devices(draw: st.DrawFn) -> Device:
    """A device of plausible size: its vector unit knows fp32, its matrix unit is no slower, all has a source."""
    vector = {d: draw(_sourced(1e12, 1e14)) for d in ("fp32", *draw(st.lists(dtypes(), unique=True, max_size=3)))}
    fastest = max(peak.value for peak in vector.values())
    matrix = {d: draw(_sourced(fastest, 1e16)) for d in draw(st.lists(dtypes(), unique=True))}
    return Device(
        name="random",
        title="a device drawn at random",
        vendor="nobody",
        architecture="none",
        silicon="none",
        kind=draw(st.sampled_from(("gpu", "cpu"))),
        matrix_flop_per_s=matrix,
        vector_flop_per_s=vector,
        memory_bytes=draw(_sourced(1e9, 1e12)),
        memory_bytes_per_s=draw(_sourced(1e10, 1e13)),
        l2_bytes=draw(st.none() | _sourced(1e6, 1e9)),
        unit_count=draw(st.none() | _sourced(1, 300)),
        links=draw(
            st.just(()) | st.builds(lambda b: (Link(name="link", bandwidth_bytes_per_s=b),), _sourced(1e9, 1e12))
        ),
        launch_s=draw(_sourced(0.0, 1e-5)),
    )


def systems(max_count: int = 1) -> st.SearchStrategy[System]:
    """One to `max_count` equal random devices without a network."""
    return st.builds(System, name=st.just("random"), device=devices(), count=st.integers(1, max_count))


@st.composite
def plans(draw: st.DrawFn, /, **fixed: Any) -> Plan:
    """A plan that is valid by itself, though no model need take it; `fixed` fields are not drawn."""
    drawn: dict[str, Any] = {
        "mode": draw(st.sampled_from(PASSES)),
        "batch": draw(_SMALL),
        "seq": draw(st.none() | st.integers(1, 64)),
        "context": draw(st.none() | st.integers(1, 64)),
        "image": draw(st.none() | st.integers(32, 256)),
        "dtype": draw(dtypes()),
        "weight_dtype": draw(_maybe_dtype()),
        "kv_dtype": draw(_maybe_dtype()),
        "attention": draw(st.sampled_from(("fused", "eager"))),
    }
    return Plan(**(drawn | fixed))


@st.composite
def scenarios(draw: st.DrawFn, max_count: int = 1) -> Scenario:
    """A random workload on a random system; engines answer it or say why not."""
    workload = draw(workloads())
    plan = Plan(mode=workload.mode, batch=workload.batch, dtype=workload.dtype)
    return Scenario(workload=workload, system=draw(systems(max_count)), plan=plan)
