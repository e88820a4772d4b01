"""Configurations as the library writes them today: every key it gives is read, and the parameters are its own."""

import pytest

from gnomon.core.plan import Plan
from gnomon.formats.hf_config import ARCHITECTURES, HFConfig

torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test EXTRAS=torch)")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.xdist_group("torch"),
    pytest.mark.filterwarnings("ignore"),
]  # the libraries' own warnings

_SMALL = {
    "vocab_size": 999,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 5,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "max_position_embeddings": 512,
    "pad_token_id": None,
}
_EXPERTS = {"num_experts": 12, "num_experts_per_tok": 3}
_LATENT = {
    "moe_intermediate_size": 48,
    "q_lora_rank": 40,
    "kv_lora_rank": 24,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 20,
    "num_key_value_heads": 6,
    "first_k_dense_replace": 2,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "n_group": 1,
    "topk_group": 1,
}
_OWN = {
    "mixtral": {"num_local_experts": 12, "num_experts_per_tok": 3},
    "qwen3_moe": _EXPERTS | {"moe_intermediate_size": 48, "head_dim": 32, "mlp_only_layers": [1]},
    "gpt_oss": {"num_local_experts": 12, "num_experts_per_tok": 3, "head_dim": 32},
    "deepseek_v2": _LATENT | {"n_routed_experts": 12},
    "deepseek_v3": _LATENT | {"n_routed_experts": 12, "num_nextn_predict_layers": 0},
    "gemma": {"head_dim": 32},
    "gemma2": {"head_dim": 32},
    "gemma3_text": {"head_dim": 32},
    "qwen3": {"head_dim": 32},
    "opt": {"ffn_dim": 160, "word_embed_proj_dim": 48},
}


@pytest.mark.parametrize("kind", sorted({*ARCHITECTURES} - {"gemma3"}))  # gemma3 wraps a gemma3_text
def test_what_save_pretrained_writes_is_read_in_full(kind, tmp_path):
    made = transformers.CONFIG_MAPPING[kind]()
    config = type(made)(**{key: value for key, value in (_SMALL | _OWN.get(kind, {})).items() if hasattr(made, key)})
    with torch.device("meta"):
        if kind == "bert":
            model = transformers.BertModel(config)
        else:
            model = transformers.AutoModelForCausalLM.from_config(config)
    model.config.architectures = [type(model).__name__]
    config.save_pretrained(tmp_path)
    read = HFConfig().read(tmp_path / "config.json").build(Plan(batch=1, seq=1))
    assert read.parameters == sum(parameter.numel() for parameter in model.parameters())
