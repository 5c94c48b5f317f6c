"""A network of the transformers library behind the call that every network here has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Stock(nn.Module):
    """A bare model of transformers: hidden states, no head.

    Parameters
    ----------
    model : PreTrainedModel
        One that ``AutoModel`` builds.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def get_input_embeddings(self) -> nn.Module:
        """Module that turns ``input_ids`` into ``inputs_embeds``."""
        table: nn.Module = self.model.get_input_embeddings()
        return table

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network.

        Parameters
        ----------
        input_ids : Tensor, shape (B, T), int64
        attention_mask : Tensor, shape (B, T), int64
            1 where there is a token; padding stands on the right.
        inputs_embeds : Tensor, shape (B, T, H), optional
            Taken in place of the embedding of ``input_ids``.

        Returns
        -------
        Tensor, shape (B, T, H)
            Last hidden state, after the final norm where the network has one.
        """
        out: Tensor
        if inputs_embeds is None:
            out = self.model(
                input_ids=input_ids, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
        else:
            out = self.model(
                inputs_embeds=inputs_embeds, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
        return out
