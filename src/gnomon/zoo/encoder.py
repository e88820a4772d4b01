"""BERT: an encoder of text with a pooler and, on request, a head."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.core.op import Attention, Gather, Norm, Softmax
from gnomon.core.plan import Plan
from gnomon.core.workload import CACHED, Workload
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Hyper-parameters of a BERT. [Devlin et al. 2019, section 3]"""

    name: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    positions: int = 512
    token_types: int = 2
    activation: str = "gelu"
    usual_head: str = "none"  # where the plan asks for the default
    usual_classes: int = 2


USUAL_TOKENS = 512  # sequence length where none is asked for; shown with every answer
_HEADS = ("none", "classifier", "mlm", "qa", "pretraining")


def encoder(config: Encoder, plan: Plan) -> Workload:
    """The graph of `config` under `plan`. BadInput where the model has no such shape or mode."""
    head = config.usual_head if plan.head == "default" else plan.head
    if head not in _HEADS:
        raise BadInput(f"{config.name} has no head {plan.head!r} (it has: {', '.join(_HEADS)})", field="head")
    if plan.classes is not None and head != "classifier":
        raise BadInput(f"{config.name} has classes with head classifier, not with {head}", field="classes")
    if plan.mode in CACHED:
        raise BadInput(f"{config.name} is an encoder, it has no {plan.mode}; use forward", field="mode")
    if plan.kv_dtype is not None:
        raise BadInput(f"{config.name} is an encoder, it has no KV cache", field="kv_dtype")
    if plan.image is not None:
        raise BadInput(f"{config.name} reads text; its size is seq", field="image")
    if plan.context is not None:
        raise BadInput(f"only a decode step has one; {config.name} takes seq", field="context")
    seq = plan.seq or min(USUAL_TOKENS, config.positions)
    if seq > config.positions:
        raise BadInput(f"{seq} tokens are more than the {config.positions} positions of {config.name}", field="seq")
    tokens, act = plan.batch * seq, activation_dtype(plan)
    graph = Graph()
    _embed(graph, config, tokens, act)
    _layers(graph, config, plan, seq)
    _add_head(graph, config, plan, head, tokens)
    assumptions = ("operators run one by one; no padding: every sequence has the full length",)
    return graph.workload(config.name, plan, head=head, assumptions=assumptions, seq=seq)


def _embed(graph: Graph, config: Encoder, tokens: int, act: str) -> None:
    tables = (("word", config.vocab), ("position", config.positions), ("type", config.token_types))
    names = [
        graph.add(f"embed_{name}", Gather(rows=tokens, columns=config.hidden, table_rows=rows, dtype=act), after=())
        for name, rows in tables
    ]
    total = graph.elementwise("embed_add", "add", tokens * config.hidden, act, after=(names[0], names[1]))
    graph.elementwise("embed_add_type", "add", tokens * config.hidden, act, after=(total, names[2]))
    graph.add("embed_norm", Norm(rows=tokens, columns=config.hidden, dtype=act))


def _layers(graph: Graph, config: Encoder, plan: Plan, seq: int) -> None:
    """One layer, repeated. Norms come after the residual sums."""
    act, hidden, tokens = activation_dtype(plan), config.hidden, plan.batch * seq
    stream, layer = graph.last, graph.repeated("layer", config.layers)
    query, key, value = (
        layer.add(name, linear(tokens, hidden, hidden, plan, has_bias=True), after=(stream,))
        for name in ("query", "key", "value")
    )
    attention = Attention(
        batch=plan.batch,
        heads=config.heads,
        kv_heads=config.heads,
        head_dim=hidden // config.heads,
        q_len=seq,
        kv_len=seq,
        is_causal=False,
        is_fused=plan.attention == "fused",
        dtype=act,
    )
    layer.add("attention", attention, after=(query, key, value))
    out = layer.add("attention_out", linear(tokens, hidden, hidden, plan, has_bias=True))
    layer.elementwise("attention_add", "add", tokens * hidden, act, after=(stream, out))
    stream = layer.add("attention_norm", Norm(rows=tokens, columns=hidden, dtype=act))
    layer.add("intermediate", linear(tokens, hidden, config.intermediate, plan, has_bias=True))
    layer.elementwise("activation", config.activation, tokens * config.intermediate, act)
    out = layer.add("output", linear(tokens, config.intermediate, hidden, plan, has_bias=True))
    layer.elementwise("output_add", "add", tokens * hidden, act, after=(stream, out))
    layer.add("output_norm", Norm(rows=tokens, columns=hidden, dtype=act))


def _add_head(graph: Graph, config: Encoder, plan: Plan, head: str, tokens: int) -> None:
    """Pooler and classifier read the first token; span prediction and the MLM head read every token, without pooler.

    Pre-training has the MLM head and, on the pooler, a two-way classifier of sentence order.
    """
    act, hidden, batch = activation_dtype(plan), config.hidden, plan.batch
    is_trained = plan.mode.startswith("forward+backward")
    body = graph.last
    if head in ("mlm", "pretraining"):
        graph.add("mlm_transform", full_linear(tokens, hidden, hidden, plan, has_bias=True))
        graph.elementwise("mlm_activation", config.activation, tokens * hidden, act)
        graph.add("mlm_norm", Norm(rows=tokens, columns=hidden, dtype=act))
        graph.add("mlm_decoder", full_linear(tokens, hidden, config.vocab, plan, has_bias=True, is_tied=True))
        if is_trained:
            graph.add("mlm_loss", Softmax(rows=tokens, columns=config.vocab, dtype=act))
    if head == "qa":
        graph.add("qa_outputs", full_linear(tokens, hidden, 2, plan, has_bias=True))
    if head in ("none", "classifier", "pretraining"):
        graph.add("pooler", full_linear(batch, hidden, hidden, plan, has_bias=True), after=(body,))
        graph.elementwise("pooler_tanh", "tanh", batch * hidden, act)
    if head in ("classifier", "pretraining"):
        classes = 2 if head == "pretraining" else plan.classes or config.usual_classes
        graph.add("classifier", full_linear(batch, hidden, classes, plan, has_bias=True))
        if is_trained:
            graph.add("loss", Softmax(rows=batch, columns=classes, dtype=act))
