"""Folders laid out as the hub lays them out, with published tensor names and a tiny configuration.

Names and shapes are written down here from the published checkpoints, not asked of our networks, so
that a network whose names drift does not load.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
MERGES = ("A C", "G T", "AC GT", "T T", "TT A", "C C", "G A", "T G", "GA TT")

DNABERT2 = {
    "alibi_starting_size": 512,
    "vocab_size": 32,
    "type_vocab_size": 2,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    # No power of two, as the published 12: the slopes of ALiBi then follow their second rule.
    "num_attention_heads": 6,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
NT_V1 = {
    "model_type": "esm",
    "vocab_size": 4105,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 1,
    "mask_token_id": 2,
    "max_position_embeddings": 102,
    "position_embedding_type": "absolute",
    "token_dropout": True,
}
NT_V2 = NT_V1 | {
    "vocab_size": 4107,
    "position_embedding_type": "rotary",
    "token_dropout": False,
    "add_bias_fnn": False,
}

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm(name: str, size: int) -> Shapes:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def dnabert2_shapes(config: dict) -> Shapes:
    """State dict of zhihan1996/DNABERT-2-117M, a masked-language model."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes = {
        "bert.embeddings.word_embeddings.weight": (words, size),
        "bert.embeddings.token_type_embeddings.weight": (config["type_vocab_size"], size),
    } | norm("bert.embeddings.LayerNorm", size)
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        shapes |= linear(f"{at}.attention.self.Wqkv", size, 3 * size)
        shapes |= linear(f"{at}.attention.output.dense", size, size)
        shapes |= norm(f"{at}.attention.output.LayerNorm", size)
        shapes |= linear(f"{at}.mlp.gated_layers", size, 2 * mlp, bias=False)
        shapes |= linear(f"{at}.mlp.wo", mlp, size)
        shapes |= norm(f"{at}.mlp.layernorm", size)
    shapes |= linear("bert.pooler.dense", size, size)
    shapes |= linear("cls.predictions.transform.dense", size, size)
    shapes |= norm("cls.predictions.transform.LayerNorm", size)
    return shapes | linear("cls.predictions.decoder", size, words)


def nt_shapes(config: dict) -> Shapes:
    """State dict of a Nucleotide Transformer, a masked-language model."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    second = "add_bias_fnn" in config
    shapes = {
        "esm.embeddings.word_embeddings.weight": (words, size),
        # The second generation has the table too, and does not use it.
        "esm.embeddings.position_embeddings.weight": (config["max_position_embeddings"], size),
    }
    for layer in range(layers):
        at = f"esm.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= linear(f"{at}.attention.self.{part}", size, size)
        if second:
            name = f"{at}.attention.self.rotary_embeddings.inv_freq"
            shapes[name] = (size // heads // 2,)
        shapes |= linear(f"{at}.attention.output.dense", size, size)
        shapes |= norm(f"{at}.attention.LayerNorm", size)
        shapes |= linear(f"{at}.intermediate.dense", size, (1 + second) * mlp, bias=not second)
        shapes |= linear(f"{at}.output.dense", mlp, size, bias=not second)
        shapes |= norm(f"{at}.LayerNorm", size)
    shapes |= norm("esm.encoder.emb_layer_norm_after", size)
    shapes |= linear("esm.contact_head.regression", layers * heads, 1)
    shapes |= linear("lm_head.dense", size, size) | norm("lm_head.layer_norm", size)
    return shapes | {"lm_head.decoder.weight": (words, size), "lm_head.bias": (words,)}


def tensors(shapes: Shapes, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights, large enough that every layer matters; norms near one."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {}
    for name, shape in shapes.items():
        drawn[name] = torch.randn(shape, generator=generator) * (0.2 if len(shape) > 1 else 0.05)
        if "norm" in name.lower() and name.endswith("weight"):
            drawn[name] += 1
    return drawn


def write_config(folder: Path, config: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))


def write_dnabert2(folder: Path) -> None:
    write_config(folder, DNABERT2)
    save_file(tensors(dnabert2_shapes(DNABERT2)), folder / "model.safetensors")
    merges = [tuple(merge.split()) for merge in MERGES]
    tokens = [*SPECIAL, *"ACGT", *map("".join, merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    engine = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    engine.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    engine.save(str(folder / "tokenizer.json"))


def write_dnabert_s(folder: Path) -> None:
    """As published: a bare encoder, so no prefix and no language-model head; pickled tensors."""
    write_dnabert2(folder)
    (folder / "model.safetensors").unlink()
    state = tensors(dnabert2_shapes(DNABERT2))
    bare = {name.removeprefix("bert."): t for name, t in state.items() if name.startswith("bert.")}
    torch.save(bare, folder / "pytorch_model.bin")


def write_nt(folder: Path, config: dict) -> None:
    write_config(folder, config)
    save_file(tensors(nt_shapes(config)), folder / "model.safetensors")
    more = ["<eos>", "<bos>"] if config["vocab_size"] == 4107 else []
    kmers = map("".join, itertools.product("ATCG", repeat=6))
    tokens = ["<unk>", "<pad>", "<mask>", "<cls>", *more, *kmers, *"ATCG", "N"]
    (folder / "vocab.txt").write_text("\n".join(tokens))


def write_nt_v1(folder: Path) -> None:
    write_nt(folder, NT_V1)


def write_nt_v2(folder: Path) -> None:
    write_nt(folder, NT_V2)


V1 = ("nt-500m-human-ref", "nt-500m-1000g", "nt-2.5b-1000g", "nt-2.5b-multi-species", "agro-nt-1b")
V2 = ("nt-v2-50m", "nt-v2-100m", "nt-v2-250m", "nt-v2-500m")

SMALL: dict[str, Callable[[Path], None]] = {
    "dnabert2": write_dnabert2,
    "dnabert-s": write_dnabert_s,
    **dict.fromkeys(V1, write_nt_v1),
    **dict.fromkeys(V2, write_nt_v2),
}
"""What writes the small folder of a card."""

FAST = ("nt-500m-human-ref",)
"""The first generation: learned positions, and an MLP of another form."""
