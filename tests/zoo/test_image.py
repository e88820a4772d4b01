import pytest

from gnomon.core.errors import BadInput
from gnomon.core.op import Conv, Pool
from gnomon.core.plan import Plan
from gnomon.zoo.models import model

IMAGE_MODELS = ["resnet-18", "resnet-50", "vgg-16", "mobilenet-v2"]


@pytest.mark.parametrize("name", IMAGE_MODELS)
@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(image=31), "image: 31 pixels a side; .* needs 32 or more"),
        (Plan(mode="decode"), "mode: .* is an image model, it has no decode; use forward"),
        (Plan(seq=4), "seq: .* is an image model; its size is image=224"),
        (Plan(context=4), "context: .* is an image model; its size is image=224"),
        (Plan(head="lm"), r"head: .* has no head 'lm' \(it has: classifier, none\)"),
    ],
)
def test_a_plan_that_no_image_model_can_follow_is_refused(name, plan, message):
    with pytest.raises(BadInput, match=message):
        model(name).build(plan)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_the_smallest_image_still_leaves_a_pixel(name):
    workload = model(name).build(Plan(image=32))
    assert min(node.op.out_size[0] for node in workload.nodes if isinstance(node.op, Conv)) >= 1


def test_resnet_50_halves_its_side_five_times():
    sides = [n.op.out_size[0] for n in model("resnet-50").build(Plan()).nodes if isinstance(n.op, Conv)]
    assert sorted(set(sides), reverse=True) == [112, 56, 28, 14, 7]


def test_parameters_do_not_depend_on_image_or_batch():
    assert model("resnet-50").build(Plan(batch=8, image=64)).parameters == 25557032


def test_work_grows_in_step_with_the_batch():
    once, many = (model("resnet-18").build(Plan(batch=b)).table for b in (1, 4))
    assert (many.flop * many.repeat).sum() == pytest.approx(4 * (once.flop * once.repeat).sum())


def test_every_stage_of_vgg_ends_in_a_pooling():
    pools = [n.op for n in model("vgg-16").build(Plan()).nodes if isinstance(n.op, Pool)]
    assert len(pools) == 6  # five stages and the last to 7 x 7


def test_the_first_convolution_asks_for_no_gradient_of_the_image():
    names = {n.name for n in model("resnet-18").build(Plan(mode="forward+backward")).nodes}
    assert "stem.conv.grad_weight" in names
    assert "stem.conv.grad_input" not in names
