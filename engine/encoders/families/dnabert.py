"""DNABERT: BERT-base over overlapping k-mers of the human genome, for k of 3 to 6.

Ji et al. 2021 (Bioinformatics 37). ``[CLS] k-mers [SEP]``, 512 tokens at most. The vocabulary
follows from a rule (`engine.encoders.tokenizers.overlapping`), so that random weights have the
published one. The network is the BERT of the transformers library; `read_bert` and `bert_encoder`
serve the other families that are BERT too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, check_values, state_hash
from engine.encoders.stock import check_stock, stock_network
from engine.encoders.tokenizers.overlapping import OverlappingKmers, published_order, read_kmers

if TYPE_CHECKING:
    from torch import nn

    from engine.encoders.base import Tokenizer
    from engine.encoders.networks.stock import Stock

BERT_BASE: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
"""The keys of config.json that matter, as on the hub; without ``vocab_size``."""

KS = (3, 4, 5, 6)


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    words = published_order(int(request.card.name.removeprefix("dnabert-")))
    given, network = read_bert(request, BERT_BASE | {"vocab_size": len(words)})
    if given.folder is None:
        tokenizer = OverlappingKmers(words)
    else:
        tokenizer = read_kmers(given.folder / "vocab.txt", rows=given.config["vocab_size"])
    return bert_encoder(request.card.name, tokenizer, network, given.config, tokens_per_base=1.0)


def read_bert(request: LoadRequest, published: Mapping[str, Any]) -> tuple[Checkpoint, Stock]:
    """Checkpoint and network of a published BERT, or of its configuration with random weights.

    A ``config.json`` without ``model_type``, as of the time of DNABERT, is that of a BERT.

    Raises
    ------
    UserError
        If it is no BERT, or a causal one, lacks a size, has positions other than learned ones, or
        its tensors do not fit; poolers and heads are not needed.
    """
    given = Checkpoint.of(request, published)
    given = replace(given, config={"model_type": "bert", **given.config})
    check_stock(given, "bert", "intermediate_size", "type_vocab_size")
    # The library no longer reads the key, and would give other positions without a word.
    positions = {"position_embedding_type": "absolute"}
    check_values({**positions, **given.config}, given.where, positions)
    if given.config.get("is_decoder"):
        raise UserError(
            f"{given.where}: key 'is_decoder' makes the network causal, and its [CLS] would see "
            "nothing; set it to false, or load the folder as family: transformers"
        )
    return given, stock_network(given)


def bert_encoder(
    name: str,
    tokenizer: Tokenizer,
    network: nn.Module,
    config: Mapping[str, Any],
    tokens_per_base: float,
    *,
    adapter_targets: tuple[str, ...] = ("query", "key", "value", "dense"),
    blocks: str = "model.encoder.layer",
) -> Encoder:
    """Encoder of a BERT: its summary is [CLS], and adapters go to every linear layer."""
    return Encoder(
        name=name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=config["hidden_size"],
        max_tokens=config["max_position_embeddings"],
        tokens_per_base=tokens_per_base,
        summary_index=0,
        adapter_targets=adapter_targets,
        blocks=blocks,
        weights_hash=state_hash(network),
    )


def _card(k: int, revision: str, parameters: int) -> EncoderCard:
    hub = f"zhihan1996/DNA_bert_{k}"
    tokens = BERT_BASE["max_position_embeddings"]
    return EncoderCard(
        name=f"dnabert-{k}",
        family="dnabert",
        load=load,
        tokens=f"overlapping {k}-mer",
        hidden_size=BERT_BASE["hidden_size"],
        parameters=parameters,
        max_tokens=tokens,
        # Two special tokens; n k-mers span n + k - 1 bases.
        max_bases=tokens - 2 + k - 1,
        trained_on="human reference genome GRCh38",
        licence="Apache-2.0",
        source=f"https://huggingface.co/{hub}",
        citation="Ji et al. 2021 (DNABERT, Bioinformatics)",
        hub=hub,
        revision=revision,
    )


# Parameters are those of the encoder, without pooler and head. Revisions as others cite them, since
# the hub itself could not be read; that of DNABERT-3 is known by its first seven letters only.
CARDS = (
    _card(3, "main", 85_503_744),
    _card(4, "69ad5f186c3f62fb45f1c2cca25baf7a0e48e546", 85_651_200),
    _card(5, "1cb665ccb11eb9076f82937957e3990d60694650", 86_241_024),
    _card(6, "55e0c0eb7b734c8b9b77bc083bf89eb6fbda1341", 88_600_320),
)
