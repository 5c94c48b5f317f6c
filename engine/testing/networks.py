"""What every network that is an encoder owes: hidden states that depend on the sequence alone."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from engine.encoders import Encoder
from engine.encoders.networks.stock import Stock
from engine.testing.rounding import (
    CLOSE,
    CLOSE_IN_FLOAT64,
    NO_FLOAT64,
    assert_close,
    in_float64,
    rounding,
)

SEQUENCES = [
    "ACGTACGTTGCAAGCTTGCATGCCTGCAGGTCGACTCTAGAGGATCCCCGGGTACCGAGC",
    "TTGACA",
    "GGGCGGCGACCTCGCGGGTTTTCGCTATTNATGAAAATTTTCC",
    "CCACACCACACCCACACACCCACACACCACACCACACACCACACACCACACCCACACACACACATCCTAACA",
]


def on(encoder: Encoder, device: str) -> Encoder:
    """The encoder on a device; a copy, where it has to move."""
    return encoder if encoder.device.type == device else copied(encoder, device)


def copied(encoder: Encoder, device: str = "cpu") -> Encoder:
    """A copy of an encoder, to be changed."""
    return dataclasses.replace(encoder, network=copy.deepcopy(encoder.network).to(device))


def tokenized(encoder: Encoder, sequences: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask of sequences where the network stands."""
    tokens = encoder.tokenize(sequences)
    return tokens.input_ids.to(encoder.device), tokens.attention_mask.to(encoder.device)


def states(encoder: Encoder, sequences: Sequence[str]) -> list[Tensor]:
    """Hidden states of the tokens of each sequence, run as one batch."""
    ids, mask = tokenized(encoder, sequences)
    with torch.no_grad():
        hidden = encoder(ids, mask)
    return [row[kept.bool()] for row, kept in zip(hidden, mask, strict=True)]


def state_tolerance(encoder: Encoder) -> float:
    """For `assert_close` of states: steps of float32, or what rounding does if that is more."""
    if encoder.name in NO_FLOAT64:
        return CLOSE
    ids, mask = (values.cpu() for values in tokenized(encoder, SEQUENCES))
    return max(CLOSE, rounding(encoder.network, lambda network: network(ids, mask)[mask.bool()]))


def shape_is_batch_tokens_hidden(encoder: Encoder) -> None:
    """Hidden states are (B, T, H) in float32."""
    tokens = encoder.tokenize(SEQUENCES)
    hidden = encoder(tokens.input_ids, tokens.attention_mask)
    assert hidden.shape == (*tokens.input_ids.shape, encoder.hidden_size)
    assert hidden.dtype == torch.float32


def padding_changes_nothing(encoder: Encoder) -> None:
    """A sequence has the same states alone and in a padded batch."""
    together = states(encoder, SEQUENCES)
    tolerance = state_tolerance(encoder)
    for sequence, row in zip(SEQUENCES, together, strict=True):
        assert_close(row, states(encoder, [sequence])[0], tolerance)


def what_stands_in_the_padding_changes_nothing(encoder: Encoder) -> None:
    """Ids where the mask is 0 have no effect."""
    ids, mask = tokenized(encoder, SEQUENCES)
    noise = torch.where(mask.bool(), ids, 5)
    with torch.no_grad():
        clean, noisy = encoder(ids, mask), encoder(noise, mask)
    assert_close(clean[mask.bool()], noisy[mask.bool()])


def order_of_the_batch_changes_nothing(encoder: Encoder) -> None:
    """A batch in another order has the same states."""
    forward, backward = states(encoder, SEQUENCES), states(encoder, SEQUENCES[::-1])
    for left, right in zip(forward, backward[::-1], strict=True):
        assert_close(left, right)


def two_runs_are_equal(encoder: Encoder) -> None:
    """Bit for bit."""
    for left, right in zip(states(encoder, SEQUENCES), states(encoder, SEQUENCES), strict=True):
        assert torch.equal(left, right)


def sequences_differ(encoder: Encoder) -> None:
    """A network that ignored its input would keep all other promises."""
    first, second = states(encoder, ["ACGTAC" * 8, "ACGTAC" * 7 + "GGGCCC"])
    assert (first.mean(0) - second.mean(0)).abs().max() > 1e-3


def order_of_the_bases_matters(encoder: Encoder) -> None:
    """Of the same tokens in another order a network without positions gives the same mean."""
    first, second = states(encoder, ["ACGTAC" + "GATTCC" * 3, "GATTCC" * 3 + "ACGTAC"])
    assert (first.mean(0) - second.mean(0)).abs().max() > 1e-3


def embeddings_in_place_of_ids_give_the_same(encoder: Encoder) -> None:
    """``inputs_embeds`` of the ids."""
    ids, mask = tokenized(encoder, SEQUENCES)
    embeddings = encoder.network.get_input_embeddings()(ids)  # type: ignore[operator]
    with torch.no_grad():
        assert torch.equal(encoder(ids, mask), encoder(ids, mask, embeddings))


def letters_are_read_as_documented(encoder: Encoder) -> None:
    """Lower case as upper case, U as T, other IUPAC letters as N."""
    written = states(encoder, ["acguRYSWKMBDHVNacgtac"])[0]
    assert torch.equal(written, states(encoder, ["ACGTNNNNNNNNNNNACGTAC"])[0])


def shortest_sequences_give_finite_states(encoder: Encoder) -> None:
    """Of none and one base, alone and in a batch."""
    for sequence in ("", "A", "N"):
        for row in (states(encoder, [sequence])[0], states(encoder, [SEQUENCES[0], sequence])[1]):
            assert len(row) >= len(sequence)
            assert torch.isfinite(row).all()


def layers_are_numbered_from_the_embedding_to_the_last_state(encoder: Encoder) -> None:
    """0 is what enters the first layer, -1 what a call gives; every two differ."""
    ids, mask = tokenized(encoder, SEQUENCES)
    numbers = range(encoder.depth + 1)
    with torch.no_grad():
        last = encoder(ids, mask)
        layers = encoder.layer_states(ids, mask, numbers)
        from_the_end = encoder.layer_states(ids, mask, range(-len(numbers), 0))
        again = encoder.layer_states(ids, mask, (0, -1, 0))
    assert encoder.depth >= 1
    assert all(layer.shape == (*ids.shape, encoder.hidden_size) for layer in layers)
    kept = [layer[mask.bool()] for layer in layers]
    assert torch.equal(kept[-1], last[mask.bool()])
    for layer, same in zip(kept, from_the_end, strict=True):
        assert torch.equal(layer, same[mask.bool()])
    for asked, number in zip(again, (0, -1, 0), strict=True):
        assert torch.equal(asked[mask.bool()], kept[number])
    for left in numbers:
        for right in numbers[left + 1 :]:
            assert (kept[left] - kept[right]).abs().max() > 1e-4


def a_layer_that_is_not_there_is_told(encoder: Encoder) -> None:
    """By a ValueError that names the encoder."""
    ids, mask = tokenized(encoder, SEQUENCES[:1])
    for layer in (encoder.depth + 1, -encoder.depth - 2):
        said = ""
        try:
            encoder.layer_states(ids, mask, (0, layer))
        except ValueError as error:
            said = str(error)
        assert said.startswith(f"layer {layer}: '{encoder.name}' has hidden states")


def padding_changes_no_layer(encoder: Encoder) -> None:
    """A sequence has the same states alone and in a padded batch, in every layer."""
    _no_layer_changes(encoder, state_tolerance(encoder))


def padding_changes_no_layer_in_float64(encoder: Encoder) -> None:
    """Where rounding hides nothing that is larger than itself."""
    if encoder.name not in NO_FLOAT64:
        _no_layer_changes(in_float64(encoder), CLOSE_IN_FLOAT64)


def _no_layer_changes(encoder: Encoder, tolerance: float) -> None:
    numbers = range(encoder.depth + 1)
    ids, mask = tokenized(encoder, SEQUENCES)
    with torch.no_grad():
        together = encoder.layer_states(ids, mask, numbers)
        for row, sequence in enumerate(SEQUENCES):
            alone = encoder.layer_states(*tokenized(encoder, [sequence]), numbers)
            for padded, state in zip(together, alone, strict=True):
                assert_close(padded[row][mask[row].bool()], state[0], tolerance)


def fingerprint_names_the_encoder(encoder: Encoder, name: str) -> None:
    """And the encoder is a plain value."""
    assert encoder.fingerprint.startswith(f"{name}:")
    assert isinstance(encoder, Encoder)
    assert dataclasses.is_dataclass(encoder)


class AttentionCalls(TorchFunctionMode):
    """Counts calls of torch's attention."""

    count = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count, and call."""
        self.count += func is torch.nn.functional.scaled_dot_product_attention
        return func(*args, **(kwargs or {}))


def uses_attention(encoder: Encoder) -> bool:
    """Whether a network calls torch's attention."""
    with AttentionCalls() as calls:
        states(encoder, SEQUENCES[:1])
    return bool(calls.count)


def attention_does_not_depend_on_the_kernel(encoder: Encoder) -> None:
    """Fused and written-out attention agree, where there is any."""
    if not uses_attention(encoder):
        return
    default = states(encoder, SEQUENCES)
    with sdpa_kernel(SDPBackend.MATH):
        plain = states(encoder, SEQUENCES)
    for left, right in zip(default, plain, strict=True):
        assert_close(left, right)
    if isinstance(encoder.network, Stock):
        eager = copied(encoder)
        eager.network.model.set_attn_implementation("eager")  # type: ignore[operator, union-attr]
        for left, right in zip(default, states(eager, SEQUENCES), strict=True):
            assert_close(left, right)


def bfloat16_is_close_to_float32(encoder: Encoder) -> None:
    """By the cosine of each token's states."""
    half = copied(encoder, encoder.device.type)
    half.network.to(torch.bfloat16)
    for left, right in zip(states(encoder, SEQUENCES), states(half, SEQUENCES), strict=True):
        assert right.dtype == torch.bfloat16
        assert torch.cosine_similarity(left, right.float(), dim=-1).min() > 0.99


#: Of a network on the CPU.
CLAIMS = (
    shape_is_batch_tokens_hidden,
    what_stands_in_the_padding_changes_nothing,
    order_of_the_batch_changes_nothing,
    sequences_differ,
    order_of_the_bases_matters,
    embeddings_in_place_of_ids_give_the_same,
    letters_are_read_as_documented,
    shortest_sequences_give_finite_states,
    a_layer_that_is_not_there_is_told,
    padding_changes_no_layer_in_float64,
    attention_does_not_depend_on_the_kernel,
)

#: Of a network on any device.
CLAIMS_ON_DEVICES = (
    padding_changes_nothing,
    two_runs_are_equal,
    layers_are_numbered_from_the_embedding_to_the_last_state,
    padding_changes_no_layer,
)
