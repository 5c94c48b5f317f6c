"""Tokenizers with published vocabularies: byte-pair encoding, and 6-mers by a vocabulary file.

Letters are read as in `engine.encoders.tokenizers.tiny_tokens`, before the vocabulary sees them:
upper case, U as T, the other IUPAC letters as N; anything else is a `UserError`. Published
tokenizers know upper case only, so upper-case A, C, G, T and N give the published ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.basics.errors import UserError
from engine.encoders.base import TokenBatch
from engine.encoders.tokenizers.tiny_tokens import RULES, SixMerTokenizer, all_kmers, digest, encode

if TYPE_CHECKING:
    import tokenizers
    from torch import Tensor


LETTERS = np.frombuffer(b"ACGTN\0", dtype=np.uint8)
"""Letter of each code of `tokens.encode`; the end mark is a zero byte."""

LONGEST_STAND_IN = 5

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""Special tokens of DNABERT-2 and of those that followed it, in order of their ids."""


def plain(sequences: Sequence[str]) -> list[str]:
    """Sequences in the letters A, C, G, T and N.

    Raises
    ------
    UserError
        If a letter is no IUPAC nucleotide.
    """
    codes, _ = encode(sequences)
    return LETTERS[codes].tobytes().decode("ascii").split("\0")[:-1]


@dataclass(frozen=True)
class BpeTokenizer:
    """A tokenizer of the `tokenizers` package; N is what its vocabulary makes of it.

    Attributes
    ----------
    engine : tokenizers.Tokenizer
        Adds its special tokens and pads a batch itself.
    identity : str
        What the vocabulary is, for the fingerprint.
    """

    engine: tokenizers.Tokenizer
    identity: str

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and of how letters are read."""
        return digest(RULES, self.identity)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        import torch

        rows = self.engine.encode_batch(plain(sequences))
        width = len(rows[0].ids) if rows else 0

        def tensor(values: list[list[int]]) -> Tensor:
            return torch.tensor(values, dtype=torch.int64).reshape(len(rows), width)

        return TokenBatch(
            tensor([row.ids for row in rows]),
            tensor([row.attention_mask for row in rows]),
            tensor([row.special_tokens_mask for row in rows]),
        )


def read_bpe(path: Path, padding: str) -> BpeTokenizer:
    """Tokenizer of a published ``tokenizer.json``.

    Parameters
    ----------
    path : Path
    padding : str
        Name of its padding token.

    Raises
    ------
    UserError
        If the file is missing, is no tokenizer file, or has no such token.
    """
    import tokenizers

    text = read_text(path)
    try:
        # Not from_str, whose errors are of no class of their own.
        engine = tokenizers.Tokenizer.from_buffer(text.encode())
    except ValueError as error:
        raise UserError(f"{path}: not a tokenizer file ({error})") from None
    identifier = engine.token_to_id(padding)
    if identifier is None:
        raise UserError(f"{path}: its vocabulary has no token '{padding}'")
    engine.no_truncation()
    # It leaves out merges by chance, for training: a sequence would get other tokens each time.
    if getattr(engine.model, "dropout", None) is not None:
        engine.model.dropout = None
    engine.enable_padding(pad_id=identifier, pad_token=padding)
    return BpeTokenizer(engine, hashlib.sha256(text.encode()).hexdigest())


def published_bpe(folder: Path | None, rows: int, *, front: bool) -> BpeTokenizer:
    """Byte-pair tokenizer of a network: of its folder, or a stand-in where its weights are random.

    Parameters
    ----------
    folder : Path or None
        The padding token of its ``tokenizer.json`` is [PAD].
    rows : int
        Tokens that the network has.
    front : bool
        Whether the network's summary is a token before the sequence, [CLS].

    Raises
    ------
    UserError
        See `read_bpe` and `check_rows`; or if nothing comes before a sequence, though it must.
    """
    if folder is None:
        return stand_in()
    path = folder / "tokenizer.json"
    tokenizer = read_bpe(path, padding="[PAD]")
    check_rows(tokenizer.engine.get_vocab(with_added_tokens=True), path, rows)
    if front and not tokenizer(["ACGT"]).special_tokens_mask[0, 0]:
        raise UserError(
            f"{path}: it adds no token before a sequence, which would be the summary; its key "
            "'post_processor' must put [CLS] there"
        )
    return tokenizer


def read_text(path: Path) -> str:
    """Text of a file of a published tokenizer.

    Raises
    ------
    UserError
        If there is none.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a folder laid out as the hub")
    return path.read_text(encoding="utf-8")


def check_words(vocabulary: Sequence[str], where: object, needed: Iterable[str]) -> None:
    """Find that tokens are in a vocabulary, and none twice.

    Raises
    ------
    UserError
        If one is missing, or there twice; ``where`` says whose.
    """
    missing = sorted(set(needed) - set(vocabulary))
    if missing:
        raise UserError(f"{where}: no token '{missing[0]}' ({len(missing)} missing)")
    if len(set(vocabulary)) < len(vocabulary):
        twice = next(token for token in vocabulary if vocabulary.count(token) > 1)
        raise UserError(f"{where}: token '{twice}' is there twice")


def check_rows(vocabulary: Mapping[str, int] | Sequence[str], where: object, rows: int) -> None:
    """Find that a network has a row for every token that can come out.

    Parameters
    ----------
    vocabulary : mapping, or sequence of str
        Id of each token, or the tokens in order of their ids. The empty one, which no text gives,
        needs no row: some published files have it.
    where : object
        Its file, for messages.
    rows : int
        Tokens that the network has.

    Raises
    ------
    UserError
        If there is none for a token.
    """
    if not isinstance(vocabulary, Mapping):
        vocabulary = {token: index for index, token in enumerate(vocabulary)}
    beyond = [token for token, index in vocabulary.items() if token and index >= rows]
    if beyond:
        raise UserError(
            f"{where}: token '{beyond[0]}' has no row in the network ({len(beyond)} have none), "
            f"which has {rows} by config.json; give the tokenizer that came with the weights"
        )


def stand_in(special: Sequence[str] = SPECIAL) -> BpeTokenizer:
    """Tokenizer for random weights of a network whose published vocabulary is not here.

    Not the published one: cuts each stretch of A, C, G, T from the left into 5-mers, about as long
    as DNABERT-2's tokens, and a shorter k-mer at its end. N is [UNK].

    Parameters
    ----------
    special : sequence of str
        Special tokens in order of their ids; [UNK], [CLS], [SEP] and [PAD] must be among them.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    kmers = (kmer for k in range(1, LONGEST_STAND_IN + 1) for kmer in all_kmers(k))
    vocabulary = {token: index for index, token in enumerate([*special, *kmers])}
    engine = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Split(
        Regex(f"[ACGT]{{1,{LONGEST_STAND_IN}}}|N"), behavior="isolated"
    )
    identity = f"stand-in, {LONGEST_STAND_IN}-mers after {' '.join(special)}"
    return framed(engine, vocabulary, identity)


def framed(
    engine: tokenizers.Tokenizer, vocabulary: Mapping[str, int], identity: str
) -> BpeTokenizer:
    """A tokenizer that has yet to put [CLS] and [SEP] around a sequence, and to pad with [PAD]."""
    from tokenizers import processors

    engine.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    engine.enable_padding(pad_id=vocabulary["[PAD]"], pad_token="[PAD]")
    return BpeTokenizer(engine, identity)


@dataclass(frozen=True)
class SixMerVocabulary:
    """6-mers as `tokens.SixMerTokenizer` cuts them, with the ids of a published vocabulary.

    The fall-back to single bases around N and at the tail is the published one.

    Attributes
    ----------
    vocabulary : tuple of str
        Tokens in order of their ids.
    """

    vocabulary: tuple[str, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""
        return digest(SixMerTokenizer().fingerprint, self.vocabulary)

    @cached_property
    def _ids(self) -> Tensor:
        """Published id of each id of `tokens.SixMerTokenizer`, shape (4105,), int64."""
        import torch

        published = {token: index for index, token in enumerate(self.vocabulary)}
        return torch.tensor([published[token] for token in SixMerTokenizer().vocabulary])

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        batch = SixMerTokenizer()(sequences)
        return batch._replace(input_ids=self._ids[batch.input_ids])


def read_six_mers(path: Path) -> SixMerVocabulary:
    """Tokenizer of a published ``vocab.txt``, one token per line.

    Raises
    ------
    UserError
        If the file is missing, or a 6-mer, a base or a special token is missing or there twice.
    """
    tokens = tuple(read_text(path).split())
    check_words(tokens, path, SixMerTokenizer().vocabulary)
    return SixMerVocabulary(tokens)
