"""A small problem on a small accelerator, each file as text; tests change a word of them."""

from pathlib import Path

from gnomon.formats.timeloop.read import TimeloopInput, read

PROBLEM = """problem:
  shape:
    name: conv1d
    dimensions: [R, P, M]
    coefficients:
    - {name: Pstride, default: 1}
    data_spaces:
    - name: Weights
      projection: [[[M]], [[R]]]
    - name: Inputs
      projection: [[[R], [P, Pstride]]]
    - name: Outputs
      projection: [[[M]], [[P]]]
      read_write: true
  instance: {R: 3, P: 16, M: 8, Pstride: 2}
"""

ARCHITECTURE = """architecture:
  version: 0.3
  subtree:
  - name: chip
    local:
    - name: DRAM
      class: DRAM
      attributes: {word_bits: 16, block_size: 4}
    - name: Buffer
      class: SRAM
      attributes: {depth: 256, word_bits: 16, block_size: 4, read_bandwidth: 8}
    - name: Registers[0..7]
      class: regfile
      attributes: {depth: 16, word_bits: 16, meshX: 4, meshY: 2}
    - name: MAC[0..7]
      class: intmac
      attributes: {word_bits: 16, meshX: 4, meshY: 2}
"""

MAPPING = """mapping:
- {target: Buffer, type: bypass, keep: [Inputs, Outputs], bypass: [Weights]}
- {target: DRAM, type: temporal, factors: P=2 M=2, permutation: MP}
- {target: Buffer, type: temporal, factors: P8}
- {target: Buffer, type: spatial, factors: M=4, permutation: M, split: 1}
- {target: Registers, type: temporal, factors: R=3, permutation: RPM}
"""

ERT = """ERT:
  version: 0.4
  tables:
  - name: chip.DRAM
    actions: [{name: read, energy: 512}, {name: write, energy: 500}]
  - name: chip.Buffer
    actions: [{name: read, energy: 6}, {name: write, energy: 5}, {name: update, energy: 5.5}, {name: leak, energy: 0.02}]
  - name: chip.Registers[0..7]
    actions: [{name: read, energy: 1}, {name: write, energy: 0.9}]
  - name: chip.MAC[0..7]
    actions: [{name: compute, energy: 0.5}]
"""

FILES = {"problem.yaml": PROBLEM, "arch.yaml": ARCHITECTURE, "mapping.yaml": MAPPING, "ert.yaml": ERT}


def write(folder: Path, files: dict[str, str]) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def read_small(folder: Path, **changed: str | None) -> TimeloopInput:
    """The small input, read; `arch=` is the text to have in place of arch.yaml, None for no such file."""
    files = {name: changed.get(name.removesuffix(".yaml"), text) for name, text in FILES.items()}
    return read(write(folder, {name: text for name, text in files.items() if text is not None}))
