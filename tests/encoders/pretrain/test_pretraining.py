"""Windows, objectives and the training loop, on a genome made up here."""

import gzip
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.families.tiny import SIZES
from engine.encoders.pretrain import __main__ as command
from engine.encoders.pretrain.__main__ import RECIPES, build_objective, pretrain, schedule
from engine.encoders.pretrain.genomes import HELD_OUT, Windows, read_genomes
from engine.encoders.pretrain.objectives import MaskedBases, MeanState, NextBase


def write_genome(folder, name, sequence, header=">made up"):
    lines = [header, *(sequence[i : i + 60] for i in range(0, len(sequence), 60))]
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.fa.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def random_genome(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), size=length))


def complement(sequence):
    return "".join(dict(zip("ACGT", "TGCA", strict=True))[base] for base in reversed(sequence))


def test_windows_come_from_both_strands():
    genome = random_genome(500)
    windows = Windows((genome,)).draw(np.random.default_rng(0), 200, 50)
    forward = [window in genome for window in windows]
    backward = [complement(window) in genome for window in windows]
    assert all(f or b for f, b in zip(forward, backward, strict=True))
    assert 70 < sum(forward) < 130


def test_held_out_part_is_not_drawn(tmp_path):
    genome = random_genome(2000)
    write_genome(tmp_path, "one", genome.lower())
    training, held_out = read_genomes(tmp_path)
    assert training.genomes[0] + held_out.genomes[0] == genome
    assert len(held_out.genomes[0]) == round(2000 * HELD_OUT)


def test_genomes_are_drawn_by_the_root_of_their_length():
    windows = Windows(("A" * 9000, "C" * 1000)).draw(np.random.default_rng(0), 4000, 10)
    share = np.mean([window[0] in "CG" for window in windows])
    # sqrt(1) / (sqrt(9) + sqrt(1)) = 1/4; four standard errors of 4,000 draws are 0.027.
    assert abs(share - 0.25) < 0.027


def test_mistakes_in_genomes_are_told(tmp_path):
    with pytest.raises(UserError, match=r"no \*.fa.gz"):
        read_genomes(tmp_path)
    write_genome(tmp_path, "bad", "ACGTN")
    with pytest.raises(UserError, match=r"bad\.fa\.gz: letters N"):
        read_genomes(tmp_path)
    write_genome(tmp_path, "bad", "ACGT\n>second\nACGT")
    with pytest.raises(UserError, match="one record"):
        read_genomes(tmp_path)


def test_masked_bases_asks_15_percent_and_shows_80_percent_of_them_as_mask(monkeypatch):
    encoder = load_encoder("tiny-bert", weights="random")
    objective = MaskedBases(encoder)
    tokens = encoder.tokenize([random_genome(600, seed) for seed in range(60)])
    seen = {}
    network = encoder.network.forward

    def spy(input_ids, attention_mask, inputs_embeds=None):
        seen["ids"] = input_ids
        return network(input_ids, attention_mask, inputs_embeds)

    monkeypatch.setattr(encoder.network, "forward", spy)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss, hidden = objective(tokens)
    kmers = 60 * 100
    masked = int((seen["ids"] == 2).sum())
    changed = int((seen["ids"] != tokens.input_ids).sum())
    # Expected 0.12 and 0.135 of the 6-mers; four standard errors are 0.018.
    assert abs(masked / kmers - 0.15 * 0.8) < 0.018
    assert abs(changed / kmers - 0.15 * 0.9) < 0.018
    assert (seen["ids"][:, 0] == 1).all()
    assert hidden.shape[:2] == tokens.input_ids.shape
    assert torch.isfinite(loss)


def test_next_base_with_an_even_head_costs_the_log_of_the_vocabulary():
    encoder = load_encoder("tiny-hyena", weights="random")
    objective = NextBase(encoder)
    torch.nn.init.zeros_(objective.head.weight)
    torch.nn.init.zeros_(objective.head.bias)
    loss, _ = objective(encoder.tokenize(["ACGTTG", "ACG"]))
    assert loss.item() == pytest.approx(math.log(8), abs=1e-6)


def test_mean_state_starts_at_even_odds():
    torch.manual_seed(0)
    position, composition = MeanState(16)(torch.randn(5, 16), torch.randint(4, (5, 40)))
    assert position.item() == pytest.approx(math.log(4), abs=1e-6)
    assert composition.item() == pytest.approx(math.log(4096), abs=1e-5)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_every_weight_is_trained(name):
    encoder = load_encoder(name, weights="random")
    windows = [random_genome(60, seed) for seed in range(8)]
    objective = build_objective(encoder)
    # The readouts of the mean state start at zero and hide it; a first step opens them.
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        RECIPES[name].total(objective(windows)).backward()
        optimizer.step()
    for parameter_name, parameter in objective.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


def test_schedule_warms_up_and_falls_to_a_tenth():
    assert schedule(0.025) == pytest.approx(0.5)
    assert schedule(0.05) == pytest.approx(1.0)
    assert schedule(1.0) == pytest.approx(0.1)


def test_same_seed_and_steps_give_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "VALIDATION_BATCHES", 1)
    small = replace(RECIPES["tiny-hyena"], bases_per_batch=1200)
    monkeypatch.setitem(RECIPES, "tiny-hyena", small)
    write_genome(tmp_path / "genomes", "one", random_genome(20_000))
    folders = [tmp_path / name for name in ("first", "second", "other")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        pretrain("tiny-hyena", tmp_path / "genomes", folder, seed, steps=2, minutes=0)
    hashes = [load_encoder("tiny-hyena", weights=f / "tiny-hyena").weights_hash for f in folders]
    assert hashes[0] == hashes[1] != hashes[2]
    config = json.loads((folders[0] / "tiny-hyena" / "config.json").read_text())
    assert config["training"]["steps"] == 2
    assert config["training"]["learning_rate"] == RECIPES["tiny-hyena"].learning_rate
