"""Models that denoise images: one step of an image is the unit."""

import pytest

import gnomon
from gnomon.core.errors import BadInput
from gnomon.core.op import Attention, Conv
from gnomon.core.plan import Plan
from gnomon.zoo.flux import Flux, flux
from gnomon.zoo.models import model
from gnomon.zoo.unet import UNet, unet

TINY = UNet(name="tiny", channels=(32, 64), depths=(0, 1), residual_blocks=1, text_dim=16, pooled_dim=8, embedding=128)
TINY_FLUX = Flux(
    name="tiny", double_blocks=1, single_blocks=1, heads=2, head_dim=4, patch_dim=4, text_dim=6, pooled_dim=3
)


def _op(workload, name):
    (node,) = (node for node in workload.nodes if node.name == name)
    return node.op


def test_the_usual_image_is_a_latent_of_128_by_128_with_77_tokens_of_text():
    workload = model("sdxl").build(Plan(batch=2))
    assert _op(workload, "conv_in").in_size == (128, 128)
    text = _op(workload, "middle.block.text_attention")
    assert (text.q_len, text.kv_len, text.heads, text.head_dim) == (32 * 32, 77, 20, 64)


def test_the_usual_image_of_flux_is_4096_tokens_beside_512_of_text():
    workload = model("flux.1-dev").build(Plan(batch=2))
    assert {n.op.q_len for n in workload.nodes if isinstance(n.op, Attention)} == {4096 + 512}


def test_a_smaller_image_has_a_smaller_latent():
    assert _op(model("sdxl").build(Plan(image=512)), "conv_in").in_size == (64, 64)
    assert _op(model("flux.1-dev").build(Plan(image=512, seq=256)), "double.attention").q_len == 32 * 32 + 256


def test_one_step_of_an_image_is_the_item_and_that_is_said():
    workload = model("sdxl").build(Plan(batch=3, image=512))
    assert (workload.item, workload.items, workload.seq) == ("image step", 3, None)
    assert workload.assumptions[0] == (
        "one denoising step of 512 x 512 pixels with 77 tokens of text; an image takes many"
    )
    answer = gnomon.predict("sdxl", on="h100-sxm")
    assert "image step/s" in str(answer.to_dict())


def test_products_of_a_tiny_flux_by_hand():
    # 4 tokens of an image of 32 x 32 and 3 of text, width 8. Embeddings: time and guidance 256 x 8 + 8 x 8 each, prompt
    # 3 x 8 + 8 x 8; tokens 4 x 4 x 8 and 3 x 6 x 8. A double block: two modulations 8 x 48; for each token 4 + 8 squares.
    # A single block: modulation 8 x 24; for each token 3 + 4 + 5 squares. Out: modulation 8 x 16, 4 x 8 x 4.
    embed = 2 * (2048 + 64) + 24 + 64 + 128 + 144
    double, single, out = 2 * 384 + 7 * 12 * 64, 192 + 7 * 12 * 64, 128 + 128
    biases = 6 * 8 + 4 * 8 + 3 * 8 + 2 * 48 + 7 * 9 * 8 + 24 + 7 * (3 + 4 + 1) * 8 + 16 + 4 * 4
    attention = 2 * 4 * 2 * 4 * 49
    workload = flux(TINY_FLUX, Plan(image=32, seq=3))
    assert workload.model_flop == 2 * (embed + double + single + out) + biases + attention


def test_the_way_up_joins_what_the_way_down_kept():
    # Way down: the first convolution 32, a block of 32, its halving 32, a block of 64; joined in reverse.
    workload = unet(TINY, Plan(image=64))
    joined = [
        (_op(workload, f"up{level}.{index}.conv1").c_in, _op(workload, f"up{level}.{index}.conv1").in_size)
        for level in (1, 0)
        for index in (1, 2)
    ]
    assert joined == [(64 + 64, (4, 4)), (64 + 32, (4, 4)), (64 + 32, (8, 8)), (32 + 32, (8, 8))]


def test_feature_maps_stay_in_memory_until_the_way_up():
    # The largest sum: at least the two joined maps and the join, 64 of 8 x 8 twice, in two bytes.
    assert unet(TINY, Plan(image=64)).footprint.activations_bytes >= 2 * 64 * 64 * 2


@pytest.mark.parametrize("build", [lambda plan: unet(TINY, plan), lambda plan: flux(TINY_FLUX, plan)])
def test_training_takes_the_products_about_three_times(build):
    # A little less: nothing asks for the gradient of latents, text and time; a little more for attention, five for two.
    forward = build(Plan(image=64, seq=3)).table
    trained = build(Plan(mode="forward+backward", image=64, seq=3))
    products = trained.table.flop * trained.table.repeat * trained.table.is_matrix
    assert float(products.sum()) == pytest.approx(
        3 * float((forward.flop * forward.repeat * forward.is_matrix).sum()), rel=0.05
    )
    assert trained.footprint.gradients_bytes == 2 * trained.parameters


def test_the_latent_asks_for_no_gradient():
    trained = unet(TINY, Plan(mode="forward+backward", image=64))
    first = [n.op.direction for n in trained.nodes if isinstance(n.op, Conv) and n.name.startswith("conv_in")]
    assert first == ["forward", "weight gradient"]


@pytest.mark.parametrize(
    ("name", "plan", "message"),
    [
        ("sdxl", Plan(image=500), "image: 500 pixels a side; sdxl takes multiples of 32"),
        ("flux.1-dev", Plan(image=500), "image: 500 pixels a side; flux.1-dev takes multiples of 16"),
        ("sdxl", Plan(mode="decode"), "mode: sdxl denoises images, it has no decode; use forward"),
        ("sdxl", Plan(context=5), "context: sdxl denoises images; the tokens of its prompt are seq"),
        ("sdxl", Plan(kv_dtype="fp8"), "kv_dtype: sdxl denoises images, it has no KV cache"),
        ("sdxl", Plan(head="lm"), "head: sdxl has no head 'lm'"),
        ("sdxl", Plan(classes=3), "classes: sdxl classifies nothing"),
    ],
)
def test_what_no_denoising_model_has_is_refused(name, plan, message):
    with pytest.raises(BadInput, match=message):
        model(name).build(plan)
