"""Before a study starts on a cluster: does every node see the folders that it writes to?

A folder that a node does not share is found here, and not when its first result is missed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread

from engine.basics.errors import UserError, first_line
from engine.cluster.capacity import Node
from engine.cluster.workers import on_nodes
from engine.store import Store

#: A mount that hangs is told after so long.
SECONDS = 60.0

Probe = Callable[[Sequence[str], str, Node], str]


def check_storage(
    nodes: Sequence[Node], roots: Sequence[str], probe: Probe, seconds: float = SECONDS
) -> None:
    """Make sure that every node reads what the driver wrote, and the driver what each node wrote.

    Parameters
    ----------
    roots : sequence of str
        Folders, or URIs in an object store.
    probe : callable
        `read_and_write`, which runs on each node.
    seconds : float
        For each of the two sides.

    Raises
    ------
    UserError
        If one does not, within the time; names the node and the folder.
    """
    token = f".storage-check-{secrets.token_hex(8)}"
    within(seconds, roots, partial(_write, roots, token))
    try:
        for node, found in on_nodes(partial(probe, roots, token), nodes, seconds):
            if isinstance(found, TimeoutError):
                where = " or ".join(roots)
                found = f"{where} did not answer within {seconds:.0f} s (a hung mount?)"
            elif isinstance(found, Exception):
                found = f"{roots[0]} could not be tried there ({first_line(found)})"
            if found:
                raise UserError(_not_shared(node, found))
        within(seconds, roots, partial(_read, nodes, roots, token))
    finally:
        with suppress(UserError):
            within(seconds, roots, partial(_remove, roots, token))


def read_and_write(roots: Sequence[str], token: str, node: Node) -> str:
    """Read the driver's file under each root and write one beside it; what is wrong, or nothing."""
    for root in roots:
        place = Store(root).place
        try:
            if place.read(f"{token}/driver") != token.encode():
                return f"{place.shown} holds another file there than here"
        except FileNotFoundError:
            return f"{place.shown} is another folder there than here"
        except (OSError, UserError) as error:
            return f"{place.shown} cannot be read there ({first_line(error)})"
        try:
            place.write(f"{token}/{node.id}", node.id.encode())
        except (OSError, UserError) as error:
            return f"{place.shown} cannot be written there ({first_line(error)})"
    return ""


def _write(roots: Sequence[str], token: str) -> None:
    for root in roots:
        place = Store(root).place
        try:
            place.write(f"{token}/driver", token.encode())
        except OSError as error:
            raise UserError(
                f"{place.shown}: cannot be written here ({first_line(error)})"
            ) from None


def _read(nodes: Sequence[Node], roots: Sequence[str], token: str) -> None:
    for root in roots:
        place = Store(root).place
        for node in nodes:
            try:
                same = place.read(f"{token}/{node.id}") == node.id.encode()
            except OSError:
                same = False
            if not same:
                raise UserError(
                    _not_shared(node, f"what it writes to {place.shown} does not arrive here")
                )


def _remove(roots: Sequence[str], token: str) -> None:
    for root in roots:
        Store(root).place.remove(token)


def within(seconds: float, roots: Sequence[str], work: Callable[[], None]) -> None:
    """Do something here that a hung mount would never end; UserError after so many seconds."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            work()
        except (OSError, UserError) as error:
            raised.append(error)

    thread = Thread(target=run, name="storage check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise UserError(
            f"{' or '.join(roots)}: did not answer here within {seconds:.0f} s (a hung mount?); "
            "give --out a folder on storage that answers"
        )
    if raised:
        raise raised[0]


def _not_shared(node: Node, found: str) -> str:
    return (
        f"node {node.name}: {found}; on a cluster --out and the study's `store` must be on storage "
        "that every node shares"
    )
