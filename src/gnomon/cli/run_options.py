"""Arguments that say how a model is run, and which numbers stand in place of the device's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gnomon.api.overrides import Overrides
from gnomon.api.questions import Options
from gnomon.cli.arguments import Parser, whole
from gnomon.core.errors import BadInput


def add_plan_options(parser: Parser) -> None:
    """How a model is run."""
    group = parser.add_argument_group("the run")
    group.add_argument(
        "--mode",
        metavar="MODE",
        help="forward, prefill, decode, forward+backward or forward+backward+optimizer; a decoder without it is asked for TTFT and TPOT",
    )
    group.add_argument(
        "--batch", metavar="N[,N...]", help="images or sequences (default 1, or what a traced graph is fixed at)"
    )
    group.add_argument("--seq", metavar="TOKENS", help="input tokens of each sequence (default 1024, BERT 512)")
    group.add_argument(
        "--context", metavar="TOKENS", help="decode: tokens in the cache, the new one included (default: --seq)"
    )
    group.add_argument("--image", metavar="PIXELS", help="side of the image (default 224, of a diffusion model 1024)")
    group.add_argument(
        "--dtype",
        metavar="FORMAT",
        help="of products: fp32, tf32, fp16, bf16, fp8, fp4, mxfp4, int8, int4 (default: the model's usual one); below 16 bits, activations and the KV cache stay at 16",
    )
    group.add_argument("--weights", metavar="FORMAT", help="storage of weights where it differs, like int4")
    group.add_argument("--kv", metavar="FORMAT", help="storage of the KV cache where it differs, like fp8")
    group.add_argument(
        "--attention",
        choices=("fused", "eager"),
        help="eager: scores travel through memory (default fused)",
    )
    group.add_argument(
        "--head",
        metavar="HEAD",
        help="none, classifier, lm, mlm, qa or pretraining (default: the model's own)",
    )
    group.add_argument("--classes", metavar="N", help="outputs of a classifier (default: 1000 for images, 2 for text)")
    group.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=N",
        help="a further open size of a traced graph, like frames=300; may be given several times",
    )


def plan_options(found: argparse.Namespace) -> Options:
    """The options above, without batch."""
    return Options(
        mode=found.mode,
        seq=whole("seq", found.seq),
        context=whole("context", found.context),
        image=whole("image", found.image),
        dtype=found.dtype,
        weight_dtype=found.weights,
        kv_dtype=found.kv,
        attention=found.attention or "fused",
        head="default" if found.head is None else found.head,
        classes=whole("classes", found.classes),
        sizes=sizes(found.size),
    )


def sizes(given: Sequence[str]) -> dict[str, int] | None:
    """Open sizes by name; None where none is given."""
    read: dict[str, int] = {}
    for text in given:
        name, equals, number = text.partition("=")
        value = whole(f"size {name}", number) if equals else None
        if not name or value is None:
            raise BadInput(f"--size: {text!r:.60} is not NAME=N, like frames=300")
        if name in read:
            raise BadInput(f"--size: {name!r} is given twice")
        read[name] = value
    return read or None


def add_override_options(parser: Parser, note: str) -> None:
    """Numbers put in place of the device's; `note`: what becomes of them."""
    group = parser.add_argument_group(f"numbers in place of the device's ({note})")
    group.add_argument(
        "--device-peak",
        action="append",
        default=[],
        metavar="[FORMAT=]RATE",
        help='like "300 TFLOP/s" or "bf16=300 TFLOP/s"; may be given several times',
    )
    group.add_argument("--memory-bandwidth", metavar="RATE", help='like "2.8 TB/s"')
    group.add_argument("--memory-capacity", metavar="SIZE", help='like "80 GB"')
    group.add_argument("--launch-overhead", metavar="TIME", help='like "4 us"')
    group.add_argument(
        "--efficiency", metavar="SHARE", help="share of peaks and bandwidth that is reached, like 0.7 or 70%%"
    )


def overrides(found: argparse.Namespace) -> Overrides:
    """The numbers that the user set."""
    return Overrides(
        device_peak=tuple(found.device_peak),
        memory_bandwidth=found.memory_bandwidth,
        memory_capacity=found.memory_capacity,
        launch_overhead=found.launch_overhead,
        efficiency=found.efficiency,
    )
