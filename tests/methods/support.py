"""Which fine-tuning method works on which encoder, found by training three steps of each pair."""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from engine.encoders import Encoder, cards, load_encoder
from engine.kinds.classification import KIND as CLASSES
from engine.methods import InfeasibleError, methods
from engine.methods.training.finetune import batch_gradient
from engine.methods.training.inputs import Inputs
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model, head_size
from engine.methods.training.objective import Objective
from engine.methods.training.parameters import trainable, without_gradient
from engine.methods.training.peft_adapters import merge
from engine.methods.training.scoring import Scorer
from engine.testing.networks import SEQUENCES
from engine.testing.rounding import NO_FLOAT64, rounding
from tests.encoders.contract import networks, shipped, small_folders

WORKS, NOT_LOOKED_AT = "works", "not looked at"
SHOWN = {WORKS: "yes", NOT_LOOKED_AT: "-"}
STEPS = 3

#: Around the table in docs/methods.md.
START = "<!-- what works on what: tools/methods_table.py -->"
END = "<!-- end of what works on what -->"

#: Weights whose gradient is zero by construction: one expert a token leaves its router no choice.
WITHOUT_EFFECT = {"mistral-dna-1m": ".mlp.gate."}

#: Options of LoRA that act on other layers, or are methods of their own in the literature.
VARIANTS = {
    "lora, all linear": ("lora", {"targets": "all_linear"}),
    "lora, rslora": ("lora", {"rslora": True}),
    "lora, pissa": ("lora", {"init": "pissa"}),
}


def fine_tuning_methods() -> list[str]:
    """Names of all methods that train the network of any encoder."""
    known = methods().values()
    return [method.name for method in known if method.needs == "network" and not method.encoder]


def columns() -> list[str]:
    """What the table has a column for."""
    return [*fine_tuning_methods(), *VARIANTS]


def rows() -> list[str]:
    """Encoders the table has a row for: one of each network's form, adaptable or not."""
    unable = [
        card.name for card in cards().values() if card.kind == "network" and not card.adaptable
    ]
    able = networks(lambda name: cards()[name].adaptable, variants=False)
    return [*able, *unable[:1]]


def small_encoder(name: str, folder: Path) -> Encoder:
    """A tiny network of an encoder's layout."""
    if shipped(name):
        weights: str | Path = "random"
    else:
        weights = folder / name
        if not weights.exists():
            small_folders()[name](weights)
    encoder = load_encoder(name, weights=weights)
    assert isinstance(encoder, Encoder)
    return encoder


@dataclass
class Case:
    """A model about to be trained, and what is known of it before."""

    model: Model
    scorer: Scorer
    adapted: object
    declared: int


def params_of(encoder: Encoder, column: str) -> tuple[str, dict]:
    """Method and configuration of a column, small enough for the smallest network."""
    method, options = VARIANTS.get(column, (column, {}))
    pooling = "mean" if encoder.summary_index is None else "summary"
    return method, {"pooling": pooling, "rank": 4, "virtual_tokens": 3, **options}


def prepared(encoder: Encoder, column: str) -> Case:
    """The model of an encoder, which is changed in place, and a method."""
    name, params = params_of(encoder, column)
    method, adaptation = methods()[name], methods()[name].adaptation
    assert adaptation is not None
    nowhere = dataclasses.replace(encoder, network=copy.deepcopy(encoder.network).to("meta"))
    declared = adaptation.count(nowhere, params) + head_size(encoder, params["pooling"], 2)
    torch.manual_seed(0)
    adapted = adaptation.attach(encoder, params, STEPS)
    assert adapted.encoder.max_tokens == encoder.max_tokens - method.takes(params)
    model = Model(adapted.encoder, params["pooling"], 2).to(encoder.device)
    scorer = Scorer(model, Ladder(adapted.encoder), Objective(CLASSES, 2), "center")
    return Case(model, scorer, adapted, declared)


def hidden_states(case: Case, given: Inputs) -> torch.Tensor:
    """States of the tokens, without dropout."""
    case.model.eval()
    tokens, _ = given.batch(np.arange(len(given.tokens)), case.model.head.weight.device)
    with torch.no_grad():
        hidden = case.model.network(tokens.input_ids, tokens.attention_mask)
    return hidden[tokens.attention_mask.bool()].cpu()


def kept_states(given: Inputs, network: torch.nn.Module) -> torch.Tensor:
    """States of the tokens, by a network on a CPU."""
    tokens, _ = given.batch(np.arange(len(given.tokens)), torch.device("cpu"))
    with torch.no_grad():
        hidden = network(tokens.input_ids, tokens.attention_mask)
    return hidden[tokens.attention_mask.bool()]


def check(case: Case) -> None:
    """Train three steps: what was declared is trained, and nothing else."""
    model = case.model
    chosen = trainable(model)
    assert sum(p.numel() for p in chosen.values()) == case.declared
    frozen = {n: p.detach().clone() for n, p in model.named_parameters() if n not in chosen}
    buffers = {n: b.detach().clone() for n, b in model.named_buffers()}
    given = Inputs.of(case.scorer.ladder.encoder, SEQUENCES, "center")
    before = hidden_states(case, given)
    targets = torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.AdamW(chosen.values(), lr=0.01)
    reached: set[str] = set()
    for step in range(STEPS):
        model.train()
        batch_gradient(case.scorer, given, targets, np.arange(4), case.adapted)
        if step == 0:
            assert without_gradient(model, case.adapted.silent) == []
        reached |= {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        optimizer.step()
        if case.adapted.allocation:
            case.adapted.allocation.update(step + 1)
        optimizer.zero_grad()
    idle = WITHOUT_EFFECT.get(case.scorer.ladder.encoder.name)
    missed = {name for name in set(chosen) - reached if not (idle and idle in name)}
    assert reached <= set(chosen)
    assert not missed
    for name, parameter in model.named_parameters():
        assert name in chosen or torch.equal(parameter, frozen[name]), name
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, buffers[name]), name
    after = hidden_states(case, given)
    assert torch.isfinite(after).all()
    assert (after - before).abs().max() > 1e-5
    if any(isinstance(module, BaseTunerLayer) for module in model.network.modules()):
        adapted = copy.deepcopy(model.network).double()
        merge(model.network)
        # A merged weight is rounded once more.
        known = case.scorer.ladder.encoder.name not in NO_FLOAT64
        changes = rounding(model.network, partial(kept_states, given)) if known else 0.0
        tolerance = max(1e-4, changes)
        torch.testing.assert_close(
            hidden_states(case, given), after, atol=tolerance, rtol=tolerance
        )
        if changes > 1e-4:
            exact = kept_states(given, adapted)
            merge(adapted)
            torch.testing.assert_close(kept_states(given, adapted), exact, atol=1e-9, rtol=1e-9)


def outcome(encoder_name: str, column: str, encoder_of: Callable[[str], Encoder]) -> str:
    """``works``, or why a method cannot be used on an encoder.

    Raises
    ------
    AssertionError
        If it neither declines nor does what it must.
    """
    if not cards()[encoder_name].adaptable:
        return "no: gives no gradients"
    encoder = encoder_of(encoder_name)
    try:
        case = prepared(encoder, column)
    except InfeasibleError as declined:
        return f"no: {str(declined).removeprefix(f'{encoder_name} ')}"
    check(case)
    return WORKS


def render(outcomes: dict[tuple[str, str], str]) -> str:
    """Markdown table of outcomes, rows and columns in the order given, with its reasons below."""
    names, heads = dict.fromkeys(row for row, _ in outcomes), dict.fromkeys(c for _, c in outcomes)
    reasons = list(dict.fromkeys(o for o in outcomes.values() if o not in (WORKS, NOT_LOOKED_AT)))
    lines = [f"| encoder | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for row in names:
        shown = [
            SHOWN.get(found := outcomes[row, c]) or f"({1 + reasons.index(found)})" for c in heads
        ]
        lines.append(f"| {row} | {' | '.join(shown)} |")
    notes = [f"({number}) {reason}  " for number, reason in enumerate(reasons, start=1)]
    return "\n".join([*lines, "", *notes])


def summary(outcomes: dict[tuple[str, str], str]) -> str:
    """The table of those pairs that a run of the tests looked at."""
    looked = {pair: outcomes.get(pair, NOT_LOOKED_AT) for pair in product(rows(), columns())}
    return render(looked)


def read(text: str) -> dict[tuple[str, str], str]:
    """Outcomes that a document shows between the marks; inverse of `render`."""
    shown = text[text.index(START) + len(START) : text.index(END)].strip().splitlines()
    reasons = dict(line.rstrip().split(" ", 1) for line in shown if line.startswith("("))
    heads, _, *body = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in shown if "|" in line
    )
    return {
        (row, head): WORKS if cell == "yes" else reasons[cell]
        for row, *cells in body
        for head, cell in zip(heads[1:], cells, strict=True)
    }
