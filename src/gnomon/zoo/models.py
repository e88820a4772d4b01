"""The models known by name: hyper-parameters, each set with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

from gnomon.core.errors import BadInput, near_match
from gnomon.core.plan import Plan
from gnomon.core.workload import Mode, Workload
from gnomon.zoo import image
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import NO_FURTHER_TOKENS, Decoder, Latent
from gnomon.zoo.encoder import Encoder, encoder
from gnomon.zoo.flux import Flux, flux
from gnomon.zoo.unet import UNet, unet

Kind = Literal["image", "encoder", "decoder", "diffusion", "graph"]  # graph: traced from a program


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model under a name: what it is, and how to build its graph."""

    name: str
    kind: Kind
    source: str  # of the hyper-parameters
    build: Callable[[Plan], Workload]
    dtype: str = "fp16"  # the format it is usually run in
    weight_dtype: str | None = None  # storage of its weights where that differs: a quantised checkpoint
    batch: int = 1  # where none is asked for: a traced graph may fix it
    open_sizes: tuple[tuple[str, str], ...] = ()  # of a traced graph: names of the sizes to be given, and their places

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What it can be asked to do, the usual question first."""
        training: tuple[Mode, ...] = ("forward+backward", "forward+backward+optimizer")
        return ("prefill", "decode", "forward", *training) if self.kind == "decoder" else ("forward", *training)


def _resnet(name: str, block: Literal["basic", "bottleneck"], depths: tuple[int, ...]) -> Model:
    source = "He et al. 2016, Deep Residual Learning, table 1; strides as in torchvision (v1.5)"
    return Model(name=name, kind="image", source=source, build=partial(image.resnet, name, block, depths))


def _encoder(config: Encoder, source: str) -> Model:
    return Model(name=config.name, kind="encoder", source=source, build=partial(encoder, config))


def _decoder(config: Decoder, source: str, dtype: str = "fp16") -> Model:
    return Model(name=config.name, kind="decoder", source=source, build=partial(decoder, config), dtype=dtype)


def _gpt(name: str, layers: int, hidden: int, heads: int, positions: int) -> Decoder:
    """A GPT-2 or GPT-3 shape: learned positions, biases everywhere, inner width four times the outer, tied head."""
    return Decoder(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=4 * hidden,
        vocab=50257,
        positions=positions,
        position="learned",
        position_rows=positions,
        norm="layer",
        activation="gelu",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        is_tied=True,
    )


def _opt(name: str, layers: int, hidden: int, heads: int) -> Decoder:
    """An OPT shape: as GPT-3 with ReLU; its position table has two more rows than positions."""
    gpt = _gpt(name, layers, hidden, heads, 2048)
    return replace(gpt, vocab=50272, position_rows=2050, activation="relu")


def _llama(
    name: str,
    layers: int,
    hidden: int,
    heads: int,
    kv_heads: int,
    intermediate: int,
    vocab: int,
    positions: int,
    qkv_bias: bool = False,
    experts: int = 0,
    chosen: int = 0,
) -> Decoder:
    """A Llama shape: rotary positions, RMS norms, gated MLP, grouped heads, untied head."""
    return Decoder(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=hidden // heads,
        intermediate=intermediate,
        vocab=vocab,
        positions=positions,
        qkv_bias=qkv_bias,
        experts=experts,
        experts_chosen=chosen,
    )


def _qwen3(
    name: str, layers: int, hidden: int, heads: int, kv_heads: int, intermediate: int, experts: int = 0, chosen: int = 0
) -> Decoder:
    """A Qwen3 shape: a Llama whose heads are 128 wide and norm their queries and keys."""
    llama = _llama(name, layers, hidden, heads, kv_heads, intermediate, 151936, 40960, experts=experts, chosen=chosen)
    return replace(llama, head_dim=128, qk_norm="rms")


def _llama_3_2(name: str, layers: int, hidden: int, heads: int) -> Decoder:
    """A small Llama 3.2: its head is its embedding."""
    return replace(_llama(name, layers, hidden, heads, 8, 8192, 128256, 131072), is_tied=True)


def _deepseek(
    name: str,
    layers: int,
    hidden: int,
    intermediate: int,
    dense: int,
    experts: int,
    chosen: int,
    expert: int,
    shared: int,
    vocab: int,
    router: Literal["softmax", "sigmoid"],
    notes: tuple[str, ...] = (),
) -> Decoder:
    """A large DeepSeek: latent attention of 128 heads, `shared` experts that every token takes, dense layers first."""
    return Decoder(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=128,
        kv_heads=128,
        head_dim=192,
        intermediate=expert,
        vocab=vocab,
        positions=163840,
        latent=Latent(query_rank=1536, rank=512, nope_dim=128, rope_dim=64, value_dim=128),
        experts=experts,
        experts_chosen=chosen,
        router=router,
        shared_intermediate=shared * expert,
        dense_layers=dense,
        dense_intermediate=intermediate,
        notes=notes,
    )


_GPT2 = "Radford et al. 2019, table 2; config.json of the released checkpoints"
_GPT3 = (
    "Brown et al. 2020, table 2.1; vocabulary of GPT-2; sparse attention layers taken as dense; where heads x head size is not "
    "the printed width (XL: 24 x 128 over 2048; 13B: width 5140) the shape that gives the printed parameter count: 16 x 128, 5120"
)
_OPT = "Zhang et al. 2022, table 1; config.json of the released checkpoints"
_LLAMA2 = "Touvron et al. 2023, Llama 2; config.json of the released checkpoints"
_LLAMA3 = "Grattafiori et al. 2024, The Llama 3 Herd of Models, table 3; config.json of the released checkpoints"
_LLAMA3_2 = "Meta 2024, Llama 3.2; config.json of the released checkpoints"
_CODE_LLAMA = "Rozière et al. 2023, Code Llama; config.json of the released checkpoints"
_YI = "01.AI 2024, Yi: open foundation models, table 3; config.json of the released checkpoints"
_MISTRAL = "Jiang et al. 2023, Mistral 7B, table 1; config.json of the released checkpoints from version 0.3 on"
_MISTRALS = "Mistral AI 2024 and 2025, Mistral Nemo and Small 3; config.json of the released checkpoints"
_MIXTRAL = "Jiang et al. 2024, Mixtral of Experts, table 1; config.json of the released checkpoints"
_QWEN = "Qwen team 2024, Qwen2.5 technical report; config.json of the released checkpoints"
_QWEN3 = "Qwen team 2025, Qwen3 technical report, table 1; config.json of the released checkpoints"
_DEEPSEEK_V2 = "DeepSeek-AI 2024, DeepSeek-V2, section 3.1.2; config.json of the released checkpoints"
_DEEPSEEK_V3 = "DeepSeek-AI 2024, DeepSeek-V3, section 4.2; config.json of the released checkpoints, kept in fp8"
_BERT = "Devlin et al. 2019, section 3; config.json of the released uncased checkpoints"

_OPT_350M = replace(_opt("opt-350m", 24, 1024, 16), embed_dim=512, is_pre_norm=False, has_final_norm=False)

_ALL = (
    _resnet("resnet-18", "basic", (2, 2, 2, 2)),
    _resnet("resnet-34", "basic", (3, 4, 6, 3)),
    _resnet("resnet-50", "bottleneck", (3, 4, 6, 3)),
    _resnet("resnet-101", "bottleneck", (3, 4, 23, 3)),
    _resnet("resnet-152", "bottleneck", (3, 8, 36, 3)),
    Model(
        name="vgg-16",
        kind="image",
        source="Simonyan & Zisserman 2015, table 1, column D; torchvision",
        build=partial(image.vgg, "vgg-16", ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))),
    ),
    Model(
        name="mobilenet-v2",
        kind="image",
        source="Sandler et al. 2018, table 2; torchvision",
        build=partial(image.mobilenet_v2, "mobilenet-v2"),
    ),
    _encoder(Encoder(name="bert-base", layers=12, hidden=768, heads=12, intermediate=3072, vocab=30522), _BERT),
    _encoder(Encoder(name="bert-large", layers=24, hidden=1024, heads=16, intermediate=4096, vocab=30522), _BERT),
    _decoder(_gpt("gpt2", 12, 768, 12, 1024), _GPT2),
    _decoder(_gpt("gpt2-medium", 24, 1024, 16, 1024), _GPT2),
    _decoder(_gpt("gpt2-large", 36, 1280, 20, 1024), _GPT2),
    _decoder(_gpt("gpt2-xl", 48, 1600, 25, 1024), _GPT2),
    _decoder(_gpt("gpt3-small", 12, 768, 12, 2048), _GPT3),
    _decoder(_gpt("gpt3-medium", 24, 1024, 16, 2048), _GPT3),
    _decoder(_gpt("gpt3-large", 24, 1536, 16, 2048), _GPT3),
    _decoder(_gpt("gpt3-xl", 24, 2048, 16, 2048), _GPT3),
    _decoder(_gpt("gpt3-2.7b", 32, 2560, 32, 2048), _GPT3),
    _decoder(_gpt("gpt3-6.7b", 32, 4096, 32, 2048), _GPT3),
    _decoder(_gpt("gpt3-13b", 40, 5120, 40, 2048), _GPT3),
    _decoder(_gpt("gpt3-175b", 96, 12288, 96, 2048), _GPT3),
    _decoder(_opt("opt-125m", 12, 768, 12), _OPT),
    _decoder(_OPT_350M, _OPT),
    _decoder(_opt("opt-1.3b", 24, 2048, 32), _OPT),
    _decoder(_opt("opt-2.7b", 32, 2560, 32), _OPT),
    _decoder(_opt("opt-6.7b", 32, 4096, 32), _OPT),
    _decoder(_opt("opt-13b", 40, 5120, 40), _OPT),
    _decoder(_opt("opt-30b", 48, 7168, 56), _OPT),
    _decoder(_opt("opt-66b", 64, 9216, 72), _OPT),
    _decoder(_opt("opt-175b", 96, 12288, 96), _OPT),
    _decoder(_llama("llama-2-7b", 32, 4096, 32, 32, 11008, 32000, 4096), _LLAMA2),
    _decoder(_llama("llama-2-13b", 40, 5120, 40, 40, 13824, 32000, 4096), _LLAMA2),
    _decoder(_llama("llama-2-70b", 80, 8192, 64, 8, 28672, 32000, 4096), _LLAMA2),
    _decoder(_llama("llama-3-8b", 32, 4096, 32, 8, 14336, 128256, 8192), _LLAMA3, "bf16"),
    _decoder(_llama("llama-3-70b", 80, 8192, 64, 8, 28672, 128256, 8192), _LLAMA3, "bf16"),
    _decoder(_llama("llama-3.1-8b", 32, 4096, 32, 8, 14336, 128256, 131072), _LLAMA3, "bf16"),
    _decoder(_llama("llama-3.1-70b", 80, 8192, 64, 8, 28672, 128256, 131072), _LLAMA3, "bf16"),
    _decoder(_llama("llama-3.1-405b", 126, 16384, 128, 8, 53248, 128256, 131072), _LLAMA3, "bf16"),
    _decoder(_llama_3_2("llama-3.2-1b", 16, 2048, 32), _LLAMA3_2, "bf16"),
    _decoder(_llama_3_2("llama-3.2-3b", 28, 3072, 24), _LLAMA3_2, "bf16"),
    _decoder(_llama("codellama-7b", 32, 4096, 32, 32, 11008, 32016, 16384), _CODE_LLAMA, "bf16"),
    _decoder(_llama("codellama-13b", 40, 5120, 40, 40, 13824, 32016, 16384), _CODE_LLAMA, "bf16"),
    _decoder(_llama("codellama-34b", 48, 8192, 64, 8, 22016, 32000, 16384), _CODE_LLAMA, "bf16"),
    _decoder(_llama("yi-34b", 60, 7168, 56, 8, 20480, 64000, 4096), _YI, "bf16"),
    _decoder(_llama("mistral-7b", 32, 4096, 32, 8, 14336, 32768, 32768), _MISTRAL, "bf16"),
    _decoder(replace(_llama("mistral-nemo", 40, 5120, 32, 8, 14336, 131072, 131072), head_dim=128), _MISTRALS, "bf16"),
    _decoder(
        replace(_llama("mistral-small-24b", 40, 5120, 32, 8, 32768, 131072, 32768), head_dim=128), _MISTRALS, "bf16"
    ),
    _decoder(_llama("mixtral-8x7b", 32, 4096, 32, 8, 14336, 32000, 32768, experts=8, chosen=2), _MIXTRAL, "bf16"),
    _decoder(_llama("mixtral-8x22b", 56, 6144, 48, 8, 16384, 32000, 65536, experts=8, chosen=2), _MIXTRAL, "bf16"),
    _decoder(_llama("qwen2.5-7b", 28, 3584, 28, 4, 18944, 152064, 131072, qkv_bias=True), _QWEN, "bf16"),
    _decoder(_llama("qwen2.5-14b", 48, 5120, 40, 8, 13824, 152064, 131072, qkv_bias=True), _QWEN, "bf16"),
    _decoder(_llama("qwen2.5-32b", 64, 5120, 40, 8, 27648, 152064, 131072, qkv_bias=True), _QWEN, "bf16"),
    _decoder(_llama("qwen2.5-72b", 80, 8192, 64, 8, 29568, 152064, 131072, qkv_bias=True), _QWEN, "bf16"),
    _decoder(_qwen3("qwen3-8b", 36, 4096, 32, 8, 12288), _QWEN3, "bf16"),
    _decoder(_qwen3("qwen3-14b", 40, 5120, 40, 8, 17408), _QWEN3, "bf16"),
    _decoder(_qwen3("qwen3-32b", 64, 5120, 64, 8, 25600), _QWEN3, "bf16"),
    _decoder(_qwen3("qwen3-30b-a3b", 48, 2048, 32, 4, 768, experts=128, chosen=8), _QWEN3, "bf16"),
    _decoder(_qwen3("qwen3-235b-a22b", 94, 4096, 64, 4, 1536, experts=128, chosen=8), _QWEN3, "bf16"),
    _decoder(_deepseek("deepseek-v2", 60, 5120, 12288, 1, 160, 6, 1536, 2, 102400, "softmax"), _DEEPSEEK_V2, "bf16"),
    _decoder(
        _deepseek("deepseek-v3", 61, 7168, 18432, 3, 256, 8, 2048, 1, 129280, "sigmoid", (NO_FURTHER_TOKENS,)),
        _DEEPSEEK_V3,
        "fp8",
    ),
    Model(
        name="sdxl",
        kind="diffusion",
        source="Podell et al. 2023, SDXL, table 1; config.json of the released base U-Net",
        build=partial(unet, UNet(name="sdxl")),
    ),
    Model(
        name="flux.1-dev",
        kind="diffusion",
        source="Black Forest Labs 2024; config.json of the released transformer",
        build=partial(flux, Flux(name="flux.1-dev")),
        dtype="bf16",
    ),
)


@cache
def models() -> dict[str, Model]:
    """Every model by its name."""
    return {model.name: model for model in _ALL}


def model(name: str) -> Model:
    """The model of that name; BadInput with the near match otherwise."""
    known = models()
    if name.lower() not in known:
        raise BadInput(f"unknown model {name!r}{near_match(name, known)} (see `gnomon list models`)")
    return known[name.lower()]
