"""On a cluster every node must see the folders of a run; one that does not is named in one line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest

from engine.basics.errors import UserError
from engine.cluster import workers
from engine.cluster.capacity import Node
from engine.cluster.shared_storage import check_storage, read_and_write, within

HERE = Node("here", "10.0.0.1 (head)", 1, 0)


def write(root: Path, token: str) -> None:
    (root / token).mkdir(parents=True)
    (root / token / "driver").write_text(token)


def test_a_node_that_shares_a_folder_reads_it_and_leaves_its_own_file(tmp_path: Path) -> None:
    write(tmp_path, "token")
    assert read_and_write([str(tmp_path)], "token", HERE) == ""
    assert (tmp_path / "token" / "here").read_text() == "here"


def test_a_node_with_another_folder_or_another_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = read_and_write([str(tmp_path / "empty")], "token", HERE)
    assert told == f"{tmp_path / 'empty'} is another folder there than here"
    write(tmp_path / "stale", "token")
    (tmp_path / "stale" / "token" / "driver").write_text("older")
    assert "holds another file" in read_and_write([str(tmp_path / "stale")], "token", HERE)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write(tmp_path, "token")
    (tmp_path / "token" / "here").mkdir()  # in the way of the node's own file
    (tmp_path / "token" / "here" / "x").touch()
    assert "cannot be written there" in read_and_write([str(tmp_path)], "token", HERE)


def test_a_mount_that_hangs_here_is_told_in_time() -> None:
    never = Event()
    try:
        with pytest.raises(UserError, match=r"^/mnt/nfs: did not answer here within 0 s"):
            within(0.05, ["/mnt/nfs"], lambda: never.wait() and None)
    finally:
        never.set()


def test_what_goes_wrong_here_is_raised_here() -> None:
    def fail() -> None:
        raise UserError("no room")

    with pytest.raises(UserError, match=r"^no room$"):
        within(5, ["/x"], fail)


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[tuple[Node, ...]]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1})
    made.add_node(num_cpus=1)
    yield workers.start(made.address)
    workers.stop()
    made.shutdown()


@pytest.mark.slow
def test_two_nodes_that_share_a_folder_pass_and_nothing_is_left(
    two_nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    assert len(two_nodes) == 2
    roots = [str(tmp_path / "out"), str(tmp_path / "store")]
    check_storage(two_nodes, roots, read_and_write)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_node_that_sees_another_folder_is_named_with_the_folder(
    two_nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    second, other = two_nodes[1], str(tmp_path / "elsewhere")

    def unshared(roots: Sequence[str], token: str, node: Node) -> str:
        """The second node mounts another folder at the same path."""
        return read_and_write([other] if node == second else roots, token, node)

    with pytest.raises(UserError, match="another folder there than here") as told:
        check_storage(two_nodes, [str(tmp_path / "out")], unshared)
    assert str(told.value).startswith(f"node {second.name}: ")
    assert "--out" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_what_a_node_writes_elsewhere_does_not_arrive(
    two_nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    """A node that reads a stale copy and writes to it: only the driver can tell."""

    def copied(roots: Sequence[str], token: str, node: Node) -> str:
        return ""

    with pytest.raises(UserError, match=r"what it writes to .*/out does not arrive here"):
        check_storage(two_nodes, [str(tmp_path / "out")], copied)


@pytest.mark.slow
def test_a_node_whose_mount_hangs_is_told_in_time(
    two_nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    second = two_nodes[1]

    def hanging(roots: Sequence[str], token: str, node: Node) -> str:
        import threading

        threading.Event().wait()
        return ""

    with pytest.raises(UserError, match=r"did not answer within 3 s \(a hung mount\?\)") as told:
        check_storage([second], [str(tmp_path / "out")], hanging, seconds=3)
    assert second.name in str(told.value)


def pretended(node: Node) -> tuple[float, str]:
    return 24e9, "RTX"


def broken(node: Node) -> tuple[float, str]:
    raise OSError("no driver")


@pytest.mark.slow
def test_gpu_memory_is_asked_on_the_nodes_that_have_one(two_nodes: tuple[Node, ...]) -> None:
    told = workers.with_gpu_memory(two_nodes, pretended)
    assert [n.gpu_memory for n in told if n.gpus] == [24e9]
    assert [n.gpu_name for n in told if n.gpus] == ["RTX"]
    assert [n.gpu_memory for n in told if not n.gpus] == [0.0]


@pytest.mark.slow
def test_a_gpu_that_does_not_answer_is_not_known_and_stops_nothing(
    two_nodes: tuple[Node, ...],
) -> None:
    assert workers.with_gpu_memory(two_nodes, broken) == two_nodes


def visible(item: int) -> str:
    import os

    return os.environ.get("CUDA_VISIBLE_DEVICES", "all of them")


@pytest.mark.slow
def test_a_worker_that_was_given_no_gpu_sees_none(two_nodes: tuple[Node, ...]) -> None:
    from engine.cluster.capacity import Shape

    shapes = [Shape(1.0), Shape(1.0, 0.25)]
    seen = dict(workers.map_tasks(visible, [0, 1], lambda item: shapes[item]))
    assert seen == {0: "", 1: "0"}
