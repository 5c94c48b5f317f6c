import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.encoders import Encoder, load_encoder
from engine.encoders.base import POOLINGS
from engine.kinds.classification import KIND as CLASSES
from engine.methods import prompt
from engine.methods.base import InfeasibleError
from engine.methods.lora import attach
from engine.methods.training.adaptation import Adapted
from engine.methods.training.finetune import Training, train
from engine.methods.training.inputs import Inputs
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model
from engine.methods.training.objective import Objective
from engine.methods.training.parameters import trainable, without_gradient
from engine.methods.training.scoring import Scorer
from engine.records import TaskSpec, TrialSpec
from engine.tasks import load_task
from engine.trial import ignore, refit, run_trial

ENCODERS = ("tiny-bert", "tiny-hyena")
PARAMS = {"rank": 4, "alpha": 8.0, "pooling": "mean", "epochs": 2, "batch_size": 16}
ONE_EPOCH = PARAMS | {"epochs": 1}
Spec = Callable[..., TrialSpec]


def encoder_of(name: str, device: str = "cpu") -> Encoder:
    encoder = load_encoder(name, weights="random", device=device)
    assert isinstance(encoder, Encoder)
    return encoder


def training(**changes: float | str) -> Training:
    return replace(Training(2, 16, 1e-2, 1e-2, 0.0, "auroc", 0), **changes)


def adapted(encoder: Encoder, targets: str = "default") -> Adapted:
    return attach(encoder, {"rank": 4, "alpha": 8, "targets": targets}, 1)


def scorer_of(
    encoder: Encoder, pooling: str = "mean", outputs: int = 2, truncate: str = "center"
) -> Scorer:
    model = Model(encoder, pooling, outputs).to(encoder.device)
    return Scorer(model, Ladder(encoder), Objective(CLASSES, outputs), truncate)


@pytest.mark.parametrize("name", ENCODERS)
def test_only_adapters_and_head_are_trained(name: str, spec_of: Spec, device: str) -> None:
    """Frozen weights stay as they are bit for bit; every adapter gets a gradient and moves."""
    torch.manual_seed(0)
    encoder = encoder_of(name, device)
    change = adapted(encoder, "all_linear")
    scorer = scorer_of(encoder)
    model = scorer.model
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    train(scorer, change, load_task(spec_of("lora", PARAMS).task), training(), ignore)
    names = set(trainable(model))
    assert names
    for parameter_name, parameter in model.named_parameters():
        same = torch.equal(parameter, before[parameter_name])
        assert same != (parameter_name in names), parameter_name


def test_adapted_output_starts_equal_and_then_differs() -> None:
    encoder, plain = encoder_of("tiny-bert"), encoder_of("tiny-bert")
    adapted(encoder)
    tokens = encoder.tokenize(["ACGTACGTACGTACGTAC", "TTTTTTGGGGGG"])
    with torch.no_grad():
        expected = plain(tokens.input_ids, tokens.attention_mask)
        torch.testing.assert_close(encoder(tokens.input_ids, tokens.attention_mask), expected)
        for name, parameter in trainable(encoder.network).items():
            if ".lora_B." in name:
                parameter.fill_(0.1)
        moved = encoder(tokens.input_ids, tokens.attention_mask)
    assert (moved - expected).abs().max() > 1e-3


def test_a_layer_that_no_gradient_reaches_is_told() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

    model = Half()
    model.used(torch.ones(1, 2)).sum().backward()
    assert without_gradient(model) == ["unused.weight", "unused.bias"]


@pytest.mark.parametrize("name", ENCODERS)
def test_lora_learns_a_motif(name: str, spec_of: Spec) -> None:
    params = PARAMS | {"epochs": 12, "learning_rate": 1e-2, "head_learning_rate": 1e-2}
    params |= {"targets": "all_linear", "rank": 8}
    result = run_trial(spec_of("lora", params, name))
    assert result.error is None
    assert result.score is not None
    assert result.score > 0.9


def test_same_seed_same_scores_and_another_seed_others(spec_of: Spec) -> None:
    spec = spec_of("lora", ONE_EPOCH)
    first, again = refit(spec), refit(spec)
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, refit(replace(spec, seed=1)).test)


def test_the_global_generator_is_left_as_it_was(spec_of: Spec) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_trial(spec_of("lora", ONE_EPOCH))
    assert torch.equal(torch.rand(3), expected)


def test_weights_of_the_best_epoch_are_kept(spec_of: Spec) -> None:
    """The score handed back is the best of the curve, not the last one."""
    params = PARAMS | {"epochs": 6, "learning_rate": 3e-2}
    result = run_trial(spec_of("lora", params))
    assert result.score == pytest.approx(max(result.curve), abs=1e-12)


def test_a_loss_is_minimised(spec_of: Spec) -> None:
    """The epoch with the lowest log loss is kept, not the one with the highest."""
    params = PARAMS | {"epochs": 3, "learning_rate": 1e-2, "head_learning_rate": 1e-2}
    result = run_trial(spec_of("lora", params, metric="log_loss"))
    assert len(result.curve) > 1
    assert result.score == pytest.approx(min(result.curve), abs=1e-12)


def test_training_stops_when_validation_no_longer_improves(spec_of: Spec) -> None:
    params = PARAMS | {"epochs": 40, "learning_rate": 0.0, "head_learning_rate": 0.0}
    result = run_trial(spec_of("lora", params))
    assert len(result.curve) == 3, "first epoch, and two more of patience"


def test_divergence_is_infeasible_and_says_when(spec_of: Spec) -> None:
    encoder = encoder_of("tiny-bert")
    change = adapted(encoder)
    scorer = scorer_of(encoder)
    with torch.no_grad():
        scorer.model.head.weight.fill_(math.nan)
    task = load_task(spec_of("lora", PARAMS).task)
    with pytest.raises(InfeasibleError, match="diverged in epoch 1"):
        train(scorer, change, task, training(), ignore)


def test_a_gradient_that_is_not_finite_is_told_though_the_loss_is(spec_of: Spec) -> None:
    encoder = encoder_of("tiny-bert")
    change = adapted(encoder)
    scorer = scorer_of(encoder)
    scorer.model.head.weight.register_hook(lambda gradient: gradient * math.inf)
    task = load_task(spec_of("lora", PARAMS).task)
    with pytest.raises(
        InfeasibleError, match=r"norm of its gradient (nan|inf); lower the learning"
    ):
        train(scorer, change, task, training(), ignore)


def test_report_hears_every_epoch(spec_of: Spec) -> None:
    heard: list[tuple[int, float]] = []
    result = run_trial(spec_of("lora", PARAMS), lambda epoch, score: heard.append((epoch, score)))
    assert heard == list(enumerate(result.curve, start=1))


def test_prediction_does_not_depend_on_the_order_of_rows(spec_of: Spec) -> None:
    encoder = encoder_of("tiny-hyena")
    score = scorer_of(encoder, "max")
    split = load_task(spec_of("lora", PARAMS).task).train
    forwards, backwards = score(split.sequences), score(split.sequences[::-1])
    np.testing.assert_allclose(forwards, backwards[::-1], atol=1e-5)
    np.testing.assert_allclose(forwards.sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_can_be_trained(pooling: str, spec_of: Spec) -> None:
    result = run_trial(spec_of("lora", {**ONE_EPOCH, "pooling": pooling, "batch_size": 64}))
    assert result.error is None


@pytest.mark.parametrize("name", ENCODERS)
def test_a_sequence_in_chunks_is_the_mean_of_its_windows(name: str) -> None:
    encoder = encoder_of(name)
    short = replace(encoder, max_tokens=1 + round(12 * encoder.tokens_per_base))
    model = Model(short, "mean", 2).eval()
    long = "AAAACCCCGGGG" + "ACGTTACGTAGG"
    whole = Inputs.of(short, ["AC", long, "GT"], "chunk")
    assert whole.windows.owners.tolist() == [0, 1, 1, 2]
    assert len(whole.tokens) == 3
    parts = Inputs.of(encoder, ["AC", long[:12], long[12:], "GT"], "error")
    seen: list[torch.Tensor] = []
    model.norm.register_forward_hook(lambda _, args, out: seen.append(args[0]))
    with torch.no_grad():
        model(*whole.batch(np.array([2, 1, 0]), torch.device("cpu")))
        model(*parts.batch(np.array([3, 1, 2, 0]), torch.device("cpu")))
    together, (gt, first, second, ac) = seen
    torch.testing.assert_close(together, torch.stack([gt, (first + second) / 2, ac]))


def test_sequences_in_chunks_are_trained_and_predicted(spec_of: Spec) -> None:
    torch.manual_seed(0)
    encoder = encoder_of("tiny-bert")
    short = replace(encoder, max_tokens=4)
    change = adapted(short)
    scorer = scorer_of(short, truncate="chunk")
    task = load_task(spec_of("lora", PARAMS).task)
    assert len(train(scorer, change, task, training(), ignore).curve) == 2
    scores = scorer(task.validation.sequences)
    assert scores.shape == (len(task.validation.labels), 2)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("conjoined", [False, True])
def test_sequences_that_a_prompt_leaves_no_room_for_are_cut_and_counted(
    conjoined: bool, spec_of: Spec
) -> None:
    """All fit into the encoder, but not beside two virtual tokens."""
    task = load_task(spec_of("prompt", PARAMS).task)
    encoder = encoder_of("tiny-bert")
    given = [*task.train.sequences, *task.validation.sequences]
    tokens = encoder.tokenize(given).attention_mask.sum(dim=1)
    exact = replace(encoder, max_tokens=int(tokens.max()))
    assert Inputs.of(exact, given, "center").cut() == 0
    change = prompt.attach(exact, {"virtual_tokens": 2}, 1)
    scorer = replace(scorer_of(change.encoder), conjoined=conjoined)
    loop = training(epochs=1, reverse_complement=conjoined)
    cost = train(scorer, change, task, loop, ignore).cost
    assert cost["cut"] == int((tokens > tokens.max() - 2).sum())
    assert 0 < cost["cut"] < len(given)


def test_checkpointed_gradients_train_the_same_model(spec_of: Spec) -> None:
    plain = run_trial(spec_of("lora", ONE_EPOCH))
    saved = run_trial(spec_of("lora", {**ONE_EPOCH, "gradient_checkpointing": True}))
    assert saved.error is None
    np.testing.assert_allclose(plain.curve, saved.curve, atol=1e-6)


def test_probabilities_stand_in_the_order_of_the_classes(tmp_path: Path) -> None:
    """Three classes, not named in the order of their rows; each has a base that prevails."""
    rng = np.random.default_rng(0)
    base_of = {"zinc": "A", "iron": "C", "lead": "G"}
    rows = ["sequence,label,split"]
    for row in range(90):
        label = ("zinc", "iron", "lead")[row % 3]
        sequence = "".join(rng.choice(list(base_of[label] * 6 + "T"), size=24))
        split = ("train", "validation", "test")[row // 3 % 3]
        rows.append(f"{sequence},{label},{split}")
    (tmp_path / "metals.csv").write_text("\n".join(rows))
    task = load_task(TaskSpec("metals", str(tmp_path / "metals.csv")))
    torch.manual_seed(0)
    encoder = encoder_of("tiny-hyena")
    change = adapted(encoder)
    scorer = scorer_of(encoder, outputs=3, truncate="error")
    rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-2, "metric": "log_loss"}
    loop = training(epochs=6, batch_size=8, **rates)
    train(scorer, change, task, loop, ignore)
    chosen = scorer(task.validation.sequences).argmax(axis=1)
    prevails = [max("ACG", key=sequence.count) for sequence in task.validation.sequences]
    assert [base_of[task.classes[k]] for k in chosen] == prevails


def test_parameters_are_counted(spec_of: Spec) -> None:
    """LoRA on a (out, in) layer adds rank * (in + out); norm 2H and head K * (H + 1)."""
    encoder = encoder_of("tiny-bert")
    rank, hidden, classes = 4, encoder.hidden_size, 2
    layers = [
        m
        for n, m in encoder.network.named_modules()
        if isinstance(m, nn.Linear) and n.split(".")[-1] in encoder.adapter_targets
    ]
    expected = sum(rank * (m.in_features + m.out_features) for m in layers)
    expected += 2 * hidden + classes * (hidden + 1)
    assert run_trial(spec_of("lora", ONE_EPOCH)).trainable_parameters == expected
