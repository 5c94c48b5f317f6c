"""Scores of both strands of a sequence."""

from dataclasses import replace

import numpy as np
import torch

from engine.embedding.windows import reverse_complement
from engine.encoders import Encoder, load_encoder
from engine.kinds.classification import KIND as CLASSES
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model
from engine.methods.training.objective import Objective
from engine.methods.training.scoring import Scorer

SEQUENCES = ["ACGTTGCAAGCTTGCATGCC", "TTGACATATAAT", "GGGCGGCGACC"]


def scorer() -> Scorer:
    torch.manual_seed(0)
    encoder = load_encoder("tiny-hyena", weights="random")
    assert isinstance(encoder, Encoder)
    model = Model(encoder, "mean", 2)
    return Scorer(model, Ladder(encoder), Objective(CLASSES, 2), "error")


def log_odds(scores: np.ndarray) -> np.ndarray:
    return np.log(scores[:, 1]) - np.log(scores[:, 0])


def test_conjoined_logits_are_the_mean_of_both_strands_and_the_same_on_either() -> None:
    plain = scorer()
    conjoined = replace(plain, conjoined=True)
    turned = [reverse_complement(sequence) for sequence in SEQUENCES]
    expected = (log_odds(plain(SEQUENCES)) + log_odds(plain(turned))) / 2
    np.testing.assert_allclose(log_odds(conjoined(SEQUENCES)), expected, atol=1e-6)
    np.testing.assert_allclose(conjoined(SEQUENCES), conjoined(turned), atol=1e-9)
    assert np.abs(plain(SEQUENCES) - plain(turned)).max() > 1e-3


def test_no_sequence_has_no_scores() -> None:
    assert scorer()([]).shape == (0, 2)
