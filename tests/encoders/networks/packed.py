"""What a network that packs its tokens owes, in float64."""

import copy
import dataclasses
import math

import pytest
import torch

from engine.testing.networks import SEQUENCES, states


def double(encoder):
    """A copy in float64, where rounding hides nothing."""
    return dataclasses.replace(encoder, network=copy.deepcopy(encoder.network).double())


def assert_equal(left, right):
    torch.testing.assert_close(left, right, atol=1e-9, rtol=0)


def each_alone(encoder):
    """Tokens of a mixed batch, and of each of its sequences alone, which has no padding."""
    return encoder.tokenize(SEQUENCES), [encoder.tokenize([sequence]) for sequence in SEQUENCES]


def packed_states_are_those_of_each_sequence_alone(encoder):
    batch, alone = each_alone(encoder)
    with torch.no_grad():
        hidden = encoder(batch.input_ids, batch.attention_mask)
        for row, tokens in zip(hidden, alone, strict=True):
            assert tokens.attention_mask.all()
            expected = encoder(tokens.input_ids, tokens.attention_mask)[0]
            assert_equal(row[: len(expected)], expected)
            assert (row[len(expected) :] == 0).all()


def packed_layer_states_are_those_of_each_sequence_alone(encoder):
    batch, alone = each_alone(encoder)
    layers = range(encoder.depth + 1)
    with torch.no_grad():
        found = encoder.layer_states(batch.input_ids, batch.attention_mask, layers)
        for row, tokens in enumerate(alone):
            expected = encoder.layer_states(tokens.input_ids, tokens.attention_mask, layers)
            for mixed, single in zip(found, expected, strict=True):
                assert mixed.shape == (*batch.input_ids.shape, encoder.hidden_size)
                assert_equal(mixed[row, : single.shape[1]], single[0])


def packed_gradients_are_the_sum_of_those_alone(encoder):
    batch, alone = each_alone(encoder)
    parameters = list(encoder.network.parameters())

    def gradients(tokens):
        loss = encoder(tokens.input_ids, tokens.attention_mask).pow(3).sum()
        return torch.autograd.grad(loss, parameters)

    expected = [sum(parts) for parts in zip(*map(gradients, alone), strict=True)]
    assert all(gradient.isfinite().all() for gradient in expected)
    assert expected[0].abs().max() > 0
    for found, wanted in zip(gradients(batch), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)


def written_out(query, key, value, attn_mask=None):
    """Vaswani et al. 2017, eq. 1, head by head."""
    scores = torch.einsum("bhik,bhjk->bhij", query, key) / math.sqrt(query.shape[-1])
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros(attn_mask.shape).masked_fill(~attn_mask, -torch.inf)
    weights = (scores if attn_mask is None else scores + attn_mask).exp()
    return torch.einsum("bhij,bhjk->bhik", weights / weights.sum(-1, keepdim=True), value)


def fused_attention_is_the_written_out_one(encoder):
    def with_and_without_padding():
        return [*states(encoder, SEQUENCES), *states(encoder, SEQUENCES[:1])]

    found = with_and_without_padding()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.functional.scaled_dot_product_attention", written_out)
        expected = with_and_without_padding()
    for left, right in zip(found, expected, strict=True):
        assert_equal(left, right)


def compiled_is_the_same_for_any_padding(encoder):
    # Graphs are captured, not compiled to code: the contract suite does that, for one batch.
    torch._dynamo.reset()
    network = torch.compile(encoder.network, backend="aot_eager")
    compiled = dataclasses.replace(encoder, network=network)
    for sequences in (SEQUENCES, SEQUENCES[:1], SEQUENCES[1:]):
        for left, right in zip(
            states(compiled, sequences), states(encoder, sequences), strict=True
        ):
            assert_equal(left, right)


PACKED = (
    packed_states_are_those_of_each_sequence_alone,
    packed_layer_states_are_those_of_each_sequence_alone,
    packed_gradients_are_the_sum_of_those_alone,
    fused_attention_is_the_written_out_one,
    pytest.param(compiled_is_the_same_for_any_padding, marks=pytest.mark.slow),
)
"""What a network that packs its tokens owes, in float64."""
