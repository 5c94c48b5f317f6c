"""Small folders of causal models, and one of a plain BERT for the card ``transformers``.

Names and shapes are written down from the published checkpoints, config.json has their keys.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.encoders.small import MERGES, SPECIAL, Shapes, linear, norm, tensors, write_config

LLAMA = {
    "architectures": ["GENERatorForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_generator.GENERatorForCausalLM"},
    "attention_bias": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "use_cache": True,
    "vocab_size": 4128,
}
MISTRAL = {
    "architectures": ["MistralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "max_position_embeddings": 32768,
    "model_type": "mistral",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 32,
}
MIXTRAL = MISTRAL | {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "max_position_embeddings": 512,
    "num_key_value_heads": 4,
    "num_experts_per_tok": 1,
    "num_local_experts": 4,
    "output_router_logits": False,
    "router_aux_loss_coef": 0.02,
}
BERT = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "hidden_size": 32,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 3,
    "type_vocab_size": 2,
    "vocab_size": 12,
}


def causal_shapes(config: dict) -> Shapes:
    """State dict of a Llama, Mistral or Mixtral with its language-model head."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    group = size // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (words, size), "lm_head.weight": (words, size)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for part, outputs in (("q", size), ("k", group), ("v", group), ("o", size)):
            shapes |= linear(f"{at}.self_attn.{part}_proj", size, outputs, bias=False)
        if experts := config.get("num_local_experts"):
            moe = f"{at}.block_sparse_moe"
            shapes |= linear(f"{moe}.gate", size, experts, bias=False)
            for expert in range(experts):
                shapes |= linear(f"{moe}.experts.{expert}.w1", size, mlp, bias=False)
                shapes |= linear(f"{moe}.experts.{expert}.w2", mlp, size, bias=False)
                shapes |= linear(f"{moe}.experts.{expert}.w3", size, mlp, bias=False)
        else:
            shapes |= linear(f"{at}.mlp.gate_proj", size, mlp, bias=False)
            shapes |= linear(f"{at}.mlp.up_proj", size, mlp, bias=False)
            shapes |= linear(f"{at}.mlp.down_proj", mlp, size, bias=False)
        shapes[f"{at}.input_layernorm.weight"] = (size,)
        shapes[f"{at}.post_attention_layernorm.weight"] = (size,)
    return shapes | {"model.norm.weight": (size,)}


def bert_shapes(config: dict) -> Shapes:
    """State dict of a BERT for masked-language modelling."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes = {
        "bert.embeddings.word_embeddings.weight": (words, size),
        "bert.embeddings.position_embeddings.weight": (config["max_position_embeddings"], size),
        "bert.embeddings.token_type_embeddings.weight": (config["type_vocab_size"], size),
    } | norm("bert.embeddings.LayerNorm", size)
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= linear(f"{at}.attention.self.{part}", size, size)
        shapes |= linear(f"{at}.attention.output.dense", size, size)
        shapes |= norm(f"{at}.attention.output.LayerNorm", size)
        shapes |= linear(f"{at}.intermediate.dense", size, mlp)
        shapes |= linear(f"{at}.output.dense", mlp, size)
        shapes |= norm(f"{at}.output.LayerNorm", size)
    shapes |= linear("cls.predictions.transform.dense", size, size)
    shapes |= norm("cls.predictions.transform.LayerNorm", size)
    return shapes | {"cls.predictions.bias": (words,)}


def write_causal(folder: Path, config: dict) -> None:
    write_config(folder, config)
    save_file(tensors(causal_shapes(config)), folder / "model.safetensors")


def write_bpe(folder: Path, *, special: bool = True) -> None:
    """Byte-pair encoding as of DNABERT-2; N has a token of its own, as in GenomeOcean's."""
    merges = [tuple(merge.split()) for merge in MERGES]
    tokens = [*SPECIAL, *"ACGT", *map("".join, merges), "N"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    engine = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]"))
    engine.add_special_tokens(list(SPECIAL))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        engine.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    engine.save(str(folder / "tokenizer.json"))


def write_generator(folder: Path) -> None:
    write_causal(folder, LLAMA)
    names = (
        "oov s /s pad mask bog eog bok eok + - cds pseudo tRNA rRNA ncRNA miscRNA mam vrt inv pln "
        "fng prt arc bct mit plt plm vir sp0 sp1 sp2"
    )
    tokens = [f"<{name}>" for name in names.split()]
    tokens += map("".join, itertools.product("ATCG", repeat=6))
    lines = (f"{token} {index}" for index, token in enumerate(tokens))
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n")


def write_generator_v2(folder: Path) -> None:
    """The same files; the second generation has one more begin token behind the last 6-mer."""
    write_generator(folder)


def write_mistral(folder: Path) -> None:
    write_causal(folder, MISTRAL)
    write_bpe(folder)


def write_mixtral(folder: Path) -> None:
    write_causal(folder, MIXTRAL)
    write_bpe(folder)


def write_bert(folder: Path) -> None:
    """A model of nobody's: one token per base."""
    write_config(folder, BERT)
    save_file(tensors(bert_shapes(BERT)), folder / "model.safetensors")
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *"ACGTN"])}
    engine = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    engine.add_special_tokens(list(SPECIAL))
    engine.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    engine.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    engine.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))


GENERATOR_V1 = ("generator-eukaryote-1.2b", "generator-eukaryote-3b")
GENERATOR_V2 = tuple(
    f"generator-v2-{domain}-{size}"
    for domain in ("eukaryote", "prokaryote")
    for size in ("1.2b", "3b")
)
MISTRAL_DNA = tuple(
    f"mistral-dna-{name}"
    for name in ("1m", "17m", "138m", "138m-bacteria", "138m-virus", "138m-yeast")
)
GENOMEOCEAN = ("genomeocean-100m", "genomeocean-500m", "genomeocean-4b")

SMALL: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(GENERATOR_V1, write_generator),
    **dict.fromkeys(GENERATOR_V2, write_generator_v2),
    **dict.fromkeys(MISTRAL_DNA, write_mixtral),
    **dict.fromkeys(GENOMEOCEAN, write_mistral),
    "transformers": write_bert,
}
"""What writes the small folder of a card."""
