"""How many trials fit: onto GPUs in a few shares, and into the memory of machines without one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.capacity import PARTS, Capacity, Node, Shape, gpu_share, memory_share, parts

GB = 1e9


def node(cpus: float = 8, gpus: float = 0, memory: float = 0, gpu_memory: float = 0) -> Node:
    return Node("n", "10.0.0.1 (a)", cpus, gpus, memory * GB, gpu_memory * GB)


@pytest.mark.parametrize(
    ("needs", "share"),
    [
        (1, 1 / 8),
        (10, 1 / 8),
        (10.1, 1 / 4),
        (20, 1 / 4),
        (21, 1 / 3),
        (40, 1 / 2),
        (41, 1),
        (90, 1),
    ],
)
def test_a_share_is_the_smallest_that_holds_a_trial(needs: float, share: float) -> None:
    assert gpu_share(needs * GB, (node(gpus=1, gpu_memory=80),)) == share


def test_the_smallest_gpu_counts_since_a_trial_may_come_to_any() -> None:
    nodes = (node(gpus=8, gpu_memory=80), node(gpus=1, gpu_memory=16), node())
    assert gpu_share(9 * GB, nodes) == 1
    assert gpu_share(9 * GB, (nodes[0], nodes[2])) == 1 / 8


@pytest.mark.parametrize("nodes", [(node(gpus=1),), ()])
def test_without_knowledge_a_trial_has_a_gpu_of_its_own(nodes: tuple[Node, ...]) -> None:
    assert gpu_share(1.0, nodes) == 1
    assert gpu_share(None, (node(gpus=1, gpu_memory=80),)) == 1


@given(st.floats(1, 1e12), st.floats(1, 1e12))
def test_as_many_as_are_told_to_fit_do_and_the_next_size_does_not(
    needs: float, there: float
) -> None:
    k = parts(needs, there)
    assert k == 1 or k * needs <= there
    assert all(larger * needs > there for larger in PARTS if larger > k)


def test_memory_is_counted_only_where_it_would_run_out() -> None:
    """16 trials of 5 GB would kill a machine of 32 GB; 16 of 1 GB would not."""
    laptop = (node(cpus=16, memory=32),)
    assert memory_share(1 * GB, laptop, cpus=1) == 0
    asked = memory_share(5 * GB, laptop, cpus=1)
    assert Shape(1, memory=asked).fits(laptop[0]) == 4
    assert memory_share(5 * GB, laptop, cpus=4) == 0, "four at once by their CPUs"
    assert memory_share(None, laptop, cpus=1) == 0
    assert memory_share(5 * GB, (node(cpus=16),), cpus=1) == 0, "a node that tells no memory"


def test_a_trial_larger_than_every_machine_has_the_largest_alone() -> None:
    nodes = (node(cpus=16, memory=32), node(cpus=16, memory=16))
    asked = memory_share(50 * GB, nodes, cpus=1)
    shape = Shape(1, memory=asked)
    assert [shape.fits(n) for n in nodes] == [1, 0]


def test_a_shape_fits_as_often_as_its_scarcest_resource_allows() -> None:
    assert Shape(1).fits(node(cpus=8)) == 8
    assert Shape(1, 1 / 3).fits(node(cpus=8, gpus=2)) == 6
    assert Shape(3, 1 / 8).fits(node(cpus=8, gpus=2)) == 2
    assert Shape(1, 1.0).fits(node(cpus=8)) == 0


def test_nodes_are_filled_one_by_one_since_a_trial_stands_on_one() -> None:
    nodes = (node(cpus=3), node(cpus=3))
    capacity = Capacity(nodes, {"a": Shape(2), "b": Shape(1)}, frozenset({"a"}), Shape(1))
    assert capacity.slots() == {"network": 2, "embeddings": 6}
    assert capacity.at_once(Shape(4)) == 1, "it waits, and the study goes on"


def test_ray_is_asked_by_its_own_names_and_for_nothing_that_is_not_needed() -> None:
    assert Shape(2).for_ray() == {"CPU": 2}
    assert Shape(1, 0.25, 5.0).for_ray() == {"CPU": 1, "GPU": 0.25, "memory": 5.0}
