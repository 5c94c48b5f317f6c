"""Caduceus: bidirectional Mamba, and its reverse-complement equivariant form.

Schiff et al. 2024 (Caduceus). Parameters have their published names, without ``submodule`` and with
the in- and out-projections that both directions share standing once, in the mixer.

The equivariant form (PS) is the plain network applied to two strands: the sequence, and its
reverse complement. The strands never mix, so they run here as one batch of twice the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.mamba import SelectiveStateSpace
from engine.encoders.networks.network import Network
from engine.encoders.networks.precision import full_precision


@dataclass(frozen=True)
class CaduceusConfig:
    """Sizes of a `Caduceus`, under their published names.

    Attributes
    ----------
    vocab_size : int
        Tokens, before it is rounded up to a multiple of `pad_vocab_size_multiple`.
    rcps : bool
        Whether it is reverse-complement equivariant (PS).
    complement : tuple of int
        Id of each token's complement, for PS.
    fused_add_norm : bool
        Whether it was trained with the fused norm, which exchanges the strands; see `Caduceus`.
    d_state, d_conv, expand, dt_rank : int
        Of the state space: states of a channel, taps of the convolution, channels per d_model,
        rank of the step size.
    """

    vocab_size: int
    d_model: int
    n_layer: int
    rcps: bool
    complement: tuple[int, ...]
    fused_add_norm: bool
    norm_epsilon: float
    d_state: int
    d_conv: int
    expand: int
    dt_rank: int
    pad_vocab_size_multiple: int


def reversal(attention_mask: Tensor) -> Tensor:
    """Positions that reverse each row within its length and leave padding where it is, (B, T)."""
    place = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    mirrored = attention_mask.sum(dim=1, keepdim=True) - 1 - place
    return torch.where(mirrored >= 0, mirrored, place)


def reverse(x: Tensor, order: Tensor) -> Tensor:
    """Rows of x, shape (B, T, H), in the order of `reversal`."""
    return x.gather(1, order.unsqueeze(-1).expand_as(x))


def merge_strands(state: Tensor, attention_mask: Tensor, exchanged: bool) -> Tensor:
    """Mean of both strands' states of a base, from what a block takes.

    Parameters
    ----------
    state : Tensor, shape (2 B, T, H)
        All first strands, then all second ones, which are reversed.
    attention_mask : Tensor, shape (B, T)
    exchanged : bool
        Whether the strands changed places before the block; see `Caduceus`.

    Returns
    -------
    Tensor, shape (B, T, H)
    """
    first, second = state.chunk(2)
    mean = (first + reverse(second, reversal(attention_mask))) / 2
    # Strands that change places are turned around in their channels too.
    return mean.flip(-1) if exchanged else mean


class BidirectionalMamba(nn.Module):
    """Mamba over a sequence and over its reverse, added; both share their projections."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        inner = config.expand * config.d_model
        sizes = (inner, config.d_state, config.d_conv, config.dt_rank)
        self.in_proj = nn.Linear(config.d_model, 2 * inner, bias=False)
        self.mamba_fwd = SelectiveStateSpace(*sizes)
        self.mamba_rev = SelectiveStateSpace(*sizes)
        self.out_proj = nn.Linear(inner, config.d_model, bias=False)

    def forward(self, hidden: Tensor, order: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states; order (B, T) reverses each row."""
        x, gate = self.in_proj(hidden).chunk(2, dim=-1)
        backward = reverse(self.mamba_rev(reverse(x, order)), order)
        out: Tensor = self.out_proj((self.mamba_fwd(x) + backward) * functional.silu(gate))
        return out


class Block(nn.Module):
    """The mixer on the normalized residual (float32), added to it."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.mixer = BidirectionalMamba(config)
        self.norm = nn.RMSNorm(config.d_model, eps=config.norm_epsilon)

    def forward(self, residual: Tensor, order: Tensor) -> Tensor:
        """Residual (B, T, H), float32, to residual; order (B, T) reverses each row."""
        normed = self.norm(residual.to(self.norm.weight.dtype))
        out: Tensor = residual + self.mixer(normed, order)
        return out


class StrandEmbedding(nn.Module):
    """Both strands' embeddings of a base: of itself, and of its complement with channels reversed.

    Attributes
    ----------
    embedding_dim : int
        Channels of both strands.
    """

    def __init__(self, tokens: int, size: int, complement: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, size)
        self.embedding_dim = 2 * size
        complete = [*complement, *range(len(complement), tokens)]
        self.complement_map: Tensor
        self.register_buffer("complement_map", torch.tensor(complete))

    def forward(self, input_ids: Tensor) -> Tensor:
        """Tokens (B, T) to embeddings (B, T, 2 H)."""
        strand = self.embedding(input_ids)
        other = self.embedding(self.complement_map[input_ids])
        return torch.cat([strand, other.flip(-1)], dim=-1)


class Caduceus(Network):
    """Token embedding, bidirectional Mamba blocks, final norm.

    A row is reversed within its length, so padding on the right is behind all tokens in both
    directions and cannot reach them.

    The published PS networks were trained with a fused norm that takes one strand's half of the
    channels for the other's: before each block the strands change places, and each is turned
    around, in position and in channels. That is part of what the weights mean, and is done here
    where ``fused_add_norm`` is set. Equivariance holds either way.

    Embeddings of PS are those of both strands, (B, T, 2 H); its state of a base is the mean of both
    strands' states (see `strands`).
    """

    table = "embeddings.word_embeddings"

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.config = config
        multiple = config.pad_vocab_size_multiple
        tokens = math.ceil(config.vocab_size / multiple) * multiple
        words: nn.Module = (
            StrandEmbedding(tokens, config.d_model, config.complement)
            if config.rcps
            else nn.Embedding(tokens, config.d_model)
        )
        self.embeddings = nn.ModuleDict({"word_embeddings": words})
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm_f = nn.RMSNorm(config.d_model, eps=config.norm_epsilon)
        self._initialize()

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        if not self.config.rcps:
            return self._run(words, reversal(attention_mask), strands=1)
        # The second strand's channels stand in reverse order.
        forward, backward = self._both(words, attention_mask).chunk(2, dim=-1)
        return (forward + backward.flip(-1)) / 2

    def strands(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """States of both strands of PS, in the published order of channels.

        Returns
        -------
        Tensor, shape (B, T, 2 H)
            State of each base on the given strand, then on the reverse complement, with the
            channels of the latter reversed. The reverse complement of the input gives the same
            values in reverse order of positions and channels.
        """
        return self._both(self.get_input_embeddings()(input_ids), attention_mask)

    def _both(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """States of both strands (B, T, 2 H) of embeddings of both."""
        order = reversal(attention_mask)
        forward, backward = words.chunk(2, dim=-1)
        both = torch.cat([forward, reverse(backward, order).flip(-1)])
        out = self._run(both, torch.cat([order, order]), strands=2)
        forward, backward = out.chunk(2)
        return torch.cat([forward, reverse(backward, order).flip(-1)], dim=-1)

    def _run(self, hidden: Tensor, order: Tensor, strands: int) -> Tensor:
        """Blocks and final norm over a batch of one strand, or of all first and all second."""
        exchange = strands == 2 and self.config.fused_add_norm
        residual = full_precision(hidden)
        for block in self.layers:
            if exchange:
                # All rows of a sequence have its order, so it stays as it is.
                residual = reverse(residual.roll(len(order) // 2, dims=0), order).flip(-1)
            residual = block(residual, order)
        out: Tensor = self.norm_f(residual.to(self.norm_f.weight.dtype))
        return out

    def _initialize(self) -> None:
        """Normal embedding of 0.02; smaller weights where they add to the residual (GPT-2)."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, BidirectionalMamba):
                with torch.no_grad():
                    module.out_proj.weight /= math.sqrt(self.config.n_layer)
