import pytest

from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.workload import MODES
from gnomon.zoo.models import model, models


@pytest.mark.parametrize("name", models())
def test_every_model_can_do_what_it_says(name):
    found = model(name)
    assert found.source
    assert set(found.modes) <= set(MODES)
    for mode in found.modes:
        workload = found.build(Plan(mode=mode, batch=1, dtype=found.dtype))
        assert workload.name == name
        assert (workload.table.flop >= 0).all()


@pytest.mark.parametrize("name", models())
def test_names_of_nodes_are_unique_and_follow_nodes_before_them(name):
    for mode in model(name).modes:
        seen = set()
        for node in model(name).build(Plan(mode=mode)).nodes:
            assert node.name not in seen
            assert seen.issuperset(node.after)
            seen.add(node.name)


def test_an_unknown_model_is_refused_with_the_near_one():
    with pytest.raises(BadInput, match="unknown model 'resnt-50'; did you mean 'resnet-50'"):
        model("resnt-50")


def test_case_does_not_matter():
    assert model("ResNet-50") is model("resnet-50")


@pytest.mark.parametrize("name", ["resnet-18", "bert-base", "gpt2", "mixtral-8x7b"])
def test_training_takes_about_three_times_the_forward_arithmetic(name):
    def flop(mode):
        table = model(name).build(Plan(mode=mode, attention="eager")).table
        return (table.flop * table.repeat)[table.is_matrix].sum()

    assert flop("forward+backward") == pytest.approx(3 * flop("forward"), rel=0.05)
