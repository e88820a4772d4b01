"""Number formats: name, bits in arithmetic, bits in memory."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput, near_match


@dataclass(frozen=True, slots=True, kw_only=True)
class DType:
    """One number format."""

    name: str  # the spelling used everywhere
    index: int  # its row in numpy tables over formats
    storage_bits: float  # bits per element in memory, scales of block formats included

    @property
    def bytes(self) -> float:
        """Bytes per element in memory, the share of block scales included."""
        return self.storage_bits / 8


# Storage of block formats: NVFP4, our fp4, keeps one 8-bit scale per 16 elements (NVIDIA Blackwell documentation), so
# 4 + 8/16; MXFP4 one per 32 (OCP Microscaling Formats specification 1.0, table 1), so 4 + 8/32;
# int4 weights keep one 16-bit scale and one 4-bit zero point per 128 elements (GPTQ and AWQ checkpoints), so 4 + 20/128.
_STORAGE_BITS = {
    "fp64": 64.0,
    "fp32": 32.0,
    "tf32": 32.0,  # a mode of the matrix unit: the data stay fp32 in memory
    "fp16": 16.0,
    "bf16": 16.0,
    "fp8": 8.0,
    "fp4": 4.5,
    "mxfp4": 4.25,
    "int8": 8.0,
    "int4": 4.15625,
}
DTYPES: dict[str, DType] = {
    name: DType(name=name, index=index, storage_bits=bits) for index, (name, bits) in enumerate(_STORAGE_BITS.items())
}
SPELLED = {
    "float64": "fp64",
    "double": "fp64",
    "float32": "fp32",
    "float": "fp32",
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "float8": "fp8",
    "nvfp4": "fp4",
}


def dtype(name: str) -> DType:
    """The format of that name (or a usual other spelling of it); BadInput with the near match otherwise."""
    written = str(name).lower()
    key = SPELLED.get(written, written)
    if key not in DTYPES:
        raise BadInput(f"unknown dtype {name!r}{near_match(written, DTYPES)} (known: {', '.join(DTYPES)})")
    return DTYPES[key]
