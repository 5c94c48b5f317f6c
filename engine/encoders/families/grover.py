"""GROVER: BERT-base over byte-pair encoded DNA of the human genome.

Sanabria et al. 2024 (Nature Machine Intelligence 6). 600 merges, [CLS] and [SEP], 512 tokens at
most. N is the unknown token, or what the file makes of it. Its authors warn that a sequence's edges
are cut other than within the genome: tokens are only settled some 50 bases in.

Random weights do not come with the published vocabulary: they use `stand_in`.
"""

from __future__ import annotations

from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.families.dnabert import BERT_BASE, bert_encoder, read_bert
from engine.encoders.tokenizers.published import BpeTokenizer, framed, published_bpe

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In order of their ids in the stand-in; the published file has its own."""

PUBLISHED = BERT_BASE | {"vocab_size": 609}

TOKENS_PER_BASE = 0.26
"""512 tokens are 1.9 to 2 thousand bases (others' measurement on the human genome)."""

MAX_BASES = 1_950


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    given, network = read_bert(request, PUBLISHED)
    # The published file has one token more than the network: the empty one.
    tokenizer = (
        published_bpe(given.folder, given.config["vocab_size"], front=True)
        if given.folder
        else stand_in()
    )
    return bert_encoder(request.card.name, tokenizer, network, given.config, TOKENS_PER_BASE)


def stand_in() -> BpeTokenizer:
    """Tokenizer for random weights: merges every pair of bases, then every pair of pairs.

    Not the published one, but made as it is: byte-pair encoding with tokens of one to four bases.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    merges = [(left, right) for left in "ACGT" for right in "ACGT"]
    pairs = [left + right for left, right in merges]
    merges += [(left, right) for left in pairs for right in pairs]
    tokens = [*SPECIAL, *"ACGT", *(left + right for left, right in merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    engine = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    return framed(engine, vocabulary, "stand-in, pairs of pairs of bases")


CARDS = (
    EncoderCard(
        name="grover",
        family="grover",
        load=load,
        tokens="BPE (pairs of pairs if random)",
        hidden_size=PUBLISHED["hidden_size"],
        # Without pooler and head; 87M as published.
        parameters=85_918_464,
        max_tokens=PUBLISHED["max_position_embeddings"],
        max_bases=MAX_BASES,
        trained_on="human reference genome hg19",
        licence="not stated on the hub",
        source="https://huggingface.co/PoetschLab/GROVER",
        citation="Sanabria et al. 2024 (GROVER, Nature Machine Intelligence)",
        hub="PoetschLab/GROVER",
        # As others pin it; the tokenizer was edited after the release.
        revision="6b223110f0d6963e849f55bc2a2f3cff0e38c7a4",
    ),
)
