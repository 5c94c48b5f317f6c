"""What every network here has: one call, a module that embeds its tokens, first weights."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """Tokens and their mask in, hidden states out.

    Attributes
    ----------
    table : str
        Path of the module that turns ``input_ids`` into ``inputs_embeds``.
    """

    table = "embedding"

    def get_input_embeddings(self) -> nn.Module:
        """Module that embeds tokens, under the name that PEFT and transformers look for."""
        return self.get_submodule(self.table)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network.

        Parameters
        ----------
        input_ids : Tensor, shape (B, T), int64
        attention_mask : Tensor, shape (B, T), int64
            1 where there is a token; padding stands on the right and never reaches a token.
        inputs_embeds : Tensor, shape (B, T, H), optional
            Taken in place of the embedding of ``input_ids``.

        Returns
        -------
        Tensor, shape (B, T, H)
            Last hidden state, after the final norm where the network has one.

        Raises
        ------
        UserError
            If there are more tokens than learned positions.
        """
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        return self.run(words, attention_mask)

    @abstractmethod
    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings of tokens (B, T, H) to the last hidden state (B, T, H)."""


def draw_weights(module: nn.Module) -> None:
    """Give one layer normal weights of standard deviation 0.02 and no bias (Devlin et al. 2019).

    That is the ``initializer_range`` of the published configurations. For `nn.Module.apply`; layers
    other than linear ones and embeddings keep what torch draws.
    """
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
