"""What an encoder is: its card, its tokens, its hidden states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from engine.basics.files import content_key

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn


#: Poolings that every network has: over the tokens that stand for bases.
POOLED = ("mean", "max", "mean+max", "std", "bins")

#: All poolings of hidden states; ``summary`` takes a summary token.
POOLINGS = (*POOLED, "summary")

#: Poolings with weights of their own, which only methods that train the network have.
LEARNED_POOLINGS = ("attention",)

#: Parts of the pooling ``bins``.
BINS = 8


class TokenBatch(NamedTuple):
    """Tokens of a batch, padded on the right.

    Attributes
    ----------
    input_ids : Tensor, shape (B, T), int64
    attention_mask : Tensor, shape (B, T), int64
        1 where there is a token, 0 where there is padding.
    special_tokens_mask : Tensor, shape (B, T), int64
        1 where the token stands for no base (CLS, SEP, padding ...).
    """

    input_ids: Tensor
    attention_mask: Tensor
    special_tokens_mask: Tensor


class Tokenizer(Protocol):
    """Sequences to tokens; ``fingerprint`` changes whenever the ids could."""

    @property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""


@dataclass(frozen=True, kw_only=True)
class EncoderCard:
    """What is known of an encoder before it is loaded.

    Attributes
    ----------
    name : str
        What a study calls it.
    family : str
        Which file's code it runs on.
    kind : {"network", "features"}
        A network gives hidden states and can be fine-tuned; features are whole-sequence vectors.
    load : callable
        Builds it; see `LoadRequest`.
    tokens : str
        Kind of token, for people ("6-mer", "base").
    hidden_size, parameters : int
        Width of a hidden state (0 where it depends on the task); number of weights.
    max_tokens : int
        Longest input in tokens, special tokens counted; 0 means no limit.
    max_bases : int
        About the same limit in bases; 0 means no limit.
    poolings : tuple of str
        Which poolings make sense for it.
    trained_on, licence, source, citation : str
        Where the weights come from.
    hub, revision : str
        Repository on the model hub and its commit; empty where the weights are shipped.
    requires : str
        Package beyond our own dependencies that its code is in; empty for code written here.
    adaptable : bool
        Whether a network gives gradients, so that it can be fine-tuned.
    """

    name: str
    family: str
    load: Callable[[LoadRequest], Encoder | FeatureEncoder]
    tokens: str
    hidden_size: int
    parameters: int
    max_tokens: int
    max_bases: int
    trained_on: str
    licence: str
    source: str
    citation: str
    kind: Literal["network", "features"] = "network"
    poolings: tuple[str, ...] = POOLINGS
    hub: str = ""
    revision: str = ""
    requires: str = ""
    adaptable: bool = True


@dataclass(frozen=True)
class LoadRequest:
    """How a card is asked to build its encoder.

    Attributes
    ----------
    weights : str
        ``"hub"`` for the published (or shipped) weights, ``"random"``, or a local folder. Another
        checkpoint of the hub, `load_encoder` has made a local folder of.
    seed : int
        Draws random weights.
    max_bases : int
        Longest sequence of the task, for encoders whose width depends on it.
    """

    card: EncoderCard
    weights: str
    seed: int
    max_bases: int


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and a network: sequences in, hidden states and a token mask out.

    Attributes
    ----------
    network : nn.Module
        ``network(input_ids, attention_mask, inputs_embeds=None) -> (B, T, H)``, last hidden state
        after the final norm.
    max_tokens : int
        Longest input in tokens, special tokens counted.
    summary_index : int or None
        Position of the token that summarises the sequence: 0 (CLS), -1 (last token), or none.
    adapter_targets : tuple of str
        Names of the linear layers that adapters take by default (suffixes of module names).
    blocks : str
        Path, in `network`, of the list of its layers. Each takes the hidden state as its first
        argument: (B, T, H), or (attended tokens, H) without padding.
    weights_hash : str
        SHA-256 over names, shapes and values of the state dict.
    settings : str
        SHA-256 of the configuration that came with the weights; empty where a card holds it.
    revision : str
        Commit of the hub that the weights came from; empty where they did not come from there.
    merge_strands : callable or None
        ``merge_strands(state, attention_mask) -> (B, T, H)``, for a network whose layers run over
        more than one strand of each sequence; see `layer_states`.
    """

    name: str
    tokenizer: Tokenizer
    network: nn.Module
    hidden_size: int
    max_tokens: int
    tokens_per_base: float
    summary_index: int | None
    adapter_targets: tuple[str, ...]
    blocks: str
    weights_hash: str
    settings: str = ""
    revision: str = ""
    merge_strands: Callable[[Tensor, Tensor], Tensor] | None = None

    @property
    def fingerprint(self) -> str:
        """Identity of the values that come out: weights, their configuration, limit, tokenizer."""
        rest = content_key(self.settings, self.max_tokens, self.tokenizer.fingerprint)
        return f"{self.name}:{self.weights_hash[:16]}:{rest[:16]}"

    @property
    def device(self) -> torch.device:
        """Where the network stands."""
        return next(self.network.parameters()).device

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize sequences; see `TokenBatch`."""
        return self.tokenizer(sequences)

    def __call__(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network; last hidden state, shape (B, T, H)."""
        hidden: Tensor = self.network(input_ids, attention_mask, inputs_embeds)
        return hidden

    @property
    def depth(self) -> int:
        """Number of layers L; hidden states are numbered 0 to L."""
        return len(self._layers())

    def layer_number(self, layer: int) -> int:
        """Number from 0 to L of a layer that may be counted from the end.

        Raises
        ------
        ValueError
            If there is no such hidden state.
        """
        states = self.depth + 1
        if not -states <= layer < states:
            raise ValueError(
                f"layer {layer}: '{self.name}' has hidden states 0 to {self.depth}, or -1 to "
                f"-{states} from the end"
            )
        return layer % states

    def layer_states(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        layers: Sequence[int],
        inputs_embeds: Tensor | None = None,
    ) -> list[Tensor]:
        """Run the network once and hand back the hidden states of several layers.

        Parameters
        ----------
        input_ids, attention_mask : Tensor, shape (B, T)
        layers : sequence of int
            0 is what enters the first layer, i what comes out of layer i, and L or -1 the last
            hidden state, after the final norm, as of a call of the encoder.
        inputs_embeds : Tensor, shape (B, T, H), optional

        Returns
        -------
        list of Tensor, shape (B, T, H) each
            In the order of ``layers``. Values at padding mean nothing.

        Raises
        ------
        ValueError
            For a layer that is not there.
        """
        wanted = [self.layer_number(layer) for layer in layers]
        blocks = self._layers()
        seen: dict[int, Tensor] = {}

        def watch(number: int) -> Callable[..., None]:
            def keep(_: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
                seen[number] = args[0] if args else named["hidden_states"]

            return keep

        hooks = [
            blocks[number].register_forward_pre_hook(watch(number), with_kwargs=True)
            for number in set(wanted)
            if number < len(blocks)
        ]
        try:
            last = self(input_ids, attention_mask, inputs_embeds)
        finally:
            for hook in hooks:
                hook.remove()
        grids = {number: self._grid(state, attention_mask) for number, state in seen.items()}
        return [grids.get(number, last) for number in wanted]

    def checkpoint_gradients(self) -> None:
        """Keep only each layer's input for the backward pass, and run the layer again there.

        Memory of activations falls to about one layer's, for a third more work (Chen et al. 2016).
        """
        from torch.utils.checkpoint import checkpoint

        for block in self._layers():
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)

    def _layers(self) -> nn.ModuleList:
        found: nn.ModuleList = self.network.get_submodule(self.blocks)  # type: ignore[assignment]
        return found

    def _grid(self, state: Tensor, attention_mask: Tensor) -> Tensor:
        """What a layer takes, as (B, T, H)."""
        if self.merge_strands is not None:
            return self.merge_strands(state, attention_mask)
        if state.dim() == 3:
            return state
        grid = state.new_zeros(*attention_mask.shape, state.shape[-1])
        grid[attention_mask.bool()] = state
        return grid


@dataclass(frozen=True)
class FeatureEncoder:
    """A baseline that turns a whole sequence into one vector, without a network.

    Attributes
    ----------
    fingerprint : str
        Identity of the values that come out.
    features : callable
        ``features(sequences) -> (N, hidden_size)`` float32.
    """

    name: str
    hidden_size: int
    fingerprint: str
    features: Callable[[Sequence[str]], npt.NDArray[np.float32]] = field(repr=False)


def pooled_width(pooling: str, hidden_size: int) -> int:
    """Numbers in a pooled vector of hidden states of H numbers."""
    return hidden_size * {"mean+max": 2, "bins": BINS}.get(pooling, 1)
