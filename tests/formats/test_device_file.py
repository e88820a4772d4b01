import math

import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.device_file import catalogue_device, catalogue_names, parse_device, read_device
from gnomon.formats.named import is_path

MINE = """schema: gnomon/device/1
name: mine
compute:
  matrix: {fp16: 100 TFLOP/s}
  vector: {fp32: 10 TFLOP/s}
memory: {capacity: 8 GB, bandwidth: 200 GB/s}
"""


def test_a_short_file_is_a_device():
    device = parse_device(MINE, "mine.yaml")
    assert device.peak("fp16", is_matrix=True).value == 1e14
    assert device.memory_bytes_per_s.value == 2e11
    assert device.silicon == device.title == "mine"


def test_a_number_without_a_source_is_an_assumption_of_the_file():
    device = parse_device(MINE, "mine.yaml")
    assert device.memory_bytes.kind == "assumed"
    assert device.memory_bytes.source == "mine.yaml, no source given"


def test_a_file_without_launch_overhead_gets_the_usual_one_as_an_assumption():
    launch = parse_device(MINE, "mine.yaml").launch_s
    assert (launch.value, launch.kind) == (4e-6, "assumed")


def test_a_number_can_carry_its_own_source_and_note():
    text = MINE.replace("200 GB/s", "{value: 200 GB/s, source: paper, note: peak}") + (
        "sources: {paper: {title: A paper, kind: paper}}\n"
    )
    number = parse_device(text, "mine.yaml").memory_bytes_per_s
    assert (number.source, number.kind, number.note) == ("A paper", "paper", "peak")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine", "nmae: mine", "mine.yaml:2: nmae: unknown key; did you mean 'name'?"),
        ("name: mine", "nmae: mine", "mine.yaml:1: name: missing"),
        ("bandwidth:", "bandwith:", "mine.yaml:6: memory.bandwith: unknown key; did you mean 'bandwidth'?"),
        (
            "200 GB/s",
            "3350",
            "mine.yaml:6: memory.bandwidth: 3350 has no unit; 3350 looks like GB/s: write '3350 GB/s'",
        ),
        (
            "200 GB/s",
            "200 GB",
            "mine.yaml:6: memory.bandwidth: '200 GB': 'GB' is a unit of size, expected bandwidth",
        ),
        ("200 GB/s", "[1]", "mine.yaml:6: memory.bandwidth: expected a number with its unit, not [1]"),
        ("200 GB/s", "true", "mine.yaml:6: memory.bandwidth: expected a number with its unit, not True"),
        ("200 GB/s", "null", "mine.yaml:6: memory.bandwidth: expected a number with its unit, not None"),
        ("200 GB/s", "{value: 2 TB/s, source: x}", "mine.yaml:6: memory.bandwidth: source 'x' is not among the file's"),
        ("fp16: 100", "fq16: 100", "mine.yaml:4: compute.matrix.fq16: unknown dtype; did you mean 'fp16'?"),
        ("fp32:", "fp16:", "mine.yaml: compute.vector.fp32: missing"),
        ("{fp32: 10 TFLOP/s}", "5", "mine.yaml:5: compute.vector: expected a mapping of keys, not 5"),
        ("device/1", "device/2", "mine.yaml:1: schema: gnomon/device/2 is newer than this Gnomon reads"),
        ("name: mine", "name: mine\nkind: gppu", "mine.yaml:3: kind: Input should be 'gpu' or 'cpu', not 'gppu'"),
        (MINE, "just a word", "mine.yaml:1: the document: expected a mapping of keys, not 'just a word'"),
        (MINE, "", "mine.yaml: the file is empty"),
    ],
)
def test_a_faulty_file_is_refused_with_line_field_and_remedy(old, new, message):
    assert old in MINE
    with pytest.raises(BadInput) as fault:
        parse_device(MINE.replace(old, new), "mine.yaml")
    assert any(line.startswith(message) for line in str(fault.value).splitlines()), str(fault.value)


def test_a_file_is_read_by_its_path(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    assert read_device(tmp_path / "mine.yaml").name == "mine"


@pytest.mark.parametrize(
    ("text", "expected"), [("h100-sxm", False), ("mine.yaml", True), ("./mine", True), ("a.json", True)]
)
def test_a_path_is_told_from_a_name(text, expected):
    assert is_path(text) is expected


# --- The catalogue


@pytest.mark.parametrize("name", catalogue_names())
def test_every_number_of_a_catalogue_device_is_positive_and_has_a_source(name):
    device = catalogue_device(name)
    assert device.name == name
    for path, (number, _) in device.numbers().items():
        assert math.isfinite(number.value), path
        assert number.value > 0, path
        assert len(number.source) > 20, path
        assert number.kind in ("datasheet", "measured", "paper", "assumed"), path


@pytest.mark.parametrize("name", catalogue_names())
def test_dense_matrix_peaks_are_never_below_the_vector_peak_of_their_format(name):
    device = catalogue_device(name)
    for dtype, matrix in device.matrix_flop_per_s.items():
        vector = device.vector_flop_per_s.get(dtype)
        assert vector is None or matrix.value >= vector.value, dtype


@pytest.mark.parametrize("name", catalogue_names())
def test_narrower_formats_are_never_slower_on_the_matrix_unit(name):
    peaks = {d: p.value for d, p in catalogue_device(name).matrix_flop_per_s.items()}
    for wide, narrow in (("tf32", "fp16"), ("fp32", "fp16"), ("fp16", "fp8"), ("bf16", "fp8"), ("fp8", "fp4")):
        if wide in peaks and narrow in peaks:
            assert peaks[wide] <= peaks[narrow], (wide, narrow)


@pytest.mark.parametrize(
    "family",
    [
        ("a100-pcie-40gb", "a100-pcie-80gb", "a100-sxm-40gb", "a100-sxm-80gb"),
        ("h100-pcie", "h100-sxm", "h200"),
        ("v100-pcie-16gb", "v100-pcie-32gb", "v100-sxm2-16gb", "v100-sxm2-32gb"),
        ("p100-pcie-16gb", "p100-sxm2-16gb"),
        ("mi210", "mi250", "mi250x"),
        ("a10", "a40", "rtx-a6000", "rtx-3090", "rtx-3090-ti"),
        ("l40s", "rtx-4090"),
        ("b200", "gb200"),
        ("b300", "gb300"),
    ],
)
def test_devices_of_the_same_silicon_share_its_name(family):
    assert len({catalogue_device(name).silicon for name in family}) == 1


def test_devices_share_silicon_only_within_an_architecture():
    architecture = {}
    for name in catalogue_names():
        device = catalogue_device(name)
        assert architecture.setdefault(device.silicon, device.architecture) == device.architecture
