"""The transformer of FLUX.1, as diffusers builds it: blocks of two streams, text and image, then blocks of one.

Its shape is published as code and config.json (Black Forest Labs 2024); the blocks of two streams are those of Esser et
al. 2024, Scaling Rectified Flow Transformers, figure 2. Norms have no parameters: a linear layer of the time embedding
gives scale, shift and gate for each image.
"""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.op import Attention, Elementwise, Norm
from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.zoo.diffusion import denoising, number_embedding, step, two_layers
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear

PIXELS = 16  # of the image's side for one token's: the VAE's 8, and 2 x 2 of its pixels in a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Flux:
    """Hyper-parameters of FLUX.1's transformer."""

    name: str
    double_blocks: int = 19
    single_blocks: int = 38
    heads: int = 24
    head_dim: int = 128
    patch_dim: int = 64  # numbers of one token of the latent image: 16 channels of 2 x 2
    text_dim: int = 4096  # width of a token of the prompt (T5)
    text_tokens: int = 512
    pooled_dim: int = 768  # width of the whole prompt's vector (CLIP)
    has_guidance: bool = True  # the strength of guidance is an input, so that one pass does for two

    @property
    def width(self) -> int:
        """Width of both streams."""
        return self.heads * self.head_dim


def flux(config: Flux, plan: Plan) -> Workload:
    """One step of `config` under `plan`. BadInput where it has no such shape or mode."""
    asked = denoising(config.name, plan, pixels=PIXELS, multiple=PIXELS, text=config.text_tokens)
    graph, width = Graph(), config.width
    image, text = plan.batch * asked.side**2, plan.batch * asked.text
    embedding = _embedding(graph, config, plan)
    of_image = full_linear(image, config.patch_dim, width, plan, has_bias=True)
    of_text = full_linear(text, config.text_dim, width, plan, has_bias=True)
    streams = (graph.add("embed_image", of_image, after=()), graph.add("embed_text", of_text, after=()))

    def blocks(name: str, copies: int) -> _Blocks:
        return _Blocks(graph.repeated(name, copies), config, plan, embedding, image, text)

    last = _single(blocks("single", config.single_blocks), _double(blocks("double", config.double_blocks), streams))
    out = blocks("out", 1)
    out.modulated_norm("image", image, last, out.modulation("image", 2))
    graph.add("proj_out", full_linear(image, width, config.patch_dim, plan, has_bias=True))
    notes = ("the strength of guidance is an input: one pass an image",) if config.has_guidance else ()
    return step(graph, plan, asked, *notes)


def _embedding(graph: Graph, config: Flux, plan: Plan) -> str:
    """Time, strength of guidance and the prompt's vector, added."""
    total = number_embedding(graph, plan, "time", config.width)
    elements, act = plan.batch * config.width, activation_dtype(plan)
    if config.has_guidance:
        strength = number_embedding(graph, plan, "guidance", config.width)
        total = graph.elementwise("guidance.add", "add", elements, act, after=(total, strength))
    prompt = two_layers(graph, plan, "prompt", config.pooled_dim, config.width, after=())
    return graph.elementwise("embedding", "add", elements, act, after=(total, prompt))


@dataclass(frozen=True)
class _Blocks:
    """Equal blocks under construction, one after another, as one that is repeated."""

    graph: Graph  # where their nodes go: `Graph.repeated`
    config: Flux
    plan: Plan
    embedding: str
    image: int  # tokens of all images
    text: int  # tokens of all prompts

    def function(self, name: str, function: str, elements: int, after: tuple[str, ...], *, broadcast: int = 0) -> str:
        """A function of the arrays that `after` names, of which the last is small where `broadcast` gives its size."""
        inputs = len(after) - (1 if broadcast else 0)
        op = Elementwise(
            elements=elements, function=function, inputs=inputs, broadcast=broadcast, dtype=activation_dtype(self.plan)
        )
        return self.graph.add(name, op, after=after)

    def copy(self, name: str, elements: int, after: tuple[str, ...]) -> str:
        """Arrays copied beside one another."""
        op = Elementwise(elements=elements, function="copy", dtype=activation_dtype(self.plan))
        return self.graph.add(name, op, after=after)

    def linear(self, name: str, tokens: int, source: str, *, inputs: int = 1, outputs: int = 1) -> str:
        """A linear layer with bias; its sides are multiples of the streams' width."""
        width = self.config.width
        op = linear(tokens, inputs * width, outputs * width, self.plan, has_bias=True)
        return self.graph.add(name, op, after=(source,))

    def modulation(self, name: str, parts: int) -> str:
        """Scales, shifts and gates of each image: `parts` rows of the streams' width, from the embedding."""
        batch = self.plan.batch
        active = self.function(f"{name}_silu", "silu", batch * self.config.width, (self.embedding,))
        return self.linear(f"{name}_modulation", batch, active, outputs=parts)

    def modulated_norm(self, name: str, tokens: int, source: str, modulation: str) -> str:
        """A norm without parameters, scaled and shifted."""
        width, small = self.config.width, self.plan.batch * self.config.width
        act = activation_dtype(self.plan)
        op = Norm(rows=tokens, columns=width, dtype=act, has_weight=False, has_bias=False)
        norm = self.graph.add(f"{name}_norm", op, after=(source,))
        scaled = self.function(f"{name}_scale", "mul", tokens * width, (norm, modulation), broadcast=small)
        return self.function(f"{name}_shift", "add", tokens * width, (scaled, modulation), broadcast=small)

    def gated_add(self, name: str, tokens: int, stream: str, branch: str, modulation: str) -> str:
        """A branch times its gate, added to the stream."""
        elements, small = tokens * self.config.width, self.plan.batch * self.config.width
        gated = self.function(f"{name}_gate", "mul", elements, (branch, modulation), broadcast=small)
        return self.function(f"{name}_add", "add", elements, (stream, gated))

    def mlp_up(self, name: str, tokens: int, source: str) -> str:
        up = self.linear(f"{name}_up", tokens, source, outputs=4)
        return self.function(f"{name}_gelu", "gelu", 4 * tokens * self.config.width, (up,))

    def heads(self, name: str, tokens: int, source: str) -> tuple[str, str, str]:
        """Queries and keys, each head's normed, and values."""
        act = activation_dtype(self.plan)
        norm = Norm(
            rows=tokens * self.config.heads, columns=self.config.head_dim, kind="rms", dtype=act, has_bias=False
        )
        self.linear(f"{name}_query", tokens, source)
        query = self.graph.add(f"{name}_query_norm", norm)
        self.linear(f"{name}_key", tokens, source)
        key = self.graph.add(f"{name}_key_norm", norm)
        return query, key, self.linear(f"{name}_value", tokens, source)

    def attention(self, query_key: tuple[str, ...], value: str) -> str:
        """Attention of all tokens of an image and its prompt over one another, queries and keys rotated."""
        tokens = self.image + self.text
        width = self.config.width
        op = Elementwise(elements=2 * tokens * width, function="rotary", dtype=activation_dtype(self.plan))
        rotated = self.graph.add("rotary", op, after=query_key)
        attention = Attention(
            batch=self.plan.batch,
            heads=self.config.heads,
            kv_heads=self.config.heads,
            head_dim=self.config.head_dim,
            q_len=tokens // self.plan.batch,
            kv_len=tokens // self.plan.batch,
            is_causal=False,
            is_fused=self.plan.attention == "fused",
            dtype=activation_dtype(self.plan),
        )
        return self.graph.add("attention", attention, after=(rotated, value))


def _double(net: _Blocks, streams: tuple[str, str]) -> tuple[str, str]:
    """Blocks with weights of their own for image and text, which meet in attention; the two streams afterwards."""
    named = tuple(zip(("image", "text"), (net.image, net.text), streams, strict=True))
    modulations = [net.modulation(name, 6) for name, _, _ in named]
    seen: list[str] = []
    for (name, tokens, stream), modulation in zip(named, modulations, strict=True):
        seen.extend(net.heads(name, tokens, net.modulated_norm(name, tokens, stream, modulation)))
    joined = net.copy("join", 3 * (net.image + net.text) * net.config.width, tuple(seen))
    attended = net.attention((joined,), joined)
    found = []
    for (name, tokens, stream), modulation in zip(named, modulations, strict=True):
        out = net.linear(f"{name}_out", tokens, attended)
        stream = net.gated_add(f"{name}_attention", tokens, stream, out, modulation)
        norm = net.modulated_norm(f"{name}_mlp", tokens, stream, modulation)
        down = net.linear(f"{name}_mlp_down", tokens, net.mlp_up(f"{name}_mlp", tokens, norm), inputs=4)
        found.append(net.gated_add(f"{name}_mlp", tokens, stream, down, modulation))
    return found[0], found[1]


def _single(net: _Blocks, streams: tuple[str, str]) -> str:
    """Blocks of one stream, text and image: attention and MLP side by side, joined by one projection."""
    tokens, width = net.image + net.text, net.config.width
    stream = net.copy("streams_join", tokens * width, streams)
    modulation = net.modulation("block", 3)
    norm = net.modulated_norm("block", tokens, stream, modulation)
    inner = net.mlp_up("mlp", tokens, norm)
    query, key, value = net.heads("block", tokens, norm)
    attended = net.attention((query, key), value)
    both = net.copy("join", 5 * tokens * width, (attended, inner))
    out = net.linear("out", tokens, both, inputs=5)
    return net.gated_add("block", tokens, stream, out, modulation)
