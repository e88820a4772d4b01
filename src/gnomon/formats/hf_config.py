"""Hugging Face `config.json` -> a model of the zoo's graphs.

Field names and defaults are those of the transformers library's configuration classes (LlamaConfig and the others); one
file of `formats/hf` tells all of a family. To add one, write its file and join it to the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.hf import bert, deepseek, gemma, gpt, gpt_oss, llama, phi, qwen3
from gnomon.formats.hf.family import Family
from gnomon.formats.strict import read_json
from gnomon.formats.torch_dtype import TORCH_DTYPES
from gnomon.zoo.models import Model

_FAMILIES: dict[str, Family] = {
    **llama.FAMILIES,
    **qwen3.FAMILIES,
    **deepseek.FAMILIES,
    **gpt_oss.FAMILIES,
    **gemma.FAMILIES,
    **phi.FAMILIES,
    **gpt.FAMILIES,
    **bert.FAMILIES,
}
ARCHITECTURES = tuple(_FAMILIES)


def _dtype(data: Mapping[str, Any], usual: str, where: str) -> str:
    """The format that the file's weights were saved in; `usual` where it does not say."""
    field = "torch_dtype" if "torch_dtype" in data else "dtype"
    written = data.get(field)
    if written is None:
        return usual
    if not isinstance(written, str) or written not in TORCH_DTYPES:
        raise BadInput(f"{where}: {field}: no rule for {written!r} (known: {', '.join(TORCH_DTYPES)})")
    return TORCH_DTYPES[written]


def _formats(data: Mapping[str, Any], usual: str, where: str) -> tuple[str, str | None]:
    """Format of the arithmetic, and of the weights where the file says that they are quantised."""
    dtype, quantised = _dtype(data, usual, where), data.get("quantization_config")
    if quantised is None:
        return dtype, None
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    bits = quantised.get("bits") if isinstance(quantised, dict) else None
    if method in ("gptq", "awq") and bits in (4, 8):
        return dtype, f"int{bits}"
    if method == "fp8":
        return "fp8", None
    if method == "mxfp4":
        return dtype, "mxfp4"
    known = "gptq and awq with 4 or 8 bits, fp8, mxfp4"
    raise BadInput(f"{where}: quantization_config: no rule for method {method!r} with {bits!r} bits (known: {known})")


class HFConfig:
    """The reader of `config.json`."""

    name = "hf-config"

    def recognises(self, path: Path) -> bool:
        """Any JSON file: those without a model_type get an error that says so."""
        return path.suffix == ".json"

    def read(self, path: Path) -> Model:
        """The model that the configuration describes. An unknown architecture is refused by name."""
        where, data = str(path), read_json(path)
        if not isinstance(data, dict) or not isinstance(data.get("model_type"), str):
            raise BadInput(f"{where}: model_type: missing; a Hugging Face config.json names its architecture there")
        kind = data["model_type"]
        if kind not in _FAMILIES:
            raise BadInput(
                f"{where}: model_type: no rule for architecture {kind!r}{near_match(kind, _FAMILIES)} (known: {', '.join(_FAMILIES)})"
            )
        family = _FAMILIES[kind]
        name = path.stem if path.stem != "config" else (path.resolve().parent.name or "config")
        dtype, weight_dtype = _formats(data, family.dtype, where)
        return Model(
            name=name,
            kind=family.kind,
            source=f"{where} ({kind})",
            build=partial(family.build, family.read({**family.defaults, **data}, name, where)),
            dtype=dtype,
            weight_dtype=weight_dtype,
        )
