import pytest

from gnomon.core.dtype import DTYPES, SPELLED, dtype
from gnomon.core.errors import BadInput


@pytest.mark.parametrize(
    ("name", "size"), [("fp64", 8), ("fp32", 4), ("tf32", 4), ("fp16", 2), ("bf16", 2), ("fp8", 1), ("int8", 1)]
)
def test_plain_formats_take_their_bits(name, size):
    assert dtype(name).bytes == size


def test_block_formats_carry_their_scales():
    assert dtype("fp4").bytes == (16 * 4 + 8) / 16 / 8  # 16 elements of 4 bits share one scale of 8
    assert dtype("mxfp4").bytes == (32 * 4 + 8) / 32 / 8
    assert dtype("int4").bytes == (128 * 4 + 16 + 4) / 128 / 8  # 128 share a scale of 16 and a zero point of 4


@pytest.mark.parametrize(
    ("spelled", "name"), [("float16", "fp16"), ("HALF", "fp16"), ("BF16", "bf16"), ("NVFP4", "fp4")]
)
def test_usual_spellings_are_understood_in_any_case(spelled, name):
    assert dtype(spelled).name == name


def test_every_spelling_leads_to_a_format():
    assert set(SPELLED.values()) <= set(DTYPES)


def test_index_is_the_place_in_the_table():
    assert [d.index for d in DTYPES.values()] == list(range(len(DTYPES)))


def test_unknown_format_is_refused_with_the_near_one():
    with pytest.raises(BadInput, match=r"unknown dtype 'bp16'; did you mean '[bf]+p?16'\? \(known: fp64, fp32"):
        dtype("bp16")
