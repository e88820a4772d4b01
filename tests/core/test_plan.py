import pytest
from hypothesis import given

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.testing import plans


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8"])
@pytest.mark.parametrize("field", ["batch", "seq", "context", "image", "classes"])
def test_a_size_that_is_no_positive_whole_number_is_refused(field, value):
    with pytest.raises(BadInput, match=f"^{field}: .* is not a positive whole number$"):
        Plan(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mode", "prefil", "mode: unknown 'prefil'; did you mean 'prefill'?"),
        ("head", "clasifier", "head: unknown 'clasifier'; did you mean 'classifier'?"),
        ("attention", "flash", "attention: unknown 'flash' (known: fused, eager)"),
        ("dtype", "fp17", "dtype: unknown dtype 'fp17'; did you mean"),
        ("kv_dtype", "fp17", "kv_dtype: unknown dtype 'fp17'; did you mean"),
    ],
)
def test_an_unknown_name_is_refused_with_the_near_one(field, value, message):
    with pytest.raises(BadInput) as fault:
        Plan(**{field: value})
    assert str(fault.value).startswith(message)


def test_spellings_of_formats_become_our_names():
    plan = Plan(dtype="float16", weight_dtype="NVFP4", kv_dtype="float8")
    assert (plan.dtype, plan.weight_dtype, plan.kv_dtype) == ("fp16", "fp4", "fp8")


@given(plans())
def test_a_valid_plan_keeps_known_formats_only(plan):
    assert {plan.dtype, plan.weight_dtype or plan.dtype, plan.kv_dtype or plan.dtype} <= set(DTYPES)
