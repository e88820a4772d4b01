"""SDXL's U-Net and FLUX.1's transformer against the modules of diffusers: parameters of the whole, work of smaller ones."""

import csv
from pathlib import Path

import pytest

import gnomon
from gnomon.core.plan import Plan
from gnomon.zoo.flux import Flux, flux
from gnomon.zoo.unet import UNet, unet

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]  # its modules are loaded once, by one worker
torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed (make test EXTRAS=torch)")

ROWS = {
    row["name"]: row
    for row in csv.DictReader((Path(__file__).parent / "parameters.csv").read_text(encoding="utf-8").splitlines())
}

# The fields of the released config.json that shape the module and are not the library's defaults.
SDXL = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
FLUX = {"guidance_embeds": True}


def _meta(family, fields):
    with torch.device("meta"):
        return getattr(diffusers, family)(**fields).eval()


def _zeros(*shape):
    return torch.zeros(shape, device="meta")


@pytest.mark.parametrize(("name", "fields"), [("sdxl", SDXL), ("flux.1-dev", FLUX)])
def test_library_still_counts_what_the_table_says(name, fields):
    module = _meta(ROWS[name]["class"], fields)
    assert sum(parameter.numel() for parameter in module.parameters()) == int(ROWS[name]["parameters"])


def test_a_small_u_net_takes_the_work_of_the_library_s_module():
    small = SDXL | {
        "block_out_channels": (64, 128, 192),
        "layers_per_block": 1,
        "transformer_layers_per_block": (1, 1, 2),
        "attention_head_dim": (2, 4, 6),
        "cross_attention_dim": 48,
        "projection_class_embeddings_input_dim": 6 * 256 + 32,
    }

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = _meta("UNet2DConditionModel", small)

        def forward(self, latent, time, text, pooled, sizes):
            added = {"text_embeds": pooled, "time_ids": sizes}
            return self.net(latent, time, text, added_cond_kwargs=added, return_dict=False)

    inputs = (_zeros(2, 4, 16, 16), _zeros(), _zeros(2, 7, 48), _zeros(2, 32), _zeros(2, 6))
    traced = gnomon.workload(gnomon.from_torch(Flat(), inputs), batch=2)
    config = UNet(
        name="small",
        channels=(64, 128, 192),
        depths=(0, 1, 2),
        residual_blocks=1,
        head_dim=32,
        text_dim=48,
        pooled_dim=32,
        embedding=256,
    )
    known = unet(config, Plan(batch=2, image=128, seq=7))
    assert known.parameters == traced.parameters
    assert known.model_flop == pytest.approx(traced.model_flop, rel=1e-9)


def test_a_small_flux_takes_the_work_of_the_library_s_module():
    small = FLUX | {
        "in_channels": 16,
        "num_layers": 2,
        "num_single_layers": 3,
        "attention_head_dim": 32,
        "num_attention_heads": 4,
        "joint_attention_dim": 48,
        "pooled_projection_dim": 24,
        "axes_dims_rope": (8, 12, 12),
    }
    inputs = {
        "hidden_states": _zeros(2, 16, 16),
        "encoder_hidden_states": _zeros(2, 5, 48),
        "pooled_projections": _zeros(2, 24),
        "timestep": _zeros(2),
        "guidance": _zeros(2),
        "img_ids": _zeros(16, 3),
        "txt_ids": _zeros(5, 3),
    }
    traced = gnomon.workload(gnomon.from_torch(_meta("FluxTransformer2DModel", small), (), inputs), batch=2)
    config = Flux(
        name="small",
        double_blocks=2,
        single_blocks=3,
        heads=4,
        head_dim=32,
        patch_dim=16,
        text_dim=48,
        pooled_dim=24,
    )
    known = flux(config, Plan(batch=2, image=64, seq=5))
    assert known.parameters == traced.parameters
    assert known.model_flop == pytest.approx(traced.model_flop, rel=1e-9)
