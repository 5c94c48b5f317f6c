"""What a tiny encoder learns to tell of a window: hidden bases, and the window from its mean state.

The language objective alone (masked or next base) gave networks whose mean-pooled states were no
better than those of random weights on short windows. Hence the mean state must also tell the
window, as in the denoising autoencoders of sentences of Wang et al. 2021 (TSDAE).

All losses are cross-entropies in nats per base or per 6-mer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.base import Encoder, TokenBatch
from engine.encoders.tokenizers.tiny_tokens import KMERS, BaseTokenizer, K, SixMerTokenizer, encode

MASKED = 0.15
POSITIONS_ASKED = 48


class Losses(NamedTuple):
    """Losses of a batch of windows.

    Attributes
    ----------
    language : Tensor, nats per hidden base
    position : Tensor, nats per base told from the mean state and its position
    composition : Tensor, nats per 6-mer told from the mean state
    """

    language: Tensor
    position: Tensor
    composition: Tensor


class MaskedBases(nn.Module):
    """Masked-token modelling (Devlin et al. 2019) of 15 % of the 6-mers.

    Of those, 80 % are shown as ``<mask>``, 10 % as another 6-mer, 10 % as they are. Each of the six
    bases is told on its own, so that 6-mers which share bases are learned together: the genomes
    are too short to learn 4,096 unrelated tokens.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.network
        vocabulary = SixMerTokenizer().vocabulary
        self.mask = vocabulary.index("<mask>")
        self.first = vocabulary.index(KMERS[0])
        self.head = nn.Sequential(
            nn.Linear(encoder.hidden_size, encoder.hidden_size),
            nn.GELU(),
            nn.LayerNorm(encoder.hidden_size),
            nn.Linear(encoder.hidden_size, 4 * K),
        )
        digits = np.stack(np.unravel_index(np.arange(len(KMERS)), (4,) * K), axis=1)
        self.bases_of_kmer = torch.from_numpy(digits)

    def forward(self, tokens: TokenBatch) -> tuple[Tensor, Tensor]:
        """Loss, and the hidden states (B, T, H) of the masked input."""
        kmer = tokens.input_ids - self.first
        asked = (kmer >= 0) & (kmer < len(KMERS)) & (torch.rand(kmer.shape) < MASKED)
        how = torch.rand(kmer.shape)
        other = torch.randint(self.first, self.first + len(KMERS), kmer.shape)
        shown = torch.where(asked & (how < 0.8), self.mask, tokens.input_ids)
        shown = torch.where(asked & (how >= 0.9), other, shown)
        hidden = self.network(shown, tokens.attention_mask)
        logits = self.head(hidden[asked]).view(-1, 4)
        return functional.cross_entropy(logits, self.bases_of_kmer[kmer[asked]].view(-1)), hidden


class NextBase(nn.Module):
    """Causal modelling: from each base, tell the next one."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.network
        self.head = nn.Linear(encoder.hidden_size, len(BaseTokenizer().vocabulary))

    def forward(self, tokens: TokenBatch) -> tuple[Tensor, Tensor]:
        """Loss, and the hidden states (B, T, H)."""
        hidden = self.network(tokens.input_ids, tokens.attention_mask)
        asked = tokens.special_tokens_mask[:, 1:] == 0
        logits = self.head(hidden[:, :-1][asked])
        return functional.cross_entropy(logits, tokens.input_ids[:, 1:][asked]), hidden


class MeanState(nn.Module):
    """From the mean state alone, tell the base at a position, and which 6-mers occur.

    Both are linear in the state, as the probe that will read it, and the state is standardized
    over the batch, as the probe's input is.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.standardize = nn.BatchNorm1d(hidden_size, affine=False, track_running_stats=False)
        self.periods = 2.0 ** torch.linspace(1, 10, 12)
        first, last = nn.Linear(2 * len(self.periods), 256), nn.Linear(256, 4 * hidden_size)
        self.readout = nn.Sequential(first, nn.GELU(), last)
        self.kmers = nn.Linear(hidden_size, len(KMERS))
        # Start at even odds; a random readout of a standardized state is worse than that.
        for linear in (last, self.kmers):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, mean: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of the mean states (B, H) of windows with bases (B, L)."""
        mean = self.standardize(mean)
        place = torch.randint(bases.shape[1], (len(bases), POSITIONS_ASKED))
        angle = 2 * math.pi * place[..., None] / self.periods
        readout = self.readout(torch.cat([angle.sin(), angle.cos()], dim=-1))
        readout = readout.unflatten(-1, (-1, 4))
        logits = torch.einsum("bh,bphc->bpc", mean, readout)
        position = functional.cross_entropy(logits.flatten(0, 1), bases.gather(1, place).flatten())

        powers = 4 ** torch.arange(K - 1, -1, -1)
        kmer = (bases.unfold(1, K, 1) * powers).sum(-1)
        composition = -self.kmers(mean).log_softmax(-1).gather(1, kmer).mean()
        return position, composition


class Objective(nn.Module):
    """All losses of an encoder on windows of one length."""

    def __init__(self, encoder: Encoder, language: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.language = language
        self.mean_state = MeanState(encoder.hidden_size)

    def forward(self, windows: list[str]) -> Losses:
        """Losses on windows of A, C, G, T that all have the same length."""
        tokens = self.encoder.tokenize(windows)
        codes, _ = encode(windows)
        bases = torch.from_numpy(codes.reshape(len(windows), -1)[:, :-1].astype(np.int64))
        language, hidden = self.language(tokens)
        weight = (1 - tokens.special_tokens_mask)[..., None]
        mean = (hidden * weight).sum(1) / weight.sum(1)
        return Losses(language, *self.mean_state(mean, bases))
