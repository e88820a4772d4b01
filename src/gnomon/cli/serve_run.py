"""gnomon serve run and gnomon serve capacity: services of scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnomon.api.services import ServiceCapacity, ServiceRun, serve, serve_capacity
from gnomon.api.trace import write_trace
from gnomon.cli.arguments import Parser, add_output_options
from gnomon.cli.output import print_json, print_table, print_text, say
from gnomon.cli.predict import print_answers, settings_of, warn
from gnomon.cli.progress import telling
from gnomon.cli.run_options import WARMUP, seconds
from gnomon.cli.service_tables import print_services
from gnomon.core.errors import BadInput
from gnomon.core.in_words import rate, share
from gnomon.core.slo import Limit, limits_text, parse_limits
from gnomon.core.units import show
from gnomon.engines.serving.capacity import PRECISION
from gnomon.formats.files import check_writable

_FEWEST_TURNOVERS = 20  # of the requests in the service; below it the service is only being filled
_FILES = ("requests", "series", "decisions", "timeline")
_KINDS = {"requests": (".csv", ".parquet"), "series": (".csv", ".parquet"), "decisions": (".csv",)}


def run(arguments: Sequence[str]) -> int:
    """Run a service and print how its requests fared."""
    found = _run_parser().read(arguments)
    limits = () if found.slo is None else parse_limits(found.slo)
    for name in _FILES:
        if (path := getattr(found, name)) is not None:
            check_writable(Path(path))
            _check_kind(name, path)
    with telling() as tell:
        made = serve(
            found.scenario,
            settings=settings_of("serve run", found.set, ("serving",)).get("serving"),
            records=found.series is not None or found.decisions is not None,
            warmup_s=seconds("--warmup", found.warmup),
            tell=tell,
        )
    _write(made, found.requests, found.series, found.decisions)
    if found.timeline is not None:
        write_trace([made.answer], found.timeline, tell=say)
    if found.json:
        print_json(made.to_dict(limits))
        return 0
    warn([made.answer])
    print_answers([made.answer])
    print_services([made.answer])
    if limits:
        _print_goodput(made, limits)
    return 0


def capacity(arguments: Sequence[str]) -> int:
    """Search the highest rate that keeps the limits, and print it."""
    found = _capacity_parser().read(arguments)
    limits = parse_limits(found.slo)
    with telling() as tell:
        made = serve_capacity(
            found.scenario,
            limits,
            settings=settings_of("serve capacity", found.set, ("serving",)).get("serving"),
            warmup_s=seconds("--warmup", found.warmup),
            tell=tell,
        )
    if found.json:
        print_json(made.to_dict())
    else:
        _print_capacity(made)
    return 0


def _check_kind(name: str, path: str) -> None:
    """BadInput for a file whose name promises another kind than is written, told before a service runs."""
    kinds = _KINDS.get(name, ())
    if kinds and Path(path).suffix not in kinds:
        raise BadInput(f"{path}: is written as {' or '.join(kinds)}", field=f"--{name}")


def _write(made: ServiceRun, requests: str | None, series: str | None, decisions: str | None) -> None:
    if requests is not None:
        made.write_requests(requests)
    if series is not None:
        made.write_series(series)
    if decisions is not None:
        made.write_decisions(decisions)


def _print_goodput(made: ServiceRun, limits: tuple[Limit, ...]) -> None:
    kept, rate_per_s = made.goodput(limits)
    asked = ", ".join(f"{one.metric} <= {show(one.most_s, 's')}" for one in limits)
    those = "all requests" if made.facts.after_warmup is None else "requests after the warm-up"
    print_text(f"goodput: {share(kept, 1)} of {those} keep {asked}, {rate(rate_per_s, 'request')}")


def _print_capacity(made: ServiceCapacity) -> None:
    found = made.found
    for reason in made.grounds.outside:
        say(f"{made.scenario.name}: outside the validated range: {reason}")
    print_text(
        f"{made.scenario.name} keeps {limits_text(made.limits)} up to {rate(found.rate_per_s, 'request')} "
        f"(mean of {len(found.draws_per_s)} draws of its traffic, 90 % interval {found.low_per_s:.3g} to {found.high_per_s:.3g} of the draws "
        "alone: the error of the times themselves is not in it)"
    )
    rows = [
        [
            one.name,
            show(found.at_rate[one.name], "s"),
            show(one.most_s, "s"),
            "yes" if one.name == found.binding else "-",
        ]
        for one in made.limits
    ]
    print_table(["objective", "mean of draws", "limit", "binds"], rows)
    if found.binding == "overload":
        print_text("above that rate the queue grows without end before any limit is broken")
    if found.binding == "turned away":
        print_text("above that rate requests are turned away before any limit is broken")
    print_text(
        f"with every request there at once it handles {rate(found.throughput_per_s, 'request')}; {found.runs} runs, each draw's "
        f"rate to {share(PRECISION)}"
    )
    _warn_of_length(made)


def _warn_of_length(made: ServiceCapacity) -> None:
    if made.found.turnovers < _FEWEST_TURNOVERS:
        say(
            f"warning: at that rate requests come for only {made.found.turnovers:.0f} times what one takes, so a queue that grows "
            "slowly goes unseen; give the traffic more requests"
        )


def _run_parser() -> Parser:
    parser = Parser(
        "serve run",
        "How the requests of a service fare: a scenario file of mode serve says the model, the machine, the policy and the traffic.",
        "gnomon serve run service.yaml --requests requests.csv --slo ttft=500ms,tpot=50ms",
    )
    parser.add_argument(
        "scenario", metavar="SCENARIO", help="a file of mode serve, or a name of `gnomon list scenarios`"
    )
    _add_set(parser)
    parser.add_argument(
        "--slo", metavar="LIMITS", help="like ttft=500ms,tpot=50ms: the share of requests that keep all"
    )
    parser.add_argument("--warmup", metavar="TIME", help=WARMUP)
    parser.add_argument("--requests", metavar="FILE", help="write a row for every request: .csv or .parquet")
    parser.add_argument("--series", metavar="FILE", help="write queue, batch and KV use over time: .csv or .parquet")
    parser.add_argument(
        "--decisions", metavar="FILE", help="write what the scheduler decided: .csv, a row for every step"
    )
    parser.add_argument("--timeline", metavar="FILE", help="write the steps as a Chrome trace, for Perfetto")
    add_output_options(parser, csv=False)
    return parser


def _capacity_parser() -> Parser:
    parser = Parser(
        "serve capacity",
        "The highest rate of its traffic at which a service keeps objectives, with its confidence.",
        "gnomon serve capacity service.yaml --slo ttft_p99=500ms,tpot_p99=50ms",
    )
    parser.add_argument(
        "scenario", metavar="SCENARIO", help="a file of mode serve, or a name of `gnomon list scenarios`"
    )
    parser.add_argument(
        "--slo",
        required=True,
        metavar="LIMITS",
        help="of ttft, tpot, e2e or queueing, their mean, p50, p90, p95 or p99 (p99 where none is said)",
    )
    parser.add_argument("--warmup", metavar="TIME", help=WARMUP)
    _add_set(parser)
    add_output_options(parser, csv=False)
    return parser


def _add_set(parser: Parser) -> None:
    parser.add_argument(
        "--set",
        metavar="serving.SETTING=VALUE",
        action="append",
        default=[],
        help="a setting of the engine's own, like serving.timer=roofline; may be given several times",
    )
