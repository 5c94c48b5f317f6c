"""What every network owes to training: gradients, adapters, learned prompts, checkpointing."""

import pytest

from engine.encoders import cards
from engine.testing import training
from engine.testing.networks import on
from tests.encoders.contract import every_network

trained = every_network(lambda name: cards()[name].adaptable)


@trained
def test_every_weight_of_a_layer_gets_a_gradient(encoder):
    training.every_weight_of_a_layer_gets_a_gradient(encoder)


@pytest.mark.parametrize("claim", training.CLAIMS_ON_DEVICES, ids=lambda claim: claim.__name__)
@trained
def test_a_network_keeps_on_every_device(encoder, claim, device):
    claim(on(encoder, device))


@pytest.mark.parametrize("method", training.ADAPTERS)
@trained
def test_every_adapter_acts(encoder, method, device):
    training.every_adapter_acts(on(encoder, device), method)
