"""What AIConfigurator calls devices, serving stacks and number formats."""

from __future__ import annotations

# Devices of which it has measured tables. [aiconfigurator 0.12.0, aiconfigurator_core/systems]
SYSTEMS = {
    "a100-sxm-80gb": "a100_sxm",
    "arc-pro-b60": "b60",
    "b200": "b200_sxm",
    "b300": "b300_sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "h100-sxm": "h100_sxm",
    "h200": "h200_sxm",
    "l40s": "l40s",
    "rtx-pro-6000": "rtx_pro_6000_server",
}
BACKENDS = {"vllm-v1": "vllm", "sglang": "sglang"}  # policy -> the stack whose measurements stand for it
GEMM = {"fp16": "bfloat16", "bf16": "bfloat16", "fp8": "fp8"}  # format of products and their weights
WEIGHTS = {"int8": "int8_wo", "int4": "int4_wo"}  # of weights alone
KV_CACHE = {"fp16": "bfloat16", "bf16": "bfloat16", "fp8": "fp8", "int8": "int8"}
