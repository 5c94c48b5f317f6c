"""Ray: start it or join one, see what it has, and map a function over its workers."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.basics.errors import UserError, first_line
from engine.basics.package import PACKAGE
from engine.cluster.capacity import Node, Shape

CONNECT_SECONDS = 5.0

#: A node that does not answer a small question within this is told as such.
ANSWER_SECONDS = 60.0

#: What CUDA takes of a GPU for each process, beside what torch counts.
CONTEXT_BYTES = 5 * 10**8

#: How often Ray tries a task anew whose worker died: its own default.
RETRIES = 3

#: A worker that was given no GPU sees all of them (Ray 2.60), unless this is set.
HIDE_GPUS = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Value = TypeVar("Value")


def check_address(address: str) -> None:
    """Make sure that something listens at a cluster's address: Ray itself would try for minutes.

    UserError where nothing does; ``auto`` is left to Ray, which answers at once.
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


def start(address: str | None) -> tuple[Node, ...]:
    """Start Ray on this machine, or join the cluster at an address; its nodes that are alive.

    UserError where no cluster answers at ``auto``, ``host:port`` or ``ray://host:port``.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.update(HIDE_GPUS)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Ray would join whatever cluster runs on this machine.
        settings |= {"address": "local", "num_cpus": len(os.sched_getaffinity(0))}
    else:
        # Workers run the driver's code, whatever is installed on their nodes.
        ships = {"py_modules": [str(PACKAGE)], "env_vars": HIDE_GPUS}
        settings |= {"address": address, "runtime_env": ships}
    try:
        ray.init(**settings)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(_no_cluster(address, first_line(error))) from None
    if address is None:
        _keep_private(Path.home() / ".ray" / "auth_token")
    return tuple(_node(found) for found in ray.nodes() if found["Alive"])


def _keep_private(token: Path) -> None:
    """Take the token that Ray wrote for everybody to read from all but its owner."""
    if token.is_file() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)


def _node(found: dict[str, Any]) -> Node:
    resources = found["Resources"]
    return Node(
        id=found["NodeID"],
        name=f"{found['NodeManagerAddress']} ({found['NodeManagerHostname']})",
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
        memory=resources.get("memory", 0.0),
    )


def stop() -> None:
    """Leave the cluster; a Ray of our own ends."""
    if ray.is_initialized():
        ray.shutdown()


def on_nodes(
    function: Callable[[Node], Value],
    nodes: Sequence[Node],
    seconds: float = ANSWER_SECONDS,
    gpus: float = 0.0,
) -> list[tuple[Node, Value | Exception]]:
    """Run a function on every node, in a process of its own that asks for no CPU.

    Parameters
    ----------
    function : callable
        Importable by the workers.
    seconds : float
        How long to wait for all of them.
    gpus : float
        What the function needs of a GPU.

    Returns
    -------
    list of (Node, value or Exception)
        What came of each: what the function raised, or a `TimeoutError`, in place of a value.
    """

    def call(node: Node) -> Value:
        return function(node)

    remote = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(call)
    asked = [
        remote.options(
            num_gpus=gpus, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote(node)
        for node in nodes
    ]
    ray.wait(asked, num_returns=len(asked), timeout=seconds)
    return [(node, _answer(answer)) for node, answer in zip(nodes, asked, strict=True)]


def _answer(reference: Any) -> Any:
    try:
        return ray.get(reference, timeout=0)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(reference, force=True)
        return TimeoutError("it did not answer")
    except RayTaskError as error:
        return error.cause
    except RayError as error:
        return error


def with_gpu_memory(
    nodes: Sequence[Node], probe: Callable[[Node], tuple[float, str]], seconds: float = 60.0
) -> tuple[Node, ...]:
    """Nodes with the memory of their GPUs, as a `probe` (`gpu_memory`) on each of them finds it.

    A node whose GPUs are all taken for so many seconds keeps none: its trials get a whole GPU.
    """
    found = dict(on_nodes(probe, [n for n in nodes if n.gpus], seconds, gpus=1.0))
    told = []
    for node in nodes:
        answer = found.get(node)
        if isinstance(answer, Exception):
            log.warning("the GPU memory of %s is not known (%s)", node.name, answer)
        elif answer is not None:
            node = replace(node, gpu_memory=answer[0], gpu_name=answer[1])
        told.append(node)
    return tuple(told)


def gpu_memory(node: Node) -> tuple[float, str]:
    """Free bytes and name of the GPU that this process was given; 0 where torch finds none."""
    import torch

    if not torch.cuda.is_available():
        return 0.0, ""
    free, _ = torch.cuda.mem_get_info()
    return float(free), torch.cuda.get_device_name()


@cache
def keep_to_share() -> None:
    """Hold this worker to its share of the GPU that Ray gave it, for as long as it lives.

    A trial that wants more is told by torch that memory is out, and goes on in smaller parts; it
    takes nothing from its neighbours. Called once: a worker keeps its share.
    """
    share = ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0)
    if 0 < share < 1:
        limit_gpu_memory(share)


def limit_gpu_memory(share: float) -> None:
    """Let torch allocate a share of the GPU's memory, what CUDA itself takes counted in."""
    import torch

    if torch.cuda.is_available():
        _, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(max(share / 2, share - CONTEXT_BYTES / total))


def map_tasks(
    function: Callable[[Item], Value],
    items: Sequence[Item],
    resources: Callable[[Item], Shape],
) -> Iterator[tuple[Item, Value]]:
    """As `map_streams`, of a function in place of a generator: one value for each item."""

    def one(item: Item) -> Iterator[Value]:
        keep_to_share()
        yield function(item)

    return map_streams(one, items, resources, RETRIES)


def map_streams(
    function: Callable[[Item], Iterator[Value]],
    items: Sequence[Item],
    resources: Callable[[Item], Shape],
    retries: int = 0,
) -> Iterator[tuple[Item, Value]]:
    """Run a generator over items on the cluster's workers; what they yield comes as it is made.

    Where there are no items nothing is asked of the cluster, nor of `resources`.

    Parameters
    ----------
    function : callable
        Importable by the workers.
    resources : callable
        ``resources(item) -> Shape`` that one call takes.
    retries : int
        How often an item is tried anew whose worker died. Of more values than one Ray would drop
        as many of the second attempt as came of the first.

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
        # A plain function, which Ray takes alone: ours may be a partial. Not `yield from`: Ray
        # sends into the generator, which an iterator does not take.
        for value in function(item):  # noqa: UP028
            yield value

    # A worker that had a GPU ends with its call: it would keep that GPU, its memory and its share
    # of it, whatever the next call is given.
    calls = 1 if any(resources(item).gpus for item in items) else 0
    remote = ray.remote(max_retries=retries, max_calls=calls)(call)
    open_streams = {}
    for item in items:
        started = remote.options(**options(resources(item)), num_returns="streaming")
        open_streams[started.remote(item)] = item
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
                raise UserError(
                    f"a worker died, perhaps for lack of memory ({first_line(error)}); what is "
                    "finished is kept: give the same command again"
                ) from None
            yield item, value
    finally:
        for stream in open_streams:
            ray.cancel(stream, force=True)


def options(shape: Shape) -> dict[str, float]:
    """A shape as the options of a Ray task."""
    return {"num_cpus": shape.cpus, "num_gpus": shape.gpus, "memory": shape.memory}


def cause_of(error: RayTaskError) -> BaseException:
    """What went wrong in a worker, without what Ray (and Ray Data) put around it."""
    cause: BaseException | None = error
    first: BaseException = error.cause
    while cause is not None:
        if isinstance(cause, UserError) and not isinstance(cause, RayTaskError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return first
