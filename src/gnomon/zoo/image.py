"""Convolutional networks for image classification: ResNet, VGG, MobileNet-v2, as torchvision builds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from gnomon.core.errors import BadInput
from gnomon.core.op import Conv, Elementwise, Norm, Pool, Softmax
from gnomon.core.plan import Plan
from gnomon.core.work import conv_output
from gnomon.core.workload import CACHED, Workload
from gnomon.zoo.graph import Graph, activation_dtype, full_linear

USUAL_CLASSES = 1000  # ImageNet
USUAL_SIDE = 224  # pixels of an ImageNet crop


@dataclass
class ImageGraph:
    """A graph under construction and the shape of its newest feature map."""

    plan: Plan
    channels: int = 3
    side: int = 0
    graph: Graph = field(default_factory=Graph)

    @property
    def elements(self) -> int:
        return self.plan.batch * self.channels * self.side**2

    @contextmanager
    def repeated(self, name: str, copies: int) -> Iterator[None]:
        """What is built meanwhile are equal blocks, as of `Graph.repeated`."""
        whole, self.graph = self.graph, self.graph.repeated(name, copies)
        yield
        self.graph = whole

    def conv(
        self,
        name: str,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        has_bias: bool = False,
        after: tuple[str, ...] | None = None,
    ) -> str:
        """A convolution with the padding that keeps the side at stride 1."""
        op = Conv(
            batch=self.plan.batch,
            c_in=self.channels,
            c_out=outputs,
            in_size=(self.side, self.side),
            kernel=(kernel, kernel),
            stride=(stride, stride),
            padding=(2 * (kernel // 2),) * 2,
            groups=groups,
            dtype=self.plan.dtype,
            weight_dtype=self.plan.weight_dtype,
            out_dtype=activation_dtype(self.plan),
            has_bias=has_bias,
        )
        self.channels, self.side = outputs, op.out_size[0]
        return self.graph.add(name, op, after=after)

    def norm(self, name: str, kind: Literal["batch", "group"] = "batch") -> str:
        rows = self.plan.batch * self.side**2
        op = Norm(rows=rows, columns=self.channels, kind=kind, dtype=activation_dtype(self.plan))
        return self.graph.add(name, op)

    def function(self, name: str, function: str, after: tuple[str, ...] | None = None) -> str:
        return self.graph.elementwise(name, function, self.elements, activation_dtype(self.plan), after=after)

    def pool(self, name: str, kernel: int, stride: int, padding: int = 0) -> None:
        self.resize(name, int(conv_output(self.side, kernel, stride, 2 * padding)), window=kernel**2)

    def resize(self, name: str, side: int, window: int) -> None:
        """A pooling to `side` x `side`."""
        before = self.elements
        self.side = side
        op = Pool(in_elements=before, out_elements=self.elements, window=window, dtype=activation_dtype(self.plan))
        self.graph.add(name, op)

    def classifier(self, name: str, inputs: int, outputs: int) -> None:
        self.graph.add(name, full_linear(self.plan.batch, inputs, outputs, self.plan, has_bias=True))

    def finish(self, name: str, head: str, classes: int) -> Workload:
        if head == "classifier" and self.plan.mode.startswith("forward+backward"):
            self.graph.add("loss", Softmax(rows=self.plan.batch, columns=classes, dtype=activation_dtype(self.plan)))
        assumptions = ("operators run one by one; batch norms and activations are not folded into convolutions",)
        return self.graph.workload(name, self.plan, head=head, assumptions=assumptions)


def _start(name: str, plan: Plan) -> tuple[ImageGraph, str, int]:
    """An empty graph, the head, the classes. BadInput for what an image model has not."""
    head = "classifier" if plan.head == "default" else plan.head
    if head not in ("classifier", "none"):
        raise BadInput(f"{name} has no head {plan.head!r} (it has: classifier, none)", field="head")
    if plan.mode in CACHED:
        raise BadInput(f"{name} is an image model, it has no {plan.mode}; use forward", field="mode")
    for field_name, value in (("seq", plan.seq), ("context", plan.context)):
        if value is not None:
            raise BadInput(f"{name} is an image model; its size is image={plan.image or USUAL_SIDE}", field=field_name)
    if plan.kv_dtype is not None:
        raise BadInput(f"{name} is an image model, it has no KV cache", field="kv_dtype")
    if plan.classes is not None and head != "classifier":
        raise BadInput(f"{name} has classes with head classifier, not with {head}", field="classes")
    side = plan.image or USUAL_SIDE
    if side < 32:
        raise BadInput(f"{side} pixels a side; {name} halves its side five times and needs 32 or more", field="image")
    return ImageGraph(plan, side=side), head, plan.classes or USUAL_CLASSES


def resnet(name: str, block: Literal["basic", "bottleneck"], depths: tuple[int, ...], plan: Plan) -> Workload:
    """A ResNet v1.5: the stride of a bottleneck sits on its 3x3. [He et al. 2016, table 1; torchvision]"""
    net, head, classes = _start(name, plan)
    net.conv("stem.conv", 64, 7, stride=2)
    net.norm("stem.norm")
    net.function("stem.relu", "relu")
    net.pool("stem.pool", 3, 2, 1)
    for stage, depth in enumerate(depths, start=1):
        width = 64 * 2 ** (stage - 1)
        outputs = width * (4 if block == "bottleneck" else 1)
        stride = 1 if stage == 1 else 2
        with net.repeated(f"stage{stage}.first", 1):
            _block(net, block, width, outputs, stride)
        if depth > 1:
            with net.repeated(f"stage{stage}.rest", depth - 1):
                _block(net, block, width, outputs, 1)
    net.resize("pool", 1, window=net.side**2)
    if head == "classifier":
        net.classifier("classifier", net.channels, classes)
    return net.finish(name, head, classes)


def _block(net: ImageGraph, block: str, width: int, outputs: int, stride: int) -> None:
    """A residual block; its shortcut is a 1x1 convolution where shapes differ."""
    source, channels, side = net.graph.last, net.channels, net.side
    layers = (
        ((1, 1, width), (3, stride, width), (1, 1, outputs))
        if block == "bottleneck"
        else ((3, stride, width), (3, 1, width))
    )
    for index, (kernel, step, wide) in enumerate(layers, start=1):
        net.conv(f"conv{index}", wide, kernel, stride=step)
        net.norm(f"norm{index}")
        if index < len(layers):
            net.function(f"relu{index}", "relu")
    branch = net.graph.last
    if stride != 1 or channels != outputs:
        net.channels, net.side = channels, side
        net.conv("shortcut", outputs, 1, stride=stride, after=(source,))
        source = net.norm("shortcut_norm")
    net.function("add", "add", after=(branch, source))
    net.function("relu", "relu")


def vgg(name: str, stages: tuple[tuple[int, int], ...], plan: Plan) -> Workload:
    """A VGG: stages of (convolutions, channels), each ended by a pooling. [Simonyan & Zisserman 2015, table 1]"""
    net, head, classes = _start(name, plan)
    for stage, (depth, channels) in enumerate(stages, start=1):
        for index in range(1, depth + 1):
            net.conv(f"stage{stage}.conv{index}", channels, 3, has_bias=True)
            net.function(f"stage{stage}.relu{index}", "relu")
        net.pool(f"stage{stage}.pool", 2, 2)
    net.resize("pool", 7, window=1)
    inputs = net.channels * 49
    for index in (1, 2):
        net.classifier(f"fc{index}", inputs, 4096)
        op = Elementwise(elements=plan.batch * 4096, function="relu", dtype=activation_dtype(plan))
        net.graph.add(f"fc{index}.relu", op)
        inputs = 4096
    if head == "classifier":
        net.classifier("classifier", inputs, classes)
    return net.finish(name, head, classes)


# Expansion, channels, blocks, first stride. [Sandler et al. 2018, table 2]
MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(name: str, plan: Plan) -> Workload:
    """MobileNet-v2 of width 1: inverted residuals with a depthwise convolution inside. [Sandler et al. 2018]"""
    net, head, classes = _start(name, plan)
    _conv_norm_relu6(net, "stem", 32, 3, stride=2)
    for stage, (expansion, channels, depth, stride) in enumerate(MOBILENET_V2, start=1):
        with net.repeated(f"stage{stage}.first", 1):
            _inverted(net, expansion, channels, stride)
        if depth > 1:
            with net.repeated(f"stage{stage}.rest", depth - 1):
                _inverted(net, expansion, channels, 1)
    _conv_norm_relu6(net, "last", 1280, 1)
    net.resize("pool", 1, window=net.side**2)
    if head == "classifier":
        net.classifier("classifier", net.channels, classes)
    return net.finish(name, head, classes)


def _conv_norm_relu6(net: ImageGraph, name: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
    net.conv(f"{name}.conv", channels, kernel, stride=stride, groups=groups)
    net.norm(f"{name}.norm")
    net.function(f"{name}.relu6", "relu6")


def _inverted(net: ImageGraph, expansion: int, channels: int, stride: int) -> None:
    source, inputs = net.graph.last, net.channels
    inner = inputs * expansion
    if expansion != 1:
        _conv_norm_relu6(net, "expand", inner, 1)
    _conv_norm_relu6(net, "depthwise", inner, 3, stride=stride, groups=inner)
    net.conv("project.conv", channels, 1)
    branch = net.norm("project.norm")
    if stride == 1 and inputs == channels:
        net.function("add", "add", after=(branch, source))
