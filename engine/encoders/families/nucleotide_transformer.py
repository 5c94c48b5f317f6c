"""Nucleotide Transformer v1 and v2, and AgroNT: ESM over 6-mers.

Dalla-Torre et al. 2024 (Nucleotide Transformer, Nature Methods); Mendoza-Revilla et al. 2024
(AgroNT, Communications Biology). A CLS token stands before the 6-mers and no end token after them;
around N and at the tail single bases are tokens. N has a token of its own. The vocabulary follows
from a rule, so that random weights have the published one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, read_sizes, state_hash
from engine.encoders.tokenizers.published import SixMerVocabulary, read_six_mers
from engine.encoders.tokenizers.tiny_tokens import all_kmers

if TYPE_CHECKING:
    from engine.encoders.networks.esm import EsmConfig

BASES = "ATCG"
"""The order of the published vocabulary."""

FIRST = ("<unk>", "<pad>", "<mask>", "<cls>")


def _published(
    hidden: int, layers: int, heads: int, mlp: int, tokens: int, *, second: bool
) -> dict[str, Any]:
    """The keys of config.json that matter, for the first or second generation."""
    config = {
        "vocab_size": 4107 if second else 4105,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": mlp,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 1,
        "max_position_embeddings": tokens + 2,
        "position_embedding_type": "rotary" if second else "absolute",
        "token_dropout": not second,
    }
    return config | {"add_bias_fnn": False} if second else config


PUBLISHED: dict[str, dict[str, Any]] = {
    # From config.json on the hub, or from the paper where that was not at hand (v2 50m and 250m,
    # AgroNT); the sizes of the published checkpoints agree.
    "nt-v2-50m": _published(512, 12, 16, 2048, 2048, second=True),
    "nt-v2-100m": _published(512, 22, 16, 2048, 2048, second=True),
    "nt-v2-250m": _published(768, 24, 16, 3072, 2048, second=True),
    "nt-v2-500m": _published(1024, 29, 16, 4096, 2048, second=True),
    "nt-500m-human-ref": _published(1280, 24, 20, 5120, 1000, second=False),
    "nt-500m-1000g": _published(1280, 24, 20, 5120, 1000, second=False),
    "nt-2.5b-1000g": _published(2560, 32, 20, 10240, 1000, second=False),
    "nt-2.5b-multi-species": _published(2560, 32, 20, 10240, 1000, second=False),
    "agro-nt-1b": _published(1500, 40, 20, 5120, 1024, second=False),
}

IGNORED = ("lm_head.", "contact_head.", "pooler.", "classifier.", "embeddings.position_ids")
"""Published tensors that an encoder does not need: heads, pooler, a buffer."""


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.networks.esm import Esm

    given = Checkpoint.of(request, PUBLISHED[request.card.name])
    sizes = network_config(given.config, given.where)
    tokenizer = _tokenizer(given.folder, sizes.vocab_size)
    network = given.fill(lambda: Esm(sizes), partial(own_name, rotary=sizes.rotary))
    return Encoder(
        name=request.card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=sizes.hidden_size,
        max_tokens=sizes.max_position_embeddings - sizes.first_position,
        tokens_per_base=1 / 6,
        summary_index=0,
        adapter_targets=("query", "key", "value", "dense"),
        blocks="encoder.layer",
        weights_hash=state_hash(network),
    )


def _tokenizer(folder: Path | None, rows: int) -> SixMerVocabulary:
    """Tokenizer of a folder, or the published one, with as many tokens as the network.

    Fewer would be those of the other generation, whose 6-mers have other ids.
    """
    if folder is None:
        return SixMerVocabulary(vocabulary(rows))
    tokenizer = read_six_mers(folder / "vocab.txt")
    if len(tokenizer.vocabulary) != rows:
        raise UserError(
            f"{folder / 'vocab.txt'}: {len(tokenizer.vocabulary)} tokens, but key 'vocab_size' of "
            f"config.json is {rows}; give the vocabulary that was published with the weights"
        )
    return tokenizer


def vocabulary(size: int) -> tuple[str, ...]:
    """Published tokens in order of their ids.

    Parameters
    ----------
    size : int
        4107 for the second generation, which has two more special tokens; 4105 for the first.
    """
    more = ("<eos>", "<bos>") if size == 4107 else ()
    return (*FIRST, *more, *all_kmers(6, BASES), *BASES, "N")


def network_config(published: Mapping[str, Any], where: str) -> EsmConfig:
    """Sizes by the keys of a published ``config.json``.

    The second generation is told by its key ``add_bias_fnn``: its MLP is gated and has no bias.

    Raises
    ------
    UserError
        If a key is missing or has a value that no published model has; ``where`` says whose.
    """
    from engine.encoders.networks.esm import EsmConfig

    sizes = read_sizes(EsmConfig, published, where)
    positions = published.get("position_embedding_type")
    if positions not in ("rotary", "absolute"):
        raise UserError(
            f"{where}: key 'position_embedding_type' is {positions!r}, not 'rotary' or 'absolute'"
        )
    return EsmConfig(
        **sizes,
        rotary=positions == "rotary",
        gated=published.get("add_bias_fnn") is False,
        token_dropout=bool(published.get("token_dropout")),
    )


def own_name(published: str, *, rotary: bool) -> str | None:
    """Name of a published tensor in the network.

    None for those of `IGNORED`, and where positions are rotary for what follows from the sizes
    (``inv_freq``) and for the table of learned positions, which is published but not used.
    """
    name = published.removeprefix("esm.")
    if name.startswith(IGNORED):
        return None
    unused = ("rotary_embeddings.inv_freq", "embeddings.position_embeddings.weight")
    return None if rotary and name.endswith(unused) else name


def _card(name: str, revision: str, parameters: int, trained_on: str) -> EncoderCard:
    tokens = PUBLISHED[name]["max_position_embeddings"] - 2
    hub = f"InstaDeepAI/{name.replace('nt-', 'nucleotide-transformer-')}"
    # The second generation has names that all say so.
    hub += "-multi-species" if name.startswith("nt-v2-") else ""
    agro = name.startswith("agro")
    return EncoderCard(
        name=name,
        family="nucleotide-transformer",
        load=load,
        tokens="6-mer",
        hidden_size=PUBLISHED[name]["hidden_size"],
        parameters=parameters,
        max_tokens=tokens,
        max_bases=6 * (tokens - 1),
        trained_on=trained_on,
        licence="CC-BY-NC-SA-4.0",
        source=f"https://huggingface.co/{hub}",
        citation="Mendoza-Revilla et al. 2024 (AgroNT)" if agro else "Dalla-Torre et al. 2024",
        hub=hub,
        revision=revision,
    )


MANY = "850 genomes of many species, 174 billion bases"
HUMAN = "human reference genome GRCh38"
PLANTS = "genomes of 48 plants, mostly edible"
PEOPLE = "3,202 human genomes of the 1000 Genomes Project"

# Parameters are those of the encoder. A published checkpoint counts its heads too, and in the
# second generation an unused table of positions: 55.9M, 97.9M, 235M and 498M; 486M and 2.5B; 991M.
CARDS = (
    _card("nt-v2-50m", "81b29e5786726d891dbf929404ef20adca5b36f1", 52_484_608, MANY),
    _card("nt-v2-100m", "f34324c6fde36a4f635f0f1f06cac5d25acd6798", 94_468_608, MANY),
    _card("nt-v2-250m", "c0f0359229f36ff6bc3a021247eefe0a9c344bd1", 229_795_584, MANY),
    _card("nt-v2-500m", "8ec6b8c3a7cd7ac89807039c106bb3067506674b", 490_984_448, MANY),
    _card("nt-500m-human-ref", "f6c12b1b79fa6330349ca04ad0a9531b29fd515b", 478_798_080, HUMAN),
    _card("nt-500m-1000g", "main", 478_798_080, PEOPLE),
    _card("nt-2.5b-1000g", "main", 2_530_726_400, PEOPLE),
    _card("nt-2.5b-multi-species", "main", 2_530_726_400, MANY),
    _card("agro-nt-1b", "b0e1ea1f53a2bf5bb29f8eab7a7e553bf06c1ab1", 982_844_300, PLANTS),
)
