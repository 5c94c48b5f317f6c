"""The embedding stage of a study under way: what is missing is embedded, and measured, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from engine.cluster import workers
from engine.cluster.capacity import Shape
from engine.embedding.over_cluster import embed_over_cluster
from engine.embedding.quality import Measured, QualityRequest, measure, measure_all
from engine.embedding.stored import Prepared, PrepareRequest, prepare_all, recall_prepared
from engine.stages.run import Run
from engine.store import Store


def embed(run: Run, pairs: Sequence[tuple[str, str]], splits: tuple[str, ...]) -> None:
    """Identify encoders, and embed the splits of tasks that a cell probes, once."""
    plan = run.plan
    encoders = {spec.name: spec for spec in plan.study.encoders}
    requests = {
        pair: PrepareRequest(
            encoder=encoders[pair[0]],
            task=plan.tasks[pair[1]].spec,
            task_fingerprint=plan.tasks[pair[1]].fingerprint,
            poolings=plan.poolings(*pair),
            layers=plan.layers(*pair),
            splits=splits,
            precision=run.prepared[pair].precision if pair in run.prepared else "",
        )
        for pair in pairs
    }
    store = Store(run.store)
    found = {p: None if run.fresh else recall_prepared(r, store) for p, r in requests.items()}
    missing = {requests[pair]: pair for pair, known in found.items() if known is None}
    if not missing:
        run.view.say(f"[green]✓[/] embed  [dim]all {len(requests)} in the store[/]")
    else:
        total = sum(
            plan.tasks[task].sizes[split]
            for request, (_, task) in missing.items()
            if request.poolings
            for split in splits
        )
        with run.view.stage(f"embed ({', '.join(splits)})", total, "sequences") as count:
            for request, made in _embedded(run, list(missing)):
                if isinstance(made, Prepared):
                    found[missing[request]] = made
                else:
                    count["done"] += made
    # In the plan's order, whichever was done first: tables and the report follow it.
    for pair, prepared in found.items():
        if prepared is not None:
            run.keep(pair, prepared)


def measure_embeddings(run: Run) -> list[Measured]:
    """Quality of the embeddings of every task of classes, without a classifier."""
    requests = []
    for (encoder, name), prepared in run.prepared.items():
        task, train = run.plan.tasks[name], prepared.embeddings.get("train")
        if task.kind.exclusive and train:
            requests.append(
                QualityRequest(encoder, name, task.spec, task.fingerprint, train, run.store)
            )

    def shape(_: QualityRequest) -> Shape:
        return Shape(run.capacity.embedder.cpus)

    with run.view.stage("measure the embeddings", len(requests)) as count:
        measured = {}
        for one in measure_all(requests, partial(workers.map_tasks, measure, resources=shape)):
            measured[one.request] = one
            count["done"] += 1
    return [measured[request] for request in requests]


def _embedded(
    run: Run, requests: Sequence[PrepareRequest]
) -> Iterator[tuple[PrepareRequest, int | Prepared]]:
    """Embed on this machine request by request; over several devices or nodes shard by shard."""
    capacity = run.capacity
    root, reuse = run.store, not run.fresh
    alone = [r for r in requests if run.plan.cards[r.encoder.name].kind == "features"]
    spread = [r for r in requests if r not in alone]
    if capacity.gpus <= 1 and run.nodes == 1:
        alone, spread = list(requests), []
    work = partial(prepare_all, root=root, reuse=reuse)
    shares = _shares(alone, run.workers)
    for _, step in workers.map_streams(work, shares, lambda _: capacity.embedder):
        yield step
    for encoder in dict.fromkeys(request.encoder for request in spread):
        mine = [request for request in spread if request.encoder == encoder]
        yield from embed_over_cluster(mine, root, reuse, capacity.embedder, run.workers)


def _shares(requests: Sequence[PrepareRequest], workers: int) -> list[tuple[PrepareRequest, ...]]:
    """Requests of one encoder together, in as many shares as there are workers."""
    shares = []
    for encoder in dict.fromkeys(request.encoder for request in requests):
        mine = [request for request in requests if request.encoder == encoder]
        shares += [tuple(mine[start::workers]) for start in range(min(workers, len(mine)))]
    return shares
