"""DNABERT-2 and DNABERT-S: MosaicBERT over byte-pair encoded DNA.

Zhou et al. 2024 (DNABERT-2, ICLR) and Zhou et al. 2024 (DNABERT-S). N is the unknown token, one for
each N, since the models were trained on A, C, G and T alone. Random weights do not come with the
published vocabulary: they use `engine.encoders.tokenizers.published.stand_in`, which cuts DNA into
5-mers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, read_sizes, state_hash
from engine.encoders.tokenizers.published import published_bpe

if TYPE_CHECKING:
    from engine.encoders.networks.mosaicbert import MosaicBertConfig

PUBLISHED: dict[str, float] = {
    "vocab_size": 4096,
    "type_vocab_size": 2,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
}
"""The keys of config.json that matter, as published for both models on the hub."""

MAX_TOKENS = 2560
"""ALiBi sets no limit (``max_position_embeddings`` is not used). This one is the longest input of
the published evaluation: sequences of 10,000 bases in GUE+, at the authors' 0.25 tokens a base."""

TOKENS_PER_BASE = 0.25

IGNORED = ("pooler.", "cls.", "classifier.")
"""Published tensors that an encoder does not need: pooler, language-model head, classifier."""


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.networks.mosaicbert import MosaicBert

    given = Checkpoint.of(request, PUBLISHED)
    sizes = network_config(given.config, given.where)
    tokenizer = published_bpe(given.folder, sizes.vocab_size, front=True)
    network = given.fill(lambda: MosaicBert(sizes), own_name)
    return Encoder(
        name=request.card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=sizes.hidden_size,
        max_tokens=MAX_TOKENS,
        tokens_per_base=TOKENS_PER_BASE,
        summary_index=0,
        adapter_targets=("Wqkv", "gated_layers", "wo"),
        blocks="encoder.layer",
        weights_hash=state_hash(network),
    )


def network_config(published: Mapping[str, Any], where: str) -> MosaicBertConfig:
    """Sizes of a published ``config.json``; see `read_sizes`."""
    from engine.encoders.networks.mosaicbert import MosaicBertConfig

    return MosaicBertConfig(**read_sizes(MosaicBertConfig, published, where))


def own_name(published: str) -> str | None:
    """Name of a published tensor in the network; none for those of `IGNORED`."""
    name = published.removeprefix("bert.")
    return None if name.startswith(IGNORED) else name


def _card(name: str, hub: str, revision: str, trained_on: str, citation: str) -> EncoderCard:
    return EncoderCard(
        name=name,
        family="dnabert2",
        load=load,
        tokens="BPE (5-mers if random)",
        hidden_size=768,
        # 117M as published: with pooler, 117,068,544.
        parameters=116_477_952,
        max_tokens=MAX_TOKENS,
        max_bases=10_232,
        trained_on=trained_on,
        licence="Apache-2.0",
        source=f"https://huggingface.co/{hub}",
        citation=citation,
        hub=hub,
        revision=revision,
    )


CARDS = (
    _card(
        "dnabert2",
        "zhihan1996/DNABERT-2-117M",
        "1d020b803b871a976f5f3d5565f0eac8f2c7bb81",
        "135 genomes of many species, 32.5 billion bases",
        "Zhou et al. 2024 (DNABERT-2, ICLR); arXiv:2306.15006",
    ),
    _card(
        "dnabert-s",
        "zhihan1996/DNABERT-S",
        "00e47f96cdea35e4b6f5df89e5419cbe47d490c6",
        "DNABERT-2, then pairs from genomes of viruses, fungi and bacteria by contrast",
        "Zhou et al. 2024 (DNABERT-S); arXiv:2402.08777",
    ),
)
