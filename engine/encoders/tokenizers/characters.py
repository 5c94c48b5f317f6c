"""The published character tokenizers: one token per base, in the published ids.

They pad on the left; here padding is on the right, so that a causal network never sees it and a
bidirectional one can be kept from it. Letters are read as in
`engine.encoders.tokenizers.tiny_tokens`: in either case, U as T, the other IUPAC letters as N. (The
published HyenaDNA tokenizer would give all of these, save N, its unknown token.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.encoders.base import TokenBatch
from engine.encoders.tokenizers.tiny_tokens import N_CODE, RULES, digest, encode, lay_out


@dataclass(frozen=True)
class CharacterTokenizer:
    """One token per base and, where there is one, an end token.

    Attributes
    ----------
    vocabulary : tuple of str
        Tokens in the order of their ids; ``[PAD]`` is one of them.
    bases : tuple of str
        The tokens of A, C, G, T and of any ambiguous letter.
    end : str or None
        Token that stands after the last base.
    """

    vocabulary: tuple[str, ...]
    bases: tuple[str, str, str, str, str]
    end: str | None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""
        return digest(RULES, self.vocabulary, self.bases, self.end)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        codes, lengths = encode(sequences)
        ids = np.array([self.vocabulary.index(base) for base in self.bases])
        return lay_out(
            ids[codes[codes <= N_CODE]],
            lengths,
            self.vocabulary.index("[PAD]"),
            back=[self.vocabulary.index(self.end)] if self.end else [],
        )


HUMAN = CharacterTokenizer(
    vocabulary=(
        *("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]"),
        *("A", "C", "G", "T", "N"),
    ),
    bases=("A", "C", "G", "T", "N"),
    end="[SEP]",
)
"""Of HyenaDNA and Caduceus (Nguyen et al. 2023; Schiff et al. 2024)."""

PLANT = CharacterTokenizer(
    vocabulary=("[PAD]", "[MASK]", "[UNK]", "a", "c", "g", "t"),
    bases=("a", "c", "g", "t", "[UNK]"),
    end=None,
)
"""Of PlantCaduceus (Zhai et al. 2025): N is the unknown token and nothing is added."""
