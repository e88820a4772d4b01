"""Tables of services: how requests fared, and what the service handled."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.answers import Answer
from gnomon.cli.output import print_table, print_text, say
from gnomon.core.in_words import counted, rate, share
from gnomon.core.service_facts import Estimate, ServiceFacts
from gnomon.core.units import show
from gnomon.report.facts.titles import LABELS, question_title

_NAMES = LABELS | {"queueing": "waiting"}


def print_services(answers: Sequence[Answer]) -> None:
    """The services that were simulated, one after another."""
    for answer in answers:
        found = next((one.service for one in answer.outcomes if one.service is not None), None)
        if found is not None:
            print()
            _print_service(f"{question_title(answer.fields)}, {answer.engine}", found)


def _print_service(title: str, service: ServiceFacts) -> None:
    names = [one.name for one in service.spreads[0].estimates]
    print_table(
        ["time", *names],
        [[_NAMES[spread.quantity], *map(_cell, spread.estimates)] for spread in service.spreads],
        title=title,
        spare=("p95", "p90"),
    )
    if service.classes:
        _print_classes(service)
    cost = service.usd_per_million_answer_tokens
    lines = [
        f"{service.completed:,} of {counted(service.requests, 'request')} through in {show(service.span_s, 's')}: "
        f"{rate(service.completed_per_s, 'request')}, {rate(service.prompt_tokens_per_s, 'prompt token')}, "
        f"{rate(service.answer_tokens_per_s, 'answer token')}, MFU {share(service.mfu, 1)}",
        f"{counted(service.replicas, 'replica')} by the rules of {service.follows}; {service.steps:,} steps, "
        f"{counted(service.restarts, 'preemption')}, {service.kv_blocks:,} KV blocks of {service.block_tokens} tokens each",
    ]
    if service.hit_tokens:
        lines.append(
            f"{share(service.hit_tokens / service.prompt_tokens, 1)} of prompt tokens found in the cache of prefixes"
        )
    if service.adapter_loads:
        lines.append(f"{counted(service.adapter_loads, 'LoRA adapter')} copied from the host to the devices")
    if service.drafted_tokens:
        accepted = service.accepted_tokens / service.drafted_tokens
        lines.append(f"{share(accepted, 1)} of {counted(service.drafted_tokens, 'drafted token')} became answers")
    if cost is not None:
        lines.append(f"{cost:.3g} USD per million answer tokens")
    for line in lines:
        print_text(line)
    for warning in service.warnings:
        say(f"warning: {warning}")


def _print_classes(service: ServiceFacts) -> None:
    """Of each priority means and 99th percentiles."""
    columns = [(quantity, name) for quantity in ("ttft", "tpot", "e2e") for name in ("mean", "p99")]
    rows = []
    for one in service.classes:
        known = {spread.quantity: spread for spread in one.spreads}
        cells = [show(known[quantity][name], "s") if quantity in known else "-" for quantity, name in columns]
        rows.append([f"priority {one.priority}", f"{one.completed:,} of {one.requests:,}", *cells])
    print_table(["class", "through", *(f"{_NAMES[quantity]} {name}" for quantity, name in columns)], rows)


def _cell(one: Estimate) -> str:
    return show(one.value, "s")
