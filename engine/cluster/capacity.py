"""What a cluster's nodes have, what a trial of each cell takes of them, and how many fit at once.

Trials of a cell that trains a network share a GPU where several fit. Shares are of a few sizes
only, since Ray Tune keeps a worker from trial to trial where both ask for the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Trials that share a GPU, or the memory of a machine without one.
PARTS = (1, 2, 3, 4, 8)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes
    ----------
    id : str
        Ray's.
    name : str
        Address and host name, for people.
    memory : float
        Bytes of main memory that Ray hands out; 0 where it is not known.
    gpu_memory : float
        Free bytes of a GPU; 0 where there is none or it is not known.
    """

    id: str
    name: str
    cpus: float
    gpus: float
    memory: float = 0.0
    gpu_memory: float = 0.0
    gpu_name: str = ""


@dataclass(frozen=True)
class Shape:
    """What one trial asks for; of main memory in bytes, 0 where nobody need count them."""

    cpus: float
    gpus: float = 0.0
    memory: float = 0.0

    def fits(self, node: Node) -> int:
        """How many fit on a node at once."""
        rooms = [(node.cpus, self.cpus), (node.gpus, self.gpus), (node.memory, self.memory)]
        # A hair more, for three thirds are a whole.
        return min(int(there / asked + 1e-3) for there, asked in rooms if asked)

    def for_ray(self) -> dict[str, float]:
        """As Ray names resources."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return {name: amount for name, amount in asked.items() if amount}


@dataclass(frozen=True)
class Capacity:
    """What the cluster has, and what a trial of each cell takes.

    Attributes
    ----------
    shapes : mapping
        Id of a cell -> what one of its trials asks for.
    networks : frozenset of str
        Ids of the cells that train a network.
    embedder : Shape
        What a worker of the embedding stage asks for.
    notes : tuple of str
        What people should know: how trials share, and what may not fit.
    """

    nodes: tuple[Node, ...]
    shapes: Mapping[str, Shape]
    networks: frozenset[str]
    embedder: Shape
    notes: tuple[str, ...] = field(default=())

    @property
    def gpus(self) -> float:
        """Of all nodes together."""
        return sum(node.gpus for node in self.nodes)

    def at_once(self, shape: Shape) -> int:
        """How many of a shape fit on all nodes together; at least one, which may have to wait."""
        return max(1, sum(shape.fits(node) for node in self.nodes))

    def slots(self) -> dict[str, int]:
        """How many trials of each need can run at once; Ray queues what a mix has no room for."""
        needs = {"network": self.networks, "embeddings": self.shapes.keys() - self.networks}
        return {
            need: max((self.at_once(self.shapes[cell]) for cell in cells), default=1)
            for need, cells in needs.items()
        }


def gpu_share(estimate: float | None, nodes: tuple[Node, ...]) -> float:
    """Share of a GPU that holds a trial: a whole one where it is not known, or does not fit.

    The smallest GPU of the cluster counts, for a trial may come to any.
    """
    memory = [node.gpu_memory for node in nodes if node.gpus]
    return 1 / parts(estimate, min(memory, default=0.0))


def memory_share(estimate: float | None, nodes: tuple[Node, ...], cpus: float) -> float:
    """Bytes of main memory that a trial must ask for, lest more run at once than a node can hold.

    Zero where as many as there are CPUs for fit anyway, or nothing is known: trials are then alike
    for Ray, and share workers with all others.
    """
    known = [node for node in nodes if node.memory]
    if estimate is None or all(estimate * int(n.cpus / cpus) <= n.memory for n in known):
        return 0.0
    largest = max(node.memory for node in known)
    return float(int(largest / parts(estimate, largest)))


def parts(estimate: float | None, memory: float) -> int:
    """Most trials, of `PARTS`, that fit into some memory; one where it is not known."""
    if not estimate:
        return 1
    return max((k for k in PARTS if k * estimate <= memory), default=1)
