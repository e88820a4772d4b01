"""An option is used or refused: none is taken and ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.cli.complete import parser_of
from gnomon.cli.flags import FLAGS
from gnomon.cli.main import VERBS
from gnomon.core.serving_plan import FIELDS as SERVING_FIELDS
from gnomon.core.serving_plan import OWN_FIELDS

OF_OUTPUT = {"--help", "--json", "--csv"}
WORDS = {
    "--mode": ("forward+backward", "prefill"),
    "--batch": ("3",),
    "--seq": ("96",),
    "--context": ("96",),
    "--image": ("256",),
    "--dtype": ("fp32", "fp16"),
    "--weights": ("int8",),
    "--kv": ("fp8",),
    "--attention": ("eager",),
    "--head": ("none", "classifier"),
    "--classes": ("7",),
    "--size": ("frames=3",),
    "--global-batch": ("64",),
    "--tp": ("2",),
    "--sp": (),
    "--pp": ("2",),
    "--virtual-stages": ("2",),
    "--stage-layers": ("12",),
    "--schedule": ("gpipe",),
    "--dp": ("4",),
    "--zero": ("1",),
    "--ep": ("2",),
    "--cp": ("2",),
    "--expert-imbalance": ("1.5",),
    "--recompute": ("full",),
    "--overlap": ("no",),
    "--gradients": ("fp32",),
    "--dropout": (),
    "--lora-rank": ("8",),
    "--lora-base": ("int4",),
    "--policy": ("sarathi",),
    "--replicas": ("2",),
    "--router": ("lor",),
    "--autoscale": ("max=4,target_outstanding=8,start_s=0.01,every_s=0.02",),
    "--max-waiting": ("2",),
    "--max-wait": ("0.001",),
    "--warmup": ("0.001",),
    "--router-weights": ("1,1,1,1,1,1,1,2",),
    "--scheduling": ("priority",),
    "--max-num-seqs": ("2",),
    "--max-num-batched-tokens": ("64",),
    "--max-model-len": ("320",),
    "--block-size": ("32",),
    "--gpu-memory-utilization": ("0.5",),
    "--kv-blocks": ("40",),
    "--prefix-caching": ("no",),
    "--chunk-tokens": ("32",),
    "--schedule-policy": ("lpm",),
    "--mixed-chunk": ("yes",),
    "--kv-offloading-size-gib": ("1",),
    "--kv-offloading-gbit-per-s": ("0.01",),
    "--kv-remote-size-gib": ("1",),
    "--kv-remote-gbit-per-s": ("0.02",),
    "--max-loras": ("4",),
    "--max-lora-rank": ("64",),
    "--num-speculative-tokens": ("3",),
    "--draft-acceptance": ("0.5",),
    "--draft-model": ("gpt2-large",),
    "--beside": ("beside.yaml",),
    "--usd-per-device-hour": ("2",),
    "--prefill-replicas": ("2",),
    "--prefill-tp": ("2",),
    "--prefill-pp": ("2",),
    "--prefill-on": ("dgx-a100-80gb:4",),
    "--prefill-kv-blocks": ("40",),
    "--prefill-max-num-batched-tokens": ("128",),
    "--prefill-usd-per-device-hour": ("3",),
    "--kv-transfer": ("layerwise",),
    "--kv-transfer-gbit-per-s": ("10",),
    "--qps": ("4",),
    "--arrivals": ("constant",),
    "--requests": ("7",),
    "--duration": ("0.02",),
    "--prompt-tokens": ("70",),
    "--answer-tokens": ("9",),
    "--concurrency": ("2",),
    "--seed": ("1",),
    "--device-peak": ("300 TFLOP/s",),
    "--memory-bandwidth": ("1 TB/s",),
    "--memory-capacity": ("9 GB",),
    "--launch-overhead": ("9 us",),
    "--efficiency": ("0.5",),
}
MODELS = ("resnet-50", "bert-large", "gpt2", "sdxl", "mixtral-8x7b")


def test_every_flag_of_a_question_is_tried():
    assert set(WORDS) == set(FLAGS.values()) - {"--trace"}  # without --mode serve a file that is written


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("flag", "words"), WORDS.items())
def test_an_option_of_predict_changes_the_answer_or_is_refused(gnomon, model, flag, words):
    line = ("predict", model, "--on", "a100-sxm-80gb", "--json")
    runs = [gnomon(*line, flag, *word) for word in ([[one] for one in words] or [[]])]
    plain = _answered(gnomon(*line).json)
    is_vacuous = (model, flag) == ("resnet-50", "--attention")  # true of a model without attention, whichever is asked
    assert is_vacuous or any(run.code in (2, 3, 4) or _answered(run.json) != plain for run in runs)


# Of a step of training: flag -> the options beside it, and its word.
TRAINED = {
    "--microbatch": ((), ("2",)),
    "--global-batch": ((), ("64",)),
    "--tp": ((), ("2",)),
    "--sp": (("--tp", "2"), ()),
    "--pp": ((), ("2",)),
    "--virtual-stages": (("--pp", "2"), ("2", "--schedule", "interleaved")),
    "--stage-layers": (("--pp", "2"), ("5,7",)),
    "--schedule": (("--pp", "2"), ("gpipe",)),
    "--dp": (("--tp", "2"), ("2", "--pp", "2")),
    "--zero": ((), ("1",)),
    "--ep": ((), ("2",)),
    "--cp": ((), ("2",)),
    "--expert-imbalance": (("--ep", "2"), ("1.5",)),
    "--recompute": ((), ("full",)),
    "--overlap": (("--zero", "2"), ("no",)),
    "--gradients": ((), ("fp32",)),
    "--dropout": ((), ()),
    "--lora-rank": ((), ("8",)),
    "--lora-base": (("--lora-rank", "8"), ("int4",)),
}


def test_every_option_of_a_training_step_is_tried():
    from gnomon.core.training_plan import FIELDS

    assert set(TRAINED) == {"--microbatch", *(FLAGS[name] for name in FIELDS)}


@pytest.mark.parametrize("flag", TRAINED)
def test_an_option_of_a_training_step_changes_the_answer_or_is_refused(gnomon, flag):
    beside, words = TRAINED[flag]
    model = "mixtral-8x7b" if flag in ("--ep", "--expert-imbalance") else "gpt2"
    line = ("predict", model, "--on", "hgx-h100", "--mode", "train", "--engine", "training", "--seq", "64", "--json")
    run, plain = gnomon(*line, *beside, flag, *words), gnomon(*line, *beside)
    assert (run.code, plain.code) == (0, 0)
    assert _answered(run.json) != _answered(plain.json)


# Of a service, whose requests come in bursts of what is too much for it: flag -> the options beside it, and its word.
SERVED = {
    "--tp": ((), ("2",)),
    "--pp": ((), ("2",)),
    "--ep": (("--tp", "2"), ("8",)),
    "--trace": ((), ("TRACE",)),
    **{flag: ((), WORDS[flag]) for flag in WORDS if f"{flag[2:]}".replace("-", "_") in OWN_FIELDS},
    **{
        flag: (("--prefill-replicas", "1"), WORDS[flag])
        for flag in WORDS
        if flag.startswith(("--prefill", "--kv-transfer"))
    },
    "--prefill-replicas": ((), WORDS["--prefill-replicas"]),
    "--prefill-usd-per-device-hour": (("--prefill-replicas", "1", "--usd-per-device-hour", "1"), ("3",)),
    "--schedule-policy": (("--policy", "sglang"), ("lpm",)),
    "--mixed-chunk": (("--policy", "sglang", "--max-num-seqs", "1000"), ("yes",)),
    **{flag: ((), WORDS[flag]) for flag in ("--qps", "--requests", "--duration", "--prompt-tokens", "--answer-tokens")},
    **{flag: ((), WORDS[flag]) for flag in ("--arrivals", "--concurrency", "--seed")},
    "--max-wait": (("--replicas", "1", "--max-num-seqs", "2"), WORDS["--max-wait"]),
    "--warmup": ((), WORDS["--warmup"]),
    "--max-waiting": (("--replicas", "1", "--max-num-seqs", "2"), WORDS["--max-waiting"]),
    "--router-weights": ((), (*WORDS["--router-weights"], "--router", "weighted")),
}
_NEARLY_FULL = ("--kv-blocks", "40")  # who has to go finds his blocks again
SERVED |= {
    "--kv-offloading-size-gib": (_NEARLY_FULL, ("1",)),
    "--kv-offloading-gbit-per-s": ((*_NEARLY_FULL, "--kv-offloading-size-gib", "1"), ("0.01",)),
    "--kv-remote-size-gib": (_NEARLY_FULL, ("1", "--kv-remote-gbit-per-s", "10")),
    "--kv-remote-gbit-per-s": (
        (*_NEARLY_FULL, "--kv-remote-size-gib", "1", "--kv-remote-gbit-per-s", "10"),
        ("0.02",),
    ),
}
SERVED |= {"--max-lora-rank": (("--max-loras", "4"), ("64",))}
_DRAFTED = ("--num-speculative-tokens", "3", "--draft-acceptance")
SERVED |= {
    "--num-speculative-tokens": ((), ("3", "--draft-acceptance", "0.7")),
    "--draft-acceptance": ((*_DRAFTED, "0.9"), ("0.1",)),
    "--draft-model": ((*_DRAFTED, "0.7"), ("gpt2",)),
}
SERVED |= {"--beside": (("--gpu-memory-utilization", "0.5"), ("BESIDE",))}
REFUSED = {"--max-model-len": 3}  # shorter than the requests
SHARED_PROMPTS = {"--prefix-caching", "--schedule-policy"}  # an option of what only a file says


def test_every_option_of_a_service_is_tried():
    assert set(SERVED) == {flag for field, flag in FLAGS.items() if field.split(".")[0] in SERVING_FIELDS}


@pytest.mark.slow
@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("flag", sorted(set(SERVED) - SHARED_PROMPTS))
def test_an_option_of_a_service_changes_the_answer_or_is_refused(gnomon, tmp_path: Path, flag):
    beside, words = SERVED[flag]
    trace = tmp_path / "t.csv"
    trace.write_text(
        "arrived_at,num_prefill_tokens,num_decode_tokens\n" + "0,300,30\n0.01,20,40\n" * 1 + "0.02,99,50\n" * 30
    )
    model = "mixtral-8x7b" if flag == "--ep" else "gpt2"
    lengths = (
        ()
        if flag == "--trace"
        else ("--prompt-tokens", "300", "--answer-tokens", "40", "--requests", "60", "--qps", "900")
    )
    settings = ("--set", "serving.timer=roofline", "--set", "serving.software=none")
    line = (
        "predict",
        model,
        "--on",
        "hgx-h100",
        "--mode",
        "serve",
        "--engine",
        "serving",
        *settings,
        "--json",
        *lengths,
    )
    second = tmp_path / "second.yaml"
    second.write_text(
        "model: gpt2\ngpu_memory_utilization: 0.4\ntraffic: {qps: 900, requests: 60, prompts: 300, answers: 40}\n"
    )
    files = {"TRACE": str(trace), "BESIDE": str(second)}
    run = gnomon(*line, *beside, flag, *(files.get(word, word) for word in words))
    if flag in REFUSED:
        assert run.code == REFUSED[flag]
        return
    assert run.code == 0, run.err
    if flag == "--trace":
        assert run.json["rows"][0]["quantities"][0]["service"]["requests"] == 32
    else:
        plain = gnomon(*line, *beside)
        assert (plain.code, plain.err) == (0, plain.err)
        assert _served(run.json) != _served(plain.json)


def _served(document: Any) -> list[Any]:
    """What is said of a service, without the question."""
    return [[one["value"], one["memory"], one["service"]] for one in document["rows"][0]["quantities"]]


def _answered(document: Any) -> list[list[Any]]:
    """The numbers of an answer, without the question that it repeats."""
    return [
        [q["mode"], q["value"], q["flop"], q["moved_bytes"], q["memory"], q["parts"]]
        for row in document["rows"]
        for q in row["quantities"]
    ]


@pytest.mark.parametrize(("flag", "words"), WORDS.items())
def test_an_option_of_predict_beside_a_scenario_is_refused(gnomon, flag, words):
    run = gnomon("predict", "llama-2-7b-chat-h100", flag, *words[:1])
    assert run.code == 2
    assert f"{flag}: a scenario says this itself" in run.err


# Of each verb: names of each kind that it takes.
NAMED = {
    "show": ("t4", "dgx-h100", "resnet-50", "gpt2", "llama-2-7b-chat-h100"),
    "check": ("t4", "dgx-h100", "resnet-50", "gpt2", "llama-2-7b-chat-h100"),
}


@pytest.mark.parametrize(
    ("verb", "name", "flag"),
    [
        (verb, name, flag)
        for verb, names in NAMED.items()
        for name in names
        for flag in sorted(set(parser_of(verb).flags) - OF_OUTPUT - {"-h"})  # type: ignore[union-attr]
    ],
)
def test_an_option_of_show_and_check_changes_what_is_said_or_is_refused(gnomon, verb, name, flag):
    run, plain = gnomon(verb, name, "--json", flag, WORDS[flag][0]), gnomon(verb, name, "--json")
    is_tried = verb == "check" and run.code == 0  # that the graph can be built at this size is what was asked
    assert run.code in (2, 3) or run.json != plain.json or is_tried


REST = {
    "predict": {
        *("--on", "--engine", "--set", "--parts", "--layers", "--operators", "--save", "--timeline", "--trace"),
        "--microbatch",
    },
    "compare": {"--measurements", "--engine", "--where", "--rows", "--sample", "--resample", "--report", "--calibrate"},
    "sweep": {"--out", "--workers", "--resume"},
    "init": {"--git"},
    "report": {"-o", "--out", "--output", "--title", "--engine", "--where"},
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_has_an_option_that_is_not_tried_here_or_in_the_tests_of_the_verb(verb):
    """A new flag fails here until a test below or in the verb's own file says what it changes, and what it is refused with."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    flags = set(parser_of(verb).flags) - OF_OUTPUT - {"-h"}  # type: ignore[union-attr]
    assert flags - set(WORDS) == REST.get(verb, set())
    assert all(f'"{flag}"' in tests for flag in flags)


@pytest.mark.parametrize("flag", ["--where", "--rows", "--sample", "--report", "--calibrate"])
def test_what_is_of_a_table_is_refused_beside_scenarios(gnomon, tmp_path: Path, flag):
    words = {"--where": ("device=t4",), "--sample": ("2", "--rows"), "--rows": ()}.get(flag, (str(tmp_path / "x"),))
    assert gnomon("compare", "llama-2-7b-chat-h100", flag, *words).code == 2


@pytest.mark.parametrize("flag", ["--where", "--engine"])
def test_what_is_of_a_table_is_refused_of_what_was_computed_before(gnomon, tmp_path: Path, flag):
    file = tmp_path / "run.json"
    file.write_text(gnomon("predict", "resnet-50", "--on", "t4", "--json").out)
    word = {"--where": "device=t4", "--engine": "roofline"}[flag]
    run = gnomon("report", str(file), "-o", str(tmp_path / "x.html"), flag, word)
    assert run.code == 3
    assert not (tmp_path / "x.html").exists()


def test_parts_are_refused_with_csv(gnomon):
    run = gnomon("predict", "resnet-50", "--on", "t4", "--parts", "--csv")
    assert (run.code, run.out) == (2, "")
