"""gnomon predict: one table of times for models x systems x batches x engines."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnomon.api.answers import Answer, Outcome, unanswered
from gnomon.api.layers import layer_table
from gnomon.api.operators import operator_table
from gnomon.api.predict import DEFAULT_ENGINE, predict_many, predict_scenario
from gnomon.api.questions import TRAIN, Options
from gnomon.api.rows import flat_rows
from gnomon.api.scenarios import scenario_names
from gnomon.api.trace import write_trace
from gnomon.cli.arguments import Parser, add_output_options, wholes, words
from gnomon.cli.flags import FLAGS, dest
from gnomon.cli.output import print_csv, print_json, print_table, say
from gnomon.cli.pass_tables import print_layers, print_operators, print_parts
from gnomon.cli.progress import telling
from gnomon.cli.run_options import (
    add_override_options,
    add_plan_options,
    add_serving_options,
    add_training_options,
    overrides,
    plan_options,
    serving_options,
    training_options,
)
from gnomon.cli.service_tables import print_services
from gnomon.cli.step_tables import print_steps
from gnomon.core.errors import BadInput, Unsupported, UsageError, near_match
from gnomon.core.in_words import interval, rate, ratio, share
from gnomon.core.schema import PREDICT
from gnomon.core.tell import Tell
from gnomon.core.units import show
from gnomon.core.workload import SERVE
from gnomon.formats.files import check_writable
from gnomon.formats.named import split_count
from gnomon.report.facts.titles import formats


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "predict",
        "How long a model takes on a device: time with a 90 % interval, rate, MFU, memory, what binds it.\n"
        "Decoders without --mode are asked for the first token (TTFT: a prefill) and for each further one (TPOT: a decode step).",
        "gnomon predict resnet-50 --on a100-sxm-80gb,t4 --batch 1,8,128",
    )
    parser.add_argument(
        "models",
        metavar="MODEL[,MODEL...]",
        help="names of `gnomon list models`, or files: a config.json or ./model.onnx; or, without --on, one scenario by name or file",
    )
    parser.add_argument(
        "--on",
        metavar="SYSTEM[,SYSTEM...]",
        help="devices, DEVICE:COUNT, systems, SYSTEM:PER_NODExNODES, accelerators, or files of them like ./my-gpu.yaml",
    )
    parser.add_argument("--engine", default=DEFAULT_ENGINE, metavar="NAME[,NAME...]", help=f"default {DEFAULT_ENGINE}")
    parser.add_argument(
        "--set",
        metavar="ENGINE.SETTING=VALUE",
        action="append",
        default=[],
        help="a setting of an engine's own, like mapper.objective=energy; may be given several times",
    )
    parser.add_argument("--parts", action="store_true", help="also print where the time goes")
    parser.add_argument(
        "--operators",
        action="store_true",
        help="also give each operator's work, traffic and time; with --csv, those alone",
    )
    parser.add_argument(
        "--layers",
        action="store_true",
        help="with --csv: the layers that an accelerator maps, alone; printed they stand below the answers",
    )
    add_plan_options(parser)
    add_training_options(parser)
    add_serving_options(parser)
    add_override_options(parser, "shown in the provenance; no interval then")
    parser.add_argument(
        "--save", metavar="FILE", help="also write the question as a scenario file; of one model, system and batch"
    )
    parser.add_argument(
        "--timeline",
        metavar="FILE",
        help="also write parts and operators, of a training step what every stage does when, as a Chrome trace, for Perfetto or chrome://tracing",
    )
    add_output_options(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the answers; Unsupported when no engine answers anything."""
    found = parser().read(arguments)
    if found.parts and found.csv:
        raise UsageError(
            "predict: --parts is a table beside the answers'; with --csv leave it out, --json has the parts"
        )
    if found.layers and (not found.csv or found.operators):
        raise UsageError("predict: --layers is a table of its own: it goes with --csv, without --operators")
    timeline = found.timeline or (None if found.mode == SERVE else found.trace)
    if timeline is not None:
        check_writable(Path(timeline))
    with telling() as tell:
        answers = _answers_of_scenario(found, tell) if _is_scenario(found) else _answers(found, tell)
    if found.save is not None:
        _save(answers, Path(found.save))
    if not any(answer.has_predictions for answer in answers):
        if found.json:
            print_json(_document(answers, found.operators))  # a program finds the reasons there
        raise unanswered(
            answers,
            "\n".join(
                dict.fromkeys(
                    f"{a.question.model.name} on {a.question.system.name}: {r}" for a in answers for r in a.reasons
                )
            ),
        )
    warn(answers)
    if found.operators and (silent := [answer for answer in answers if not operator_table([answer])]):
        told = f"no times of single operators from {', '.join(dict.fromkeys(one.engine for one in silent))}"
        if found.csv and len(silent) == len(answers):
            raise Unsupported(f"{told}: there is no row to print")
        say(told)
    if timeline is not None:
        write_trace(answers, timeline, tell=say)
        say(f"trace written to {timeline}")
    if found.json:
        print_json(_document(answers, found.operators))
    elif found.csv:
        print_csv(_csv(found, answers))
    else:
        print_answers(answers)
        print_layers(answers)
        print_steps(answers)
        print_services(answers)
        if found.parts:
            print_parts(answers)
        if found.operators:
            print_operators(operator_table(answers))
    return 0


def _csv(found: Namespace, answers: Sequence[Answer]) -> Sequence[Mapping[str, Any]]:
    if found.layers:
        return layer_table(answers)
    return operator_table(answers) if found.operators else flat_rows(answers)


def _document(answers: Sequence[Answer], operators: bool) -> dict[str, Any]:
    return {"schema": PREDICT, "rows": [answer.to_dict(operators=operators) for answer in answers]}


def _answers(found: Namespace, tell: Tell) -> tuple[Answer, ...]:
    """For every combination that the arguments name."""
    if found.on is None:
        raise UsageError("predict: the following arguments are required: --on; see `gnomon predict --help`")
    for option, text in (("MODEL", found.models), ("--on", found.on), ("--engine", found.engine)):
        if not words(text):
            raise BadInput(f"{option}: nothing given")
    options: Options = {
        **plan_options(found),
        **training_options(found),
        **serving_options(found),
        "overrides": overrides(found),
    }
    name, batch = ("batch", found.batch) if found.microbatch is None else ("microbatch", found.microbatch)
    if None not in (found.batch, found.microbatch):
        raise UsageError("predict: --microbatch and --batch are one thing; give one of them")
    if found.microbatch is not None and found.mode != TRAIN:
        raise BadInput(f"--microbatch: only a whole training step has it: use --mode {TRAIN}")
    return predict_many(
        words(found.models),
        words(found.on),
        batches=None if batch is None else wholes(name, batch),
        engines=words(found.engine),
        settings=settings_of("predict", found.set, words(found.engine)),
        tell=tell,
        **options,
    ).answers


def settings_of(verb: str, given: Sequence[str], engines: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each engine, its own by name. UsageError for one of an engine that is not asked."""
    settings: dict[str, dict[str, str]] = {}
    for one in given:
        place, equals, value = one.partition("=")
        engine, dot, name = place.partition(".")
        if not equals or not dot:
            raise UsageError(f"{verb}: --set takes ENGINE.SETTING=VALUE, like mapper.objective=energy, not {one!r}")
        if engine not in engines:
            raise UsageError(f"{verb}: --set: {engine!r} is not asked{near_match(engine, engines)}; --engine names it")
        settings.setdefault(engine, {})[name] = value
    return settings


def _is_scenario(found: Namespace) -> bool:
    """Whether a scenario stands where models do, and no system is named."""
    is_yaml = found.models.lower().endswith((".yaml", ".yml"))
    return found.on is None and (is_yaml or found.models in scenario_names())


def _answers_of_scenario(found: Namespace, tell: Tell) -> tuple[Answer, ...]:
    """For the question of a scenario. UsageError for an option that the scenario itself answers."""
    for flag in (*FLAGS.values(), "--microbatch"):
        if flag == "--trace":  # beside a scenario it names what is written
            continue
        if getattr(found, dest(flag)) not in (None, []):
            raise UsageError(f"predict: {flag}: a scenario says this itself; write it there, or name model and --on")
    engines = words(found.engine)
    settings = settings_of("predict", found.set, engines)
    return tuple(
        predict_scenario(found.models, engine=name, settings=settings.get(name), tell=tell) for name in engines
    )


def _save(answers: Sequence[Answer], path: Path) -> None:
    """Write the one question; UsageError for several. Asked of several engines it is still one."""
    asked = {(a.question.model_text, a.question.on_text, a.outcomes[0].scenario.plan.batch) for a in answers}
    if len(asked) != 1:
        raise UsageError(
            f"predict: --save writes one question, not {len(asked)}: give one model, one system, one batch"
        )
    answers[0].write_scenario(path)


def warn(answers: Sequence[Answer]) -> None:
    """What a reader of the numbers must not miss, each thing once."""
    lines: dict[str, None] = {}
    for answer in answers:
        on = f"{answer.question.model.name} on {answer.question.system.name}"
        written, meant = split_count(answer.question.on_text)[0], answer.question.system.device.name
        if meant.lower().startswith(f"{written.lower()}-"):  # the name of a family: one of several was chosen
            lines[f"{written} is taken as {meant}"] = None
        for reason in answer.reasons:
            lines[f"{on}: {answer.engine} did not answer: {reason}"] = None
        for outcome in answer.outcomes:
            if outcome.prediction and not outcome.prediction.fits:
                need_bytes = outcome.prediction.memory.total_bytes
                has_bytes = outcome.scenario.system.device.memory_bytes.value
                need, has, over = show(need_bytes, "B"), show(has_bytes, "B"), show(need_bytes - has_bytes, "B")
                batch = outcome.scenario.plan.batch
                lines[
                    f"warning: {on}, batch {batch}, {outcome.scenario.plan.mode}: needs {need}, the device has {has}: does not fit, {over} too much"
                ] = None
            for reason in outcome.prediction.outside if outcome.prediction else ():
                lines[f"{on}: outside the validated range: {reason}"] = None
    for line in lines:
        say(line)


COLUMNS = (
    "model",
    "system",
    "engine",
    "batch",
    "what",
    "dtype",
    "time",
    "90 % interval",
    "rate",
    "MFU",
    "memory",
    "by kind",
    "fits",
    "flop/B",
    "bound",
)
# Left out where a terminal is narrow, the first first; engine, which stands there only where it tells rows apart, at last.
SPARE = ("flop/B", "by kind", "MFU", "dtype", "rate", "bound", "memory", "engine")


def print_answers(answers: Sequence[Answer]) -> None:
    """The table of answers: a row per pass."""
    rows = [_cells(answer, outcome) for answer in answers for outcome in answer.outcomes]
    engines = {answer.engine for answer in answers}
    columns = [name for name in COLUMNS if name != "engine" or len(engines) > 1 or engines != {DEFAULT_ENGINE}]
    print_table(columns, [[row[name] for name in columns] for row in rows], spare=SPARE)


def _cells(answer: Answer, outcome: Outcome) -> dict[str, str]:
    plan, workload, found = outcome.scenario.plan, outcome.scenario.workload, outcome.prediction
    cells = dict.fromkeys(COLUMNS, "-") | {
        "model": answer.question.model.name,
        "system": answer.question.system.name,
        "engine": answer.engine,
        "batch": "-" if plan.serving is not None else str(plan.batch),
        "what": outcome.title,
        "dtype": formats(answer.fields),
    }
    if found is None:
        return cells | {"bound": "not answered"}
    memory = found.memory
    kinds = (
        ("weights", memory.weights_bytes),
        ("KV", memory.kv_cache_bytes),
        ("act", memory.activations_bytes),
        ("grad", memory.gradients_bytes),
        ("opt", memory.optimizer_bytes),
        ("logits", memory.logits_bytes),
        ("buffers", memory.buffers_bytes),
        ("runtime", memory.overhead_bytes),
    )
    return cells | {
        "time": show(found.value, "s"),
        "90 % interval": interval(found.interval.low, found.interval.high) if found.interval else "-",
        "rate": rate(outcome.items_per_s, workload.item),
        "MFU": share(outcome.mfu, 1),
        "memory": show(memory.total_bytes, "B"),
        "by kind": ", ".join(f"{name} {show(size, 'B', 2)}" for name, size in kinds if size),
        "fits": "yes" if found.fits else "NO",
        "flop/B": ratio(found.flop / found.moved_bytes if found.moved_bytes else None),
        "bound": found.bound or "-",
    }
