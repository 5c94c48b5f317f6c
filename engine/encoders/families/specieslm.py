"""SpeciesLM: BERT-base over single bases next to fungal genes, told the species.

Karollus et al. 2024 (Genome Biology 25:83) for the idea; Tomaz da Silva et al. 2025 (Nature
Genetics) for these networks. ``[CLS] species bases [SEP]``. A card names the species that its
authors give for baker's yeast, which was held out. Another is chosen in a local folder laid out as
the hub: add ``"species": "candida_albicans"`` to its ``config.json``.

They were trained on fixed windows: the 1,000 bases before a gene and its start codon, or the stop
codon and the 297 bases after it. Learned positions mean little where sequences are shorter.

The same code loads what was published beside them: the overlapping 6-mers of Karollus et al.
(``hub:gagneurlab/SpeciesLM@upstream_species_lm`` and ``@downstream_species_lm``). The network of
metazoa has rotary positions and is no BERT of the library: its tensors are refused.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.families.dnabert import BERT_BASE, bert_encoder, read_bert
from engine.encoders.tokenizers.overlapping import (
    SPECIAL,
    OverlappingKmers,
    check_kmers,
    published_order,
)

VOCABULARY_SIZE = 1408
"""Five special tokens, four bases, the genomes, and rows that make it a multiple of 128. Counted
back from the 87,519,872 and 87,126,144 numbers of the two published files."""

POSITIONS = {"specieslm-fungi-upstream-k1": 1024, "specieslm-fungi-downstream-k1": 512}

SPECIES = {
    "specieslm-fungi-upstream-k1": "kazachstania_africana_cbs_2517_gca_000304475",
    "specieslm-fungi-downstream-k1": "candida_glabrata",
}
"""Species that a card names: a near relative of baker's yeast, as in the authors' notebooks."""


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    name = request.card.name
    sizes = {"vocab_size": VOCABULARY_SIZE, "max_position_embeddings": POSITIONS[name]}
    given, network = read_bert(request, BERT_BASE | sizes)
    species = given.config.get("species", SPECIES[name])
    vocabulary = (*published_order(1), species)
    if given.folder is not None:
        vocabulary = read_vocabulary(given.folder)
        check_kmers(vocabulary, f"tokenizer of '{given.folder}'", rows=given.config["vocab_size"])
        check_species(species, vocabulary, given.where)
    tokenizer = OverlappingKmers(vocabulary, ("[CLS]", species))
    return bert_encoder(name, tokenizer, network, given.config, tokens_per_base=1.0)


def read_vocabulary(folder: Path) -> tuple[str, ...]:
    """Tokens of a published BERT tokenizer in order of their ids, those of species among them.

    Species were added to a finished tokenizer, and stand in one of several files by the version of
    transformers that wrote them. (The library's own reader numbers added tokens anew.)

    Raises
    ------
    UserError
        If there is no vocabulary, a file cannot be read, or the ids are not one for each token.
    """
    plain, whole_file = folder / "vocab.txt", folder / "tokenizer.json"
    if not plain.is_file() and not whole_file.is_file():
        raise UserError(f"{folder}: neither vocab.txt nor tokenizer.json; lay it out as the hub")
    try:
        tokens = plain.read_text(encoding="utf-8").split() if plain.is_file() else []
        pairs = {(token, index) for index, token in enumerate(tokens)}
        whole = _read(whole_file)
        pairs |= set(whole.get("model", {}).get("vocab", {}).items())
        pairs |= {(added["content"], added["id"]) for added in whole.get("added_tokens", [])}
        pairs |= set(_read(folder / "added_tokens.json").items())
        decoder = _read(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
        pairs |= {(added["content"], int(index)) for index, added in decoder.items()}
        ids = dict(pairs)
        in_order = sorted(ids, key=ids.__getitem__)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"tokenizer of '{folder}': cannot be read ({error!r})") from None
    if len(ids) < len(pairs) or sorted(ids.values()) != list(range(len(ids))):
        raise UserError(
            f"tokenizer of '{folder}': its files do not give {len(ids)} tokens the ids 0 to "
            f"{len(ids) - 1}, one each"
        )
    return tuple(in_order)


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no file."""
    if not path.is_file():
        return {}
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def check_species(species: object, vocabulary: tuple[str, ...], where: str) -> None:
    """Find that there is a token of a species.

    Raises
    ------
    UserError
        If there is none; tells the nearest ones.
    """
    known = [token for token in vocabulary[len(SPECIAL) :] if set(token) - set("ACGT")]
    if species not in known:
        # There are hundreds, so that not all of them can be told.
        close = get_close_matches(str(species), known, n=3, cutoff=0.4) or known[:3]
        raise UserError(
            f"{where}: species '{species}' has no token; set key 'species' to one of {len(known)}, "
            f"such as {', '.join(close)}"
        )


def _card(name: str, parameters: int, trained_on: str) -> EncoderCard:
    return EncoderCard(
        name=name,
        family="specieslm",
        load=load,
        tokens="species, then bases",
        hidden_size=BERT_BASE["hidden_size"],
        parameters=parameters,
        max_tokens=POSITIONS[name],
        max_bases=POSITIONS[name] - 3,
        trained_on=trained_on,
        licence="MIT",
        source=f"https://huggingface.co/johahi/{name}",
        citation="Karollus et al. 2024 (Genome Biology); Tomaz da Silva et al. 2025",
        hub=f"johahi/{name}",
        # Known by its first seven letters at most (51b1af6).
        revision="main",
    )


# Parameters are those of the encoder, without the head and the numbers of the positions.
CARDS = (
    _card("specieslm-fungi-upstream-k1", 86_925_312, "1,000 bases 5' of genes of 800 fungi"),
    _card("specieslm-fungi-downstream-k1", 86_532_096, "300 bases 3' of genes of 800 fungi"),
)
