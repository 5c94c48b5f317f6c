"""GENERator: causal Llama networks over 6-mers of eukaryotes or prokaryotes.

Wu et al. 2025 (arXiv:2502.07272); the second generation is of the same sizes. A begin token stands
before the 6-mers, which are cut from the left. A 6-mer with N is the unknown token, and so is what
is left over where a length is no multiple of six: the published rule, by which the authors also
fine-tune. The second generation has one more begin token behind the last 6-mer, as in its authors'
recipe for classification; in the first the last 6-mer is the summary. The vocabulary follows from
a rule, so that random weights have the published one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.basics.errors import UserError
from engine.encoders.base import POOLINGS, Encoder, EncoderCard, LoadRequest
from engine.encoders.tokenizers.tiny_tokens import KMERS, N_CODE, RULES, Ids, K, encode

if TYPE_CHECKING:
    from engine.encoders.base import TokenBatch

UNKNOWN, BEGIN, PADDING = "<oov>", "<s>", "<pad>"

NAMES = (
    "oov s /s pad mask bog eog bok eok + - cds pseudo tRNA rRNA ncRNA miscRNA mam vrt inv pln "
    "fng prt arc bct mit plt plm vir sp0 sp1 sp2"
)

SPECIAL = tuple(f"<{name}>" for name in NAMES.split())
"""In order of their ids; the 6-mers follow."""

BASES = "ATCG"
"""The order of the published vocabulary."""

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


NUMBERS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
"""Keys that have to be there: the library would take another model's sizes for them."""

# As config.json of the first generation; of the second width and depth could be read, which agree.
SIZES = {"1.2b": _published(2048, 26, 5632), "3b": _published(3072, 30, 8448)}


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.checkpoint import state_hash
    from engine.encoders.hub import check_numbers, checkpoint_folder, read_config
    from engine.encoders.stock import load_stock, random_stock
    from engine.encoders.tokenizers.published import check_rows

    name = request.card.name
    separator = "-v2-" in name
    if request.weights == "random":
        config = SIZES[name.rpartition("-")[2]]
        tokenizer = GeneratorTokenizer(published_vocabulary(), separator)
        network = random_stock(config, request.seed)
    else:
        folder = checkpoint_folder(request)
        config = read_config(folder)
        if config.get("model_type") != "llama":
            raise UserError(
                f"{folder / 'config.json'}: key 'model_type' is {config.get('model_type')!r}; "
                f"'{name}' is 'llama'"
            )
        check_numbers(config, folder / "config.json", whole=NUMBERS)
        words = read_vocabulary(folder / "vocab.txt")
        check_rows(words, folder / "vocab.txt", config["vocab_size"])
        tokenizer = GeneratorTokenizer(words, separator)
        network = load_stock(folder, config)
    known = network.model.config
    return Encoder(
        name=name,
        tokenizer=tokenizer,
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
        """SHA-256 of the vocabulary and the rules."""
        rules = "begin, 6-mers from the left, unknown for any other"
        text = json.dumps([rules, RULES, self.vocabulary, self.separator])
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _kmers(self) -> Ids:
        """Id of each 6-mer in the order of `tokens.KMERS`."""
        published = {token: index for index, token in enumerate(self.vocabulary)}
        return np.array([published[kmer] for kmer in KMERS])

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch; see `engine.encoders.base.TokenBatch`."""
        import torch

        from engine.encoders.base import TokenBatch

        codes, lengths = encode(sequences)
        row = np.repeat(np.arange(len(lengths)), lengths + 1)
        place = np.arange(codes.size) - (np.cumsum(lengths + 1) - lengths - 1)[row]
        starts = (place % K == 0) & (place < lengths[row])
        # The end mark of a sequence is no base, so that no window over it is a 6-mer.
        padded = np.concatenate([codes, np.full(K, N_CODE, dtype=np.uint8)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, K)[: codes.size][starts]
        known = (windows < N_CODE).all(axis=1)
        number = np.where(known[:, None], windows, 0) @ 4 ** np.arange(K - 1, -1, -1)
        unknown, begin, padding = map(self.vocabulary.index, (UNKNOWN, BEGIN, PADDING))

        counts = -(-lengths // K)
        last = counts + int(self.separator)
        column = np.arange(last.max(initial=0) + 1)
        input_ids = np.full((len(lengths), column.size), padding)
        input_ids[:, 0] = begin
        input_ids[row[starts], place[starts] // K + 1] = np.where(
            known, self._kmers[number], unknown
        )
        if self.separator:
            input_ids[np.arange(len(lengths)), last] = begin
        is_token = column <= last[:, None]
        is_base = (column > 0) & (column <= counts[:, None])
        return TokenBatch(
            torch.from_numpy(input_ids),
            torch.from_numpy(is_token.astype(np.int64)),
            torch.from_numpy((~is_base).astype(np.int64)),
        )


def published_vocabulary() -> tuple[str, ...]:
    """Published tokens in order of their ids."""
    return (*SPECIAL, *("".join(kmer) for kmer in itertools.product(BASES, repeat=K)))


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Tokens of a published ``vocab.txt``, each with its id on a line, in order of their ids.

    Raises
    ------
    UserError
        If the file is missing, a line is not ``TOKEN ID`` with the ids counted up from 0, or a
        6-mer or a special token that is needed is missing.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a folder laid out as the hub")
    tokens = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        token, _, identifier = line.rpartition(" ")
        if not token or identifier != str(number):
            raise UserError(f"{path}: line {number + 1} is {line!r}, not 'TOKEN {number}'")
        tokens.append(token)
    missing = sorted({UNKNOWN, BEGIN, PADDING, *KMERS} - set(tokens))
    if missing:
        raise UserError(f"{path}: no token '{missing[0]}' ({len(missing)} missing)")
    return tuple(tokens)


def _card(name: str, hub: str, revision: str, trained_on: str) -> EncoderCard:
    size = name.rpartition("-")[2]
    return EncoderCard(
        name=name,
        family="generator",
        kind="network",
        load=load,
        tokens="6-mer",
        hidden_size=SIZES[size]["hidden_size"],
        # The files of the first generation hold these and the language-model head, in float32.
        parameters={"1.2b": 1_153_607_680, "3b": 2_985_581_568}[size],
        max_tokens=MAX_TOKENS,
        max_bases=K * (MAX_TOKENS - 1 - ("-v2-" in name)),
        poolings=POOLINGS,
        trained_on=trained_on,
        # Licence and revisions second-hand, from public code that pins these checkpoints.
        licence="MIT",
        source=f"https://huggingface.co/GenerTeam/{hub}",
        citation="Wu et al. 2025 (GENERator); arXiv:2502.07272",
        hub=f"GenerTeam/{hub}",
        revision=revision,
    )


CARDS = (
    _card(
        "generator-eukaryote-1.2b",
        "GENERator-eukaryote-1.2b-base",
        "5e872c94264891f9adf59d8ea64e426bb68badb5",
        "eukaryotic genes of RefSeq, 386 billion bases",
    ),
    _card(
        "generator-eukaryote-3b",
        "GENERator-eukaryote-3b-base",
        "7515b17659f092997335226c3fb6aafd06c0add9",
        "eukaryotic genes of RefSeq, 386 billion bases",
    ),
    _card(
        "generator-v2-eukaryote-1.2b",
        "GENERator-v2-eukaryote-1.2b-base",
        "c41b0018da9ee13b9e96ee54647de8da381ccd72",
        "eukaryotic genes of RefSeq, 422 billion bases",
    ),
    _card(
        "generator-v2-eukaryote-3b",
        "GENERator-v2-eukaryote-3b-base",
        "7dc01bccce5b65e15141170538afdc2ff09d8dde",
        "eukaryotic genes of RefSeq, 422 billion bases",
    ),
    _card(
        "generator-v2-prokaryote-1.2b",
        "GENERator-v2-prokaryote-1.2b-base",
        "8b2f768b0d293953518ff91d34600f9322ef1f94",
        "prokaryotic genes of RefSeq, 515 billion bases",
    ),
    _card(
        "generator-v2-prokaryote-3b",
        "GENERator-v2-prokaryote-3b-base",
        "b18ac86df77359d894d7bc050cea78e2d0713021",
        "prokaryotic genes of RefSeq, 515 billion bases",
    ),
)
