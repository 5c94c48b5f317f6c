"""Causal language models over byte-pair encoded DNA: Mistral-DNA and GenomeOcean.

Mistral-DNA (Mourad) is Mixtral in small: of eight experts a token passes through one. GenomeOcean
(Zhou et al. 2025, bioRxiv 2025.01.30.635558) is Mistral over metagenomes. Both have the tokenizer
of DNABERT-2, with vocabularies of their own: [CLS] before a sequence and [SEP] after it, which is
the summary, for it alone has seen all. Random weights do not come with the published vocabulary:
they use `engine.encoders.tokenizers.published.stand_in`, which cuts DNA into 5-mers.
"""

from __future__ import annotations

from typing import Any

from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, state_hash
from engine.encoders.stock import check_stock, stock_network
from engine.encoders.tokenizers.published import published_bpe

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")

ADAPTER_TARGETS = {
    "mistral": (*ATTENTION, "gate_proj", "up_proj", "down_proj"),
    # The experts of a layer are one tensor, which is no linear layer.
    "mixtral": ATTENTION,
}


COMMON: dict[str, Any] = {
    "vocab_size": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1_000_000.0,
    "sliding_window": None,
}


def _mixtral(size: int, layers: int, tokens: int) -> dict[str, Any]:
    return COMMON | {
        "model_type": "mixtral",
        "hidden_size": size,
        "intermediate_size": size,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "num_local_experts": 8,
        "num_experts_per_tok": 1,
        "max_position_embeddings": tokens,
    }


def _mistral(size: int, layers: int, heads: int, groups: int, mlp: int) -> dict[str, Any]:
    return COMMON | {
        "model_type": "mistral",
        "hidden_size": size,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "max_position_embeddings": 32_768,
    }


SIZES: dict[str, dict[str, Any]] = {
    # 1M: config.json. 17M: the printed network, its 16.8M parameters and 512 tokens. 138M: follows
    # from width 768, 512 tokens and 138.5M parameters, where the other keys are those of 17M.
    "mistral-dna-1m": _mixtral(64, 4, 256),
    "mistral-dna-17m": _mixtral(256, 8, 512),
    "mistral-dna-138m": _mixtral(768, 8, 512),
    # 4B: config.json. 100M and 500M: width, depth and (100M) heads; the width of the MLP follows
    # from the bytes of the published weights. How many heads 500M has could not be read.
    "genomeocean-100m": _mistral(768, 12, 8, 8, 3072),
    "genomeocean-500m": _mistral(1536, 14, 12, 12, 6144),
    "genomeocean-4b": _mistral(3072, 24, 12, 4, 16_384),
}

PARAMETERS = {
    "mistral-dna-1m": 723_520,
    "mistral-dna-17m": 15_749_376,
    "mistral-dna-138m": 135_328_512,
    "genomeocean-100m": 116_411_136,
    "genomeocean-500m": 534_818_304,
    "genomeocean-4b": 4_240_591_872,
}
"""Without the language-model head, which has as many weights as the embedding."""

TRAINED_TOKENS = {"100m": 1024, "500m": 1024, "4b": 10_240}
"""Longest input that GenomeOcean was trained on; positions in config.json go further."""


CITATIONS = {
    "mistral-dna": "Mourad 2024 (Mistral-DNA); https://github.com/raphaelmourad/Mistral-DNA",
    "genomeocean": "Zhou et al. 2025 (GenomeOcean); bioRxiv 2025.01.30.635558",
}
NOT_READ, APACHE = "not read; see the source", "Apache-2.0"
BSD = "BSD-like (Lawrence Berkeley National Laboratory)"
HUMAN = "human reference genome (hg38)"


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    card = request.card
    published = SIZES[_size(card.name)]
    given = Checkpoint.of(request, published)
    check_stock(given, published["model_type"], "intermediate_size")
    tokenizer = published_bpe(given.folder, given.config["vocab_size"], front=False)
    network = stock_network(given)
    known = network.model.config
    return Encoder(
        name=card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=known.hidden_size,
        max_tokens=min(card.max_tokens, known.max_position_embeddings),
        tokens_per_base=0.2,
        summary_index=-1,
        adapter_targets=ADAPTER_TARGETS[published["model_type"]],
        blocks="model.layers",
        weights_hash=state_hash(network),
    )


def _size(name: str) -> str:
    """Name of the size of a card: the one that its own name starts with."""
    return next(size for size in SIZES if name.startswith(size))


def _card(name: str, hub: str, revision: str, trained_on: str, licence: str) -> EncoderCard:
    family, _, scale = _size(name).rpartition("-")
    sizes = SIZES[_size(name)]
    tokens = TRAINED_TOKENS.get(scale, sizes["max_position_embeddings"])
    return EncoderCard(
        name=name,
        family=family,
        load=load,
        tokens="BPE (5-mers if random)",
        hidden_size=sizes["hidden_size"],
        parameters=PARAMETERS[_size(name)],
        max_tokens=tokens,
        max_bases=5 * (tokens - 2),
        trained_on=trained_on,
        licence=licence,
        source=f"https://huggingface.co/{hub}",
        citation=CITATIONS[family],
        hub=hub,
        revision=revision,
    )


def _mourad(
    name: str, hub: str, trained_on: str, revision: str = "main", licence: str = NOT_READ
) -> EncoderCard:
    hub = f"RaphaelMourad/Mistral-DNA-v1-{hub}"
    return _card(name, hub, revision, trained_on, licence)


def _ocean(scale: str, revision: str) -> EncoderCard:
    hub = f"DOEJGI/GenomeOcean-{scale}"
    return _card(f"genomeocean-{scale.lower()}", hub, revision, "assemblies of metagenomes", BSD)


# Licences and revisions of 17M and 138M of hg38 by stored copies of their pages on the hub.
CARDS = (
    _mourad("mistral-dna-1m", "1M-hg38", HUMAN),
    _mourad(
        "mistral-dna-17m", "17M-hg38", HUMAN, "a17c01a92323ef3702f7468de68d2e4e616be5c5", APACHE
    ),
    _mourad(
        "mistral-dna-138m", "138M-hg38", HUMAN, "9ed7b83ae8701094b28799258b32c2da53c731b2", APACHE
    ),
    _mourad("mistral-dna-138m-bacteria", "138M-bacteria", "about 700 bacterial genomes"),
    _mourad("mistral-dna-138m-virus", "138M-virus", "viral genomes of RefSeq"),
    _mourad("mistral-dna-138m-yeast", "138M-yeast", "1,011 genomes of Saccharomyces cerevisiae"),
    # Published as pGenomeOcean; the organisation has moved.
    _ocean("100M", "7e558533874dd3ee11ef229d68a2844a88a0c3e2"),
    _ocean("500M", "0d9f453925aca9c278505cf0103b6b4311092052"),
    _ocean("4B", "2bed2fc3ed47c5f6955ba3e64563512c9b338dfb"),
)
