"""Small folders laid out as the hub lays out GENA-LM, ModernGENA and GPN, with made-up weights.

Names and shapes of tensors are written out from the published layouts, not taken from our networks.
Weights are a closed form, `waves`, so that the golden states beside this file belong to them on any
version of torch.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.encoders.small import Shapes, linear, norm, write_config

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "-")
MERGES = ("A C", "G T", "T N", "T T", "TT A", "C C", "G A", "T G", "GA TT", "AC G")

# Every key of AIRI-Institute/gena-lm-bert-base-t2t, with small sizes.
GENA = {
    "architectures": ["BertForMaskedLM"],
    "auto_map": {"AutoModel": "modeling_bert.BertForMaskedLM"},
    "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "last_layer_norm": False,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 96,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pad_token_id": 3,
    "position_embedding_type": "absolute",
    "pre_layer_norm": True,
    "transformers_version": "4.6.0.dev0",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": 24,
}
# The key is missing where there is a final norm.
GENA_NORMED = {key: value for key, value in GENA.items() if key != "last_layer_norm"}
MODERNGENA = {
    "architectures": ["ModernBertForMaskedLM"],
    "attention_bias": False,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "decoder_bias": True,
    "eos_token_id": 2,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 10000.0,
    "hidden_activation": "gelu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "local_attention": 8,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 96,
    "mlp_bias": False,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-5,
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "pad_token_id": 3,
    "sep_token_id": 2,
    "tie_word_embeddings": True,
    "vocab_size": 32,
}
# Every key of songlab/gpn-brassicales, with small sizes; dilation_base is missing there too.
CONVNET = {
    "architectures": ["ConvNetForMaskedLM"],
    "dilation_cycle": 3,
    "dilation_double_every": 1,
    "dilation_max": 2,
    "hidden_size": 12,
    "initializer_range": 0.02,
    "kernel_size": 5,
    "model_type": "ConvNet",
    "n_layers": 4,
    "torch_dtype": "float32",
    "transformers_version": "4.26.0.dev0",
    "vocab_size": 7,
}
BYTENET = {
    "architectures": ["GPNForMaskedLM"],
    "aux_features_vocab_size": 5,
    "bias": False,
    "depthwise": False,
    "dilation_base": 2,
    "dilation_cycle": 4,
    "dilation_double_every": 2,
    "dilation_max": 9999,
    "embedding": "embedding",
    "encoder": "bytenet",
    "first_kernel_size": 9,
    "hidden_size": 16,
    "intermediate_size": 2048,
    "mlm_head_transform": False,
    "model_type": "GPN",
    "n_aux_features": 0,
    "num_hidden_layers": 5,
    "rest_kernel_size": 5,
    "slim": True,
    "tie_word_embeddings": False,
    "vocab_size": 7,
}


def waves(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Weights by a closed form that repeats nothing; norms near a half, other vectors small."""
    drawn = {}
    for number, (name, shape) in enumerate(shapes.items()):
        place = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
        wave = torch.sin(0.37 * (place + 1) ** 2 + number).reshape(shape)
        if len(shape) > 1:
            weights = 0.3 * wave
        else:
            weights = 0.1 * wave + (0.5 if name.endswith("weight") else 0)
        drawn[name] = weights.float()
    return drawn


def gena_shapes(config: dict) -> Shapes:
    """State dict of a GENA-LM, a masked-language model; without ``position_ids``, a buffer."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    tables = {"word": words, "position": config["max_position_embeddings"]}
    tables["token_type"] = config["type_vocab_size"]
    shapes: Shapes = {
        f"bert.embeddings.{table}_embeddings.weight": (rows, size) for table, rows in tables.items()
    }
    shapes |= norm("bert.embeddings.LayerNorm", size)
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        shapes |= norm(f"{at}.pre_attention_ln", size) | norm(f"{at}.post_attention_ln", size)
        for part in ("query", "key", "value"):
            shapes |= linear(f"{at}.attention.self.{part}", size, size)
        shapes |= linear(f"{at}.attention.output.dense", size, size)
        shapes |= linear(f"{at}.intermediate.dense", size, mlp)
        shapes |= linear(f"{at}.output.dense", mlp, size)
    if config.get("last_layer_norm", True):
        shapes |= norm("bert.encoder.last_layer_ln", size)
    shapes |= {"cls.predictions.bias": (words,)}
    shapes |= linear("cls.predictions.transform.dense", size, size)
    shapes |= norm("cls.predictions.transform.LayerNorm", size)
    return shapes | linear("cls.predictions.decoder", size, words)


def moderngena_shapes(config: dict) -> Shapes:
    """State dict of a ModernBERT, a masked-language model; its decoder is the embedding."""
    size, mlp, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes: Shapes = {
        "model.embeddings.tok_embeddings.weight": (words, size),
        "model.embeddings.norm.weight": (size,),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        # The first layer's input is normalized already.
        shapes |= {f"{at}.attn_norm.weight": (size,)} if layer else {}
        shapes |= linear(f"{at}.attn.Wqkv", size, 3 * size, bias=False)
        shapes |= linear(f"{at}.attn.Wo", size, size, bias=False)
        shapes |= {f"{at}.mlp_norm.weight": (size,)}
        shapes |= linear(f"{at}.mlp.Wi", size, 2 * mlp, bias=False)
        shapes |= linear(f"{at}.mlp.Wo", mlp, size, bias=False)
    shapes |= {"model.final_norm.weight": (size,)}
    shapes |= linear("head.dense", size, size, bias=False) | {"head.norm.weight": (size,)}
    return shapes | {"decoder.bias": (words,)}


def convnet_shapes(config: dict) -> Shapes:
    """State dict of songlab/gpn-brassicales, a masked-language model."""
    size, words = config["hidden_size"], config["vocab_size"]
    shapes: Shapes = {}
    for layer in range(config["n_layers"]):
        at = f"model.encoder.{layer}"
        shapes[f"{at}.conv.1.weight"] = (size, size, config["kernel_size"])
        shapes[f"{at}.conv.1.bias"] = (size,)
        shapes |= norm(f"{at}.conv.4", size)
        shapes |= linear(f"{at}.ffn.0", size, size) | norm(f"{at}.ffn.2", size)
    shapes |= linear("cls.decoder.0", size, size) | norm("cls.decoder.2", size)
    return shapes | linear("cls.decoder.3", size, words)


def bytenet_shapes(config: dict) -> Shapes:
    """State dict of songlab/gpn-animal-promoter, a masked-language model."""
    size, words = config["hidden_size"], config["vocab_size"]
    inner = size // 2
    shapes: Shapes = {"model.embeddings.word_embeddings.weight": (words, size)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.encoder.layer.{layer}.layer"
        kernel = config["rest_kernel_size" if layer else "first_kernel_size"]
        shapes |= {f"{at}.0.weight": (size,), f"{at}.2.weight": (inner, size)}
        shapes |= {f"{at}.3.weight": (inner,), f"{at}.6.weight": (inner, inner, kernel)}
        shapes |= {f"{at}.8.weight": (inner,), f"{at}.10.weight": (size, inner)}
    return shapes | {"model.ln_f.weight": (size,), "cls.decoder.weight": (words, size)}


def write_bpe(folder: Path) -> None:
    """A tokenizer file with the published rules: runs of ten N become '-'."""
    merges = [tuple(merge.split()) for merge in MERGES]
    tokens = [*SPECIAL, *"ACGNT", *map("".join, merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    engine = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]"))
    engine.normalizer = normalizers.Sequence(
        [normalizers.Strip(), normalizers.Replace(Regex("N{10,}"), "-")]
    )
    engine.pre_tokenizer = pre_tokenizers.Split("-", behavior="isolated")
    engine.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    engine.add_special_tokens(list(SPECIAL))
    engine.save(str(folder / "tokenizer.json"))


def write_gena(folder: Path) -> None:
    """As published: pickled tensors, among them the buffer of positions."""
    write_gena_as(folder, GENA)


def write_gena_normed(folder: Path) -> None:
    """One with a final norm."""
    write_gena_as(folder, GENA_NORMED)


def write_gena_as(folder: Path, config: dict) -> None:
    write_config(folder, config)
    write_bpe(folder)
    positions = {"bert.embeddings.position_ids": torch.arange(96)[None]}
    torch.save(waves(gena_shapes(config)) | positions, folder / "pytorch_model.bin")


def write_moderngena(folder: Path) -> None:
    write_config(folder, MODERNGENA)
    write_bpe(folder)
    state = waves(moderngena_shapes(MODERNGENA))
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def write_convnet(folder: Path) -> None:
    write_config(folder, CONVNET)
    torch.save(waves(convnet_shapes(CONVNET)), folder / "pytorch_model.bin")


def write_bytenet(folder: Path) -> None:
    write_config(folder, BYTENET)
    save_file(waves(bytenet_shapes(BYTENET)), folder / "model.safetensors")


def golden(name: str) -> dict:
    """States that the published code gave; the file says how."""
    path = Path(__file__).parent / "golden" / f"{name}.json"
    found: dict = json.loads(path.read_text(encoding="utf-8"))
    return found


SMALL: dict[str, Callable[[Path], None]] = {
    "gena-lm-bert-base": write_gena,
    "gena-lm-bert-base-t2t": write_gena,
    "gena-lm-bert-base-t2t-multi": write_gena,
    "gena-lm-bert-base-lastln-t2t": write_gena_normed,
    "gena-lm-bert-large-t2t": write_gena_normed,
    "moderngena-base": write_moderngena,
    "moderngena-large": write_moderngena,
    "gpn-brassicales": write_convnet,
    "gpn-animal-promoter": write_bytenet,
}
"""What writes the small folder of a card."""

FAST = ("moderngena-base", "gpn-animal-promoter")
"""Whose networks are not those of the first card of their family."""
