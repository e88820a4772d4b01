"""Small fixed scenarios that every engine is asked: one of each kind of model, pass and format."""

from __future__ import annotations

from dataclasses import replace

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
from gnomon.core.workload import Node, Workload
from gnomon.formats.device_file import catalogue_device
from gnomon.zoo.decoder import decoder
from gnomon.zoo.decoder_shape import Decoder, Latent
from gnomon.zoo.encoder import Encoder, encoder
from gnomon.zoo.image import resnet
from gnomon.zoo.unet import UNet, unet

_ENCODER = Encoder(name="tiny-encoder", layers=2, hidden=64, heads=4, intermediate=128, vocab=100, positions=64)
_DECODER = Decoder(
    name="tiny-decoder",
    layers=2,
    hidden=64,
    heads=4,
    kv_heads=2,
    head_dim=16,
    intermediate=128,
    vocab=100,
    positions=64,
)
_MIXTURE = replace(_DECODER, name="tiny-mixture", experts=4, experts_chosen=2)
_LATENT = replace(
    _MIXTURE,
    name="tiny-latent",
    latent=Latent(query_rank=24, rank=32, nope_dim=16, rope_dim=8, value_dim=12),
    shared_intermediate=128,
    dense_layers=1,
    dense_intermediate=256,
)
_UNET = UNet(
    name="tiny-unet", channels=(32, 64), depths=(0, 1), residual_blocks=1, text_dim=16, pooled_dim=8, embedding=128
)


def _on(device: str, workload: Workload, plan: Plan, count: int = 1) -> Scenario:
    name = device if count == 1 else f"{device}:{count}"
    return Scenario(
        workload=workload, system=System(name=name, device=catalogue_device(device), count=count), plan=plan
    )


def _cnn(device: str, plan: Plan) -> Scenario:
    return _on(device, resnet("tiny-cnn", "basic", (1, 1, 1, 1), plan), plan)


def _encoded(device: str, plan: Plan) -> Scenario:
    return _on(device, encoder(_ENCODER, plan), plan)


def _decoded(device: str, plan: Plan, config: Decoder = _DECODER, count: int = 1) -> Scenario:
    return _on(device, decoder(config, plan), plan, count)


def _denoised(device: str, plan: Plan) -> Scenario:
    return _on(device, unet(_UNET, plan), plan)


def tiny_scenarios() -> dict[str, Scenario]:
    """Some scenarios by name, each a model of a few layers on a device of the catalogue.

    Two of them cannot be answered as asked by most engines: fp8 on a device without it, and two devices.
    """
    return {
        "cnn-forward": _cnn("a100-sxm-40gb", Plan(batch=2, image=32, dtype="fp16")),
        "cnn-training": _cnn(
            "v100-pcie-16gb", Plan(mode="forward+backward+optimizer", batch=2, image=32, dtype="fp32")
        ),
        "encoder-forward": _encoded("t4", Plan(batch=2, seq=16, dtype="fp16", head="classifier")),
        "encoder-training": _encoded(
            "a100-sxm-40gb", Plan(mode="forward+backward", batch=2, seq=16, dtype="tf32", head="mlm")
        ),
        "decoder-prefill": _decoded("h100-sxm", Plan(mode="prefill", batch=2, seq=16, dtype="bf16")),
        "decoder-decode": _decoded("h100-sxm", Plan(mode="decode", batch=2, context=16, dtype="bf16", kv_dtype="fp8")),
        "decoder-eager": _decoded("mi210", Plan(batch=1, seq=16, dtype="fp32", attention="eager")),
        "decoder-training": _decoded(
            "a100-sxm-80gb", Plan(mode="forward+backward+optimizer", batch=2, seq=16, dtype="bf16")
        ),
        "decoder-window": _decoded(
            "l4", Plan(mode="prefill", batch=1, seq=32, dtype="fp16"), replace(_DECODER, window=8)
        ),
        "mixture-decode": _decoded("h200", Plan(mode="decode", batch=3, context=16, dtype="bf16"), _MIXTURE),
        "latent-prefill": _decoded("h200", Plan(mode="prefill", batch=2, seq=16, dtype="fp8"), _LATENT),
        "latent-decode": _decoded("h200", Plan(mode="decode", batch=2, context=16, dtype="fp8"), _LATENT),
        "denoising-step": _denoised("h100-sxm", Plan(batch=2, image=64, dtype="fp16")),
        "int4-weights": _decoded("a10", Plan(mode="decode", batch=1, context=16, dtype="fp16", weight_dtype="int4")),
        "fp8": _decoded("h100-pcie", Plan(mode="prefill", batch=2, seq=16, dtype="fp8")),
        "fp8-on-a-device-without": _decoded("a100-sxm-80gb", Plan(mode="prefill", batch=2, seq=16, dtype="fp8")),
        "two-devices": _decoded("h100-sxm", Plan(mode="prefill", batch=2, seq=16, dtype="bf16"), count=2),
    }


_SINGLE_OPS: dict[str, Op] = {
    "matmul-large": MatMul(m=4096, n=4096, k=4096, dtype="bf16"),
    "matmul-thin": MatMul(m=1, n=4096, k=4096, dtype="bf16"),
    "matmul-batched": MatMul(batch=8, m=64, n=64, k=64, dtype="bf16", is_weight=False),
    "experts": GroupedMatMul(tokens=16, groups=8, chosen=2, n=256, k=128, dtype="bf16"),
    "convolution": Conv(batch=4, c_in=64, c_out=64, in_size=(28, 28), kernel=(3, 3), padding=(2, 2), dtype="bf16"),
    "attention-prefill": Attention(
        batch=1, heads=8, kv_heads=2, head_dim=64, q_len=512, kv_len=512, is_causal=True, dtype="bf16"
    ),
    "attention-decode": Attention(
        batch=8, heads=8, kv_heads=2, head_dim=64, q_len=1, kv_len=512, is_causal=True, dtype="bf16"
    ),
    "norm": Norm(rows=512, columns=1024, dtype="bf16"),
    "softmax": Softmax(rows=512, columns=1024, dtype="bf16"),
    "elementwise": Elementwise(elements=10**6, function="gelu", dtype="bf16"),
    "embedding": Gather(rows=512, columns=1024, table_rows=1000, dtype="bf16"),
    "pool": Pool(in_elements=64 * 28 * 28, out_elements=64 * 14 * 14, window=4, dtype="bf16"),
    "optimizer": AdamStep(weights=10**6, gradient_dtype="bf16"),
}


def single_op_scenarios() -> dict[str, Scenario]:
    """One operator of every class alone on one device, by name: what laws about bandwidth and peak are promised of."""
    plan = Plan(dtype="bf16")
    found = {}
    for name, op in _SINGLE_OPS.items():
        workload = Workload(
            name=name, mode="forward", nodes=(Node(name=name, op=op),), batch=1, dtype="bf16", item="sequence", items=1
        )
        found[name] = _on("a100-sxm-80gb", workload, plan)
    return found
