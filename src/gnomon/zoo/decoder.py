"""Decoder-only transformers: GPT-2, Llama, Mixtral, Gemma, DeepSeek and the others are choices within one graph."""

from __future__ import annotations

from gnomon.core.errors import BadInput
from gnomon.core.op import Gather, Softmax
from gnomon.core.plan import Plan
from gnomon.core.workload import CACHED, Workload
from gnomon.zoo import latent
from gnomon.zoo.attention import heads_attention
from gnomon.zoo.decoder_shape import Decoder
from gnomon.zoo.feed_forward import mixture, mlp
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear
from gnomon.zoo.layer import Layer, stream_norm


def decoder(config: Decoder, plan: Plan) -> Workload:
    """The graph of `config` under `plan`. BadInput where the model has no such shape or mode."""
    head = _head(config, plan)
    queries, keys = _lengths(config, plan)
    tokens = plan.batch * queries
    act = activation_dtype(plan)
    graph = Graph()
    _embed(graph, config, tokens, act, plan)
    _layers(graph, config, plan, queries, keys)
    if config.has_final_norm:
        graph.add("final_norm", stream_norm(config, tokens, act))
    scored = plan.batch if plan.mode in CACHED else tokens
    if config.embed_dim:
        graph.add("project_out", linear(tokens, config.hidden, config.embed_dim, plan))
    width = config.embed_dim or config.hidden
    if head == "lm":
        weight = full_linear(scored, width, config.vocab, plan, is_tied=config.is_tied, has_bias=config.head_bias)
        graph.add("lm_head", weight)
        if config.has_logit_cap:
            graph.elementwise("logit_cap", "softcap", scored * config.vocab, act)
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
        context=keys if plan.mode in CACHED else None,
        outside=_outside(config, keys),
    )


def _outside(config: Decoder, keys: int) -> tuple[str, ...]:
    if keys <= config.positions:
        return ()
    return (f"{keys} tokens are more than the {config.positions} positions that {config.name} was made for",)


def _head(config: Decoder, plan: Plan) -> str:
    head = config.usual_head if plan.head == "default" else plan.head
    if head not in ("lm", "none", "classifier"):
        raise BadInput(f"{config.name} has no head {plan.head!r} (it has: lm, classifier, none)", field="head")
    if plan.classes is not None and head != "classifier":
        raise BadInput(f"{config.name} has classes with head classifier, not with {head}", field="classes")
    return head


def _lengths(config: Decoder, plan: Plan) -> tuple[int, int]:
    """New tokens and visible tokens of each sequence."""
    if plan.image is not None:
        raise BadInput(f"{config.name} reads text; its size is seq", field="image")
    if plan.kv_dtype is not None and plan.mode not in CACHED:
        raise BadInput(f"mode {plan.mode!r} keeps no KV cache; prefill and decode do", field="kv_dtype")
    if plan.mode == "decode":
        if plan.seq is not None:
            raise BadInput("a decode step handles one token; give the tokens already there as context", field="seq")
        keys = plan.context or min(USUAL_TOKENS, config.positions)
        queries = 1
    elif plan.serving is not None:
        for field in ("seq", "context"):
            if getattr(plan, field) is not None:
                raise BadInput("a service takes lengths from its traffic", field=field)
        keys, queries = plan.serving.max_model_len or config.positions, 1
    else:
        if plan.context is not None:
            raise BadInput(f"only a decode step has one; mode {plan.mode!r} takes seq", field="context")
        keys = queries = plan.seq or min(USUAL_TOKENS, config.positions)
    if config.position == "learned" and keys > config.positions:
        field = "seq" if plan.serving is None else "max_model_len"
        raise BadInput(f"{keys} tokens are more than the {config.positions} positions of {config.name}", field=field)
    return queries, keys


USUAL_TOKENS = 1024  # sequence length where none is asked for; shown with every answer


def _embed(graph: Graph, config: Decoder, tokens: int, act: str, plan: Plan) -> None:
    width = config.embed_dim or config.hidden
    words = graph.add("embed_tokens", Gather(rows=tokens, columns=width, table_rows=config.vocab, dtype=act))
    if config.has_embed_scale:
        words = graph.elementwise("embed_scale", "scale", tokens * width, act)
    if config.embed_dim:
        words = graph.add("project_in", linear(tokens, config.embed_dim, config.hidden, plan))
    if config.position == "learned":
        table = Gather(rows=tokens, columns=config.hidden, table_rows=config.position_rows, dtype=act)
        places = graph.add("embed_positions", table, after=())
        graph.elementwise("embed_add", "add", tokens * config.hidden, act, after=(words, places))


def _layers(graph: Graph, config: Decoder, plan: Plan, queries: int, keys: int) -> None:
    """All layers: those with a dense MLP in a mixture, those that see every key, those with a window."""
    windowed = 0 if config.window is None else config.layers if config.window_layers is None else config.window_layers
    dense = config.dense_layers
    stacks = (  # dense layers of a mixture stand among layers that have a window all, or none
        ("dense_layer", dense, config.window if windowed else None, False),
        ("layer", config.layers - windowed - (0 if windowed else dense), None, True),
        ("windowed_layer", windowed - (dense if windowed else 0), config.window, True),
    )
    for name, repeat, window, has_experts in stacks:
        if repeat > 0:
            layer = Layer(
                graph=graph.repeated(name, repeat),
                config=config,
                plan=plan,
                queries=queries,
                keys=keys,
                window=window,
                has_experts=has_experts and config.experts > 0,
            )
            build = _parallel if config.is_parallel else _sequential
            build(layer)


def _sequential(layer: Layer) -> None:
    """Attention, then the MLP, each added to the stream, with norms before, after, or both."""
    config, elements = layer.config, layer.tokens * layer.config.hidden
    stream = layer.graph.last
    if config.is_pre_norm:
        layer.norm("attention_norm")
    out = _attention(layer)
    if config.has_post_norms:
        out = layer.norm("attention_post_norm")
    stream = layer.elementwise("attention_add", "add", elements, after=(stream, out))
    norm = layer.norm("mlp_norm" if config.is_pre_norm else "attention_norm")
    if not config.is_pre_norm:
        stream = norm
    down = _feed_forward(layer, norm)
    if config.has_post_norms:
        down = layer.norm("mlp_post_norm")
    layer.elementwise("mlp_add", "add", elements, after=(stream, down))
    if not config.is_pre_norm:
        layer.norm("mlp_norm")


def _parallel(layer: Layer) -> None:
    """One norm, read by attention and MLP; both are added to the stream."""
    elements, stream = layer.tokens * layer.config.hidden, layer.graph.last
    norm = layer.norm("norm")
    out = _attention(layer)
    down = _feed_forward(layer, norm)
    both = layer.elementwise("blocks_add", "add", elements, after=(out, down))
    layer.elementwise("stream_add", "add", elements, after=(both, stream))


def _attention(layer: Layer) -> str:
    widths = layer.config.latent
    return heads_attention(layer) if widths is None else latent.latent_attention(layer, widths)


def _feed_forward(layer: Layer, source: str) -> str:
    if layer.has_experts:
        return mixture(layer, source)
    return mlp(layer, source, layer.config.dense_intermediate if layer.config.experts else layer.config.intermediate)


def _assumptions(config: Decoder, plan: Plan) -> tuple[str, ...]:
    found = ["operators run one by one; query, key and value (and gate and up) are one product each"]
    if plan.mode == "prefill":
        found.append("logits of the last token only")
    if config.latent is not None:
        found.extend(latent.assumptions(plan.mode))
    if config.experts:
        found.append("tokens choose experts uniformly and independently")
    if plan.weight_dtype or plan.dtype in ("fp8", "fp4", "mxfp4", "int8", "int4"):
        kept = "embedding, LM head and router" if config.quantised == "all" else "all but the experts' weights"
        found.append(f"{kept} stay in the activations' format")
    return (*found, *config.notes)
