"""A study under way: where it writes, on what it runs, and what it has learned so far."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.cluster import workers
from engine.cluster.capacity import Capacity
from engine.embedding.stored import Prepared
from engine.plan.cells import CellPlan, Plan
from engine.plan.sharing import share_out
from engine.records import TrialSpec
from engine.stages.progress import View

log = logging.getLogger(__name__)


def now() -> str:
    """Tell this moment: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Run:
    """A study under way.

    Attributes
    ----------
    address : str or None
        Ray cluster; none for this machine.
    fresh : bool
        Whether to compute embeddings anew.
    prepared : dict
        (encoder, task) -> what the embedding stage found.
    seconds : dict
        Stage -> wall time.
    nodes : int
        Of the cluster; 0 while none was needed.
    """

    plan: Plan
    out: Path
    address: str | None
    fresh: bool
    view: View
    prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    started: str = field(default_factory=now)
    nodes: int = 0
    _capacity: Capacity | None = None

    @property
    def store(self) -> str:
        """Root of the store of embeddings: beside the runs, so that studies share it."""
        return self.plan.study.store or str(self.out.resolve().parent / "store")

    @property
    def fits(self) -> Path:
        """Root of the store of final predictions."""
        return self.out.resolve() / "fits"

    @property
    def models(self) -> Path:
        """Where the winners' files are kept, by the identity of their predictions."""
        return self.out.resolve() / "models"

    @property
    def checkpoints(self) -> Path:
        """Where trials and fits under way keep their state."""
        return self.out.resolve() / "checkpoints"

    @property
    def capacity(self) -> Capacity:
        """What the cluster has; started when first needed, so that a finished study starts none."""
        if self._capacity is None:
            there = workers.start(self.address)
            self.nodes = len(there)
            for key, asked in self.plan.study.resources:
                most = max(getattr(node, key.removesuffix("_per_trial")) for node in there)
                if asked == "auto":
                    there = workers.with_gpu_memory(there, workers.gpu_memory)
                elif 0 < most < asked:
                    raise UserError(
                        f"{self.plan.study.source.at(f'resources.{key}')}: {asked:g} asks for more "
                        f"than any node has ({most:.0f}); ask for less"
                    )
            self._capacity = share_out(self.plan, there)
            for note in self._capacity.notes:
                log.info(note)
                self.view.say(f"[{'yellow' if note.startswith('warning') else 'dim'}]{note}[/]")
        return self._capacity

    @property
    def workers(self) -> int:
        """Processes that can run an encoder at once."""
        return self.capacity.at_once(self.capacity.embedder)

    @property
    def gpu_shares(self) -> dict[str, float]:
        """Cell -> GPUs that one of its trials takes; empty while no worker was needed."""
        shapes = self._capacity.shapes if self._capacity else {}
        return {cell: shape.gpus for cell, shape in shapes.items()}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the body's wall time to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + took, 2)

    def file(self, name: str) -> Path:
        """A path under the output folder."""
        return self.out / name

    def keep(self, pair: tuple[str, str], prepared: Prepared) -> None:
        """Add what a stage prepared to what an earlier one did (other splits of the same pair)."""
        earlier = self.prepared.get(pair)
        if earlier is not None:
            prepared = replace(
                prepared,
                embeddings={**earlier.embeddings, **prepared.embeddings},
                truncated=earlier.truncated + prepared.truncated,
                forwards=earlier.forwards + prepared.forwards,
            )
        self.prepared[pair] = prepared

    def spec(
        self, plan: CellPlan, params: Mapping[str, Any], seed: int, number: int = 0
    ) -> TrialSpec:
        """Everything that a trial of a cell needs, or a fit of its winner."""
        prepared = self.prepared[plan.cell.encoder, plan.cell.task]
        return TrialSpec(
            cell=plan.cell,
            number=number,
            method=plan.method.name,
            params=params,
            encoder=plan.encoder,
            task=plan.task,
            encoder_fingerprint=prepared.encoder_fingerprint,
            task_fingerprint=self.plan.tasks[plan.cell.task].fingerprint,
            metric=plan.metric,
            seed=seed,
            store=self.store,
            embeddings=prepared.embeddings if plan.method.needs == "embeddings" else {},
        )
