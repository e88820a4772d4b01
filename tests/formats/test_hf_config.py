import importlib
import json
import pkgutil

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.op import Attention
from gnomon.core.plan import Plan
from gnomon.formats import hf
from gnomon.formats.hf_config import ARCHITECTURES, HFConfig

LLAMA = {
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
BERT = LLAMA | {"model_type": "bert"}
GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4}
OPT = LLAMA | {"model_type": "opt", "ffn_dim": 128}
LATENT = {"q_lora_rank": None, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8}
MIXED = {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
DEEPSEEK = LLAMA | LATENT | MIXED | {"model_type": "deepseek_v3", "first_k_dense_replace": 1}
GEMMA3 = LLAMA | {"model_type": "gemma3_text", "num_hidden_layers": 8, "num_key_value_heads": 2, "sliding_window": 8}


def _read(tmp_path, data):
    file = tmp_path / "config.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return HFConfig().read(file)


def _without(data, *names):
    return {key: value for key, value in data.items() if key not in names}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            LLAMA | {"model_type": "lama"},
            ": model_type: no rule for architecture 'lama'; did you mean 'llama'? (known: ",
        ),
        (
            _without(LLAMA, "model_type"),
            ": model_type: missing; a Hugging Face config.json names its architecture there",
        ),
        (LLAMA | {"model_type": 5}, ": model_type: missing"),
        ([1], ": model_type: missing"),
        ('{"model_type": "llama"', ":1:23: not JSON: "),
        (_without(LLAMA, "hidden_size"), ": hidden_size: missing"),
        (_without(GPT2, "n_embd"), ": n_embd: missing"),
        (_without(OPT, "ffn_dim"), ": ffn_dim: missing"),
        (LLAMA | {"hidden_size": "big"}, ": hidden_size: Input should be a valid integer"),
        (LLAMA | {"num_hidden_layers": 10**12}, ": num_hidden_layers: Input should be less than or equal to 10000"),
        (DEEPSEEK | {"num_hidden_layers": 10**12}, ": num_hidden_layers: Input should be less than or equal to 10000"),
        (LLAMA | {"torch_dtype": ["bfloat16"]}, ": torch_dtype: no rule for ['bfloat16']"),
        (LLAMA | {"hidden_size": 0}, ": hidden_size: Input should be greater than or equal to 1, not 0"),
        (LLAMA | {"num_attention_heads": 5}, "hidden_size 64 is not a multiple of num_attention_heads 5"),
        (LLAMA | {"num_key_value_heads": 3}, "num_attention_heads 4 is not a multiple of num_key_value_heads 3"),
        (GPT2 | {"n_head": 5}, "n_embd 64 is not a multiple of n_head 5"),
        (OPT | {"num_attention_heads": 5}, "hidden_size 64 is not a multiple of num_attention_heads 5"),
        (BERT | {"num_attention_heads": 5}, "hidden_size 64 is not a multiple of num_attention_heads 5"),
        (
            LLAMA
            | {"model_type": "mixtral", "num_key_value_heads": 4, "num_local_experts": 2, "num_experts_per_tok": 3},
            "num_experts_per_tok 3 is more than num_local_experts 2",
        ),
        (LLAMA | {"hidden_act": "gelu"}, ": hidden_act: a llama with 'gelu' has no rule; its gate is silu"),
        (BERT | {"hidden_act": "gelo"}, ": hidden_act: no rule for activation 'gelo'; did you mean 'gelu'?"),
        (BERT | {"architectures": ["BertForMaskedLm"]}, ": architectures: no rule for 'BertForMaskedLm'; did you mean"),
        (BERT | {"architectures": [5]}, ": architectures.0: Input should be a valid string, not 5"),
        (LLAMA | {"architectures": [5]}, ": architectures.0: Input should be a valid string, not 5"),
        (GPT2 | {"architectures": "GPT2LMHeadModel"}, ": architectures: Input should be a valid list"),
        (OPT | {"id2label": 3}, ": id2label: expected a mapping of keys, not 3"),
        (
            LLAMA | {"model_type": "qwen3", "num_key_value_heads": 2, "layer_types": ["full_attention", "linear"]},
            ": layer_types.1: no rule for 'linear' (known: full_attention, sliding_attention)",
        ),
        (LLAMA | {"layer_types": ["chunked_attention"] * 2}, ": layer_types.0: no rule for 'chunked_attention'"),
        (GEMMA3 | {"layer_types": ["full_attention"]}, ": layer_types: 1 types for 8 layers"),
        (
            GEMMA3 | {"use_bidirectional_attention": True},
            ": use_bidirectional_attention: no rule for a gemma that sees",
        ),
        (GEMMA3 | {"model_type": "gemma3"}, ": text_config: missing; a gemma3 describes its decoder there"),
        (
            GEMMA3 | {"hidden_activation": "silu"},
            ": hidden_activation: a gemma with 'silu' has no rule; its gate is gelu",
        ),
        (DEEPSEEK | {"moe_layer_freq": [0, 1]}, ": moe_layer_freq: Input should be a valid integer"),
        (DEEPSEEK | {"num_experts_per_tok": 5}, "num_experts_per_tok 5 is more than n_routed_experts 4"),
        (BERT | {"architectures": "BertModel"}, ": architectures: Input should be a valid list, not 'BertModel'"),
    ],
)
def test_a_faulty_configuration_is_refused_with_file_field_and_remedy(tmp_path, data, message):
    with pytest.raises(BadInput) as fault:
        _read(tmp_path, data)
    assert str(fault.value).startswith(f"{tmp_path}/config.json:")
    assert message in str(fault.value)


def test_a_model_is_named_for_its_file_or_for_the_folder_of_a_config_json(tmp_path):
    folder = tmp_path / "my-llama"
    folder.mkdir()
    for file, name in ((folder / "config.json", "my-llama"), (folder / "other.json", "other")):
        file.write_text(json.dumps(LLAMA))
        assert HFConfig().read(file).name == name


@pytest.mark.parametrize(
    ("field", "written", "dtype"),
    [
        ("torch_dtype", "bfloat16", "bf16"),
        ("dtype", "float32", "fp32"),
        ("torch_dtype", "float16", "fp16"),
        ("other", "x", "fp16"),
    ],
)
def test_the_usual_format_is_that_of_the_checkpoint(tmp_path, field, written, dtype):
    assert _read(tmp_path, LLAMA | {field: written}).dtype == dtype


@pytest.mark.parametrize(
    ("data", "layers"),
    [
        ({"model_type": "mistral", "sliding_window": 8}, {8: 2}),
        ({"model_type": "mistral", "sliding_window": None}, {None: 2}),
        ({"model_type": "mistral"}, {4096: 2}),
        ({"model_type": "mixtral"}, {None: 2}),
        ({"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": False}, {None: 2}),
        ({"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": True}, {None: 2}),
        (
            {"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": True, "max_window_layers": 1},
            {None: 1, 8: 1},
        ),
        ({"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": True, "max_window_layers": 0}, {8: 2}),
        ({"sliding_window": 8}, {None: 2}),
    ],
)
def test_a_sliding_window_is_read_where_the_architecture_uses_it(tmp_path, data, layers):
    workload = _read(tmp_path, LLAMA | {"num_key_value_heads": 4} | data).build(Plan(seq=16))
    assert {n.op.window: n.repeat for n in workload.nodes if isinstance(n.op, Attention)} == layers


@pytest.mark.parametrize(("kind", "groups"), [("llama", 16), ("mistral", 8), ("mixtral", 8)])
def test_groups_of_heads_left_out_are_those_of_the_library(tmp_path, kind, groups):
    data = LLAMA | {"model_type": kind, "num_attention_heads": 16}
    workload = _read(tmp_path, data).build(Plan(seq=16))
    assert {n.op.kv_heads for n in workload.nodes if isinstance(n.op, Attention)} == {groups}


@pytest.mark.parametrize(
    ("quantised", "dtype", "weights"),
    [
        ({"quant_method": "gptq", "bits": 4}, "fp16", "int4"),
        ({"quant_method": "awq", "bits": 4}, "fp16", "int4"),
        ({"quant_method": "gptq", "bits": 8}, "fp16", "int8"),
        ({"quant_method": "fp8"}, "fp8", None),
        ({"quant_method": "mxfp4"}, "fp16", "mxfp4"),
    ],
)
def test_a_quantised_checkpoint_says_how_its_weights_are_stored(tmp_path, quantised, dtype, weights):
    found = _read(tmp_path, LLAMA | {"torch_dtype": "float16", "quantization_config": quantised})
    assert (found.dtype, found.weight_dtype) == (dtype, weights)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"quantization_config": {"quant_method": "aqlm"}}, "quantization_config: no rule for method 'aqlm'"),
        ({"torch_dtype": "float8_e4m3fn"}, "torch_dtype: no rule for 'float8_e4m3fn'"),
        ({"hidden_size": True}, "hidden_size: Input should be a valid integer, not True"),
        ({"hidden_size": 64.0}, "hidden_size: Input should be a valid integer, not 64.0"),
    ],
)
def test_what_would_be_answered_wrongly_is_refused(tmp_path, data, message):
    with pytest.raises(BadInput, match=message):
        _read(tmp_path, LLAMA | data)


def test_a_key_given_twice_is_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "gpt2", "n_embd": 8, "n_embd": 16, "n_head": 2, "n_layer": 1}')
    with pytest.raises(BadInput, match="key 'n_embd' is given twice"):
        HFConfig().read(path)


@pytest.mark.parametrize(
    ("architecture", "head"),
    [
        ("BertModel", "none"),
        ("BertForMaskedLM", "mlm"),
        ("BertForQuestionAnswering", "qa"),
        ("BertForPreTraining", "pretraining"),
    ],
)
def test_the_class_of_a_bert_says_its_head(tmp_path, architecture, head):
    assert _read(tmp_path, BERT | {"architectures": [architecture]}).build(Plan(seq=4)).head == head


def test_labels_of_a_classifier_count_its_classes(tmp_path):
    three = BERT | {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b", "2": "c"}}
    two = _without(three, "id2label")
    more = _read(tmp_path, three).build(Plan(seq=4)).parameters - _read(tmp_path, two).build(Plan(seq=4)).parameters
    assert more == 64 + 1


def test_fields_that_do_not_shape_the_graph_are_passed_over(tmp_path):
    plain, decorated = (
        _read(tmp_path, data).build(Plan(seq=4)) for data in (LLAMA, LLAMA | {"rope_theta": 1e6, "pad": 0})
    )
    assert plain.digest == decorated.digest


def test_only_json_files_are_recognised(tmp_path):
    assert HFConfig().recognises(tmp_path / "config.json")
    assert not HFConfig().recognises(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("architecture", "head"),
    [("LlamaForCausalLM", "lm"), ("LlamaModel", "none"), ("LlamaForSequenceClassification", "classifier")],
)
def test_the_architecture_of_a_decoder_names_its_head(tmp_path, architecture, head):
    config = {"model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 64}
    config |= {"num_hidden_layers": 1, "num_attention_heads": 2, "architectures": [architecture]}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    workload = HFConfig().read(path).build(Plan())
    widths = {"lm": 32 * 100, "none": 0, "classifier": 32 * 2}
    body = 100 * 32 + (4 * 32 * 32 + 3 * 32 * 64 + 2 * 32) + 32
    assert workload.head == head
    assert workload.parameters == body + widths[head]


def test_an_architecture_without_a_rule_is_refused_by_its_name(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 1, "architectures": ["GPT2DoubleHeadsModel"]}
        )
    )
    with pytest.raises(BadInput, match="no rule for 'GPT2DoubleHeadsModel'"):
        HFConfig().read(path)


def test_a_slip_in_a_key_that_shapes_the_graph_is_refused(tmp_path):
    data = LLAMA | {"model_type": "mixtral", "num_key_value_heads": 4, "num_local_expert": 4}
    with pytest.raises(BadInput, match="num_local_expert: unknown key; did you mean 'num_local_experts'"):
        _read(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "layers"),
    [
        ({"model_type": "gemma2", "num_hidden_layers": 5}, {8: 3, None: 2}),
        ({"model_type": "gemma3_text"}, {8: 7, None: 1}),
        ({"model_type": "gemma3_text", "sliding_window_pattern": 2}, {8: 4, None: 4}),
        ({"model_type": "gemma3_text", "layer_types": ["sliding_attention"] * 3 + ["full_attention"] * 5}, {8: 3, None: 5}),
        ({"model_type": "gpt_oss", "num_local_experts": 4}, {8: 4, None: 4}),
        ({"model_type": "qwen3"}, {None: 8}),
        ({"model_type": "qwen3", "use_sliding_window": True, "max_window_layers": 3}, {None: 3, 8: 5}),
        ({"model_type": "phi3"}, {8: 8}),
    ],
)  # fmt: skip
def test_layers_with_a_window_are_those_of_the_library_or_of_the_file(tmp_path, data, layers):
    workload = _read(tmp_path, GEMMA3 | data).build(Plan(seq=16))
    found = {n.op.window: n.repeat for n in workload.nodes if isinstance(n.op, Attention)}
    assert found == layers


@pytest.mark.parametrize(
    ("data", "dense"),
    [
        ({"first_k_dense_replace": 0}, 0),
        ({"first_k_dense_replace": 3}, 3),
        ({"first_k_dense_replace": 1, "moe_layer_freq": 2}, 4),  # layer 0, and of the others 1, 3 and 5
    ],
)
def test_dense_layers_of_a_mixture_come_first_and_between(tmp_path, data, dense):
    workload = _read(tmp_path, DEEPSEEK | {"num_hidden_layers": 6} | data).build(Plan(seq=4))
    found = [node.repeat for node in workload.nodes if node.name == "dense_layer.down_proj"]
    assert sum(found) == dense


def test_modules_that_predict_further_tokens_are_left_out_and_that_is_said(tmp_path):
    with_mtp, without = (
        _read(tmp_path, DEEPSEEK | {"num_nextn_predict_layers": count}).build(Plan(seq=4)) for count in (1, 0)
    )
    assert with_mtp.digest == without.digest
    assert any("MTP" in line for line in with_mtp.assumptions)
    assert not any("MTP" in line for line in without.assumptions)


def test_a_gemma_3_of_text_and_images_is_read_as_its_text_half(tmp_path):
    whole = _read(tmp_path, {"model_type": "gemma3", "text_config": GEMMA3, "vision_config": {"hidden_size": 5}})
    half = _read(tmp_path, GEMMA3)
    assert whole.build(Plan(seq=4)).digest == half.build(Plan(seq=4)).digest
    assert any("images is left out" in line for line in whole.build(Plan(seq=4)).assumptions)


def test_a_four_bit_gpt_oss_keeps_only_its_experts_in_four_bits(tmp_path):
    found = _read(tmp_path, GEMMA3 | {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}})
    workload = found.build(Plan(seq=4, dtype="bf16", weight_dtype=found.weight_dtype))
    four_bits = {node.name for node in workload.nodes if getattr(node.op, "weight_dtype", None) == "mxfp4"}
    assert {name.split(".")[1] for name in four_bits} == {"experts_gate_up", "experts_down"}


@pytest.mark.parametrize(("data", "dtype"), [(LLAMA, "fp16"), (DEEPSEEK, "bf16"), (GEMMA3, "bf16")])
def test_a_file_without_a_number_format_is_run_in_that_of_its_family(tmp_path, data, dtype):
    assert _read(tmp_path, data).dtype == dtype


def test_every_architecture_of_every_file_is_in_the_table_and_none_twice():
    files = [importlib.import_module(f"{hf.__name__}.{file.name}") for file in pkgutil.iter_modules(hf.__path__)]
    told = [kind for file in files for kind in getattr(file, "FAMILIES", ())]
    assert sorted(told) == sorted(ARCHITECTURES)
