"""What one device of each stage keeps in memory during a training step, by kind."""

from __future__ import annotations

from collections.abc import Mapping

from gnomon.core.dtype import DTYPES
from gnomon.core.footprint import (
    ADAM_STATE_BYTES,
    MASTER_BYTES,
    Footprint,
    kept_for_backward,
    output_bytes,
    scratch_bytes,
)
from gnomon.core.op import Attention, Elementwise, MatMul, Softmax
from gnomon.core.training_plan import TrainingPlan
from gnomon.parallel.layers import Block
from gnomon.parallel.model_share import ModelShare, StageShare
from gnomon.parallel.schedule import Task, order

MASK_BYTES = 1.0  # of an element that dropout may drop [Korthikanti et al. 2022, section 4.1]
RUNTIME_BYTES = 0.8e9  # CUDA context and NCCL's channels on a data-centre GPU: assumed, 0.5-1.5 GB are commonly seen
FRAGMENTED = 0.05  # of activations, that the caching allocator cannot use: assumed


def stage_memory(model: ModelShare, stage: StageShare, working: str) -> Footprint:
    """Memory of a device of that stage at the worst moment; `working`: format of weights and activations."""
    plan, weights = model.plan, stage.weights
    replicas = model.sizes["dp"] * model.sizes["cp"]
    gradient_bytes = DTYPES[plan.gradient_dtype or working].bytes
    update_bytes = ADAM_STATE_BYTES + (MASTER_BYTES if DTYPES[working].bytes < MASTER_BYTES else 0.0)
    stored, gathered = _stored_bytes(stage, plan, replicas)
    activations, again = _activation_bytes(model, stage)
    tied = 0.0 if stage.tied is None or stage.index == 0 else stage.tied.size_bytes / gradient_bytes
    held = weights.dense + tied, weights.experts
    return Footprint(
        weights_bytes=stored + tied * DTYPES[working].bytes,
        gradients_bytes=gradient_bytes * _shared(*held, plan, replicas, plan.zero >= 2),
        optimizer_bytes=update_bytes * _shared(*held, plan, replicas, plan.zero >= 1),
        activations_bytes=activations,
        logits_bytes=sum(_logits_bytes(one.block) for chunk in stage.chunks for one in chunk.blocks),
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
    if plan.zero < 3:
        return weights.stored_bytes, 0.0
    layers = [one.weights.stored_bytes for chunk in stage.chunks for one in chunk.blocks]
    dense_bytes = weights.stored_bytes - weights.expert_bytes
    return _shared(dense_bytes, weights.expert_bytes, plan, replicas, is_shared=True), 2 * max(layers)


def _activation_bytes(model: ModelShare, stage: StageShare) -> tuple[float, float]:
    """Bytes kept for the backward passes to come at the worst moment, and those of one layer that is computed again."""
    plan = model.plan
    of_chunk = [sum(_kept(one.block, plan) * one.copies for one in chunk.blocks) for chunk in stage.chunks]
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
    return most_bytes(tasks, of_chunk), again


def most_bytes(tasks: tuple[Task, ...], of_chunk: list[float]) -> float:
    """The most that is kept at once, where a forward pass of each chunk keeps so much until its backward pass."""
    now = most = 0.0
    for task in tasks:
        if task.kind == "forward":
            now += of_chunk[task.chunk]
            most = max(most, now)
        elif task.kind == "backward":
            now -= of_chunk[task.chunk]
    return most


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
