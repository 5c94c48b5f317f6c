"""From estimates of memory to what each cell's trials ask for, and what people are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from engine.cluster.capacity import Capacity, Node, Shape, gpu_share, memory_share

if TYPE_CHECKING:
    from engine.plan.cells import Plan
    from engine.plan.memory import Estimate

GB = 1e9

#: Without a GPU a network of so many numbers, run in small micro-batches, fits beside others on any
#: machine: the seconds that an estimate takes are saved.
SMALL = 10**7

#: A process that runs an encoder forwards, beside the weights.
FORWARD_BYTES = 1.5e9


@dataclass(frozen=True)
class Kind:
    """Cells (ids) of an encoder and a method, whose trials take about the same.

    The estimate is that of the task that takes most; none where it cannot be told.
    """

    encoder: str
    method: str
    cells: tuple[str, ...]
    estimate: Estimate | None


def kinds(plan: Plan, *, gpu: bool, larger_than: float = 0) -> list[Kind]:
    """Kinds of cells that train a network, with the memory that the largest trial takes.

    Networks of no more numbers than `larger_than` are not estimated, which takes seconds for each.
    """
    found: dict[tuple[str, str], list[tuple[str, Estimate | None]]] = {}
    for cell in plan.cells:
        if cell.method.needs == "network":
            taken = None
            if plan.cards[cell.cell.encoder].parameters > larger_than:
                from engine.plan.memory import estimate

                taken = estimate(cell, plan.tasks[cell.cell.task], gpu=gpu)
            of_kind = found.setdefault((cell.cell.encoder, cell.cell.method), [])
            of_kind.append((cell.cell.id, taken))
    return [
        Kind(
            encoder,
            method,
            tuple(cell for cell, _ in taken),
            max((e for _, e in taken if e is not None), key=lambda e: e.total, default=None),
        )
        for (encoder, method), taken in found.items()
    ]


def share_out(plan: Plan, nodes: tuple[Node, ...]) -> Capacity:
    """Say what the trials of a plan ask for on the nodes that are there."""
    asked = plan.study.resources
    cpus = asked.cpus_per_trial
    shapes = {cell.cell.id: Shape(cpus) for cell in plan.cells}
    gpu = any(node.gpus for node in nodes)
    notes: list[str] = []
    auto = asked.gpus_per_trial == "auto"
    found = kinds(plan, gpu=gpu, larger_than=SMALL if not gpu else 0 if auto else inf)
    for kind in found:
        if not gpu:
            shape, note = _beside_cpus(kind, nodes, cpus)
        elif asked.gpus_per_trial == "auto":
            shape, note = _on_a_gpu(kind, nodes, cpus)
        else:
            shape, note = Shape(cpus, asked.gpus_per_trial), ""
        shapes |= dict.fromkeys(kind.cells, shape)
        notes += [note] if note else []
    networks = frozenset(cell for kind in found for cell in kind.cells)
    return Capacity(nodes, shapes, networks, _embedder(plan, nodes), tuple(notes))


def _embedder(plan: Plan, nodes: tuple[Node, ...]) -> Shape:
    """What a worker of the embedding stage asks for, whichever encoder it runs."""
    asked = plan.study.resources
    if any(node.gpus for node in nodes):
        whole = 1.0 if asked.gpus_per_trial == "auto" else asked.gpus_per_trial
        return Shape(asked.cpus_per_trial, whole)
    # Without gradients little is alive beside the weights.
    largest = max(
        (card.parameters for card in plan.cards.values() if card.kind == "network"), default=0
    )
    memory = memory_share(FORWARD_BYTES + 4.0 * largest, nodes, asked.cpus_per_trial)
    return Shape(asked.cpus_per_trial, memory=memory)


def _on_a_gpu(kind: Kind, nodes: tuple[Node, ...], cpus: float) -> tuple[Shape, str]:
    total = kind.estimate.total if kind.estimate else None
    share = gpu_share(total, nodes)
    largest = max(nodes, key=lambda node: node.gpu_memory)
    card = f"a GPU with {largest.gpu_memory / GB:.0f} GB free ({largest.gpu_name})"
    shape = Shape(cpus, share)
    if total is None or not largest.gpu_memory:
        return shape, f"{kind.encoder}, {kind.method}: memory is not known; a whole GPU each"
    if total > largest.gpu_memory:
        return shape, f"warning: {_needs(kind)}, more than {card}; {remedy(kind)}"
    several = f"{round(1 / share)} share a GPU" if share < 1 else "a whole GPU each"
    return shape, f"{_needs(kind)}: {several}"


def _beside_cpus(kind: Kind, nodes: tuple[Node, ...], cpus: float) -> tuple[Shape, str]:
    total = kind.estimate.total if kind.estimate else None
    shape = Shape(cpus, memory=memory_share(total, nodes, cpus))
    if not shape.memory or total is None:
        return shape, ""
    largest = max(node.memory for node in nodes)
    if total > largest:
        return shape, (
            f"warning: {_needs(kind)}, more than the {largest / GB:.0f} GB of the largest node; "
            f"{remedy(kind)}"
        )
    at_once = max(1, sum(shape.fits(node) for node in nodes))
    return shape, f"{_needs(kind)}: {at_once} at once, for main memory holds no more"


def _needs(kind: Kind) -> str:
    assert kind.estimate is not None
    return f"{kind.encoder}, {kind.method}: about {kind.estimate.total / GB:.1f} GB a trial"


def remedy(kind: Kind) -> str:
    """What makes a trial smaller, by what takes most of it."""
    assert kind.estimate is not None
    estimate = kind.estimate
    if estimate.working > estimate.weights + estimate.state:
        ladder = "trials go on in smaller micro-batches"
        if estimate.checkpointing:
            return f"{ladder}; a smaller batch_size in the space saves the attempts"
        return f"{ladder}; gradient_checkpointing: true or a smaller batch_size saves the attempts"
    return (
        "weights and the optimizer's state are most of it: take adapters in place of full "
        "fine-tuning, or a smaller encoder"
    )
