"""What models that denoise images have in common: one step of an image as the unit, its size, its text, its time embedding."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.core.op import Elementwise
from gnomon.core.plan import Plan
from gnomon.core.workload import CACHED, Workload
from gnomon.zoo.graph import Graph, activation_dtype, full_linear

USUAL_SIDE = 1024  # pixels: what SDXL and FLUX.1 were made for
_FREQUENCIES = 256  # sines and cosines that a number is spread over [diffusers, Timesteps in both models' embeddings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoising:
    """One step of the plan's images: sizes that follow from the plan."""

    name: str
    side: int  # of the latent image, in what the model takes as one pixel
    text: int  # tokens of the prompt


def denoising(name: str, plan: Plan, *, pixels: int, multiple: int, text: int) -> Denoising:
    """The step that a plan asks for; BadInput for what such a model has not.

    pixels: of the image's side for one of the latent's; multiple: the side must be one of it; text: the usual prompt.
    """
    if plan.head not in ("default", "none"):
        raise BadInput(f"{name} has no head {plan.head!r} (it has: none)", field="head")
    if plan.classes is not None:
        raise BadInput(f"{name} classifies nothing", field="classes")
    if plan.mode in CACHED:
        raise BadInput(f"{name} denoises images, it has no {plan.mode}; use forward", field="mode")
    if plan.context is not None:
        raise BadInput(f"{name} denoises images; the tokens of its prompt are seq", field="context")
    if plan.kv_dtype is not None:
        raise BadInput(f"{name} denoises images, it has no KV cache", field="kv_dtype")
    side = plan.image or USUAL_SIDE
    if side % multiple:
        raise BadInput(f"{side} pixels a side; {name} takes multiples of {multiple}", field="image")
    return Denoising(name=name, side=side // pixels, text=plan.seq or text)


def number_embedding(
    graph: Graph,
    plan: Plan,
    name: str,
    width: int,
    *,
    numbers: int = 1,
    frequencies: int = _FREQUENCIES,
    beside: int = 0,
) -> str:
    """Sines of `numbers` numbers an image, `beside` further inputs, two linear layers; the name of the last node."""
    act = activation_dtype(plan)
    count = plan.batch * numbers * frequencies
    waves = graph.add(f"{name}.waves", Elementwise(elements=count, function="sin", inputs=0, dtype=act), after=())
    return two_layers(graph, plan, name, numbers * frequencies + beside, width, after=(waves,))


def two_layers(graph: Graph, plan: Plan, name: str, inputs: int, width: int, after: tuple[str, ...]) -> str:
    """A linear layer, SiLU, a linear layer, for each image; the name of the last node."""
    graph.add(f"{name}.linear1", full_linear(plan.batch, inputs, width, plan, has_bias=True), after=after)
    graph.elementwise(f"{name}.silu", "silu", plan.batch * width, activation_dtype(plan))
    return graph.add(f"{name}.linear2", full_linear(plan.batch, width, width, plan, has_bias=True))


def step(graph: Graph, plan: Plan, asked: Denoising, *notes: str) -> Workload:
    """The finished graph as one step."""
    size = plan.image or USUAL_SIDE
    return graph.workload(
        asked.name,
        plan,
        head="none",
        item="image step",
        assumptions=(
            f"one denoising step of {size} x {size} pixels with {asked.text} tokens of text; an image takes many",
            "text encoders and the image decoder (VAE) are not part of a step",
            "operators run one by one",
            *notes,
        ),
    )
