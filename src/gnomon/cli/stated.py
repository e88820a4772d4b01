"""The shape at which a model's work is stated: one forward pass of one image, one sequence of its usual length, or as asked."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gnomon.cli.arguments import Parser, whole
from gnomon.cli.run_options import sizes
from gnomon.core.errors import BadInput, UsageError
from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.zoo import diffusion, image
from gnomon.zoo.models import Model

_TRIED = 64  # an open size that nothing is said of, when all that is asked is whether a graph can be built


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the user asked for; None: the model's own."""

    batch: int | None = None
    seq: int | None = None
    image: int | None = None
    further: tuple[tuple[str, int], ...] = ()


OWN = Sizes()


def add_size_options(parser: Parser) -> None:
    """At which sizes a model is looked at."""
    group = parser.add_argument_group("sizes of a model")
    group.add_argument(
        "--batch", metavar="N", help="images or sequences (default 1, or what a traced graph is fixed at)"
    )
    group.add_argument("--seq", metavar="TOKENS", help="tokens of each sequence")
    group.add_argument("--image", metavar="PIXELS", help="side of the image (default: the model's usual one)")
    group.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=N",
        help="a further open size of a traced graph, like frames=300",
    )


def asked_sizes(found: Namespace, kind: str) -> Sizes:
    """The options above. UsageError where they are given for something that is no model."""
    asked = Sizes(
        batch=whole("batch", found.batch),
        seq=whole("seq", found.seq),
        image=whole("image", found.image),
        further=tuple((sizes(found.size) or {}).items()),
    )
    if kind != "model" and asked != OWN:
        raise UsageError(f"--batch, --seq, --image and --size are for models, and this is a {kind}")
    return asked


def stated_workload(model: Model, asked: Sizes = OWN) -> Workload:
    """The forward pass."""
    if asked.further and model.kind != "graph":
        raise BadInput(f"{model.name} is no traced graph and has no further sizes", field="sizes")
    return model.build(
        Plan(
            mode="forward",
            dtype=model.dtype,
            batch=asked.batch or model.batch,
            seq=asked.seq,
            image=asked.image,
            sizes=asked.further,
        )
    )


def left_open(model: Model, asked: Sizes) -> tuple[tuple[str, str, str], ...]:
    """Sizes of a traced graph that nothing is said of: name, place, and the option that gives it."""
    given = {name for name in ("batch", "seq", "image") if getattr(asked, name) is not None} | dict(
        asked.further
    ).keys()
    return tuple((name, where, option(name)) for name, where in model.open_sizes if name not in given)


def option(name: str) -> str:
    """How an open size is given on the command line."""
    return f"--{name} N" if name in ("batch", "seq", "image") else f"--size {name}=N"


def tried_workload(model: Model, asked: Sizes) -> Workload:
    """The forward pass, a size that is left open tried at a number. BadInput says so where that number cannot be."""
    unknown = dict(asked.further).keys() - dict(model.open_sizes).keys()
    tried = (
        {} if unknown else {name: _TRIED for name, _, _ in left_open(model, asked) if name not in ("batch", "image")}
    )
    if not tried:
        return stated_workload(model, asked)
    further = {name: number for name, number in tried.items() if name != "seq"}
    whole_question = Sizes(
        batch=asked.batch,
        seq=asked.seq or tried.get("seq"),
        image=asked.image,
        further=(*asked.further, *further.items()),
    )
    try:
        return stated_workload(model, whole_question)
    except BadInput as fault:
        said = ", ".join(f"{name}={number}" for name, number in tried.items())
        wanted = " ".join(option(name) for name in tried)
        raise BadInput(f"{fault} (tried with {said}, as nothing was said of it; give {wanted})") from None


def stated_shape(workload: Workload, model: Model | None = None, asked: Sizes = OWN) -> str:
    """Its shape in words."""
    if model is not None and model.kind == "graph":
        parts = [f"batch {workload.batch}", *([f"seq {workload.seq}"] if workload.seq else ())]
        return ", ".join([*parts, *(f"{name} {number}" for name, number in asked.further)])
    if workload.item == "image step":
        side = asked.image or diffusion.USUAL_SIDE
        return f"1 step of {_count(workload.batch, 'image')} of {side} x {side}"
    if workload.seq is None:
        side = asked.image or image.USUAL_SIDE
        return f"{_count(workload.batch, 'image')} of {side} x {side}"
    return f"{_count(workload.batch, 'sequence')} of {workload.seq} tokens"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
