"""Ray: start it or join one, see what it has, and map a function over its workers."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from engine.errors import UserError

CONNECT_SECONDS = 5.0

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Cluster:
    """What is there to work with.

    Attributes
    ----------
    cpus, gpus : float
        Of all nodes together.
    nodes : int
    address : str or None
        None for a Ray of our own on this machine.
    """

    cpus: float
    gpus: float
    nodes: int
    address: str | None


def check_address(address: str) -> None:
    """Make sure that something listens at a cluster's address: Ray itself would try for minutes.

    Raises
    ------
    UserError
        If nothing does. ``auto`` is left to Ray, which answers at once.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdigit():
        raise UserError(f"--address {address}: give auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(_no_cluster(address, str(error))) from None


def _no_cluster(address: str | None, reason: str) -> str:
    return (
        f"--address {address}: no Ray cluster answers ({reason}); start one with "
        "`ray start --head`, give its token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), or leave "
        "--address out to run on this machine"
    )


def start(address: str | None) -> Cluster:
    """Start Ray on this machine, or join the cluster at an address.

    Parameters
    ----------
    address : str or None
        ``auto``, ``host:port`` or ``ray://host:port``.

    Raises
    ------
    UserError
        If no cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Ray would join whatever cluster runs on this machine.
        options["address"] = "local"
        options["num_cpus"] = len(os.sched_getaffinity(0))
    else:
        options["address"] = address
        # Workers run the driver's code, whatever is installed on their nodes.
        options["runtime_env"] = {"py_modules": [str(Path(__file__).parent)]}
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(_no_cluster(address, reason)) from None
    total = ray.cluster_resources()
    return Cluster(
        cpus=total.get("CPU", 1.0),
        gpus=total.get("GPU", 0.0),
        nodes=sum(1 for node in ray.nodes() if node["Alive"]),
        address=address,
    )


def stop() -> None:
    """Leave the cluster; a Ray of our own ends."""
    if ray.is_initialized():
        ray.shutdown()


def map_tasks(
    function: Callable[[Item], Value],
    items: Sequence[Item],
    resources: Callable[[Item], tuple[float, float]],
) -> Iterator[tuple[Item, Value]]:
    """Run a function over items on the cluster's workers; results come as they are done.

    Parameters
    ----------
    function : callable
        Importable by the workers.
    items : sequence
    resources : callable
        ``resources(item) -> (cpus, gpus)`` that one call takes.

    Yields
    ------
    item, value
        In order of completion.

    Raises
    ------
    Exception
        What a call raised, as it raised it; the calls still open are cancelled.
    """

    def call(item: Item) -> Value:
        return function(item)

    # Ray takes plain functions only, and ours may be a partial.
    remote = ray.remote(call)
    pending = {}
    for item in items:
        cpus, gpus = resources(item)
        pending[remote.options(num_cpus=cpus, num_gpus=gpus).remote(item)] = item
    try:
        while pending:
            (done,), _ = ray.wait(list(pending), num_returns=1)
            item = pending.pop(done)
            try:
                value: Value = ray.get(done)
            except RayTaskError as error:
                raise error.cause from None
            yield item, value
    finally:
        for reference in pending:
            ray.cancel(reference, force=True)


def cause_of(error: RayTaskError) -> BaseException:
    """What went wrong in a worker, without what Ray (and Ray Data) put around it."""
    cause: BaseException | None = error
    first: BaseException = error.cause
    while cause is not None:
        if isinstance(cause, UserError) and not isinstance(cause, RayTaskError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return first


def map_streams(
    function: Callable[[Item], Iterator[Value]],
    items: Sequence[Item],
    resources: Callable[[Item], tuple[float, float]],
) -> Iterator[tuple[Item, Value]]:
    """Run a generator over items on the cluster's workers; what they yield comes as it is made.

    Parameters
    ----------
    function : callable
        Importable by the workers.
    items : sequence
    resources : callable
        ``resources(item) -> (cpus, gpus)`` that one call takes.

    Yields
    ------
    item, value
        In order for each item, mixed over items.

    Raises
    ------
    Exception
        What a call raised, as it raised it; the calls still open are cancelled.
    """

    def call(item: Item) -> Iterator[Value]:
        # Not `yield from`: Ray sends into the generator, which an iterator does not take.
        for value in function(item):  # noqa: UP028
            yield value

    # No retries: Ray would drop as many values of the second attempt as came of the first. On a GPU
    # a worker ends with its call, lest it keep the memory while others use the card.
    calls = 1 if any(gpus for _, gpus in map(resources, items)) else 0
    remote = ray.remote(max_retries=0, max_calls=calls)(call)
    open_streams = {}
    for item in items:
        cpus, gpus = resources(item)
        options = remote.options(num_cpus=cpus, num_gpus=gpus, num_returns="streaming")
        open_streams[options.remote(item)] = item
    try:
        while open_streams:
            (ready,), _ = ray.wait(list(open_streams), num_returns=1)
            item = open_streams[ready]
            try:
                value: Value = ray.get(next(ready))
            except StopIteration:
                del open_streams[ready]
                continue
            except RayTaskError as error:
                raise cause_of(error) from None
            except RayError as error:
                reason = str(error).splitlines()[0]
                raise UserError(
                    f"a worker died, perhaps for lack of memory ({reason}); what is finished is "
                    "kept: give the same command again"
                ) from None
            yield item, value
    finally:
        for stream in open_streams:
            ray.cancel(stream, force=True)
