"""How much memory a trial that trains a network takes, before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.methods.hyperparameters import Role
from engine.methods.training.ladder import EVALUATION_TOKENS
from engine.plan.footprint import footprint

if TYPE_CHECKING:
    from engine.plan.cells import CellPlan
    from engine.tasks import Task

#: Bytes of a process before it holds a tensor: on a GPU CUDA's context and the libraries' own
#: buffers, on a CPU Python with torch and what it imports.
GPU_PROCESS, CPU_PROCESS = 5 * 10**8, 6 * 10**8

#: Bytes of a trained number beside its weight: AdamW's two moments, the gradient, and the copy that
#: is kept of the best epoch, in float32 all of them.
STATE_BYTES = 8 + 4 + 4

#: What an allocator cannot use, since its blocks are of other sizes than what is asked for.
HEAD_ROOM = 1.1

#: Rank that stands for adapters without a size: about as many numbers as any kind of them has.
RANK = 32


@dataclass(frozen=True)
class Estimate:
    """Bytes that the largest configuration of a cell takes, and what they are for.

    Attributes
    ----------
    weights, state, working, process : float
        The network's numbers; gradients, the optimizer's moments and the best epoch's copy;
        activations and what is alive beside them for a moment; what a process takes anyway.
    rows, tokens : int
        The largest batch, and the longest input.
    checkpointing : bool
        Whether every configuration checkpoints gradients.
    """

    weights: float
    state: float
    working: float
    process: float
    rows: int
    tokens: int
    checkpointing: bool

    @property
    def total(self) -> float:
        """All of it, with head-room."""
        return HEAD_ROOM * (self.weights + self.state + self.working) + self.process


def estimate(plan: CellPlan, task: Task, *, gpu: bool) -> Estimate | None:
    """Memory of the largest trial of a cell that trains a network.

    Parameters
    ----------
    plan : CellPlan
    task : Task
        Of the plan.
    gpu : bool
        Whether it runs on a GPU: then the network is trained in bfloat16 by autocast.

    Returns
    -------
    Estimate or None
        None where it cannot be told: an architecture that only its weights' folder knows, or one
        whose shapes depend on values.
    """
    if plan.encoder.weights not in ("hub", "random"):
        # Of the family, but perhaps of another size.
        return None
    adaptation = plan.method.adaptation
    if adaptation is None:
        return None
    rank = int(max(_values(plan, "size"), default=RANK))
    everywhere = "all_linear" in _values(plan, "targets")
    taken = footprint(plan.encoder.card, adaptation.trains, rank, everywhere, half=gpu)
    if taken is None:
        return None
    rows = int(max(_values(plan, "rows")))
    # A window more than is full, where a sequence is read in several.
    longest = math.ceil(task.max_bases * taken.tokens_per_base) + 2
    tokens = min(longest, taken.max_tokens or longest)
    windows = math.ceil(longest / tokens) if plan.encoder.truncate == "chunk" else 1
    checkpointing = _values(plan, "checkpointing") == {True}
    step = taken.checkpointed if checkpointing else taken.training
    scored = max(task.sizes[split] for split in ("validation", "test"))
    at_once = max(1, min(scored * windows, EVALUATION_TOKENS // tokens))
    working = max(
        step.of(rows * windows, tokens),
        taken.evaluation.of(at_once, tokens),
        # An optimizer's step over all parameters at once holds about one number for each.
        4.0 * taken.trained,
    )
    return Estimate(
        weights=4.0 * taken.weights,
        state=float(STATE_BYTES * taken.trained),
        working=working,
        process=GPU_PROCESS if gpu else CPU_PROCESS,
        rows=rows,
        tokens=tokens,
        checkpointing=checkpointing,
    )


def _values(plan: CellPlan, role: Role) -> set[Any]:
    """Choices or bounds of the hyperparameter that decides something; nothing where none does."""
    decides = plan.method.deciding(role)
    if decides is None:
        return set()
    found = next((p for p in plan.space.parameters if p.name == decides.name), None)
    if found is None:
        return {decides.default}
    # Where its conditions do not hold, the default does.
    return {*(found.choices or (found.low, found.high)), *([decides.default] if found.when else [])}
