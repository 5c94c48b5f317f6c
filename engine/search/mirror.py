"""A copy of the trial records in an Optuna storage, for optuna-dashboard and Optuna's own plots.

The records on disk remain the memory: nothing is read back from here but what is there already.
A trial is written once it is finished, in one step, so that none is left running by a crash.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import warnings
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from engine.basics.errors import first_line
from engine.basics.files import content_key
from engine.basics.urls import without_password
from engine.records import TrialRecord
from engine.search.optuna_terms import directions, frozen_trial
from engine.search.searcher import CellSearch

log = logging.getLogger(__name__)

#: User attribute of a mirrored trial: identity of its record.
RECORD = "record"

#: Seconds after which the lock of a killed writer is broken; Optuna's own 30 would hold up a start.
LOCK_SECONDS = 3


def open_storage(given: str, out: Path) -> BaseStorage:
    """Open Optuna's storage of a run.

    Parameters
    ----------
    given : str
        ``journal`` (``OUT/optuna.log``), ``sqlite`` (``OUT/optuna.db``) or the URL of a database.
    """
    if given == "journal":
        path = str(out / "optuna.log")
        _mend(Path(path))
        lock = JournalFileOpenLock(path, grace_period=LOCK_SECONDS)
        return JournalStorage(JournalFileBackend(path, lock_obj=lock))
    return RDBStorage(f"sqlite:///{out / 'optuna.db'}" if given == "sqlite" else given)


class Mirror:
    """Writes finished trials to an Optuna storage from a thread of its own; a context manager.

    On entering, what earlier runs finished and the storage lacks is added. An error ends the copy,
    not the search.

    Parameters
    ----------
    storage : str or None
        As `open_storage` takes it; none writes nothing.
    out : Path
        The run's folder; its name is the first part of the studies' names.
    searches : mapping
        Cell id -> search.

    Attributes
    ----------
    failed : str or None
        Why the copy is not complete.
    """

    def __init__(self, storage: str | None, out: Path, searches: Mapping[str, CellSearch]):
        self.failed: str | None = None
        self._given = storage
        self._out = out
        self._searches = searches
        self._studies: dict[str, optuna.Study] = {}
        self._mirrored: dict[str, set[str]] = {}
        self._queue: queue.Queue[TrialRecord | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="optuna-mirror", daemon=True)

    def __enter__(self) -> Mirror:
        for search in self._searches.values():
            for _, record in sorted(search.records.items()):
                self._queue.put(record)
        if self._given:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def trial(self, record: TrialRecord) -> None:
        """Copy a record, unless it is there."""
        self._queue.put(record)

    def close(self, seconds: float = 60.0) -> None:
        """Wait until everything is written."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._thread.is_alive():
            self.failed = f"writing what was left takes more than {seconds:.0f} s"

    def _work(self) -> None:
        try:
            storage = open_storage(str(self._given), self._out)
            there = set(optuna.get_all_study_names(storage))
            for cell, search in self._searches.items():
                self._open(storage, there, cell, search)
            while (record := self._queue.get()) is not None:
                self._write(record)
        except Exception as error:
            log.exception("the Optuna storage is no longer written")
            self.failed = without_password(f"{type(error).__name__}: {first_line(error)}")

    def _open(self, storage: BaseStorage, there: set[str], cell: str, search: CellSearch) -> None:
        """Find or create a cell's study; a changed search of the same cell has another."""
        name = f"{self._out.resolve().name}/{cell} {search.key[:8]}"
        if name in there:
            study = optuna.load_study(study_name=name, storage=storage)
        else:
            ways = directions(search.objectives, search.maximize)
            study = optuna.create_study(storage=storage, study_name=name, directions=ways)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                study.set_metric_names([search.plan.metric, *search.objectives[1:]])
            about = {"metric": search.plan.metric, "search": search.key}
            study.set_user_attr("dnasweep", {**search.plan.cell._asdict(), **about})
        self._studies[cell] = study
        trials = study.get_trials(deepcopy=False)
        self._mirrored[cell] = {trial.user_attrs.get(RECORD) for trial in trials}

    def _write(self, record: TrialRecord) -> None:
        cell = record.cell.id
        identity = content_key(record.to_json())[:16]
        if identity in self._mirrored[cell]:
            return
        search = self._searches[cell]
        trial = frozen_trial(record, search.plan.space, search.objectives)
        trial.set_user_attr(RECORD, identity)
        if trial.datetime_complete:
            took = timedelta(seconds=record.result.seconds)
            trial.datetime_start = trial.datetime_complete - took
        self._studies[cell].add_trial(trial)
        self._mirrored[cell].add(identity)


def _mend(journal: Path) -> None:
    """Cut off a line that a killed writer left half-written: Optuna reads nothing beyond it."""
    if not journal.is_file():
        return
    with journal.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        tail = b""
        start = end
        while start > 0 and b"\n" not in tail:
            start = max(0, start - 65536)
            file.seek(start)
            tail = file.read(end - start)
        whole = start + tail.rfind(b"\n") + 1
        if whole < end:
            file.truncate(whole)
