"""The measurement behind the model cards."""

import numpy as np
import pandas as pd
import pytest
import torch

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.pretrain.evaluate import Split, mean_states, probe_auroc, read_task, table


def split_of(train_labels, test_labels):
    return Split([], [], np.asarray(train_labels), np.asarray(test_labels))


def test_mean_leaves_out_padding_and_special_tokens():
    encoder = load_encoder("tiny-bert", weights="random")
    sequences = ["ACGTAC" * 5, "TTGACA"]
    tokens = encoder.tokenize(sequences)
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    expected = np.stack([hidden[0, 1:6].mean(0).numpy(), hidden[1, 1:2].mean(0).numpy()])
    np.testing.assert_allclose(mean_states(encoder, sequences), expected, atol=1e-5)


def test_probe_is_perfect_on_what_a_line_separates_and_even_on_noise():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    noise = rng.normal(size=(400, 5)).astype(np.float32)
    signal = noise.copy()
    signal[:, 0] += 10 * labels
    split = split_of(labels[:200], labels[200:])
    assert probe_auroc(signal[:200], signal[200:], split) == 1.0
    # Standard error of an AUROC of 0.5 with 100 against 100 is 0.041.
    assert abs(probe_auroc(noise[:200], noise[200:], split) - 0.5) < 0.17


def test_probe_takes_the_classes_that_the_test_set_has():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    x = (np.eye(3)[labels] * 20 + rng.normal(size=(300, 3))).astype(np.float32)
    keep = labels[150:] != 2
    split = split_of(labels[:150], labels[150:][keep])
    assert probe_auroc(x[:150], x[150:][keep], split) == 1.0


def test_table_has_a_line_per_task(tmp_path):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), size=30)) for _ in range(60)]
    rows = {"sequence": sequences, "label": [0, 1] * 30, "split": ["train"] * 40 + ["test"] * 20}
    pd.DataFrame(rows).to_parquet(tmp_path / "mine.parquet")
    lines = table("tiny-hyena", tmp_path, "random", seeds=2, tasks=("mine",)).splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("| mine |")


def test_a_task_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_task(tmp_path / "none.parquet")
