"""MLflow: study > cell > trial, each run found by its tag or created: a restart doubles none.

Logging happens in a thread of its own: a tracking server answers in tens of milliseconds, and the
search must not wait for it.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, first_line
from engine.basics.files import locked
from engine.basics.urls import without_password
from engine.records import Cell, TrialRecord

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

KEY = "dnasweep.key"
SQLITE = "sqlite:///"
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED", "infeasible": "FAILED"}
LONGEST_TAG = 4000
#: Opens the user interface on the table of runs and not on traces of language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


def tracking_uri(given: str | None, runs: Path) -> str:
    """Where to log: the study's key, ``MLFLOW_TRACKING_URI``, or sqlite in the folder of runs."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs / 'mlflow.db'}"


class Tracker:
    """Logs a study from one background thread.

    Parameters
    ----------
    experiment : str
        Name of the study.
    artifacts : Path
        Where artifacts go if the experiment is new and the store is local.
    tags : mapping
        Of the experiment's runs: versions, git commit.
    """

    def __init__(self, uri: str, experiment: str, artifacts: Path, tags: Mapping[str, str]):
        self.uri = uri
        self.failed: str | None = None
        self._experiment = experiment
        self._artifacts = artifacts
        self._tags = dict(tags)
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._parents: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._ended: set[str] = set()
        self._failed: set[str] = set()
        self._client: MlflowClient
        self._experiment_id = ""
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def cell(self, key: str, cell: Cell, tags: Mapping[str, str]) -> None:
        """Announce a cell: a parent run. `key` is the identity of its search."""
        self._queue.put(lambda: self._cell(key, cell, tags))

    def trial(self, record: TrialRecord, metric: str) -> None:
        """Log a finished trial as a child of its cell's run."""
        self._queue.put(lambda: self._trial(record, metric))

    def result(
        self, key: str, metrics: Mapping[str, float], params: Mapping[str, Any], files: list[Path]
    ) -> None:
        """Log what came of a cell, and end its run."""
        self._queue.put(lambda: self._result(key, metrics, params, files))

    def report(self, files: list[Path]) -> None:
        """Log the study's own files (report, predictions ...) as a run called ``report``."""
        self._queue.put(lambda: self._report(files))

    def close(self, seconds: float = 120.0) -> None:
        """Wait until everything is logged."""
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            shown = without_password(self.uri)
            self.failed = f"{shown} took more than {seconds:.0f} s to take what was left"

    def _work(self) -> None:
        """Run the queue's calls; the first error ends tracking, not the study."""
        try:
            self._connect()
            while (call := self._queue.get()) is not None:
                call()
        except Exception as error:
            log.exception("tracking stopped")
            self.failed = without_password(f"{type(error).__name__}: {first_line(error)}")

    def _connect(self) -> None:
        # MLflow would print to the screen, and report usage to its makers.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        from mlflow.tracking import MlflowClient

        local = self.uri.startswith(SQLITE)
        # Two processes that create one database break its migration.
        with locked(Path(self.uri.removeprefix(SQLITE) + ".lock")) if local else nullcontext():
            self._client = MlflowClient(tracking_uri=self.uri)
            experiment = self._client.get_experiment_by_name(self._experiment)
            if experiment is not None:
                self._experiment_id = experiment.experiment_id
            else:
                self._experiment_id = self._client.create_experiment(
                    self._experiment,
                    artifact_location=self._artifacts.resolve().as_uri() if local else None,
                    tags=EXPERIMENT_TAGS,
                )
        page: str | None = None
        while True:
            runs = self._client.search_runs(
                [self._experiment_id], max_results=1000, page_token=page
            )
            for run in runs:
                if KEY in run.data.tags:
                    self._known[run.data.tags[KEY]] = run.info.run_id
                    # A trial that failed gets its turn again.
                    if run.data.tags.get("status") == "failed":
                        self._failed.add(run.info.run_id)
                    elif run.info.status != "RUNNING":
                        self._ended.add(run.info.run_id)
            page = runs.token
            if not page:
                return

    def _find_or_create(self, key: str, name: str, tags: Mapping[str, str]) -> str:
        """Run of a key."""
        if key not in self._known:
            all_tags = {**self._tags, **tags, KEY: key}
            run = self._client.create_run(self._experiment_id, tags=all_tags, run_name=name)
            self._known[key] = run.info.run_id
        return self._known[key]

    def _cell(self, key: str, cell: Cell, tags: Mapping[str, str]) -> None:
        self._parents[key] = self._find_or_create(key, cell.id, tags)

    def _trial(self, record: TrialRecord, metric: str) -> None:
        from mlflow.entities import Param, RunTag

        parent = self._parents[record.cell_key]
        key = f"{record.cell_key}:{record.number}"
        name = f"{record.cell.id} #{record.number}"
        run_id = self._find_or_create(key, name, {"mlflow.parentRunId": parent})
        # A run that a killed driver left open is logged again; values and parameters are the same.
        if run_id in self._ended:
            return
        result = record.result
        tags = dict(zip(("encoder", "task", "method"), record.cell, strict=True))
        tags["status"] = result.status
        if result.error:
            tags["error"] = result.error[:LONGEST_TAG]
        elif run_id in self._failed:
            self._client.delete_tag(run_id, "error")
        if record.duplicate_of is not None:
            tags["duplicate_of"] = str(record.duplicate_of)
        single = {"score": result.score} if result.score is not None else {}
        single |= {"seconds": result.seconds, "trainable_parameters": result.trainable_parameters}
        metrics = [_metric(f"epoch_{metric}", v, e) for e, v in enumerate(result.curve, start=1)]
        metrics += [_metric(name, v) for name, v in [*result.metrics.items(), *single.items()]]
        self._client.log_batch(
            run_id,
            metrics=[m for m in metrics if math.isfinite(m.value)],
            params=[Param(name, str(value)) for name, value in record.params.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self._client.set_terminated(run_id, status=STATUS[result.status])

    def _result(
        self, key: str, metrics: Mapping[str, float], params: Mapping[str, Any], files: list[Path]
    ) -> None:
        run_id = self._parents[key]
        known = self._client.get_run(run_id).data.params
        self._client.log_batch(
            run_id, metrics=[_metric(n, v) for n, v in metrics.items() if math.isfinite(v)]
        )
        for name, value in params.items():
            # A parameter cannot change in MLflow; a longer search may have found another winner.
            if known.get(name, str(value)) == str(value):
                self._client.log_param(run_id, name, str(value))
            self._client.set_tag(run_id, f"best.{name}", str(value))
        for file in files:
            self._client.log_artifact(run_id, str(file))
        self._client.set_terminated(run_id)

    def _report(self, files: list[Path]) -> None:
        run_id = self._find_or_create(f"report:{self._experiment}", "report", {})
        for file in files:
            if file.is_dir():
                self._client.log_artifacts(run_id, str(file), file.name)
            else:
                self._client.log_artifact(run_id, str(file))
        self._client.set_terminated(run_id)


def check_server(uri: str) -> None:
    """Make sure that a tracking server answers, before any work; UserError where it does not."""
    if not uri.startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(uri.rstrip("/") + "/health", timeout=10).raise_for_status()
    except requests.RequestException as error:
        raise UserError(
            f"MLflow server {without_password(uri)}: no answer ({type(error).__name__}); start it, "
            "or unset MLFLOW_TRACKING_URI (or tracking.uri) to log to a local file"
        ) from None


def _metric(name: str, value: float, step: int = 0) -> Metric:
    from mlflow.entities import Metric

    return Metric(name, float(value), int(time.time() * 1000), step)
