"""What every encoder owes, whichever package it came from: its card, its states or its vectors."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from engine.basics.errors import UserError
from engine.encoders import Encoder, EncoderCard, FeatureEncoder, find_card, load_encoder
from engine.testing import networks, training
from engine.testing.check import Check, told
from engine.testing.networks import SEQUENCES


def a_card_says_what_it_is(card: EncoderCard) -> None:
    """What people and other stages read of it."""
    assert card.kind in ("network", "features")
    assert card.poolings
    assert card.tokens
    assert card.licence
    assert card.source


def features_have_one_row_per_sequence(name: str) -> None:
    """Finite ones, in float32."""
    encoder = _features(name, 70)
    values = encoder.features(SEQUENCES)
    assert values.shape == (len(SEQUENCES), encoder.hidden_size)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert encoder.features([]).shape == (0, encoder.hidden_size)


def a_row_of_features_does_not_depend_on_the_others(name: str) -> None:
    """Bit for bit."""
    encoder = _features(name, 70)
    together = encoder.features(SEQUENCES)
    for row, sequence in zip(together, SEQUENCES, strict=True):
        np.testing.assert_array_equal(row, encoder.features([sequence])[0])


def features_read_letters_as_documented(name: str) -> None:
    """Lower case as upper case, U as T, other IUPAC letters as N."""
    encoder = _features(name, 12)
    left, right = encoder.features(["acguRyNACGTA"]), encoder.features(["ACGTNNNACGTA"])
    np.testing.assert_array_equal(left, right)


def features_have_no_weights_to_load(name: str) -> None:
    """A user who gives some is told."""
    for weights in ("random", "some/folder"):
        said = ""
        try:
            load_encoder(name, weights=weights, max_bases=10)
        except UserError as error:
            said = str(error)
        assert f"'{name}'" in said
        assert "no weights" in said


def features_have_a_fingerprint(name: str) -> None:
    """And the encoder is a plain value."""
    encoder = _features(name, 10)
    assert encoder.fingerprint.startswith(f"{name}:")
    assert dataclasses.is_dataclass(encoder)


def _features(name: str, max_bases: int) -> FeatureEncoder:
    encoder = load_encoder(name, max_bases=max_bases)
    assert isinstance(encoder, FeatureEncoder)
    return encoder


#: Of an encoder without a network, by its name.
FEATURES = (
    features_have_one_row_per_sequence,
    a_row_of_features_does_not_depend_on_the_others,
    features_read_letters_as_documented,
    features_have_no_weights_to_load,
    features_have_a_fingerprint,
)


def checks(name: str, weights: str | Path = "random", device: str = "cpu") -> list[Check]:
    """The contract of one registered encoder.

    Parameters
    ----------
    name : str
    weights : {"random", "hub"} or path
        What to load a network with: random weights, or a small folder of its layout.
    device : str
        Where the network goes.

    Returns
    -------
    list of Check
    """
    card = find_card(name)
    found = [told(name, a_card_says_what_it_is, card)]
    if card.kind == "features":
        return found + [told(name, claim, name) for claim in FEATURES]
    encoder = load_encoder(name, weights=weights)
    assert isinstance(encoder, Encoder)
    found.append(told(name, networks.fingerprint_names_the_encoder, encoder, name))
    placed = networks.on(encoder, device)
    found += [told(name, claim, encoder) for claim in networks.CLAIMS]
    claims = (*networks.CLAIMS_ON_DEVICES, networks.bfloat16_is_close_to_float32)
    found += [told(name, claim, placed) for claim in claims]
    if card.adaptable:
        found.append(told(name, training.every_weight_of_a_layer_gets_a_gradient, encoder))
        found += [told(name, claim, placed) for claim in training.CLAIMS_ON_DEVICES]
        for method in training.ADAPTERS:
            act = partial(training.every_adapter_acts, placed, method)
            found.append(Check(f"{name}: the adapter {method} acts", act))
    return found
