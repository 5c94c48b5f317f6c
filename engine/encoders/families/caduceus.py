"""Caduceus (Schiff et al. 2024) and PlantCaduceus (Zhai et al. 2025): bidirectional Mamba.

Ph is the plain network, trained on both strands. PS and the plant models are equivariant to the
reverse complement: a state is the mean of both strands' states of the same base, as PlantCaduceus
publishes it. The mean over positions is then that of Caduceus' published classifier, which pools
each strand and averages; its maximum is not (it is taken per strand there).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import POOLED, Encoder, EncoderCard, LoadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.encoders.networks.caduceus import CaduceusConfig
    from engine.encoders.tokenizers.characters import CharacterTokenizer

ADAPTER_TARGETS = ("in_proj", "out_proj", "x_proj")

#: config.json of the published checkpoints, where they agree; anything else in these is refused.
REQUIRED: dict[str, Any] = {
    "bidirectional": True,
    "bidirectional_strategy": "add",
    "bidirectional_weight_tie": True,
    "rms_norm": True,
}
REQUIRED_SSM: dict[str, Any] = {"bias": False, "conv_bias": True}

#: Values of keys that a config.json may leave out, in itself and in its ssm_cfg.
DEFAULTS: dict[str, Any] = {"norm_epsilon": 1e-5, "pad_vocab_size_multiple": 8}
DEFAULTS_SSM: dict[str, Any] = {"d_state": 16, "d_conv": 4, "expand": 2}

SHARED: dict[str, Any] = {
    "fused_add_norm": True,
    "norm_epsilon": 1e-5,
    "pad_vocab_size_multiple": 8,
    "ssm_cfg": {"d_state": 16, "d_conv": 4, "expand": 2, "dt_rank": "auto"},
}

#: Of each card: layers, width, equivariant or not.
SIZES: dict[str, tuple[int, int, bool]] = {
    "caduceus-ph-1k": (4, 118, False),
    "caduceus-ph-131k": (16, 256, False),
    "caduceus-ps-1k": (4, 118, True),
    "caduceus-ps-131k": (16, 256, True),
    "plantcaduceus-l20": (20, 384, True),
    "plantcaduceus-l24": (24, 512, True),
    "plantcaduceus-l28": (28, 768, True),
    "plantcaduceus-l32": (32, 1024, True),
}


def load(request: LoadRequest) -> Encoder:
    """Build a Caduceus encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.checkpoint import seeded, state_hash
    from engine.encoders.hub import checkpoint_folder, load_published, read_config, read_tensors
    from engine.encoders.networks.caduceus import Caduceus, merge_strands

    card = request.card
    if request.weights == "random":
        config = published_config(card.name)
        network = seeded(request.seed, lambda: Caduceus(config))
    else:
        folder = checkpoint_folder(request)
        config = _config(read_config(folder), tokenizer(card.name), folder / "config.json")
        network = Caduceus(config)
        load_published(network, read_tensors(folder), folder, rename=own_name)
    return Encoder(
        name=card.name,
        tokenizer=tokenizer(card.name),
        network=network,
        hidden_size=config.d_model,
        max_tokens=card.max_tokens,
        tokens_per_base=1.0,
        summary_index=None,
        adapter_targets=ADAPTER_TARGETS,
        blocks="layers",
        weights_hash=state_hash(network),
        merge_strands=(
            partial(merge_strands, exchanged=config.fused_add_norm) if config.rcps else None
        ),
    )


def tokenizer(name: str) -> CharacterTokenizer:
    """Tokenizer of a card."""
    from engine.encoders.tokenizers.characters import HUMAN, PLANT

    return PLANT if name.startswith("plant") else HUMAN


def published_config(name: str) -> CaduceusConfig:
    """Configuration of a card as it is published."""
    from pathlib import Path

    layers, width, rcps = SIZES[name]
    tokens = tokenizer(name)
    published = {
        **REQUIRED,
        **SHARED,
        "n_layer": layers,
        "d_model": width,
        "rcps": rcps,
        "vocab_size": len(tokens.vocabulary),
    }
    return _config(published, tokens, Path(name))


def own_name(published: str) -> str | None:
    """Name of a published tensor in the network, or none for the language-model head.

    The modules of the equivariant form are wrapped once more. Both directions' projections are one
    tensor, which a checkpoint holds under either name or both.
    """
    if published.startswith("lm_head."):
        return None
    name = published.removeprefix("caduceus.").removeprefix("backbone.").replace(".submodule", "")
    for projection in ("in_proj", "out_proj"):
        for direction in ("mamba_fwd", "mamba_rev"):
            name = name.replace(f"mixer.{direction}.{projection}.", f"mixer.{projection}.")
    return name


def complement(tokens: CharacterTokenizer) -> tuple[int, ...]:
    """Id of the complement of each token; what is no base is its own."""
    ids = list(range(len(tokens.vocabulary)))
    a, c, g, t = (tokens.vocabulary.index(base) for base in tokens.bases[:4])
    ids[a], ids[c], ids[g], ids[t] = t, g, c, a
    return tuple(ids)


def _config(
    published: Mapping[str, Any], tokens: CharacterTokenizer, where: Path
) -> CaduceusConfig:
    """Configuration of a ``config.json``, checked."""
    from engine.encoders.hub import check_numbers
    from engine.encoders.networks.caduceus import CaduceusConfig
    from engine.encoders.tokenizers.published import check_rows

    ssm = published.get("ssm_cfg") or {}
    if not isinstance(ssm, dict):
        raise UserError(f"{where}: key 'ssm_cfg' is {ssm!r}, not an object")
    for given, required in ((published, REQUIRED), (ssm, REQUIRED_SSM)):
        for key, value in required.items():
            if given.get(key, value) != value:
                raise UserError(f"{where}: key '{key}' is {given[key]!r}; only {value!r} is known")
    given = {**DEFAULTS, **published, **DEFAULTS_SSM, **ssm}
    sizes: dict[str, Any] = {key: given.get(key) for key in ("vocab_size", "d_model", "n_layer")}
    sizes |= {key: given[key] for key in (*DEFAULTS, *DEFAULTS_SSM)}
    check_numbers(sizes, where, whole=sizes.keys() - {"norm_epsilon"}, real=["norm_epsilon"])
    check_rows(tokens.vocabulary, where, sizes["vocab_size"])
    rank = ssm.get("dt_rank", "auto")
    if rank == "auto":
        rank = math.ceil(sizes["d_model"] / 16)
    check_numbers({"dt_rank": rank}, where, whole=["dt_rank"])
    return CaduceusConfig(
        **sizes,
        rcps=bool(published.get("rcps", False)),
        complement=complement(tokens),
        fused_add_norm=bool(published.get("fused_add_norm", True)),
        dt_rank=rank,
    )


def _card(name: str, parameters: int, hub: str, revision: str, max_tokens: int) -> EncoderCard:
    _, width, _ = SIZES[name]
    plant = name.startswith("plant")
    return EncoderCard(
        name=name,
        family="caduceus",
        kind="network",
        load=load,
        tokens="base",
        hidden_size=width,
        parameters=parameters,
        max_tokens=max_tokens,
        max_bases=max_tokens if plant else max_tokens - 1,
        poolings=POOLED,
        trained_on="16 angiosperm genomes" if plant else "human reference genome (hg38)",
        # The pages of the two small ones name none.
        licence=(
            "not stated on the hub (code: Apache-2.0)" if max_tokens == 1024 else "Apache-2.0"
        ),
        source=f"https://huggingface.co/kuleshov-group/{hub}",
        citation=(
            "Zhai et al. 2025, PlantCaduceus, PNAS 122"
            if plant
            else "Schiff et al. 2024, Caduceus, ICML 41"
        ),
        hub=f"kuleshov-group/{hub}",
        revision=revision,
    )


CARDS = (
    _card(
        "caduceus-ph-1k",
        470_702,
        "caduceus-ph_seqlen-1k_d_model-118_n_layer-4_lr-8e-3",
        "main",
        1024,
    ),
    _card(
        "caduceus-ph-131k",
        7_725_312,
        "caduceus-ph_seqlen-131k_d_model-256_n_layer-16",
        "7a8d4334107817a9342863ec9410d3e64ed7a5b8",
        131_072,
    ),
    _card(
        "caduceus-ps-1k",
        470_702,
        "caduceus-ps_seqlen-1k_d_model-118_n_layer-4_lr-8e-3",
        "main",
        1024,
    ),
    _card(
        "caduceus-ps-131k",
        7_725_312,
        "caduceus-ps_seqlen-131k_d_model-256_n_layer-16",
        "0cc1c877498ced831c93299f3e16f7ed7ad9c846",
        131_072,
    ),
    _card(
        "plantcaduceus-l20",
        20_870_016,
        "PlantCaduceus_l20",
        "5aa171ca1b8f41ee561474fb5683346bce81a307",
        512,
    ),
    _card(
        "plantcaduceus-l24",
        43_614_720,
        "PlantCaduceus_l24",
        "208dd6155cc4668d21010d3de857342bf272d62d",
        512,
    ),
    _card("plantcaduceus-l28", 112_107_264, "PlantCaduceus_l28", "main", 512),
    _card(
        "plantcaduceus-l32",
        225_354_752,
        "PlantCaduceus_l32",
        "f3a7ed035ccd142c58defd5a6759d827deb93ffc",
        512,
    ),
)
