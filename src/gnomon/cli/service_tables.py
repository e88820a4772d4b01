"""Tables of services: how requests fared, and what the service handled."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.answers import Answer
from gnomon.cli.output import print_table, print_text, say
from gnomon.core.in_words import counted, rate, share
from gnomon.core.service_facts import AfterWarmup, Estimate, Scaling, ServiceFacts, SharedDevices
from gnomon.core.units import show
from gnomon.report.facts.titles import SPREAD_LABELS, question_title

_TIERS = {"cpu": "the memory of hosts", "remote": "the remote store"}


def print_services(answers: Sequence[Answer]) -> None:
    """The services that were simulated, one after another."""
    for answer in answers:
        found = next((one.service for one in answer.outcomes if one.service is not None), None)
        if found is not None:
            print()
            _print_service(f"{question_title(answer.fields)}, {answer.engine}", found)
            if found.beside is not None:
                print()
                _print_service(f"beside it: {found.beside.model}", found.beside.service)
                _print_devices(found.beside.devices)


def _print_service(title: str, service: ServiceFacts) -> None:
    names = [one.name for one in service.spreads[0].estimates]
    print_table(
        ["time", *names],
        [[SPREAD_LABELS[spread.quantity], *map(_cell, spread.estimates)] for spread in service.spreads],
        title=title,
        spare=("p95", "p90"),
    )
    if service.classes:
        _print_classes(service)
    cost, measured = service.usd_per_million_answer_tokens, service.measured
    lines = [
        f"{measured.completed:,} of {counted(measured.requests, 'request')} through in {show(measured.span_s, 's')}: "
        f"{rate(service.completed_per_s, 'request')}, {rate(service.prompt_tokens_per_s, 'prompt token')}, "
        f"{rate(service.answer_tokens_per_s, 'answer token')}, MFU {share(service.mfu, 1)}",
        f"{counted(service.replicas, 'replica')} by the rules of {service.follows}; {service.steps:,} steps, "
        f"{counted(service.restarts, 'preemption')}, {service.kv_blocks:,} KV blocks of {counted(service.block_tokens, 'token')} each",
    ]
    if service.after_warmup is not None:
        lines.insert(1, _warmup_words(service.after_warmup))
    lines += [
        f"{pool.name}: {counted(pool.replicas, 'replica')} of {pool.tensor_parallel * pool.stages} x {pool.device}, {pool.steps:,} "
        f"steps, {counted(pool.restarts, 'preemption')}, {pool.kv_blocks:,} KV blocks"
        for pool in service.pools
    ]
    if service.scaling is not None:
        lines.append(_replicas_words(service, service.scaling))
    if measured.hit_tokens:
        lines.append(
            f"{share(measured.hit_tokens / measured.prompt_tokens, 1)} of prompt tokens found in the cache of prefixes"
        )
    lines += [
        f"{share(tier.hit_tokens / service.prompt_tokens, 1)} of prompt tokens loaded from {_TIERS[tier.name]}: "
        f"{show(tier.loaded_bytes, 'B')}, {show(tier.stored_bytes, 'B')} stored there; it holds {counted(tier.blocks, 'block')}"
        for tier in service.kv_tiers
    ]
    if service.adapter_loads:
        lines.append(f"{counted(service.adapter_loads, 'LoRA adapter')} copied from the host to the devices")
    if service.drafted_tokens:
        accepted = service.accepted_tokens / service.drafted_tokens
        lines.append(f"{share(accepted, 1)} of {counted(service.drafted_tokens, 'drafted token')} became answers")
    if cost is not None:
        lines.append(f"{cost:.3g} USD per million answer tokens")
    power = f"a step runs {share(service.busy, 1)} of the time"
    if service.energy is not None and service.joules_per_answer_token is not None:
        each, ends = service.joules_per_answer_token, (service.energy.low_j, service.energy.high_j)
        low, high = (show(end / service.answer_tokens, "J") for end in ends)
        power += f"; devices draw {show(service.energy.value_j / service.span_s, 'W')}, {show(each, 'J')} ({low} - {high}) an answer token"
    lines.append(power)
    for line in lines:
        print_text(line)
    for warning in service.warnings:
        say(f"warning: {warning}")


def _warmup_words(left: AfterWarmup) -> str:
    """What is left out, and of what not."""
    return (
        f"warm-up: {counted(left.left_out, 'request')} of the first {show(left.warmup_s, 's')} left out of times, rates and goodput; "
        "cost, energy, MFU, the share of time and slower memories are of the whole run"
    )


def _print_devices(devices: SharedDevices) -> None:
    """What two models share."""
    words = f"both models: a step of either runs {share(devices.busy, 1)} of {show(devices.span_s, 's')}"
    if devices.energy is not None:
        words += f"; devices draw {show(devices.energy.value_j / devices.span_s, 'W')}"
        if devices.answer_tokens:
            ends = (devices.energy.value_j, devices.energy.low_j, devices.energy.high_j)
            each, low, high = (show(end / devices.answer_tokens, "J") for end in ends)
            words += f", {each} ({low} - {high}) an answer token of either"
    print_text(words)
    if (cost := devices.usd_per_million_answer_tokens) is not None:
        print_text(f"{cost:.3g} USD per million answer tokens of both")


def _replicas_words(service: ServiceFacts, scaling: Scaling) -> str:
    ready = [one.ready for one in scaling.course]
    return (
        f"of these {ready[0]} at the start, between {min(ready)} and {max(ready)} ready, {scaling.replica_s / service.span_s:.2f} on "
        f"average with those that start and leave: {scaling.replica_s:,.0f} replica-seconds, {counted(scaling.starts, 'start')}"
    )


def _print_classes(service: ServiceFacts) -> None:
    """Of each priority means and 99th percentiles."""
    columns = [(quantity, name) for quantity in ("ttft", "tpot", "e2e") for name in ("mean", "p99")]
    rows = []
    for one in service.classes:
        known = {spread.quantity: spread for spread in one.spreads}
        cells = [show(known[quantity][name], "s") if quantity in known else "-" for quantity, name in columns]
        rows.append([f"priority {one.priority}", f"{one.completed:,} of {one.requests:,}", *cells])
    print_table(["class", "through", *(f"{SPREAD_LABELS[quantity]} {name}" for quantity, name in columns)], rows)


def _cell(one: Estimate) -> str:
    return show(one.value, "s")
