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
from engine.encoders.checkpoint import Checkpoint, check_numbers, check_values, state_hash
from engine.encoders.tokenizers.characters import HUMAN, PLANT, CharacterTokenizer
from engine.encoders.tokenizers.published import check_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.encoders.networks.caduceus import CaduceusConfig

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
    from engine.encoders.networks.caduceus import Caduceus, merge_strands

    card = request.card
    given = Checkpoint.of(request, _published(card.name))
    config = _config(given.config, tokenizer(card.name), given.where)
    network = given.fill(lambda: Caduceus(config), own_name)
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
    return PLANT if name.startswith("plant") else HUMAN


def published_config(name: str) -> CaduceusConfig:
    """Configuration of a card as it is published."""
    return _config(_published(name), tokenizer(name), name)


def _published(name: str) -> dict[str, Any]:
    layers, width, rcps = SIZES[name]
    sizes = {"vocab_size": len(tokenizer(name).vocabulary), "n_layer": layers, "d_model": width}
    return REQUIRED | SHARED | sizes | {"rcps": rcps}


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


def _config(published: Mapping[str, Any], tokens: CharacterTokenizer, where: str) -> CaduceusConfig:
    """Configuration of a ``config.json``, checked."""
    from engine.encoders.networks.caduceus import CaduceusConfig

    ssm = published.get("ssm_cfg") or {}
    if not isinstance(ssm, dict):
        raise UserError(f"{where}: key 'ssm_cfg' is {ssm!r}, not an object")
    # What a file leaves out is as it is required.
    check_values({**REQUIRED, **published}, where, REQUIRED)
    check_values({**REQUIRED_SSM, **ssm}, where, REQUIRED_SSM)
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


def _card(name: str, parameters: int, revision: str, max_tokens: int) -> EncoderCard:
    layers, width, _ = SIZES[name]
    plant = name.startswith("plant")
    form, _, size = name.rpartition("-")
    hub = f"{form}_seqlen-{size}_d_model-{width}_n_layer-{layers}"
    hub += "_lr-8e-3" if size == "1k" else ""
    hub = f"kuleshov-group/{f'PlantCaduceus_{size}' if plant else hub}"
    return EncoderCard(
        name=name,
        family="caduceus",
        load=load,
        tokens="base",
        hidden_size=width,
        parameters=parameters,
        max_tokens=max_tokens,
        max_bases=max_tokens if plant else max_tokens - 1,
        poolings=POOLED,
        trained_on="16 angiosperm genomes" if plant else "human reference genome (hg38)",
        # The pages of the two small ones name none.
        licence="not stated on the hub (code: Apache-2.0)" if size == "1k" else "Apache-2.0",
        source=f"https://huggingface.co/{hub}",
        citation=(
            "Zhai et al. 2025, PlantCaduceus, PNAS 122"
            if plant
            else "Schiff et al. 2024, Caduceus, ICML 41"
        ),
        hub=hub,
        revision=revision,
    )


CARDS = (
    _card("caduceus-ph-1k", 470_702, "main", 1024),
    _card("caduceus-ph-131k", 7_725_312, "7a8d4334107817a9342863ec9410d3e64ed7a5b8", 131_072),
    _card("caduceus-ps-1k", 470_702, "main", 1024),
    _card("caduceus-ps-131k", 7_725_312, "0cc1c877498ced831c93299f3e16f7ed7ad9c846", 131_072),
    _card("plantcaduceus-l20", 20_870_016, "5aa171ca1b8f41ee561474fb5683346bce81a307", 512),
    _card("plantcaduceus-l24", 43_614_720, "208dd6155cc4668d21010d3de857342bf272d62d", 512),
    _card("plantcaduceus-l28", 112_107_264, "main", 512),
    _card("plantcaduceus-l32", 225_354_752, "f3a7ed035ccd142c58defd5a6759d827deb93ffc", 512),
)
