"""Small folders laid out as the hub lays out DNABERT, GROVER and SpeciesLM, with random weights.

Names and shapes of tensors are written out from the published layouts, not taken from our networks.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.encoders.small import Shapes, linear, norm, tensors, write_config

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 96,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
# Every key of zhihan1996/DNA_bert_4 at c5f25d3, whatever it is for, with small sizes.
DNABERT = SIZES | {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "auto_map": {
        "AutoConfig": "configuration_bert.BertConfig",
        "AutoModel": "dnabert_layer.BertModel",
        "AutoModelForMaskedLM": "dnabert_layer.BertForMaskedLM",
    },
    "bos_token_id": 0,
    "do_sample": False,
    "eos_token_ids": 0,
    "finetuning_task": None,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "initializer_range": 0.02,
    "is_decoder": False,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "length_penalty": 1.0,
    "max_length": 20,
    "model_type": "bert",
    "num_beams": 1,
    "num_labels": 2,
    "num_return_sequences": 1,
    "num_rnn_layer": 1,
    "output_attentions": False,
    "output_hidden_states": False,
    "output_past": True,
    "pruned_heads": {},
    "repetition_penalty": 1.0,
    "rnn": "lstm",
    "rnn_dropout": 0.0,
    "rnn_hidden": 768,
    "split": 10,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "torchscript": False,
    "use_bfloat16": False,
}
GROVER_MERGES = ("A C", "G T", "AC GT", "T T", "TT A", "C C", "G A", "T G", "GA TT")
GROVER = DNABERT | {"vocab_size": len(SPECIAL) + 4 + len(GROVER_MERGES)}

FUNGI = (
    "aspergillus_niger",
    "candida_glabrata",
    "kazachstania_africana_cbs_2517_gca_000304475",
    "pichia_kudriavzevii_gca_000764455",
    "pichia_kudriavzevii_gca_001983325",
)
SPECIESLM = SIZES | {
    "architectures": ["BertForMaskedLM"],
    "hidden_act": "gelu",
    "model_type": "bert",
    "position_embedding_type": "absolute",
    # More rows than tokens, as published.
    "vocab_size": 16,
}


def bert_shapes(config: dict, *, pooler: bool) -> Shapes:
    """State dict of a masked-language model of BERT; the decoder is tied and not counted."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    table = "bert.embeddings"
    shapes = {
        f"{table}.word_embeddings.weight": (words, size),
        f"{table}.position_embeddings.weight": (config["max_position_embeddings"], size),
        f"{table}.token_type_embeddings.weight": (config["type_vocab_size"], size),
    } | norm(f"{table}.LayerNorm", size)
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= linear(f"{at}.attention.self.{part}", size, size)
        shapes |= linear(f"{at}.attention.output.dense", size, size)
        shapes |= norm(f"{at}.attention.output.LayerNorm", size)
        shapes |= linear(f"{at}.intermediate.dense", size, mlp)
        shapes |= linear(f"{at}.output.dense", mlp, size) | norm(f"{at}.output.LayerNorm", size)
    if pooler:
        shapes |= linear("bert.pooler.dense", size, size)
    shapes |= linear("cls.predictions.transform.dense", size, size)
    shapes |= norm("cls.predictions.transform.LayerNorm", size)
    return shapes | {"cls.predictions.bias": (words,)}


def bert_state(config: dict, *, pooler: bool) -> dict[str, torch.Tensor]:
    """Random weights of `bert_shapes`, with the tied decoder that a pickled file has twice."""
    state = tensors(bert_shapes(config, pooler=pooler))
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    return state


def dnabert_config(k: int) -> dict:
    return DNABERT | {"vocab_size": 4**k + 5}


def write_dnabert(folder: Path, k: int) -> None:
    """As published: pickled tensors with pooler and head, and vocab.txt without a last newline."""
    config = dnabert_config(k)
    write_config(folder, config)
    torch.save(bert_state(config, pooler=True), folder / "pytorch_model.bin")
    kmers = map("".join, itertools.product("ATCG", repeat=k))
    (folder / "vocab.txt").write_text("\n".join((*SPECIAL, *kmers)))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false, "max_len": 512}')


def write_dnabert_3(folder: Path) -> None:
    write_dnabert(folder, 3)


def write_dnabert_4(folder: Path) -> None:
    write_dnabert(folder, 4)


def write_dnabert_5(folder: Path) -> None:
    write_dnabert(folder, 5)


def write_dnabert_6(folder: Path) -> None:
    write_dnabert(folder, 6)


def write_grover(folder: Path) -> None:
    """As published: one token more than rows, the empty one, and merges with it at the start."""
    write_config(folder, GROVER)
    torch.save(bert_state(GROVER, pooler=True), folder / "pytorch_model.bin")
    merged = [merge.replace(" ", "") for merge in GROVER_MERGES]
    vocabulary = {t: index for index, t in enumerate([*SPECIAL, *"ACGT", *merged, ""])}
    engine = Tokenizer(models.BPE(unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    engine.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    written = json.loads(engine.to_str())
    written["model"]["vocab"] = vocabulary
    written["model"]["merges"] = [*(f"{base} " for base in "ACGT"), *GROVER_MERGES]
    (folder / "tokenizer.json").write_text(json.dumps(written))


def write_specieslm(folder: Path) -> None:
    """As published: safetensors with the positions' numbers; species added to the vocabulary."""
    write_config(folder, SPECIESLM)
    state = tensors(bert_shapes(SPECIESLM, pooler=False))
    numbers = torch.arange(SPECIESLM["max_position_embeddings"])[None]
    save_file(state | {"bert.embeddings.position_ids": numbers}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join((*SPECIAL, *"ATCG")) + "\n")
    added = {species: len(SPECIAL) + 4 + index for index, species in enumerate(FUNGI)}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')


def write_specieslm_downstream(folder: Path) -> None:
    """The same files; the species that a sequence is read as is another."""
    write_specieslm(folder)


SMALL: dict[str, Callable[[Path], None]] = {
    "dnabert-3": write_dnabert_3,
    "dnabert-4": write_dnabert_4,
    "dnabert-5": write_dnabert_5,
    "dnabert-6": write_dnabert_6,
    "grover": write_grover,
    "specieslm-fungi-upstream-k1": write_specieslm,
    "specieslm-fungi-downstream-k1": write_specieslm_downstream,
}
"""What writes the small folder of a card."""
