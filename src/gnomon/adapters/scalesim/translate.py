"""A question -> SCALE-Sim's configuration and its table of layers. Pure."""

from __future__ import annotations

import json

from gnomon.adapters.scalesim.layer import Layer, layer_of
from gnomon.adapters.scalesim.machine import Machine, machine_of
from gnomon.core.tool import Files, Question

# The name of a layer must not have DP in it, which makes it one of channels by themselves.
_NAME = "layer"
_PRODUCT = "Layer,M,N,K,"
_CONVOLUTION = "Layer,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Num filter,Strides,"


def parts(question: Question) -> tuple[Layer, Machine]:
    """The layer and the machine of a question that `missing` has nothing against."""
    layer = layer_of(question.problem)
    assert isinstance(layer, Layer)
    machine = machine_of(question, layer)
    assert isinstance(machine, Machine)
    return layer, machine


def translate(question: Question) -> Files:
    """The files by name."""
    layer, machine = parts(question)
    table = _convolution(layer) if layer.windows else f"{_PRODUCT}\n{_NAME},{layer.m},{layer.n},{layer.k},\n"
    sizes = [space.words(question.problem.bounds) for space in question.problem.spaces]
    return {
        "machine.cfg": _configuration(machine, sum(sizes)),
        "layers.csv": table,
        "options.json": json.dumps({"is_product": layer.windows is None}),
    }


def _convolution(layer: Layer) -> str:
    assert layer.windows is not None
    down, across = layer.windows
    numbers = (down.inputs, across.inputs, down.filter, across.filter, layer.channels, layer.n, down.stride)
    return f"{_CONVOLUTION}\n{_NAME},{','.join(map(str, numbers))},\n"


def _configuration(machine: Machine, words: int) -> str:
    """Its INI file; every key must be there, used or not. The operands lie one behind the other in memory."""
    moving, still, output = machine.buffers_kib
    rate = machine.dram_words_per_cycle or 1
    sections: dict[str, dict[str, object]] = {
        "general": {"run_name": "run"},
        "architecture_presets": {
            "ArrayHeight": machine.rows,
            "ArrayWidth": machine.columns,
            "IfmapSramSzkB": moving,
            "FilterSramSzkB": still,
            "OfmapSramSzkB": output,
            "IfmapOffset": 0,
            "FilterOffset": words,
            "OfmapOffset": 2 * words,
            "Dataflow": machine.dataflow,
            "Bandwidth": rate,
            "ReadRequestBuffer": 60,
            "WriteRequestBuffer": 60,
        },
        "layout": {
            f"{operand}{key}": value
            for operand in ("Ifmap", "Filter")
            for key, value in (
                ("CustomLayout", False),
                ("SRAMBankBandwidth", rate),  # of DRAM, in spite of its name
                ("SRAMBankNum", 1),
                ("SRAMBankPort", 1),
            )
        },
        "sparsity": {"SparsitySupport": False},
        "run_presets": {
            "InterfaceBandwidth": "CALC" if machine.dram_words_per_cycle is None else "USER",
            "UseRamulatorTrace": False,
        },
    }
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) for name, keys in sections.items()
    )
