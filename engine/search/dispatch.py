"""Between the cells' searches and Ray Tune: what a free worker runs next, and what came of it."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from engine.metrics import METRICS
from engine.records import TrialRecord, TrialResult, TrialSpec
from engine.search.scheduler import EPOCH, SCORE
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.search.worker import results_of

log = logging.getLogger(__name__)

#: A call of cheap trials is about so long, and holds no more of them than this.
CALL_SECONDS = 1.0
CALL_TRIALS = 32

#: No call is filled for longer: a sampler with many trials behind it takes long to draw, and the
#: worker waits.
FILL_SECONDS = 0.2

#: Times that a trial is begun whose worker is lost or whose storage does not answer, and the wait
#: before the second; each further wait is four times as long.
ATTEMPTS = 3
FIRST_WAIT = 1.0

LOST = "the worker was lost: killed, short of memory, or its node went away"


@dataclass
class Call:
    """Trials that one worker runs one after the other; those of Ray Tune are calls.

    Attributes
    ----------
    needs : str
        What their methods need.
    trials : dict
        Position -> search and spec of those without a result.
    curve : list of float
        Scores of the epochs that the first of them has done.
    seconds : float
        Time that the trials are expected to take.
    several : bool
        Whether it began with more than one trial.
    """

    needs: str
    trials: dict[int, tuple[CellSearch, TrialSpec]] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    seconds: float = 0.0
    several: bool = False


class Dispatcher(Searcher):  # type: ignore[misc]
    """Ray Tune's view of the cells' searches.

    Parameters
    ----------
    slots : mapping
        What a method needs -> how many calls are out at once.
    spec_of : callable
        ``spec_of(search, proposal) -> TrialSpec``.
    on_record : callable
        Called with every record, in the driver, the moment it is known.
    checkpoints : Path
        Folder of trials under way.
    """

    def __init__(
        self,
        turns: Turns,
        slots: Mapping[str, int],
        spec_of: Callable[[CellSearch, Proposal], TrialSpec],
        on_record: Callable[[TrialRecord], None],
        checkpoints: Path,
    ):
        super().__init__(metric=SCORE, mode="max")
        self._turns = turns
        self._slots = slots
        self._spec_of = spec_of
        self._on_record = on_record
        self._checkpoints = checkpoints
        self._calls: dict[str, Call] = {}
        self._attempts: Counter[str] = Counter()
        # Keys of trials whose call was lost: each runs alone from then on, to tell who is to blame.
        self._suspects: set[str] = set()
        # When a trial may be begun again, its search and number.
        self._delayed: list[tuple[float, CellSearch, int]] = []

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Trials of the next call; none while all that is left must wait."""
        self._release()
        out = Counter(call.needs for call in self._calls.values())
        free = [needs for needs, slots in self._slots.items() if out[needs] < slots]
        call = self._fill(free)
        if call is None:
            return str(Searcher.FINISHED) if self._turns.finished else None
        self._calls[trial_id] = call
        specs = [spec for _, spec in call.trials.values()]
        return {
            "cell": specs[0].cell.id,
            "number": specs[0].number,
            "epochs": specs[0].params.get("epochs", inf),
            "specs": [spec.to_json() for spec in specs],
            "checkpoints": str(self._checkpoints),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep the curve, or the results that are told."""
        call = self._calls[trial_id]
        if EPOCH in result:
            # A trial that goes on from a checkpoint tells its first epochs again.
            del call.curve[result[EPOCH] - 1 :]
            call.curve.append(float(result[SCORE]))
        for index, of_trial in results_of(result):
            self._take(call, index, of_trial)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Settle what a call leaves: nothing, a trial stopped early, trials of a lost worker."""
        if result and not error:
            self.on_trial_result(trial_id, result)
        call = self._calls.pop(trial_id)
        if not call.trials:
            return
        if call.several:
            for search, spec in call.trials.values():
                self._suspects.add(spec.key)
                search.put_back(spec.number)
            return
        ((index, (_, spec)),) = call.trials.items()
        if result and not error and call.curve:
            best = max(call.curve) if METRICS[spec.metric].greater_is_better else min(call.curve)
            seconds = float(result.get("time_total_s", 0.0))
            outcome = TrialResult("pruned", best, curve=tuple(call.curve), seconds=seconds)
        else:
            outcome = TrialResult("failed", None, error=LOST, retry=True)
        self._take(call, index, outcome)

    def _fill(self, free: list[str]) -> Call | None:
        """Take trials for a call: one, or as many cheap ones as make it worth a worker's while."""
        call: Call | None = None
        began = time.monotonic()
        while search := self._turns.next(free):
            cheap = search.plan.method.needs == "embeddings" and search.mean_seconds is not None
            expected = search.mean_seconds if cheap and search.mean_seconds else CALL_SECONDS
            if call and (
                call.seconds + expected > CALL_SECONDS
                or len(call.trials) == CALL_TRIALS
                or time.monotonic() - began > FILL_SECONDS
            ):
                break
            proposal = search.ask()
            if isinstance(proposal, TrialRecord):
                self._on_record(proposal)
                continue
            if proposal is None:
                continue
            spec = self._spec_of(search, proposal)
            alone = spec.key in self._suspects
            if alone and call:
                search.put_back(proposal.number)
                break
            call = call or Call(search.plan.method.needs)
            call.several = bool(call.trials)
            call.trials[len(call.trials)] = (search, spec)
            call.seconds += expected
            free = [call.needs]
            if alone:
                break
        return call

    def _take(self, call: Call, index: int, result: TrialResult) -> None:
        """Keep a trial's result, unless it is worth another attempt."""
        if index not in call.trials:
            # Tune gives the last word of a call twice.
            return
        search, spec = call.trials.pop(index)
        if result.status == "failed" and result.retry:
            self._attempts[spec.key] += 1
            attempt = self._attempts[spec.key]
            if attempt < ATTEMPTS:
                log.warning("trial %d of %s: %s", spec.number, spec.cell.id, result.error)
                ready = time.monotonic() + FIRST_WAIT * 4 ** (attempt - 1)
                self._delayed.append((ready, search, spec.number))
                return
            result = TrialResult(
                "failed", None, seconds=result.seconds, error=f"{attempt} attempts: {result.error}"
            )
        self._on_record(search.tell(spec.number, spec.key, result))
        # A trial that was stopped early left its state behind.
        shutil.rmtree(self._checkpoints / spec.key, ignore_errors=True)

    def _release(self) -> None:
        """Put back the trials whose wait is over."""
        now = time.monotonic()
        for ready, search, number in self._delayed:
            if ready <= now:
                search.put_back(number)
        self._delayed = [entry for entry in self._delayed if entry[0] > now]

    def __getstate__(self) -> dict[str, Any]:
        """Give the Tuner's snapshot nothing: it is never restored from."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Write nothing of worth: the trial records are the memory."""
        Path(checkpoint_path).write_text("", encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing; see `save`."""
