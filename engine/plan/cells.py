"""The plan: names resolved, files read and checked, cells listed, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from engine.basics.errors import UserError, nearest
from engine.encoders import EncoderCard, cards, find_card
from engine.encoders.base import LEARNED_POOLINGS, pooled_width
from engine.encoders.hub import HubSource, cached_commit, hub_source, offline
from engine.encoders.registry import check_package
from engine.kinds import Kind
from engine.methods import Method, find_method
from engine.metrics import METRICS, metrics_of
from engine.plan.source import Source
from engine.plan.space import Scalar, Space
from engine.plan.study import Study
from engine.records import Cell, EncoderSpec, TaskSpec
from engine.tasks import Task, load_task
from engine.tasks.published import published_tasks
from engine.tasks.registry import find_task

#: The last hidden state, where a search space names no layer.
LAST = -1


@dataclass(frozen=True)
class CellPlan:
    """A cell that will be searched, its space narrowed to what the encoder can do."""

    cell: Cell
    encoder: EncoderSpec
    task: TaskSpec
    method: Method
    space: Space
    metric: str


@dataclass(frozen=True)
class Skipped:
    """A cell that cannot be, and why."""

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a study comes to.

    Attributes
    ----------
    tasks : mapping
        Name -> task, read and checked.
    cards : mapping
        Encoder's name in the study -> card.
    """

    study: Study
    cells: tuple[CellPlan, ...]
    skipped: tuple[Skipped, ...]
    tasks: Mapping[str, Task]
    cards: Mapping[str, EncoderCard]

    @property
    def trials(self) -> int:
        """Trials of all cells together."""
        return len(self.cells) * self.study.trials_per_cell

    @property
    def sources(self) -> Mapping[str, HubSource]:
        """Encoder's name -> where on the hub its weights come from, for those with a cell."""
        specs = {plan.encoder.name: plan.encoder for plan in self.cells}
        found = {name: hub_source(self.cards[name], spec.weights) for name, spec in specs.items()}
        return {name: source for name, source in found.items() if source}

    def downloads(self) -> tuple[str, ...]:
        """Encoders whose weights are not in the hub's cache; a package looks after its own."""
        return tuple(
            name
            for name, source in self.sources.items()
            if not self.cards[name].requires and not cached_commit(source)
        )

    def poolings(self, encoder: str, task: str) -> tuple[str, ...]:
        """Poolings that the cells of an encoder and a task read from the store; sorted."""
        return tuple(sorted(str(choice) for choice in self._choices(encoder, task, "pooling")))

    def layers(self, encoder: str, task: str) -> tuple[int, ...]:
        """Layers that the cells of an encoder and a task read from the store; sorted."""
        chosen = {n for n in self._choices(encoder, task, "layer") if isinstance(n, int)}
        for plan in self.cells:
            # A configuration without a layer reads the last one.
            always = any(p.name == "layer" and not p.when for p in plan.space.parameters)
            if (plan.cell.encoder, plan.cell.task) == (encoder, task) and not always:
                chosen.add(LAST)
        return tuple(sorted(chosen))

    def _choices(self, encoder: str, task: str, name: str) -> set[Scalar]:
        """Values of a hyperparameter over the cells that read embeddings."""
        return {
            choice
            for plan in self.cells
            if (plan.cell.encoder, plan.cell.task) == (encoder, task)
            and plan.method.needs == "embeddings"
            for parameter in plan.space.parameters
            if parameter.name == name
            for choice in parameter.choices
        }

    def one_strand(self) -> tuple[str, ...]:
        """Methods that could score both strands, as the study asks, and never do."""
        never = (
            plan.cell.method
            for plan in self.cells
            if "conjoined" in plan.method.parameters
            and not any(p.name == "conjoined" and True in p.choices for p in plan.space.parameters)
        )
        return tuple(dict.fromkeys(never)) if self.study.embedding.both_strands else ()

    def forwards(self) -> int:
        """Sequences that go through an encoder in the embedding stage, test split included."""
        return sum(
            self.tasks[task].rows
            for encoder in self.cards
            for task in self.tasks
            if self.poolings(encoder, task)
        )

    def disk_bytes(self) -> int:
        """About how much the embeddings take; encoders whose width the task decides count as 0."""
        width = {name: card.hidden_size for name, card in self.cards.items()}
        bytes_each = 2 if self.study.embedding.stored_as == "float16" else 4
        return sum(
            self.tasks[task].rows
            * sum(pooled_width(pooling, width[name]) for pooling in self.poolings(name, task))
            * len(self.layers(name, task))
            * bytes_each
            for name in self.cards
            for task in self.tasks
        )


def make_plan(study: Study) -> Plan:
    """Resolve a study.

    Raises
    ------
    UserError
        For an unknown encoder, task, method, metric or hyperparameter, a data file with a fault, or
        a study without a cell that can run.
    """
    # Names first, files second: a typing error is told without reading a gigabyte.
    cards = {spec.name: _card(spec, study.source) for spec in study.encoders}
    if study.metric:
        _check_metric(study.metric, study.source.at("metric"))
    for spec in study.tasks:
        _check_task(spec, study.source)
    method_of = {name: _method(name, space, study.source) for name, space in study.methods.items()}
    tasks = {spec.name: load_task(spec) for spec in study.tasks}
    metrics = {spec.name: _metric(study, spec, tasks[spec.name]) for spec in study.tasks}
    matched: set[str] = set()
    cells: list[CellPlan] = []
    skipped: list[Skipped] = []
    for task in study.tasks:
        for encoder in study.encoders:
            for name, space in study.methods.items():
                cell = Cell(encoder.name, task.name, name)
                method, card = method_of[name], cards[encoder.name]
                if pattern := next((p for p in study.skip if fnmatchcase(cell.id, p)), None):
                    matched.add(pattern)
                    skipped.append(Skipped(cell, f"the study leaves out {pattern}"))
                    continue
                if why := _cannot_run(cell, method, card, tasks[task.name].kind):
                    skipped.append(Skipped(cell, why))
                    continue
                learned = LEARNED_POOLINGS if method.needs == "network" else ()
                narrowed = space.restricted("pooling", (*card.poolings, *learned))
                if card.kind == "features":
                    narrowed = narrowed.restricted("layer", (LAST,))
                loaded = tasks[task.name].spec
                cells.append(CellPlan(cell, encoder, loaded, method, narrowed, metrics[task.name]))
    # Options may have taken away what a file leaves out.
    gone = study.source.changed("encoders", "tasks", "methods")
    for pattern in study.skip if study.source.changed("skip") or not gone else ():
        if pattern not in matched:
            every = "/".join((study.encoders[0].name, study.tasks[0].name, next(iter(method_of))))
            raise UserError(
                f"{study.source.at('skip')}: '{pattern}' matches no cell; write encoder/task/"
                f"method with * as a wildcard, for example {every}"
            )
    if not cells:
        raise UserError(
            f"{study.source}: no cell can run: {skipped[0].reason}; add a method or an encoder"
        )
    plan = Plan(study, tuple(cells), tuple(skipped), tasks, cards)
    if offline() and (missing := plan.downloads()):
        commands = " && ".join(plan.sources[name].command for name in missing)
        raise UserError(
            f"{study.source.at('encoders')}: the weights of {', '.join(missing)} are not here, and "
            f"HF_HUB_OFFLINE is set; unset it, or on a machine with network run `{commands}`"
        )
    return plan


def _cannot_run(cell: Cell, method: Method, card: EncoderCard, kind: Kind) -> str:
    """Why a method does not go with an encoder or a kind of task; empty where it does."""
    adapts = method.needs == "network" and not method.encoder
    if method.encoder and card.name != method.encoder:
        return f"{cell.method} reads sequences by itself; its cell is {method.encoder}'s"
    if adapts and card.kind != "network":
        return f"{cell.encoder} has no network that {cell.method} could adapt"
    if adapts and not card.adaptable:
        return f"{cell.encoder} gives no gradients, so {cell.method} cannot adapt it"
    return "" if method.fits(kind) else f"{cell.method} cannot be fitted to a {kind.name} task"


def _card(spec: EncoderSpec, source: Source) -> EncoderCard:
    own = source.of("encoders", spec.name)
    weights = source.at(f"encoders.{spec.name}.weights")
    try:
        card = find_card(spec.card)
        check_package(card)
    except UserError as error:
        raise UserError(f"{own}: {error}") from None
    if spec.weights != "hub" and card.kind != "network":
        raise UserError(f"{weights}: {spec.card} has no weights; leave the key out")
    if card.kind == "network" and not card.parameters and spec.weights in ("hub", "random"):
        raise UserError(
            f"{weights}: '{spec.card}' is whatever a folder holds; "
            "give a folder or hub:OWNER/NAME@REVISION"
        )
    try:
        local = hub_source(card, spec.weights) is None and spec.weights not in ("hub", "random")
    except UserError as error:
        raise UserError(f"{source.at(f'encoders.{spec.name}')}: {error}") from None
    if local and not Path(spec.weights).is_dir():
        raise UserError(
            f"{weights}: no such folder: {spec.weights}; "
            "give 'hub', hub:OWNER/NAME, 'random' or a folder"
        )
    return card


def _check_task(spec: TaskSpec, source: Source) -> None:
    if spec.path is None:
        try:
            find_task(spec.name)
        except UserError as error:
            raise UserError(f"{source.of('tasks', spec.name)}: {error}") from None
    if spec.metric:
        _check_metric(spec.metric, source.at(f"tasks.{spec.name}.metric"))
    if spec.published and spec.published not in published_tasks():
        hint = nearest(spec.published, published_tasks())
        where = source.at(f"tasks.{spec.name}.published")
        raise UserError(f"{where}: {spec.published}: {hint}")


def _method(name: str, space: Space, source: Source) -> Method:
    method = find_method(space.method, space.source)
    for parameter in space.parameters:
        where = f"{space.source}: parameters.{parameter.name}"
        if parameter.name not in method.parameters:
            raise UserError(
                f"{where}: method '{method.name}' has no such hyperparameter; "
                f"{nearest(parameter.name, method.parameters)}"
            )
        parameter.check(method.parameters[parameter.name].values, where)
    if "pooling" in method.parameters:
        if all(parameter.name != "pooling" for parameter in space.parameters):
            raise UserError(
                f"{space.source}: parameters: declare 'pooling', for example "
                "pooling: {constant: mean} (method '" + name + f"' of {source})"
            )
        _check_poolings(space, method)
    _check_layers(space)
    return method


def _check_poolings(space: Space, method: Method) -> None:
    # `Space.restricted` would put an encoder's own poolings in place of a misspelt one.
    known = {pooling for card in cards().values() for pooling in card.poolings}
    known |= set(LEARNED_POOLINGS if method.needs == "network" else ())
    (choices,) = (p.choices for p in space.parameters if p.name == "pooling")
    for choice in choices or (None,):
        if choice not in known:
            raise UserError(
                f"{space.source}: parameters.pooling: '{choice}' is no pooling; "
                f"{nearest(str(choice), known)}"
            )


def _check_layers(space: Space) -> None:
    for parameter in space.parameters:
        whole = all(type(choice) is int for choice in parameter.choices)
        if parameter.name == "layer" and not (parameter.choices and whole):
            raise UserError(
                f"{space.source}: parameters.layer: list whole numbers, for example "
                "layer: {choice: [-1, -4]} (0 enters the first layer, -1 is the last)"
            )


def _check_metric(name: str, where: str) -> None:
    if name not in METRICS:
        raise UserError(f"{where}: metric '{name}' is unknown; {nearest(name, METRICS)}")


def _metric(study: Study, spec: TaskSpec, task: Task) -> str:
    """What ranks the models of a task: as the study says, else its card, else by its kind."""
    name = spec.metric or study.metric or task.metric or task.kind.metric
    if not METRICS[name].fits(task.kind):
        common = study.metric is not None and spec.metric is None
        where = study.source.at("metric" if common else f"tasks.{spec.name}.metric")
        remedy = "; leave it out, or give the task a `metric` of its own" if common else ""
        raise UserError(
            f"{where}: '{name}' does not fit {spec.name}, a {task.kind.name} task; "
            f"valid: {', '.join(metrics_of(task.kind))}{remedy}"
        )
    return name
