"""GENERator: causal Llama networks over 6-mers of eukaryotes or prokaryotes.

Wu et al. 2025 (arXiv:2502.07272); the second generation is of the same sizes. A begin token stands
before the 6-mers, which are cut from the left. A 6-mer with N is the unknown token, and so is what
is left over where a length is no multiple of six: the published rule, by which the authors also
fine-tune. The second generation has one more begin token behind the last 6-mer, as in its authors'
recipe for classification; in the first the last 6-mer is the summary. The vocabulary follows from
a rule, so that random weights have the published one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest, TokenBatch
from engine.encoders.checkpoint import Checkpoint, state_hash
from engine.encoders.stock import check_stock, stock_network
from engine.encoders.tokenizers.published import check_rows, check_words, read_text
from engine.encoders.tokenizers.tiny_tokens import (
    KMERS,
    RULES,
    Ids,
    K,
    all_kmers,
    digest,
    encode,
    kmer_ids,
    kmer_numbers,
    lay_out,
    places,
)

UNKNOWN, BEGIN, PADDING = "<oov>", "<s>", "<pad>"

NAMES = (
    "oov s /s pad mask bog eog bok eok + - cds pseudo tRNA rRNA ncRNA miscRNA mam vrt inv pln "
    "fng prt arc bct mit plt plm vir sp0 sp1 sp2"
)

SPECIAL = tuple(f"<{name}>" for name in NAMES.split())
"""In order of their ids; the 6-mers follow."""

MAX_TOKENS = 16_384

ADAPTER_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def _published(hidden: int, layers: int, mlp: int) -> dict[str, Any]:
    """The keys of config.json that matter; the rest is as Llama has it by default."""
    return {
        "model_type": "llama",
        "vocab_size": 4128,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "intermediate_size": mlp,
        "max_position_embeddings": MAX_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500_000.0,
    }


# As config.json of the first generation; of the second width and depth could be read, which agree.
SIZES = {"1.2b": _published(2048, 26, 5632), "3b": _published(3072, 30, 8448)}


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    name = request.card.name
    given = Checkpoint.of(request, SIZES[name.rpartition("-")[2]])
    check_stock(given, "llama", "intermediate_size")
    words = published_vocabulary()
    if given.folder is not None:
        words = read_vocabulary(given.folder / "vocab.txt")
        check_rows(words, given.folder / "vocab.txt", given.config["vocab_size"])
    network = stock_network(given)
    known = network.model.config
    return Encoder(
        name=name,
        tokenizer=GeneratorTokenizer(words, separator="-v2-" in name),
        network=network,
        hidden_size=known.hidden_size,
        max_tokens=known.max_position_embeddings,
        tokens_per_base=1 / K,
        summary_index=-1,
        adapter_targets=ADAPTER_TARGETS,
        blocks="model.layers",
        weights_hash=state_hash(network),
    )


@dataclass(frozen=True)
class GeneratorTokenizer:
    """6-mers from the left; what is no 6-mer of A, C, G and T is unknown.

    Attributes
    ----------
    vocabulary : tuple of str
        Tokens in order of their ids.
    separator : bool
        Whether a begin token follows the last 6-mer.
    """

    vocabulary: tuple[str, ...]
    separator: bool

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""
        rules = "begin, 6-mers from the left, unknown for any other"
        return digest(rules, RULES, self.vocabulary, self.separator)

    @cached_property
    def _ids(self) -> Ids:
        return kmer_ids(self.vocabulary, K, UNKNOWN)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        codes, lengths = encode(sequences)
        row, place = places(lengths)
        ids = self._ids[kmer_numbers(codes, K)[(place % K == 0) & (place < lengths[row])]]
        begin, padding = map(self.vocabulary.index, (BEGIN, PADDING))
        back = [begin] if self.separator else []
        return lay_out(ids, -(-lengths // K), padding, front=[begin], back=back)


def published_vocabulary() -> tuple[str, ...]:
    """Published tokens in order of their ids."""
    return (*SPECIAL, *all_kmers(K, "ATCG"))


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Tokens of a published ``vocab.txt``, each with its id on a line, in order of their ids.

    Raises
    ------
    UserError
        If the file is missing, a line is not ``TOKEN ID`` with the ids counted up from 0, or a
        6-mer or a special token that is needed is missing, or a token there twice.
    """
    tokens = []
    for number, line in enumerate(read_text(path).splitlines()):
        token, _, identifier = line.rpartition(" ")
        if not token or identifier != str(number):
            raise UserError(f"{path}: line {number + 1} is {line!r}, not 'TOKEN {number}'")
        tokens.append(token)
    check_words(tokens, path, {UNKNOWN, BEGIN, PADDING, *KMERS})
    return tuple(tokens)


def _card(name: str, revision: str) -> EncoderCard:
    kind, _, size = name.removeprefix("generator-").rpartition("-")
    hub = f"GenerTeam/GENERator-{kind}-{size}-base"
    return EncoderCard(
        name=name,
        family="generator",
        load=load,
        tokens="6-mer",
        hidden_size=SIZES[size]["hidden_size"],
        # The files of the first generation hold these and the language-model head, in float32.
        parameters={"1.2b": 1_153_607_680, "3b": 2_985_581_568}[size],
        max_tokens=MAX_TOKENS,
        max_bases=K * (MAX_TOKENS - 1 - ("-v2-" in name)),
        trained_on=TRAINED_ON[kind],
        # Licence and revisions second-hand, from public code that pins these checkpoints.
        licence="MIT",
        source=f"https://huggingface.co/{hub}",
        citation="Wu et al. 2025 (GENERator); arXiv:2502.07272",
        hub=hub,
        revision=revision,
    )


TRAINED_ON = {
    "eukaryote": "eukaryotic genes of RefSeq, 386 billion bases",
    "v2-eukaryote": "eukaryotic genes of RefSeq, 422 billion bases",
    "v2-prokaryote": "prokaryotic genes of RefSeq, 515 billion bases",
}

CARDS = (
    _card("generator-eukaryote-1.2b", "5e872c94264891f9adf59d8ea64e426bb68badb5"),
    _card("generator-eukaryote-3b", "7515b17659f092997335226c3fb6aafd06c0add9"),
    _card("generator-v2-eukaryote-1.2b", "c41b0018da9ee13b9e96ee54647de8da381ccd72"),
    _card("generator-v2-eukaryote-3b", "7dc01bccce5b65e15141170538afdc2ff09d8dde"),
    _card("generator-v2-prokaryote-1.2b", "8b2f768b0d293953518ff91d34600f9322ef1f94"),
    _card("generator-v2-prokaryote-3b", "b18ac86df77359d894d7bc050cea78e2d0713021"),
)
