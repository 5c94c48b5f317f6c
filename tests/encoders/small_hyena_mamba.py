"""Small folders laid out as the hub lays out HyenaDNA and Caduceus, with random weights.

Names and shapes of tensors are written out from the published layouts, not taken from our networks.
"""

import json
import math

import torch
from safetensors.torch import save_file

HYENADNA = {
    "model_type": "hyenadna",
    "architectures": ["HyenaDNAForCausalLM"],
    "vocab_size": 12,
    "pad_vocab_size_multiple": 8,
    "d_model": 16,
    "n_layer": 2,
    "d_inner": 32,
    "max_seq_len": 16_386,
    "emb_dim": 5,
    "filter_order": 8,
    "num_inner_mlps": 2,
    "activation_freq": 10,
    "train_freq": True,
    "hyena_order": 2,
    "short_filter_order": 3,
    "layer_norm_epsilon": 1e-05,
    "use_bias": True,
    "tie_word_embeddings": False,
}
CADUCEUS = {
    "model_type": "caduceus",
    "architectures": ["CaduceusForMaskedLM"],
    "vocab_size": 16,
    "pad_vocab_size_multiple": 8,
    "d_model": 20,
    "n_layer": 2,
    "norm_epsilon": 1e-05,
    "rms_norm": True,
    "residual_in_fp32": False,
    "fused_add_norm": True,
    "bidirectional": True,
    "bidirectional_strategy": "add",
    "bidirectional_weight_tie": True,
    "rcps": False,
    "ssm_cfg": {
        "d_state": 4,
        "d_conv": 4,
        "expand": 2,
        "dt_rank": "auto",
        "bias": False,
        "conv_bias": True,
    },
}
HUMAN_COMPLEMENT = [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]
PLANT_COMPLEMENT = [0, 1, 2, 6, 5, 4, 3, 7]


def hyenadna_tensors(config):
    """State dict of ``HyenaDNAForCausalLM``; the sine of a filter comes once under its names."""
    draw = torch.Generator().manual_seed(0)
    d, inner, width = config["d_model"], config["d_inner"], config["filter_order"]
    length, size = config["max_seq_len"], config["emb_dim"]

    def normal(*shape):
        return torch.randn(shape, generator=draw) / math.sqrt(shape[-1])

    time = torch.linspace(0, 1, length)
    turns = torch.outer(2 * math.pi * torch.arange(length) / length, torch.tensor([1e-4, 1.0]))
    tensors = {
        "hyena.backbone.embeddings.word_embeddings.weight": torch.randn(16, d, generator=draw),
        "hyena.backbone.ln_f.weight": torch.ones(d),
        "hyena.backbone.ln_f.bias": torch.zeros(d),
        "lm_head.weight": normal(16, d),
    }
    for layer in range(config["n_layer"]):
        here = f"hyena.backbone.layers.{layer}."
        mixer, filter_fn = f"{here}mixer.", f"{here}mixer.filter_fn."
        tensors |= {
            f"{mixer}in_proj.weight": normal(3 * d, d),
            f"{mixer}in_proj.bias": torch.zeros(3 * d),
            f"{mixer}out_proj.weight": normal(d, d),
            f"{mixer}out_proj.bias": torch.zeros(d),
            f"{mixer}short_filter.weight": normal(3 * d, 1, 3),
            f"{mixer}short_filter.bias": torch.zeros(3 * d),
            f"{filter_fn}bias": torch.randn(d, generator=draw),
            f"{filter_fn}pos_emb.z": torch.cat(
                [time[:, None], turns.cos(), -turns.sin()], dim=1
            ).view(1, length, size),
            f"{filter_fn}pos_emb.t": time.view(1, length, 1).clone(),
            f"{filter_fn}modulation.deltas": torch.linspace(
                math.log(0.01) / 1.5, math.log(0.01) / 0.3, d
            ).view(1, 1, d),
            f"{filter_fn}implicit_filter.0.weight": normal(width, size),
            f"{filter_fn}implicit_filter.0.bias": torch.zeros(width),
            f"{filter_fn}implicit_filter.1.freq": torch.full((1, width), 10.0),
            f"{filter_fn}implicit_filter.2.weight": normal(width, width),
            f"{filter_fn}implicit_filter.2.bias": torch.zeros(width),
            f"{filter_fn}implicit_filter.4.weight": normal(width, width),
            f"{filter_fn}implicit_filter.4.bias": torch.zeros(width),
            f"{filter_fn}implicit_filter.6.weight": normal(d, width) / 10,
            f"{here}mlp.fc1.weight": normal(inner, d),
            f"{here}mlp.fc1.bias": torch.zeros(inner),
            f"{here}mlp.fc2.weight": normal(d, inner),
            f"{here}mlp.fc2.bias": torch.zeros(d),
        }
        for norm in ("norm1", "norm2"):
            tensors |= {f"{here}{norm}.weight": torch.ones(d), f"{here}{norm}.bias": torch.zeros(d)}
    return tensors


def caduceus_tensors(config):
    """State dict of ``CaduceusForMaskedLM``; what both directions share comes once."""
    draw = torch.Generator().manual_seed(0)
    d, tokens, ssm = config["d_model"], config["vocab_size"], config["ssm_cfg"]
    inner, states, rank = ssm["expand"] * d, ssm["d_state"], math.ceil(d / 16)
    rcps, backbone = config["rcps"], "caduceus.backbone."

    def normal(*shape):
        return torch.randn(shape, generator=draw) / math.sqrt(shape[-1])

    words = f"{backbone}embeddings.word_embeddings."
    embedding = torch.randn(tokens, d, generator=draw)
    tensors = {f"{backbone}norm_f.weight": 1 + normal(d) / 4}
    if rcps:
        complement = torch.tensor([int(i) for i in config["complement_map"].values()])
        tensors |= {
            f"{words}embedding.weight": embedding,
            f"{words}complement_map": complement,
            "lm_head.complement_map": complement.clone(),
        }
    else:
        tensors |= {f"{words}weight": embedding}
    for layer in range(config["n_layer"]):
        mixer = f"{backbone}layers.{layer}.mixer." + ("submodule." if rcps else "")
        tensors |= {
            f"{backbone}layers.{layer}.norm.weight": 1 + normal(d) / 4,
            f"{mixer}mamba_fwd.in_proj.weight": normal(2 * inner, d),
            f"{mixer}mamba_fwd.out_proj.weight": normal(d, inner),
        }
        for direction in ("mamba_fwd", "mamba_rev"):
            tensors |= {
                f"{mixer}{direction}.A_log": torch.arange(1.0, states + 1).log().repeat(inner, 1),
                f"{mixer}{direction}.D": torch.ones(inner),
                f"{mixer}{direction}.conv1d.weight": normal(inner, 1, ssm["d_conv"]),
                f"{mixer}{direction}.conv1d.bias": normal(inner),
                f"{mixer}{direction}.x_proj.weight": normal(rank + 2 * states, inner),
                f"{mixer}{direction}.dt_proj.weight": normal(inner, rank),
                f"{mixer}{direction}.dt_proj.bias": normal(inner) - 3,
            }
    return tensors


def write(folder, config, tensors):
    """A folder laid out as the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")


def write_hyenadna(folder):
    """A small HyenaDNA."""
    write(folder, HYENADNA, hyenadna_tensors(HYENADNA))


def write_caduceus(folder, *, rcps, complement, fused_add_norm=True):
    """A small Caduceus, or PlantCaduceus by its complements."""
    config = {
        **CADUCEUS,
        "rcps": rcps,
        "vocab_size": len(complement),
        "complement_map": {str(i): complement[i] for i in range(len(complement))},
        "fused_add_norm": fused_add_norm,
    }
    write(folder, config, caduceus_tensors(config))


def write_caduceus_ph(folder):
    """A small Caduceus-Ph."""
    write_caduceus(folder, rcps=False, complement=HUMAN_COMPLEMENT)


def write_caduceus_ps(folder):
    """A small Caduceus-PS."""
    write_caduceus(folder, rcps=True, complement=HUMAN_COMPLEMENT)


def write_plantcaduceus(folder):
    """A small PlantCaduceus."""
    write_caduceus(folder, rcps=True, complement=PLANT_COMPLEMENT)


SMALL = {
    "hyenadna-tiny-1k": write_hyenadna,
    "hyenadna-tiny-1k-d256": write_hyenadna,
    "hyenadna-tiny-16k-d128": write_hyenadna,
    "hyenadna-small-32k": write_hyenadna,
    "hyenadna-160k": write_hyenadna,
    "hyenadna-450k": write_hyenadna,
    "hyenadna-1m": write_hyenadna,
    "caduceus-ph-1k": write_caduceus_ph,
    "caduceus-ph-131k": write_caduceus_ph,
    "caduceus-ps-1k": write_caduceus_ps,
    "caduceus-ps-131k": write_caduceus_ps,
    "plantcaduceus-l20": write_plantcaduceus,
    "plantcaduceus-l24": write_plantcaduceus,
    "plantcaduceus-l28": write_plantcaduceus,
    "plantcaduceus-l32": write_plantcaduceus,
}
"""Card -> function that writes a folder for it."""

FAST = ("caduceus-ps-1k",)
"""Both strands of a sequence run through its layers."""
