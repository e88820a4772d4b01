"""A training step's graph and plan -> the share of each stage: its layers' passes, exchanges and update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import ExchangeKind
from gnomon.core.footprint import output_bytes
from gnomon.core.op import AdamStep
from gnomon.core.plan import Plan
from gnomon.core.training_plan import Axis, GroupAxis, TrainingPlan
from gnomon.core.workload import Node, Workload
from gnomon.parallel.context import on_share_of_tokens
from gnomon.parallel.experts import on_share_of_experts
from gnomon.parallel.layers import Block, blocks, chunks
from gnomon.parallel.layout import axis_sizes
from gnomon.parallel.low_rank import frozen_experts, with_adapters
from gnomon.parallel.passes import Compute, Passes, Role, Talk, passes
from gnomon.parallel.piece import AxisExchange, Piece
from gnomon.parallel.tensor import divided
from gnomon.parallel.weights import Weights, weights_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """To or from another stage."""

    name: str
    size_bytes: float
    dtype: str
    is_sent: bool = True  # else received
    stage: int = 0  # of the one
    peer: int = 0  # of the other


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShare:
    """Equal layers of a chunk, one copy of them."""

    block: Block
    copies: int
    passes: Passes
    weights: Weights
    gathers: tuple[
        Talk, ...
    ] = ()  # of weights that replicas share out before every pass, or have updated before the first
    reduces: tuple[Talk, ...] = ()  # of the gradients, after the backward pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkShare:
    """The layers that a stage runs in one go."""

    index: int  # of all chunks, in the order of the forward pass
    blocks: tuple[BlockShare, ...]

    @property
    def weights(self) -> Weights:
        return sum((one.weights * one.copies for one in self.blocks), Weights())


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    """What one stage of the pipeline holds."""

    index: int
    chunks: tuple[ChunkShare, ...]
    reduces: tuple[Talk, ...]  # of all its gradients at once
    update: Compute
    gathers: tuple[Talk, ...]  # of all updated weights at once, where no layer's gather runs beside the next step
    tied: Message | None  # gradients of a table that the first and the last stage both hold, to the other one

    @property
    def weights(self) -> Weights:
        return sum((one.weights for one in self.chunks), Weights())


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """A step of training as the devices share it."""

    plan: TrainingPlan
    sizes: Mapping[Axis, int]
    microbatches: int  # that each replica runs in a step
    stages: tuple[StageShare, ...]
    chunk_count: int
    sent: Message  # between neighbouring stages, either way; the stages are still to be said
    regathers: Talk | None  # puts together what devices of a tensor-parallel group have received in parts


def microbatches_of(plan: TrainingPlan, microbatch: int, replicas: int) -> int:
    """Micro-batches that each replica runs in a step. BadInput where they do not make up the global batch."""
    if plan.global_batch is None:
        return plan.pp
    group = plan.pp if plan.schedule == "interleaved" else 1  # micro-batches go through the chunks in groups
    each = microbatch * replicas * group
    if plan.global_batch % each:
        legal = [size for size in (plan.global_batch // each * each, (plan.global_batch // each + 1) * each) if size]
        raise BadInput(
            f"{plan.global_batch} sequences is not a multiple of {replicas} replicas x micro-batches of {microbatch}"
            f"{f' x interleaved groups of {group}' if group > 1 else ''}",
            field="global_batch",
            remedies=[("global_batch", " or ".join(map(str, legal)))],
        )
    return plan.global_batch // each * group


def model_share(workload: Workload, plan: Plan, devices: int) -> ModelShare:
    """The shares of a training step. BadInput, Unsupported, with the field that is in the way."""
    training = plan.training or TrainingPlan()
    if not workload.is_training:
        raise Unsupported(f"{workload.name}: {workload.mode} is not a training step: use mode train")
    sizes = axis_sizes(training, devices)
    microbatches = microbatches_of(training, plan.batch, sizes["dp"])
    if (sizes["dp"] * sizes["cp"]) % training.ep:
        raise BadInput(
            f"{training.ep} does not divide the {sizes['dp'] * sizes['cp']} replicas (dp x cp) that share the experts",
            field="ep",
        )
    pieces = shared_pieces(workload, training)
    working = workload.gradient_dtype or workload.dtype
    builder = _Builder(training, sizes, working)
    cut = chunks(blocks(pieces), training.pp * training.virtual, training.chunk_layers)
    made = [
        ChunkShare(
            index=chunk.index,
            blocks=tuple(
                builder.block(block, is_first=chunk.index == 0 and at == 0) for at, block in enumerate(chunk.blocks)
            ),
        )
        for chunk in cut
    ]
    tied = _tied_table_bytes(pieces, training, builder.gradient_bytes)
    stages = tuple(
        builder.stage(stage, tuple(made[stage :: training.pp]), tied if stage in (0, training.pp - 1) else 0.0)
        for stage in range(training.pp)
    )
    sent, regathers = _between_stages(cut[0].blocks[-1], training)
    return ModelShare(
        plan=training,
        sizes=sizes,
        microbatches=microbatches,
        stages=stages,
        chunk_count=len(cut),
        sent=sent,
        regathers=regathers,
    )


def shared_pieces(workload: Workload, plan: TrainingPlan) -> tuple[Piece, ...]:
    """The forward pass as one device runs it. BadInput, Unsupported."""
    forward = tuple(node for node in workload.nodes if node.phase == "forward")
    pieces = divided(forward, plan.tp, by_tokens=plan.sp)
    pieces = on_share_of_experts(pieces, plan.ep, imbalance=plan.imbalance, token_parts=plan.tp if plan.sp else 1)
    pieces = on_share_of_tokens(pieces, plan.cp)
    if plan.lora_rank is not None:
        pieces = frozen_experts(with_adapters(pieces, plan.lora_rank, plan.lora_base), plan.lora_base)
    return pieces


def _tied_table_bytes(pieces: Sequence[Piece], plan: TrainingPlan, gradient_bytes: float) -> float:
    """Gradients of a table that the head shares with the embedding, where two stages hold it."""
    if plan.pp == 1 or plan.lora_rank is not None:
        return 0.0
    tied = [node for node in pieces if isinstance(node, Node) and getattr(node.op, "is_tied", False)]
    return sum(getattr(node.op, "n", 0) * getattr(node.op, "k", 0) for node in tied) * gradient_bytes


def _between_stages(block: Block, plan: TrainingPlan) -> tuple[Message, Talk | None]:
    """What a stage sends on; what every device of a tensor-parallel group has whole is sent in parts.

    [Narayanan et al. 2021, section 4.1: scatter/gather]
    """
    op = block.nodes[-1].op
    dtype = getattr(op, "out_dtype", None) or op.dtype
    size = output_bytes(op)
    if plan.tp == 1 or plan.sp:
        return Message(name="activations", size_bytes=size, dtype=dtype), None
    gathered = AxisExchange(axis="tp", kind="all-gather", size_bytes=size, dtype=dtype)
    return (
        Message(name="activations", size_bytes=size / plan.tp, dtype=dtype),
        Talk(name="received parts", role="forward", exchange=gathered),
    )


class _Builder:
    """Shares of one plan."""

    def __init__(self, plan: TrainingPlan, sizes: Mapping[Axis, int], working: str) -> None:
        self.plan, self.sizes, self.working = plan, sizes, working
        self.gradient_dtype = plan.gradient_dtype or working
        self.gradient_bytes = DTYPES[self.gradient_dtype].bytes
        self.replicas = sizes["dp"] * sizes["cp"]

    def block(self, block: Block, *, is_first: bool) -> BlockShare:
        plan = self.plan
        weights = weights_of(block.nodes, plan.lora_rank)
        return BlockShare(
            block=block,
            copies=block.copies,
            passes=passes(
                block,
                recompute=plan.recompute,
                lora_rank=plan.lora_rank,
                splits_weights=plan.schedule == "zero-bubble",
                is_first=is_first,
            ),
            weights=weights,
            gathers=self._gathered(weights) if plan.zero == 3 else self._updated(weights) if plan.overlap else (),
            reduces=self._reduced(weights),
        )

    def _among_replicas(
        self, name: str, role: Role, kind: ExchangeKind, dense_bytes: float, expert_bytes: float, dtype: str
    ) -> tuple[Talk, ...]:
        """An exchange of what all replicas hold, and one of the experts, which fewer of them hold; none among one."""
        both: tuple[tuple[GroupAxis, int, float], ...] = (
            ("data", self.replicas, dense_bytes),
            ("edp", self.replicas // self.plan.ep, expert_bytes),
        )
        return tuple(
            Talk(name=name, role=role, exchange=AxisExchange(axis=axis, kind=kind, size_bytes=size, dtype=dtype))
            for axis, members, size in both
            if members > 1 and size
        )

    def _reduced(self, weights: Weights) -> tuple[Talk, ...]:
        """Of the gradients of what is trained."""
        kind: ExchangeKind = "reduce-scatter" if self.plan.zero else "all-reduce"
        each = self.gradient_bytes
        return self._among_replicas(
            "gradients", "backward", kind, weights.dense * each, weights.experts * each, self.gradient_dtype
        )

    def _gathered(self, weights: Weights) -> tuple[Talk, ...]:
        """Of what is stored: frozen weights are shared out too."""
        dense_bytes = weights.stored_bytes - weights.expert_bytes
        return self._among_replicas("weights", "forward", "all-gather", dense_bytes, weights.expert_bytes, self.working)

    def _updated(self, weights: Weights) -> tuple[Talk, ...]:
        """Of the working copies of what was updated in shares; none where each replica updates all, or gathers all again."""
        if self.plan.zero not in (1, 2):
            return ()
        each = DTYPES[self.working].bytes
        return self._among_replicas(
            "updated weights", "update", "all-gather", weights.dense * each, weights.experts * each, self.working
        )

    def stage(self, index: int, own: tuple[ChunkShare, ...], tied_bytes: float) -> StageShare:
        plan = self.plan
        weights = sum((one.weights for one in own), Weights())
        shares = self.replicas if plan.zero else 1
        expert_shares = self.replicas // plan.ep if plan.zero else 1
        updated = -(-weights.dense // shares) + -(-weights.experts // expert_shares)
        step = AdamStep(weights=max(1, updated), gradient_dtype=self.gradient_dtype)
        tied = None
        if tied_bytes:
            tied = Message(name="tied gradients", size_bytes=tied_bytes, dtype=self.gradient_dtype)
        return StageShare(
            index=index,
            chunks=own,
            reduces=self._reduced(weights),
            update=Compute(name="update", role="update", ops=(step,)),
            gathers=() if plan.overlap else self._updated(weights),
            tied=tied,
        )
