"""Networks of transformers: full precision of positions, and what of a folder is not followed."""

import copy
import json

import pytest
import torch
from peft import LoraConfig, get_peft_model

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.checkpoint import state_hash
from engine.encoders.stock import load_stock, random_stock
from tests.encoders.small_causal import BERT, LLAMA, MIXTRAL, write_bert

SHARP = {"initializer_range": 0.3, "vocab_size": 64}
ROTARY = {
    "llama": LLAMA | SHARP,
    "mixtral": MIXTRAL | SHARP | {"num_experts_per_tok": 4},
    "modernbert": {
        "model_type": "modernbert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "pad_token_id": 0,
        "cls_token_id": 1,
        "sep_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        # The first layer attends to all tokens, the second to its neighbours.
        "global_attn_every_n_layers": 2,
        "initializer_cutoff_factor": 3.0,
    }
    | SHARP,
}


@pytest.fixture
def folder(tmp_path):
    write_bert(tmp_path / "own")
    return tmp_path / "own"


def states(network, ids):
    with torch.no_grad():
        return network(ids, torch.ones_like(ids))[0].float()


@pytest.mark.parametrize("kind", ROTARY)
def test_half_precision_turns_far_tokens_as_far_as_full_precision_does(kind):
    network = random_stock(ROTARY[kind], 0)
    half = copy.deepcopy(network).to(torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    turns = [(name, buffer) for name, buffer in half.named_buffers() if "inv_freq" in name]
    assert turns
    assert all(torch.equal(buffer, network.get_buffer(name)) for name, buffer in turns)
    ids = torch.randint(5, 60, (1, 2000), generator=torch.Generator().manual_seed(0))
    alike = torch.cosine_similarity(states(half, ids), states(network, ids), dim=-1)
    assert alike[-100:].mean() > 0.99


def test_buffers_that_keep_their_precision_follow_to_a_device():
    network = random_stock(ROTARY["llama"], 0).to(device="meta", dtype=torch.bfloat16)
    assert {b.device.type for b in network.buffers()} == {"meta"}
    assert network.model.rotary_emb.inv_freq.dtype == torch.float32


def refused(folder, match, config=BERT):
    with pytest.raises(UserError, match=match) as told:
        load_stock(folder, config)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("whole", [True, False])
def test_an_adapter_in_the_folder_does_not_bring_another_checkpoint(folder, tmp_path, whole):
    write_bert(tmp_path / "other")
    adapter = LoraConfig(r=1, target_modules=["query"], init_lora_weights=False)
    get_peft_model(random_stock(BERT, 2).model, adapter).save_pretrained(tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(tmp_path / "other")
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    if whole:
        file = tmp_path / "adapter" / "adapter_model.safetensors"
        (folder / file.name).write_bytes(file.read_bytes())
    refused(folder, r"adapter_config\.json: an adapter, .* merge it into them first")


def test_quantized_weights_are_refused(folder):
    config = BERT | {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}
    refused(folder, r"config\.json: key 'quantization_config': quantized weights", config)


@pytest.mark.parametrize(
    "keys",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"attn_implementation": "some-body/kernel"},
        {"_attn_implementation": "some-body/kernel"},
        {"_attn_implementation": "eager"},
        {"return_dict": False},
        {"output_attentions": True},
        {"output_hidden_states": True, "torchscript": True},
    ],
    ids=lambda keys: " ".join(keys),
)
def test_what_a_configuration_says_of_running_is_not_followed(folder, keys):
    plain, found = load_stock(folder, BERT), load_stock(folder, BERT | keys)
    assert found.model.config._attn_implementation == "sdpa"
    assert state_hash(found) == state_hash(plain)
    ids = torch.arange(5, 9)[None]
    assert torch.equal(states(found, ids), states(plain, ids))


@pytest.mark.parametrize(
    "keys",
    [
        {"num_labels": "x"},
        {"hidden_act": "no such"},
        {"hidden_size": "wide"},
        {"num_attention_heads": 0},
        {"model_type": None},
        {"model_type": "no such"},
        {"experts_implementation": "some-body/kernel"},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_odd_values_are_one_line(folder, keys):
    refused(folder, str(folder), BERT | keys)


def test_a_causal_bert_is_no_encoder(tmp_path, folder):
    (folder / "config.json").write_text(json.dumps(BERT | {"is_decoder": True}))
    with pytest.raises(UserError, match=r"config\.json: key 'is_decoder' makes the network causal"):
        load_encoder("grover", weights=folder)
