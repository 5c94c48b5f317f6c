"""Short of memory, a trial goes on in smaller parts and comes to the same weights."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook

from engine.encoders import Encoder, load_encoder
from engine.kinds.classification import KIND as CLASSES
from engine.methods.base import InfeasibleError
from engine.methods.lora import attach
from engine.methods.training.adaptation import Adapted
from engine.methods.training.finetune import Training, batch_gradient, train
from engine.methods.training.inputs import Inputs
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model
from engine.methods.training.objective import Objective
from engine.methods.training.parameters import trainable
from engine.methods.training.scoring import Scorer
from engine.records import TaskSpec
from engine.tasks import Task, load_task
from engine.trial import ignore

ENCODERS = ("tiny-bert", "tiny-hyena")
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture(scope="module")
def task(motif_file: Path) -> Task:
    """10 rows to train on: batches of 4, 4 and 2."""
    whole = load_task(TaskSpec("motif", str(motif_file)))
    train, validation = (
        replace(split, sequences=split.sequences[:10], labels=split.labels[:10])
        for split in (whole.train, whole.validation)
    )
    return replace(whole, train=train, validation=validation)


@dataclass
class Memory:
    """Room for so many tokens, padding counted; what ran, as (training, rows, tokens of a row)."""

    training: float = np.inf
    evaluation: float = np.inf
    backward: float = np.inf
    ran: list[tuple[bool, int, int]] = field(default_factory=list)
    failures: int = 0

    def check(self, tokens: int, room: float) -> None:
        if tokens > room:
            self.failures += 1
            raise NO_MEMORY


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[Encoder], Memory]:
    """Memory of an encoder, with as much room as a test then gives it."""

    def of(encoder: Encoder) -> Memory:
        found = Memory()
        forward = type(encoder.network).forward
        last_layer = encoder.network.get_submodule(encoder.blocks)[-1]

        def limited(self: nn.Module, ids: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            training = torch.is_grad_enabled()
            found.check(ids.numel(), found.training if training else found.evaluation)
            found.ran.append((training, *ids.shape))
            return forward(self, ids, *rest)

        def watch(_: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            tokens = args[0][..., 0].numel()
            if args[0].requires_grad:
                args[0].register_hook(lambda _: found.check(tokens, found.backward))

        monkeypatch.setattr(type(encoder.network), "forward", limited)
        # Comes when the last layer's gradients are there already, and the first one's are not.
        last_layer.register_forward_pre_hook(watch)
        return found

    return of


def model_of(name: str, max_tokens: int = 0) -> tuple[Encoder, Model]:
    """An encoder with adapters that do something, and its model."""
    torch.manual_seed(0)
    encoder = load_encoder(name, weights="random")
    assert isinstance(encoder, Encoder)
    encoder = replace(encoder, max_tokens=max_tokens or encoder.max_tokens)
    attach(encoder, {"rank": 4, "alpha": 8}, 1)
    for parameter_name, parameter in trainable(encoder.network).items():
        if ".lora_B." in parameter_name:
            nn.init.normal_(parameter, std=0.02)
    return encoder, Model(encoder, "mean", 2)


def scorer_of(
    encoder: Encoder, model: Model, ladder: Ladder | None = None, truncate: str = "center"
) -> Scorer:
    return Scorer(model, ladder or Ladder(encoder), Objective(CLASSES, 2), truncate)


@dataclass(frozen=True)
class Run:
    curve: tuple[float, ...]
    weights: dict[str, torch.Tensor]
    steps: int


def run(encoder: Encoder, model: Model, task: Task, truncate: str = "center") -> Run:
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    # A small rate: Adam makes whole steps of gradients that are nothing but rounding errors.
    training = Training(2, 4, 1e-4, 1e-4, 0.01, "log_loss", 0)
    scorer = scorer_of(encoder, model, truncate=truncate)
    hook = register_optimizer_step_post_hook(count)
    try:
        curve = train(scorer, Adapted(encoder, silent=(".lora_A.",)), task, training, ignore).curve
    finally:
        hook.remove()
    return Run(curve, {n: p.detach().clone() for n, p in trainable(model).items()}, steps)


def assert_same(given: Run, expected: Run) -> None:
    assert given.steps == expected.steps == 6
    np.testing.assert_allclose(given.curve, expected.curve, atol=1e-6, rtol=0)
    assert given.weights.keys() == expected.weights.keys()
    for name, weights in given.weights.items():
        torch.testing.assert_close(weights, expected.weights[name], atol=1e-6, rtol=0, msg=name)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("tokens", [1, 70, 100])
def test_micro_batches_have_the_loss_and_the_gradient_of_the_batch(
    name: str, tokens: int, task: Task
) -> None:
    """Rows of several lengths, so that micro-batches are of unequal size."""
    encoder, model = model_of(name)
    model.train()
    given = Inputs.of(encoder, task.train.sequences, "error")
    labels = torch.from_numpy(task.train.labels)
    rows = np.arange(7)
    logits = model(*given.batch(rows, encoder.device))
    expected = functional.cross_entropy(logits, labels[rows])
    expected.backward()
    gradients = {n: p.grad.clone() for n, p in trainable(model).items()}
    model.zero_grad()
    scorer = scorer_of(encoder, model, Ladder(encoder, training_tokens=tokens))
    loss = batch_gradient(scorer, given, labels, rows, Adapted(encoder))
    torch.testing.assert_close(loss, expected.detach(), atol=1e-6, rtol=0)
    for parameter_name, parameter in trainable(model).items():
        torch.testing.assert_close(
            parameter.grad, gradients[parameter_name], atol=1e-6, rtol=0, msg=parameter_name
        )


@pytest.fixture(scope="module", params=ENCODERS)
def undisturbed(request: pytest.FixtureRequest, task: Task) -> tuple[str, Run]:
    return request.param, run(*model_of(request.param), task)


def test_short_of_memory_the_same_weights_come_out(
    undisturbed: tuple[str, Run], task: Task, memory: Callable[[Encoder], Memory]
) -> None:
    name, expected = undisturbed
    encoder, model = model_of(name)
    longest = max(Inputs.of(encoder, task.train.sequences, "error").tokens)
    room = memory(encoder)
    room.training = 2 * longest
    assert_same(run(encoder, model, task), expected)
    assert 1 <= room.failures <= 4, "what was found stays for the rest of the trial"
    assert sum(rows for training, rows, _ in room.ran if training) == 2 * len(task.train.labels)


def test_memory_that_ends_backwards_leaves_nothing_of_the_failed_attempt(
    undisturbed: tuple[str, Run], task: Task, memory: Callable[[Encoder], Memory]
) -> None:
    name, expected = undisturbed
    encoder, model = model_of(name)
    room = memory(encoder)
    room.backward = 2 * max(Inputs.of(encoder, task.train.sequences, "error").tokens)
    assert_same(run(encoder, model, task), expected)
    assert room.failures


def test_a_single_row_that_does_not_fit_is_tried_with_checkpointed_gradients(
    undisturbed: tuple[str, Run],
    task: Task,
    memory: Callable[[Encoder], Memory],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, expected = undisturbed
    encoder, model = model_of(name)
    longest = max(Inputs.of(encoder, task.train.sequences, "error").tokens)
    room = memory(encoder)
    room.training = longest - 1
    checkpoint = Encoder.checkpoint_gradients
    wrapped = []

    def saving(self: Encoder) -> None:
        checkpoint(self)
        wrapped.append(self.name)
        room.training = longest

    monkeypatch.setattr(Encoder, "checkpoint_gradients", saving)
    assert_same(run(encoder, model, task), expected)
    assert wrapped == [name], "layers that are wrapped twice run three times"
    assert sum("checkpointed gradients" in record.message for record in caplog.records) == 1


def test_a_single_row_that_does_not_fit_even_so_is_infeasible_in_one_line(
    task: Task, memory: Callable[[Encoder], Memory]
) -> None:
    encoder, model = model_of("tiny-bert")
    memory(encoder).training = 3
    ladder = Ladder(encoder)
    training = Training(2, 4, 1e-3, 1e-3, 0.01, "auroc", 0)
    scorer = scorer_of(encoder, model, ladder)
    with pytest.raises(InfeasibleError, match=r"\d+ tokens alone .* checkpointed") as caught:
        train(scorer, Adapted(encoder), task, training, ignore)
    assert ladder.checkpointing
    assert "\n" not in str(caught.value)


def test_windows_of_a_row_stay_together_in_a_micro_batch(
    task: Task, memory: Callable[[Encoder], Memory]
) -> None:
    expected = run(*model_of("tiny-hyena", max_tokens=12), task, "chunk")
    encoder, model = model_of("tiny-hyena", max_tokens=12)
    given = Inputs.of(encoder, task.train.sequences, "chunk")
    assert len(given.windows.owners) > 2 * len(given.tokens)
    room = memory(encoder)
    room.training = max(given.sizes)
    assert_same(run(encoder, model, task, "chunk"), expected)
    windows = sum(rows for training, rows, _ in room.ran if training)
    assert windows == 2 * len(given.windows.owners)


@pytest.mark.parametrize("name", ENCODERS)
def test_scores_are_the_same_in_smaller_batches(
    name: str, task: Task, memory: Callable[[Encoder], Memory], caplog: pytest.LogCaptureFixture
) -> None:
    encoder, model = model_of(name)
    expected = scorer_of(encoder, model)(task.train.sequences)
    room = memory(encoder)
    room.evaluation = 3 * max(Inputs.of(encoder, task.train.sequences, "error").tokens)
    scorer = scorer_of(encoder, model)
    scores = scorer(task.train.sequences)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert sum(rows for _, rows, _ in room.ran) == len(scores)
    assert [record.message.count("evaluation takes") for record in caplog.records] == [1]
    failures = room.failures
    scorer(task.validation.sequences)
    assert room.failures == failures, "what was found stays for the rest of the trial"


def test_a_row_that_cannot_be_scored_is_infeasible_in_one_line(
    task: Task, memory: Callable[[Encoder], Memory]
) -> None:
    encoder, model = model_of("tiny-bert")
    memory(encoder).evaluation = 3
    with pytest.raises(InfeasibleError, match=r"\d+ tokens alone cannot be scored"):
        scorer_of(encoder, model)(task.validation.sequences)


class ByLength(nn.Module):
    """Long batches train one parameter, short ones another."""

    def __init__(self) -> None:
        super().__init__()
        self.long, self.short = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scale = self.long if ids.shape[1] > 40 else self.short
        return functional.one_hot(ids, 16)[..., 4:8].float() * scale


def test_gradients_are_looked_for_after_all_micro_batches_of_a_step(task: Task) -> None:
    """The first micro-batch leaves a parameter without one, the batch does not."""
    loaded = load_encoder("tiny-hyena", weights="random")
    assert isinstance(loaded, Encoder)
    encoder = replace(loaded, network=ByLength(), hidden_size=4)
    model = Model(encoder, "mean", 2)
    training = Training(1, 1000, 1e-3, 1e-3, 0.0, "auroc", 0)
    with pytest.raises(RuntimeError, match=r"no gradient reaches network\.short"):
        train(scorer_of(encoder, model), Adapted(encoder), task, training, ignore)
    smaller = scorer_of(encoder, model, Ladder(encoder, training_tokens=100))
    train(smaller, Adapted(encoder), task, training, ignore)


@pytest.mark.parametrize("training_tokens", [10**6, 20])
def test_two_runs_with_one_seed_give_the_same_bits(training_tokens: int, task: Task) -> None:
    """Also with dropout, and in micro-batches."""

    def bits() -> tuple[tuple[float, ...], dict[str, torch.Tensor]]:
        torch.manual_seed(7)
        encoder = load_encoder("tiny-bert", weights="random")
        assert isinstance(encoder, Encoder)
        adapted = attach(encoder, {"rank": 4, "alpha": 8, "dropout": 0.2}, 1)
        model = Model(encoder, "mean", 2)
        training = Training(2, 4, 1e-2, 1e-2, 0.01, "log_loss", 3)
        scorer = scorer_of(encoder, model, Ladder(encoder, training_tokens))
        curve = train(scorer, adapted, task, training, ignore).curve
        return curve, {n: p.detach() for n, p in trainable(model).items()}

    (first, weights), (again, others) = bits(), bits()
    assert first == again
    for name, weight in weights.items():
        assert torch.equal(weight, others[name]), name


@pytest.mark.parametrize("name", ENCODERS)
def test_mixed_precision_trains_in_float32_and_scores_without(name: str, task: Task) -> None:
    """On a CPU, told to: weights, gradients, logits in float32, near those of float32."""
    encoder, model = model_of(name)
    assert not model.mixed_precision, "a CPU trains in float32"
    given = Inputs.of(encoder, task.train.sequences, "error")
    labels = torch.from_numpy(task.train.labels)
    rows = np.arange(10)
    seen: list[torch.dtype] = []
    model.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    gradients = []
    losses = []
    scorer = scorer_of(encoder, model)
    exact = scorer(task.validation.sequences)
    for mixed in (False, True):
        model.mixed_precision = mixed
        model.train()
        losses.append(batch_gradient(scorer, given, labels, rows, Adapted(encoder)))
        assert all(p.grad.dtype == torch.float32 for p in trainable(model).values())
        gradients.append(torch.cat([p.grad.flatten() for p in trainable(model).values()]))
        model.zero_grad()
        scores = scorer(task.validation.sequences)
        np.testing.assert_array_equal(scores, exact)
    assert set(seen) == {torch.float32}
    assert losses[0] != losses[1], "bfloat16 was in use"
    torch.testing.assert_close(losses[1], losses[0], atol=0.02, rtol=0)
    assert functional.cosine_similarity(*gradients, dim=0) > 0.99
