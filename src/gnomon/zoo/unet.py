"""The U-Net of Stable Diffusion XL, as diffusers builds it. [Podell et al. 2023, SDXL, section 2.1 and table 1]"""

from __future__ import annotations

from dataclasses import dataclass, field

from gnomon.core.op import Attention, Elementwise, Norm
from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.zoo.diffusion import denoising, number_embedding, step
from gnomon.zoo.graph import Graph, activation_dtype, full_linear, linear
from gnomon.zoo.image import ImageGraph

PIXELS = 8  # of the image's side for one of the latent's: the factor of the VAE


@dataclass(frozen=True, slots=True, kw_only=True)
class UNet:
    """Hyper-parameters of a U-Net with transformers inside."""

    name: str
    latent_channels: int = 4
    channels: tuple[int, ...] = (320, 640, 1280)  # of each level; the side is halved from one to the next
    depths: tuple[int, ...] = (0, 2, 10)  # transformer blocks in each transformer of a level; 0: none
    residual_blocks: int = 2  # of each level on the way down; one more on the way up
    head_dim: int = 64
    text_dim: int = 2048  # width of a token of the prompt
    text_tokens: int = 77  # what CLIP's text encoder takes
    pooled_dim: int = 1280  # width of the whole prompt's vector, beside six numbers on size and crop
    embedding: int = 1280  # width of the time embedding


@dataclass
class _Net:
    """A U-Net under construction."""

    config: UNet
    plan: Plan
    text: int
    images: ImageGraph
    embedding: str = ""
    skips: list[tuple[str, int]] = field(default_factory=list)  # feature maps for the way up: node and channels

    @property
    def act(self) -> str:
        return activation_dtype(self.plan)

    @property
    def last(self) -> str:
        return self.images.graph.last

    def keep(self) -> None:
        self.skips.append((self.last, self.images.channels))


def unet(config: UNet, plan: Plan) -> Workload:
    """One step of `config` under `plan`. BadInput where it has no such shape or mode."""
    levels = len(config.channels)
    asked = denoising(config.name, plan, pixels=PIXELS, multiple=PIXELS * 2 ** (levels - 1), text=config.text_tokens)
    images = ImageGraph(plan, channels=config.latent_channels, side=asked.side)
    net = _Net(config, plan, asked.text, images)
    net.embedding = _embedding(net)
    images.conv("conv_in", config.channels[0], 3, has_bias=True, after=())
    net.keep()
    for level in range(levels):
        _down(net, level)
    _residual(net, "middle.first", config.channels[-1])
    _transformer(net, "middle", config.depths[-1])
    _residual(net, "middle.last", config.channels[-1])
    for level in reversed(range(levels)):
        _up(net, level)
    images.norm("norm_out", kind="group")
    images.function("silu_out", "silu")
    images.conv("conv_out", config.latent_channels, 3, has_bias=True)
    return step(images.graph, plan, asked, "guidance by a second, unconditional pass doubles the batch: give it so")


def _embedding(net: _Net) -> str:
    """Time, and the prompt's vector with six numbers on size and crop, added."""
    config, graph = net.config, net.images.graph
    time = number_embedding(graph, net.plan, "time", config.embedding, frequencies=config.channels[0])
    added = number_embedding(graph, net.plan, "added", config.embedding, numbers=6, beside=config.pooled_dim)
    return graph.elementwise("embedding", "add", net.plan.batch * config.embedding, net.act, after=(time, added))


def _down(net: _Net, level: int) -> None:
    config, images = net.config, net.images
    for index in range(1, config.residual_blocks + 1):
        name = f"down{level}.{index}"
        _residual(net, name, config.channels[level])
        if config.depths[level]:
            _transformer(net, name, config.depths[level])
        net.keep()
    if level < len(config.channels) - 1:
        images.conv(f"down{level}.shrink", images.channels, 3, stride=2, has_bias=True)
        net.keep()


def _up(net: _Net, level: int) -> None:
    config, images = net.config, net.images
    for index in range(1, config.residual_blocks + 2):
        name, (skip, channels) = f"up{level}.{index}", net.skips.pop()
        source = net.last
        images.channels += channels
        images.function(f"{name}.join", "copy", after=(source, skip))
        _residual(net, name, config.channels[level])
        if config.depths[level]:
            _transformer(net, name, config.depths[level])
    if level > 0:
        images.side *= 2
        images.function(f"up{level}.spread", "copy")
        images.conv(f"up{level}.conv", images.channels, 3, has_bias=True)


def _residual(net: _Net, name: str, outputs: int) -> None:
    """Two convolutions with the time embedding added between them; a 1x1 shortcut where channels differ."""
    images, batch = net.images, net.plan.batch
    source, inputs = net.last, images.channels
    images.norm(f"{name}.norm1", kind="group")
    images.function(f"{name}.silu1", "silu")
    conv = images.conv(f"{name}.conv1", outputs, 3, has_bias=True)
    width = net.config.embedding
    images.graph.elementwise(f"{name}.time_silu", "silu", batch * width, net.act, after=(net.embedding,))
    time = images.graph.add(f"{name}.time_proj", full_linear(batch, width, outputs, net.plan, has_bias=True))
    shifted = Elementwise(elements=images.elements, function="add", broadcast=batch * outputs, dtype=net.act)
    images.graph.add(f"{name}.time_add", shifted, after=(conv, time))
    images.norm(f"{name}.norm2", kind="group")
    images.function(f"{name}.silu2", "silu")
    branch = images.conv(f"{name}.conv2", outputs, 3, has_bias=True)
    if inputs != outputs:
        images.channels = inputs
        source = images.conv(f"{name}.shortcut", outputs, 1, has_bias=True, after=(source,))
    images.function(f"{name}.add", "add", after=(branch, source))


def _transformer(net: _Net, name: str, depth: int) -> None:
    """Norm, projection, `depth` blocks over the pixels as tokens, projection, residual sum."""
    images, graph = net.images, net.images.graph
    source, width, tokens = net.last, images.channels, net.plan.batch * images.side**2
    images.norm(f"{name}.norm", kind="group")
    graph.add(f"{name}.proj_in", linear(tokens, width, width, net.plan, has_bias=True))
    block = _Block(net, graph.repeated(f"{name}.block", depth), width, tokens)
    stream = block.attention("self", net.last, net.last, images.side**2)
    stream = block.attention("text", stream, None, net.text)
    block.feed_forward(stream)
    branch = graph.add(f"{name}.proj_out", linear(tokens, width, width, net.plan, has_bias=True))
    images.function(f"{name}.residual_add", "add", after=(branch, source))


@dataclass(frozen=True)
class _Block:
    """Equal transformer blocks, one after another, as one that is repeated."""

    net: _Net
    graph: Graph  # where their nodes go: `Graph.repeated`
    width: int
    tokens: int

    def _norm(self, name: str, after: str) -> str:
        op = Norm(rows=self.tokens, columns=self.width, dtype=self.net.act)
        return self.graph.add(name, op, after=(after,))

    def _add(self, name: str, after: tuple[str, ...]) -> str:
        return self.graph.elementwise(name, "add", self.tokens * self.width, self.net.act, after=after)

    def attention(self, kind: str, stream: str, keys_from: str | None, keys: int) -> str:
        """Attention of pixels over themselves, or over the text (`keys_from` None); the stream afterwards."""
        net, graph, plan, width = self.net, self.graph, self.net.plan, self.width
        norm = self._norm(f"{kind}_norm", stream)
        inputs, read = (width, (norm,)) if keys_from else (net.config.text_dim, ())
        query = graph.add(f"{kind}_query", linear(self.tokens, width, width, plan), after=(norm,))
        key = graph.add(f"{kind}_key", linear(plan.batch * keys, inputs, width, plan), after=read)
        value = graph.add(f"{kind}_value", linear(plan.batch * keys, inputs, width, plan), after=read)
        heads = width // net.config.head_dim
        op = Attention(
            batch=plan.batch,
            heads=heads,
            kv_heads=heads,
            head_dim=net.config.head_dim,
            q_len=self.tokens // plan.batch,
            kv_len=keys,
            is_causal=False,
            is_fused=plan.attention == "fused",
            dtype=net.act,
        )
        graph.add(f"{kind}_attention", op, after=(query, key, value))
        out = graph.add(f"{kind}_out", linear(self.tokens, width, width, plan, has_bias=True))
        return self._add(f"{kind}_add", (stream, out))

    def feed_forward(self, stream: str) -> None:
        """A gated MLP, four times as wide inside."""
        plan, width, inner = self.net.plan, self.width, 4 * self.width
        self._norm("mlp_norm", stream)
        self.graph.add("gate_up", linear(self.tokens, width, 2 * inner, plan, has_bias=True))
        self.graph.elementwise("gelu", "gelu_mul", self.tokens * inner, self.net.act)
        down = self.graph.add("down", linear(self.tokens, inner, width, plan, has_bias=True))
        self._add("mlp_add", (stream, down))
