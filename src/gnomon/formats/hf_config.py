"""Hugging Face `config.json` -> a model of the zoo's graphs.

Field names and defaults are those of the transformers library's configuration classes (LlamaConfig and the others); one
file of `formats/hf` reads a family.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, near_match
from gnomon.formats.hf.bert import bert
from gnomon.formats.hf.deepseek import deepseek
from gnomon.formats.hf.gemma import gemma, gemma2, gemma3
from gnomon.formats.hf.gpt import gpt2, opt
from gnomon.formats.hf.gpt_oss import gpt_oss
from gnomon.formats.hf.llama import llama
from gnomon.formats.hf.phi import phi, phi3
from gnomon.formats.hf.qwen3 import qwen3, qwen3_moe
from gnomon.formats.strict import read_json
from gnomon.zoo.decoder import decoder
from gnomon.zoo.encoder import encoder
from gnomon.zoo.models import Model

_READERS = {
    "llama": llama,
    "mistral": llama,
    "qwen2": llama,
    "mixtral": llama,
    "qwen3": qwen3,
    "qwen3_moe": qwen3_moe,
    "deepseek_v2": deepseek,
    "deepseek_v3": deepseek,
    "gpt_oss": gpt_oss,
    "gemma": gemma,
    "gemma2": gemma2,
    "gemma3": gemma3,
    "gemma3_text": gemma3,
    "phi": phi,
    "phi3": phi3,
    "gpt2": gpt2,
    "opt": opt,
}
ARCHITECTURES = (*_READERS, "bert")


_LATENT = {"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}

# Defaults of the library's classes that differ between the architectures read alike: a file may leave these out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "mistral": {"num_key_value_heads": 8, "sliding_window": 4096},
    "mixtral": {"num_key_value_heads": 8},
    "qwen2": {"num_key_value_heads": 32, "sliding_window": 4096, "use_sliding_window": False},
    "qwen3": {"num_key_value_heads": 32},
    "qwen3_moe": {"num_key_value_heads": 4, "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8},
    "gemma": {"num_attention_heads": 16, "num_key_value_heads": 16},
    "deepseek_v2": {"vocab_size": 102400, "n_routed_experts": 64, "n_shared_experts": 2, "first_k_dense_replace": 0}
    | _LATENT
    | {"moe_intermediate_size": 1407},
    "deepseek_v3": {"vocab_size": 129280, "n_routed_experts": 256, "n_shared_experts": 1, "first_k_dense_replace": 3}
    | _LATENT
    | {
        "moe_intermediate_size": 2048,
        "num_experts_per_tok": 8,
        "max_position_embeddings": 4096,
        "num_nextn_predict_layers": 1,
    },
    "phi": {"vocab_size": 51200},
    "phi3": {"vocab_size": 32064},
}
# Architectures whose published models were trained in bfloat16, where a file does not say what its weights are stored in.
_BF16 = (
    "qwen3",
    "qwen3_moe",
    "deepseek_v2",
    "deepseek_v3",
    "gpt_oss",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma3_text",
    "phi3",
)
_DTYPES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def _dtype(data: Mapping[str, Any], where: str) -> str:
    """The format that the file's weights were saved in."""
    field = "torch_dtype" if "torch_dtype" in data else "dtype"
    written = data.get(field)
    if written is None:
        return "bf16" if data.get("model_type") in _BF16 else "fp16"
    if not isinstance(written, str) or written not in _DTYPES:
        raise BadInput(f"{where}: {field}: no rule for {written!r} (known: {', '.join(_DTYPES)})")
    return _DTYPES[written]


def _formats(data: Mapping[str, Any], where: str) -> dict[str, str]:
    """Format of the arithmetic, and of the weights where the file says that they are quantised."""
    dtype, quantised = _dtype(data, where), data.get("quantization_config")
    if quantised is None:
        return {"dtype": dtype}
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    bits = quantised.get("bits") if isinstance(quantised, dict) else None
    if method in ("gptq", "awq") and bits in (4, 8):
        return {"dtype": dtype, "weight_dtype": f"int{bits}"}
    if method == "fp8":
        return {"dtype": "fp8"}
    if method == "mxfp4":
        return {"dtype": dtype, "weight_dtype": "mxfp4"}
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
        if kind not in ARCHITECTURES:
            raise BadInput(
                f"{where}: model_type: no rule for architecture {kind!r}{near_match(kind, ARCHITECTURES)} (known: {', '.join(ARCHITECTURES)})"
            )
        name = path.stem if path.stem != "config" else (path.resolve().parent.name or "config")
        source, formats = f"{where} ({kind})", _formats(data, where)
        if kind == "bert":
            shape = bert(data, name, where)
            return Model(name=name, kind="encoder", source=source, build=partial(encoder, shape), **formats)  # type: ignore[arg-type]
        config = _READERS[kind](_DEFAULTS.get(kind, {}) | data, name, where)
        return Model(name=name, kind="decoder", source=source, build=partial(decoder, config), **formats)  # type: ignore[arg-type]
