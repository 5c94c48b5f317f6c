"""A network of the transformers library behind the call that every network here has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

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

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow to a device and a dtype, but for the dtype of buffers that are not saved.

        Such are the frequencies of rotary positions: a rounding of theirs is multiplied by the
        position, and turns far tokens elsewhere.
        """
        kept = [
            (module, name, buffer)
            for module in self.modules()
            for name, buffer in module.named_buffers(recurse=False)
            if name in module._non_persistent_buffers_set and buffer.is_floating_point()
        ]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for module, name, buffer in kept:
            moved = getattr(module, name)
            setattr(module, name, moved if buffer.is_meta else buffer.to(moved.device))
        return self

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """See `engine.encoders.networks.network.Network`."""
        # The library takes one of the two, and asks that the other be left out.
        out: Tensor = self.model(
            input_ids=input_ids if inputs_embeds is None else None,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            use_cache=False,
        ).last_hidden_state
        return out
