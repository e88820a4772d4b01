"""What one device of each stage keeps in memory during a training step, by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gnomon.core.dtype import DTYPES
from gnomon.core.footprint import (
    ADAM_STATE_BYTES,
    MASTER_BYTES,
    Footprint,
    kept_for_backward,
    output_bytes,
    scratch_bytes,
)
from gnomon.core.op import Attention, Conv, Elementwise, GroupedMatMul, MatMul, Softmax
from gnomon.core.training_plan import TrainingPlan
from gnomon.parallel.layers import Block
from gnomon.parallel.model_share import ChunkShare, ModelShare, StageShare
from gnomon.parallel.schedule import Task, order

MASK_BYTES = 1.0  # of an element that dropout may drop [Korthikanti et al. 2022, section 4.1]
RUNTIME_BYTES = 0.8e9  # CUDA context and NCCL's channels on a data-centre GPU: assumed, 0.5-1.5 GB are commonly seen
FRAGMENTED = 0.05  # of activations, that the caching allocator cannot use: assumed
_PRODUCTS = (MatMul, GroupedMatMul, Conv)


def stage_memory(model: ModelShare, stage: StageShare, working: str) -> Footprint:
    """Memory of a device of that stage at the worst moment; `working`: format of weights and activations."""
    plan, weights = model.plan, stage.weights
    replicas = model.sizes["dp"] * model.sizes["cp"]
    gradient_bytes = DTYPES[plan.gradient_dtype or working].bytes
    update_bytes = ADAM_STATE_BYTES + (MASTER_BYTES if DTYPES[working].bytes < MASTER_BYTES else 0.0)
    stored, gathered = _stored_bytes(stage, plan, replicas)
    activations, logits, again = _activation_bytes(model, stage)
    tied = 0.0 if stage.tied is None or stage.index == 0 else stage.tied.size_bytes / gradient_bytes
    held = weights.dense + tied, weights.experts
    return Footprint(
        weights_bytes=stored + tied * DTYPES[working].bytes,
        gradients_bytes=gradient_bytes * _shared(*held, plan, replicas, plan.zero >= 2),
        optimizer_bytes=update_bytes * _shared(*held, plan, replicas, plan.zero >= 1),
        activations_bytes=activations,
        logits_bytes=logits,
        buffers_bytes=gathered + again + (2 * model.sent.size_bytes if plan.pp > 1 else 0.0),
        overhead_bytes=RUNTIME_BYTES + FRAGMENTED * activations,
    )


def _shared(dense: float, experts: float, plan: TrainingPlan, replicas: int, is_shared: bool) -> float:
    """The part of one device, of what replicas share out or all of them hold. [Rajbhandari et al. 2020, ZeRO, section 5]"""
    if not is_shared:
        return dense + experts
    return dense / replicas + experts / max(1, replicas // plan.ep)


def _stored_bytes(stage: StageShare, plan: TrainingPlan, replicas: int) -> tuple[float, float]:
    """Bytes of the working weights of one device, and of those gathered for the layer that runs and the next."""
    weights = stage.weights
    if plan.zero < 3 or replicas == 1:
        return weights.stored_bytes, 0.0
    layers = [one.weights.stored_bytes for chunk in stage.chunks for one in chunk.blocks]
    dense_bytes = weights.stored_bytes - weights.expert_bytes
    return _shared(dense_bytes, weights.expert_bytes, plan, replicas, is_shared=True), 2 * max(layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes that the forward pass of a chunk leaves for its backward pass, of one micro-batch."""

    activations: float
    logits: float = 0.0
    for_weights: float = 0.0  # after the backward pass, until the gradients of weights are made apart


def _activation_bytes(model: ModelShare, stage: StageShare) -> tuple[float, float, float]:
    """Activations and logits kept at the worst moment, and what one layer that is computed again takes, bytes."""
    plan = model.plan
    of_chunk = [_kept_by(chunk, plan) for chunk in stage.chunks]
    tasks = order(
        plan.schedule,
        stage=stage.index,
        stages=plan.pp,
        microbatches=model.microbatches,
        virtual=plan.virtual,
    )
    again = 0.0
    if plan.recompute == "full":
        layers = [one.block for chunk in stage.chunks for one in chunk.blocks if one.block.is_layer]
        again = max((_everything(block, plan) for block in layers), default=0.0)
    return *most_kept(tasks, of_chunk), again


def most_kept(tasks: Sequence[Task], of_chunk: Sequence[Kept]) -> tuple[float, float]:
    """Activations and logits at the moment at which they are most together, bytes."""
    activations = logits = 0.0
    most = activations, logits
    for task in tasks:
        kept = of_chunk[task.chunk]
        match task.kind:
            case "forward":
                activations, logits = activations + kept.activations, logits + kept.logits
            case "backward":
                activations, logits = activations - kept.activations + kept.for_weights, logits - kept.logits
            case "weights":
                activations -= kept.for_weights
        most = max(most, (activations, logits), key=sum)
    return most


def _kept_by(chunk: ChunkShare, plan: TrainingPlan) -> Kept:
    splits = plan.schedule == "zero-bubble"
    return Kept(
        activations=sum(_kept(one.block, plan) * one.copies for one in chunk.blocks),
        logits=sum(_logits_bytes(one.block) * one.copies for one in chunk.blocks),
        for_weights=sum(for_weights_bytes(one.block) * one.copies for one in chunk.blocks) if splits else 0.0,
    )


def for_weights_bytes(block: Block) -> float:
    """What the gradients of a copy's weights are made of: inputs of its products, and gradients of their outputs.

    [Qi et al. 2023, table 1: 32 s b h bytes of a GPT's layer]
    """
    products = [node for node in block.nodes if node.op.parameters and isinstance(node.op, _PRODUCTS)]
    outputs = {node.name: output_bytes(node.op) for node in block.nodes}
    before = output_bytes(block.nodes[-1].op)  # of the copy before
    read = {name for node in products for name in node.after}
    return sum(outputs[node.name] for node in products) + sum(outputs.get(name, before) for name in read)


def _kept(block: Block, plan: TrainingPlan) -> float:
    """Bytes that one copy of a block keeps of one micro-batch. Full recomputation keeps what a layer reads."""
    if plan.recompute == "full" and block.is_layer:
        return output_bytes(block.nodes[-1].op)
    return _everything(block, plan)


def _everything(block: Block, plan: TrainingPlan) -> float:
    """The same without full recomputation."""
    nodes, logits = block.nodes, _of_vocabulary(block)
    kept = kept_for_backward(nodes)
    if block.is_layer and kept - {node.name for node in nodes}:
        kept |= {nodes[-1].name}  # what a copy keeps of the copy before
    total = sum(output_bytes(node.op) for node in nodes if node.name in kept and node.name not in logits)
    if plan.recompute != "selective":
        total += sum(scratch_bytes(node.op) for node in nodes)
    return total + (_mask_bytes(block, plan) if plan.dropout else 0.0)


def _mask_bytes(block: Block, plan: TrainingPlan) -> float:
    """Bytes of the masks of dropout: of what is added to the stream, and of scores that go through memory."""
    total = 0.0
    for node in block.nodes:
        op = node.op
        if isinstance(op, Elementwise) and op.function == "add" and op.inputs == 2 and block.is_layer:
            total += op.elements * MASK_BYTES
        if isinstance(op, Attention) and not op.is_fused and plan.recompute != "selective":
            total += op.batch * op.heads * op.q_len * op.kv_len * MASK_BYTES
    return total


def _of_vocabulary(block: Block) -> Mapping[str, float]:
    """The loss and the head whose outputs it reads, with the bytes of what they give."""
    found: dict[str, float] = {}
    read = {name for node in block.nodes for name in node.after}
    for node in block.nodes:
        if isinstance(node.op, Softmax) and node.name not in read:
            sources = [
                one for one in block.nodes if one.name in node.after and isinstance(one.op, (MatMul, Elementwise))
            ]
            found |= {one.name: output_bytes(one.op) for one in (node, *sources)}
    return found


def _logits_bytes(block: Block) -> float:
    return sum(_of_vocabulary(block).values())
