"""A network that runs behind learned virtual tokens."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.encoders import Encoder
from engine.methods.training.adaptation import Adapted
from engine.methods.training.parameters import train_only

#: Bases from which the first values of a prompt are taken.
BASES = "ACGTTGCATCGA"


class Prompted(nn.Module):
    """A network with P vectors before the embeddings of every sequence.

    Parameters
    ----------
    network : nn.Module
        As an `Encoder` holds it.
    prompt : Tensor, shape (P, E)
    """

    def __init__(self, network: nn.Module, prompt: Tensor) -> None:
        super().__init__()
        self.network = network
        self.prompt = nn.Parameter(prompt)

    def get_input_embeddings(self) -> nn.Module:
        """Module that turns ``input_ids`` into ``inputs_embeds``."""
        table: nn.Module = self.network.get_input_embeddings()  # type: ignore[operator]
        return table

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network; states (B, T, H) of the tokens, without those of the prompt."""
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        rows, length = len(input_ids), len(self.prompt)
        prompt = self.prompt.to(inputs_embeds.dtype).expand(rows, -1, -1)
        hidden: Tensor = self.network(
            # What the ids of a prompt are cannot matter.
            torch.cat([input_ids.new_zeros(rows, length), input_ids], dim=1),
            torch.cat([attention_mask.new_ones(rows, length), attention_mask], dim=1),
            torch.cat([prompt, inputs_embeds], dim=1),
        )
        return hidden[:, length:]


def embedding_width(encoder: Encoder) -> int:
    """Numbers of a token's embedding, which need not be those of a hidden state."""
    with torch.no_grad():
        width: int = _embedded(encoder).shape[-1]
    return width


def _embedded(encoder: Encoder) -> Tensor:
    """Embeddings of the tokens of `BASES`, shape (1, T, E)."""
    ids = encoder.tokenize([BASES]).input_ids.to(encoder.device)
    embedded: Tensor = encoder.network.get_input_embeddings()(ids)  # type: ignore[operator]
    return embedded


def prompted(encoder: Encoder, length: int) -> Adapted:
    """Freeze a network and put it behind a prompt of some virtual tokens.

    Each starts as the embedding of a token drawn at random from those of `BASES`.
    """
    train_only(encoder.network, [])
    with torch.no_grad():
        known = _embedded(encoder)[0].float()
        # Drawn on the CPU, so that a seed means the same on every device.
        prompt = known[torch.randint(len(known), (length,)).to(known.device)].clone()
    wrapped = replace(
        encoder,
        network=Prompted(encoder.network, prompt),
        max_tokens=encoder.max_tokens - length,
        blocks=f"network.{encoder.blocks}",
    )
    return Adapted(wrapped)
