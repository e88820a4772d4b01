"""Decoder-only transformers: GPT-2, OPT, Llama, Mistral, Mixtral and Qwen2 are choices within one graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gnomon.core.errors import BadInput
from gnomon.core.op import Attention, Elementwise, Gather, GroupedMatMul, Norm, Softmax
from gnomon.core.plan import USUAL_IMAGE, Plan
from gnomon.core.workload import Workload
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Hyper-parameters of a decoder-only transformer."""

    name: str
    layers: int
    hidden: int  # width of the residual stream
    heads: int
    kv_heads: int  # equal to heads without grouping
    head_dim: int
    intermediate: int  # inner width of the MLP, of one expert in a mixture
    vocab: int
    positions: int  # longest sequence the model was made for
    position: Literal["rotary", "learned"] = "rotary"
    position_rows: int = 0  # rows of a learned position table
    norm: Literal["rms", "layer"] = "rms"
    norm_has_parameters: bool = True
    is_pre_norm: bool = True  # norm before each block; False: after each residual sum
    has_final_norm: bool = True
    activation: Literal["silu_mul", "gelu", "relu"] = "silu_mul"  # silu_mul: a gate beside the up projection
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    is_tied: bool = False  # the LM head is the embedding table
    embed_dim: int | None = None  # width of the embedding table where it is not hidden: projected in and out
    window: int | None = None  # keys that a query of a windowed layer sees at most
    window_layers: int | None = None  # how many layers, the last ones, are windowed; None: all, where there is a window
    experts: int = 0  # of each layer's mixture; 0: a dense MLP
    experts_chosen: int = 0
    usual_head: Literal["lm", "classifier", "none"] = "lm"  # where the plan asks for the default
    usual_classes: int = 2


def decoder(config: Decoder, plan: Plan) -> Workload:
    """The graph of `config` under `plan`. BadInput where the model has no such shape or mode."""
    head = _head(config, plan)
    queries, keys = _lengths(config, plan)
    tokens = plan.batch * queries
    act = activation_dtype(plan)
    graph = Graph()
    _embed(graph, config, tokens, act, plan)
    for stack in _stacks(config):
        _layers(graph, config, plan, tokens, queries, keys, stack)
    if config.has_final_norm:
        graph.add("final_norm", _norm(config, tokens, act))
    scored = plan.batch if plan.mode in ("prefill", "decode") else tokens
    if config.embed_dim:
        graph.add("project_out", linear(tokens, config.hidden, config.embed_dim, plan))
    width = config.embed_dim or config.hidden
    if head == "lm":
        graph.add("lm_head", full_linear(scored, width, config.vocab, plan, is_tied=config.is_tied))
        if plan.mode.startswith("forward+backward"):
            graph.add("loss", Softmax(rows=scored, columns=config.vocab, dtype=act))
    elif head == "classifier":
        graph.add("classifier", full_linear(plan.batch, width, plan.classes or 2, plan))
    return graph.workload(
        config.name,
        plan,
        head=head,
        assumptions=_assumptions(config, plan),
        seq=queries,
        context=keys if plan.mode in ("prefill", "decode") else None,
        outside=_outside(config, keys),
    )


def _outside(config: Decoder, keys: int) -> tuple[str, ...]:
    if keys <= config.positions:
        return ()
    return (f"{keys} tokens are more than the {config.positions} positions that {config.name} was made for",)


def _head(config: Decoder, plan: Plan) -> str:
    head = config.usual_head if plan.head == "default" else plan.head
    if head not in ("lm", "none", "classifier"):
        raise BadInput(f"head: {config.name} has no head {plan.head!r} (it has: lm, classifier, none)")
    if plan.classes is not None and head != "classifier":
        raise BadInput(f"classes: {config.name} has classes with head classifier, not with {head}")
    return head


def _lengths(config: Decoder, plan: Plan) -> tuple[int, int]:
    """New tokens and visible tokens of each sequence."""
    if plan.image != USUAL_IMAGE:
        raise BadInput(f"image: {config.name} reads text; its size is seq")
    if plan.kv_dtype is not None and plan.mode not in ("prefill", "decode"):
        raise BadInput(f"kv_dtype: mode {plan.mode!r} keeps no KV cache; prefill and decode do")
    if plan.mode == "decode":
        if plan.seq is not None:
            raise BadInput("seq: a decode step handles one token; give the tokens already there as context")
        keys = plan.context or min(USUAL_TOKENS, config.positions)
        queries = 1
    else:
        if plan.context is not None:
            raise BadInput(f"context: only a decode step has one; mode {plan.mode!r} takes seq")
        keys = queries = plan.seq or min(USUAL_TOKENS, config.positions)
    if config.position == "learned" and keys > config.positions:
        raise BadInput(f"seq: {keys} tokens are more than the {config.positions} positions of {config.name}")
    return queries, keys


USUAL_TOKENS = 1024  # sequence length where none is asked for; shown with every answer


def _norm(config: Decoder, tokens: int, act: str) -> Norm:
    has = config.norm_has_parameters
    return Norm(
        rows=tokens,
        columns=config.hidden,
        kind=config.norm,
        dtype=act,
        has_weight=has,
        has_bias=has and config.norm == "layer",
    )


def _embed(graph: Graph, config: Decoder, tokens: int, act: str, plan: Plan) -> None:
    width = config.embed_dim or config.hidden
    words = graph.add("embed_tokens", Gather(rows=tokens, columns=width, table_rows=config.vocab, dtype=act))
    if config.embed_dim:
        words = graph.add("project_in", linear(tokens, config.embed_dim, config.hidden, plan))
    if config.position == "learned":
        table = Gather(rows=tokens, columns=config.hidden, table_rows=config.position_rows, dtype=act)
        places = graph.add("embed_positions", table, after=())
        graph.elementwise("embed_add", "add", tokens * config.hidden, act, after=(words, places))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """Equal layers, one after another."""

    name: str  # before the dot of their nodes' names
    repeat: int
    window: int | None


def _stacks(config: Decoder) -> tuple[_Stack, ...]:
    """The layers that see every key, then those with a window."""
    if config.window is None:
        return (_Stack(name="layer", repeat=config.layers, window=None),)
    windowed = config.layers if config.window_layers is None else config.window_layers
    stacks = (
        _Stack(name="layer", repeat=config.layers - windowed, window=None),
        _Stack(name="windowed_layer", repeat=windowed, window=config.window),
    )
    return tuple(stack for stack in stacks if stack.repeat > 0)


def _layers(graph: Graph, config: Decoder, plan: Plan, tokens: int, queries: int, keys: int, stack: _Stack) -> None:
    """One layer, repeated."""
    act, repeat, hidden = activation_dtype(plan), stack.repeat, config.hidden
    stream = graph.last
    if config.is_pre_norm:
        graph.add(f"{stack.name}.attention_norm", _norm(config, tokens, act), repeat=repeat)
    query, key_value = config.heads * config.head_dim, config.kv_heads * config.head_dim
    graph.add(
        f"{stack.name}.qkv_proj",
        linear(tokens, hidden, query + 2 * key_value, plan, has_bias=config.qkv_bias),
        repeat=repeat,
    )
    if config.position == "rotary":
        graph.elementwise(f"{stack.name}.rotary", "rotary", tokens * (query + key_value), act, repeat=repeat)
    attention = Attention(
        batch=plan.batch,
        heads=config.heads,
        kv_heads=config.kv_heads,
        head_dim=config.head_dim,
        q_len=queries,
        kv_len=keys,
        is_causal=True,
        is_fused=plan.attention == "fused",
        has_cache=plan.mode in ("prefill", "decode"),
        window=stack.window,
        dtype=act,
        kv_dtype=plan.kv_dtype,
    )
    graph.add(f"{stack.name}.attention", attention, repeat=repeat)
    out = graph.add(
        f"{stack.name}.out_proj", linear(tokens, query, hidden, plan, has_bias=config.out_bias), repeat=repeat
    )
    stream = graph.elementwise(
        f"{stack.name}.attention_add", "add", tokens * hidden, act, after=(stream, out), repeat=repeat
    )
    norm = graph.add(
        f"{stack.name}.mlp_norm" if config.is_pre_norm else f"{stack.name}.attention_norm",
        _norm(config, tokens, act),
        repeat=repeat,
    )
    if not config.is_pre_norm:
        stream = norm
    block = _mixture if config.experts else _mlp
    down = block(graph, config, plan, tokens, stack)
    graph.elementwise(f"{stack.name}.mlp_add", "add", tokens * hidden, act, after=(stream, down), repeat=repeat)
    if not config.is_pre_norm:
        graph.add(f"{stack.name}.mlp_norm", _norm(config, tokens, act), repeat=repeat)


def _mlp(graph: Graph, config: Decoder, plan: Plan, tokens: int, stack: _Stack) -> str:
    act, inner, repeat = activation_dtype(plan), config.intermediate, stack.repeat
    is_gated = config.activation == "silu_mul"
    up = linear(tokens, config.hidden, (2 if is_gated else 1) * inner, plan, has_bias=config.mlp_bias)
    graph.add(f"{stack.name}.gate_up_proj" if is_gated else f"{stack.name}.up_proj", up, repeat=repeat)
    graph.elementwise(f"{stack.name}.activation", config.activation, tokens * inner, act, repeat=repeat)
    return graph.add(
        f"{stack.name}.down_proj", linear(tokens, inner, config.hidden, plan, has_bias=config.mlp_bias), repeat=repeat
    )


def _mixture(graph: Graph, config: Decoder, plan: Plan, tokens: int, stack: _Stack) -> str:
    """Router, chosen experts' gated MLPs, weighted sum."""
    act, inner, repeat, chosen = activation_dtype(plan), config.intermediate, stack.repeat, config.experts_chosen
    source = graph.last
    graph.add(f"{stack.name}.router", full_linear(tokens, config.hidden, config.experts, plan), repeat=repeat)
    routed = graph.add(
        f"{stack.name}.router_softmax", Softmax(rows=tokens, columns=config.experts, dtype=act), repeat=repeat
    )

    def product(n: int, k: int) -> GroupedMatMul:
        return GroupedMatMul(
            tokens=tokens,
            groups=config.experts,
            chosen=chosen,
            n=n,
            k=k,
            dtype=plan.dtype,
            weight_dtype=plan.weight_dtype,
            out_dtype=act,
        )

    graph.add(f"{stack.name}.experts_gate_up", product(2 * inner, config.hidden), after=(source, routed), repeat=repeat)
    graph.elementwise(f"{stack.name}.experts_activation", "silu_mul", tokens * chosen * inner, act, repeat=repeat)
    down = graph.add(f"{stack.name}.experts_down", product(config.hidden, inner), repeat=repeat)
    if chosen == 1:  # nothing to sum
        return down
    total = Elementwise(elements=tokens * config.hidden, function="add", inputs=chosen, dtype=act)
    return graph.add(f"{stack.name}.experts_sum", total, repeat=repeat)


def _assumptions(config: Decoder, plan: Plan) -> tuple[str, ...]:
    found = ["operators run one by one; query, key and value (and gate and up) are one product each"]
    if plan.mode == "prefill":
        found.append("logits of the last token only")
    if config.experts:
        found.append("tokens choose experts uniformly and independently")
    if plan.weight_dtype or plan.dtype in ("fp8", "fp4", "int8", "int4"):
        found.append("embedding, LM head and router stay in the activations' format")
    return tuple(found)
