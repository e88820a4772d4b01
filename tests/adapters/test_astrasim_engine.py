"""ASTRA-sim as an engine: what it is asked, what is made of what it says, and what is said where it is not there."""

import re
from pathlib import Path

import pytest

import gnomon
from gnomon.adapters.astrasim import binaries
from gnomon.adapters.astrasim.engine import AstraSim
from gnomon.api import plugins
from gnomon.api.answers import answer
from gnomon.api.questions import question
from gnomon.core.errors import BadInput, ToolError, ToolMissing, Unsupported
from gnomon.core.tool import OutsideTool
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.engines.training.engine import TrainingEngine
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.simulate import simulate
from gnomon.engines.training.simulate.statistics import total_ns
from gnomon.testing import EngineContract
from gnomon.testing.adapter_contract import program
from gnomon.testing.scenarios import tiny_scenarios
from tests.adapters.astrasim_stand_in import NAMES, alone, says
from tests.engines.training.exported import PLANS

needs_tool = pytest.mark.skipif(binaries.installed() is None, reason="ASTRA-sim is not installed")


def engine(**settings):
    return AstraSim(lambda _: RooflineEngine(), settings)


def asked(model="gpt2", on="hgx-h100:4", **options):
    return question(model, on, mode="train", **({"seq": 64} | options if model == "gpt2" else options))


def scenario(*words, **options):
    (made,) = asked(*words, **options).scenarios().values()
    return made


def steps():
    return {name: scenario(model, on, **options) for name, (model, on, options) in PLANS.items()}


class TestAstraSim(EngineContract):
    engine = engine()
    declines_everything = binaries.installed() is None
    # A plan cuts a model between its repeated layers, and exchanges begin in their order: both say something on several devices.
    test_repeated_node_equals_written_out_copies = None
    test_reordering_independent_nodes_changes_nothing = None

    def scenarios(self):
        return {**steps(), **tiny_scenarios()}

    def another(self):
        return engine()

    def test_flop_is_the_work_of_the_graph(self, answered):
        """Of the graph on all devices, as the training engine counts it."""
        ours = TrainingEngine(lambda _: RooflineEngine(), plugins.exchange_timer).predict(answered)
        found = self.answer(answered)
        assert (found.flop, found.moved_bytes) == (ours.flop, ours.moved_bytes)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    return alone(tmp_path, monkeypatch)


def test_it_is_an_engine_and_a_tool():
    found = plugins.engine("astra-sim")
    assert isinstance(found, AstraSim)
    assert isinstance(found, OutsideTool)
    assert "astra-sim" in plugins.engines()
    assert "astra-sim" in plugins.tools()
    assert "astra-sim" not in plugins.mapping_tools()


def test_value_and_parts_are_those_of_the_rank_that_ends_last(stand_in):
    stand_in(says((900, 100), (1000, 400), (950, 950), (999, 0)))
    found = engine().predict(scenario(tp=2, pp=2))
    assert (found.value, found.bound, found.interval) == (1e-6, "compute", None)
    assert [(part.name, part.kind, part.value) for part in found.parts] == [
        ("computation", "compute", 6e-7),
        ("exposed communication", "network", 4e-7),
    ]
    assert [(one.compute_s, one.exposed_s, one.idle_s) for one in found.step.stages] == [
        (6e-7, 4e-7, 0),
        (pytest.approx(9.99e-7), 0, pytest.approx(1e-9)),
    ]
    assert found.provenance.version.startswith("518bd51, driven by gnomon ")
    assert found.provenance.settings == ("timer=kernel", "host=eager", "backend=unaware", "ranks=256")


def test_memory_and_work_are_those_of_the_training_engine(stand_in):
    stand_in(says(*[(900, 100)] * 4))
    ours = TrainingEngine(lambda _: RooflineEngine(), plugins.exchange_timer)
    step = scenario(tp=2, pp=2, zero=1)
    theirs, own = engine().predict(step), ours.predict(step)
    assert (theirs.memory, theirs.fits, theirs.flop) == (own.memory, own.fits, own.flop)
    assert [one.memory for one in theirs.step.stages] == [one.memory for one in own.step.stages]
    assert theirs.step.sequences == own.step.sequences


def test_the_backend_that_is_asked_for_is_run(stand_in, tmp_path):
    stand_in("echo no >&2; exit 9")
    program(tmp_path / NAMES[1], says(*[(900, 100)] * 4))
    assert engine(backend="aware").predict(scenario()).value == 9e-7
    with pytest.raises(ToolError, match="failed with code 9"):
        engine().predict(scenario())


@pytest.mark.parametrize(
    ("made", "step", "said"),
    [
        (engine(), tiny_scenarios()["decoder-prefill"], "astra-sim predicts whole steps of training only"),
        (engine(), tiny_scenarios()["decoder-training"], "one device has nothing to communicate"),
        (engine(ranks="8"), scenario("gpt2", "hgx-h100:4x4"), "16 ranks: astra-sim simulates each of them"),
        (engine(backend="aware"), scenario(tp=2), "aware backend has networks of one dimension only, not 2"),
        (AstraSim(), scenario(), "needs a source of operator times"),
    ],
)
def test_reasons_are_given_before_the_tool_is_looked_for(stand_in, made, step, said):
    (reason,) = made.missing(step)
    assert said in reason
    with pytest.raises(Unsupported, match=re.escape(said)) as fault:
        made.predict(step)
    assert fault.value.exit_code == 4


def test_that_it_is_not_installed_is_a_reason_that_says_what_to_do(stand_in):
    (reason,) = engine().missing(scenario())
    assert reason.startswith(f"astra-sim is not installed ({NAMES[0]}): build its analytical backends")
    with pytest.raises(ToolMissing) as fault:
        engine().predict(scenario())
    assert (str(fault.value), fault.value.exit_code) == (reason, 5)
    assert not engine().missing(tiny_scenarios()["decoder-prefill"])[0].startswith("astra-sim is not")


def test_a_tool_that_fails_is_told_beside_the_answers_of_others(stand_in):
    stand_in("echo '[critical] out of cheese' >&2; exit 3")
    found = answer(asked(), "astra-sim", engine())
    assert found.reasons == ("astra-sim failed with code 3: [critical] out of cheese",)
    assert found.outcomes[0].is_tool_fault


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backend": "awar"}, "astra-sim.backend: no backend 'awar'; did you mean 'aware'"),
        ({"ranks": "1"}, "astra-sim.ranks: '1' must be a whole number of at least 2"),
        ({"ranks": "many"}, "astra-sim.ranks: 'many' must be a whole number of at least 2"),
        (
            {"host": "gpu"},
            "astra-sim.host: 'gpu' does not start with a number; write it like '5 us'; or eager, or graphs",
        ),
        ({"rank": "4"}, "astra-sim.rank: no setting of astra-sim's; did you mean 'ranks'"),
        ({"timer": "rooflin"}, "no engine 'rooflin' gives times of single operators; did you mean 'roofline'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        plugins.tuned("astra-sim", settings)


@pytest.mark.tool
@needs_tool
@pytest.mark.parametrize("name", PLANS)
def test_the_tool_says_of_a_step_what_the_training_engine_says_by_its_rules(name):
    step = steps()[name]
    ours = TrainingEngine(lambda _: RooflineEngine(), plugins.exchange_timer, {"exchanges": "astra-sim"})
    assert engine().predict(step).value == ours.predict(step).value


@pytest.mark.tool
@needs_tool
@pytest.mark.parametrize("host", ["graphs", "20 us"])
def test_the_tool_and_the_training_engine_are_launched_by_the_same_host(host):
    step = steps()["tp-pp-dp"]
    ours = TrainingEngine(lambda _: RooflineEngine(), plugins.exchange_timer, {"exchanges": "astra-sim", "host": host})
    assert engine(host=host).predict(step).value == ours.predict(step).value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("tp-pp-dp", {}),
        ("tp-pp-dp", {"host": "graphs"}),
        ("tp-pp-dp", {"host": "20 us"}),
        ("tp-pp-dp", {"timer": "roofline"}),
        ("zero-3", {}),
        ("experts", {}),
    ],
)
def test_what_the_tool_is_asked_takes_in_our_simulator_what_the_training_engine_says_by_its_rules(name, settings):
    model, on, options = PLANS[name]
    predicted = gnomon.predict(
        model, on, engine="training", settings={"exchanges": "astra-sim", **settings}, mode="train", **options
    )
    asked = plugins.tuned("astra-sim", settings).question(steps()[name])
    given = Given(trace=asked.trace, fabric=asked.fabric, rules=asked.rules, backend=asked.backend)
    assert total_ns(simulate(given)) == round(predicted.value * 1e9)


def test_the_readme_is_about_what_it_is_asked():
    text = (Path(binaries.__file__).parent / "README.md").read_text()
    for name in AstraSim().settings:
        assert f"`{name}`" in text
