"""What the tiny encoders are trained to tell: masked tokens, or the next base."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.encoders.base import Encoder, TokenBatch

MASKED = 0.15


class MaskedTokens(nn.Module):
    """Masked-token modelling (Devlin et al. 2019): 15 % of the tokens are to be told.

    Of those, 80 % are shown as ``<mask>``, 10 % as another token, 10 % as they are. The head is
    the embedding itself, transposed (tied), after a linear layer, and it is not stored.
    """

    def __init__(self, encoder: Encoder, mask_id: int) -> None:
        super().__init__()
        self.network = encoder.network
        self.mask_id = mask_id
        self.transform = nn.Linear(encoder.hidden_size, encoder.hidden_size)
        self.norm = nn.LayerNorm(encoder.hidden_size)
        self.bias = nn.Parameter(torch.zeros(self.network.embedding.num_embeddings))

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Cross-entropy, nats per masked token."""
        shown = tokens.input_ids.clone()
        asked = (torch.rand(shown.shape) < MASKED) & (tokens.special_tokens_mask == 0)
        how = torch.rand(shown.shape)
        shown[asked & (how < 0.8)] = self.mask_id
        other = asked & (how >= 0.8) & (how < 0.9)
        shown[other] = torch.randint(self.mask_id + 2, len(self.bias), (int(other.sum()),))
        hidden = self.network(shown, tokens.attention_mask)[asked]
        hidden = self.norm(F.gelu(self.transform(hidden)))
        logits = F.linear(hidden, self.network.embedding.weight, self.bias)
        return F.cross_entropy(logits, tokens.input_ids[asked])


class NextToken(nn.Module):
    """Causal modelling: from each token, tell the next one."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.network
        self.head = nn.Linear(encoder.hidden_size, self.network.embedding.num_embeddings)

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Cross-entropy, nats per base."""
        hidden = self.network(tokens.input_ids, tokens.attention_mask)
        asked = (tokens.special_tokens_mask == 0)[:, 1:]
        return F.cross_entropy(self.head(hidden[:, :-1][asked]), tokens.input_ids[:, 1:][asked])
