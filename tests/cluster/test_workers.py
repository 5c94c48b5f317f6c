"""Addresses of clusters are tried before any work."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.cluster import workers
from engine.cluster.capacity import Shape
from engine.cluster.workers import check_address


def test_an_address_where_something_listens_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}")
        check_address(f"ray://127.0.0.1:{port}")


def test_an_address_where_nothing_listens_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=r"no Ray cluster answers .*RAY_AUTH_TOKEN") as told:
        check_address(f"127.0.0.1:{port}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", "127.0.0.1:http"])
def test_an_address_of_another_form_is_told(address: str) -> None:
    with pytest.raises(UserError, match="give auto, HOST:PORT or ray://HOST:PORT"):
        check_address(address)


def test_auto_is_left_to_ray() -> None:
    check_address("auto")


@pytest.fixture(scope="module")
def one_node() -> Iterator[None]:
    workers.start(None)
    yield
    workers.stop()


def counted(item: int) -> Iterator[int]:
    yield from range(item)


def mistaken(item: int) -> Iterator[int]:
    yield item
    raise UserError(f"item {item} is wrong")


def killed(item: int) -> Iterator[int]:
    yield item
    os._exit(1)


def every(function: Callable[[int], Iterator[int]], items: list[int]) -> list[tuple[int, int]]:
    return list(workers.map_streams(function, items, lambda _: Shape(1.0)))


@pytest.mark.slow
def test_streams_hand_on_what_each_item_yields_in_its_order(one_node: None) -> None:
    seen = every(counted, [3, 0, 5])
    assert [value for item, value in seen if item == 3] == [0, 1, 2]
    assert [value for item, value in seen if item == 5] == [0, 1, 2, 3, 4]
    assert len(seen) == 8


@pytest.mark.slow
def test_a_mistake_in_a_stream_is_the_users_line_and_no_traceback(one_node: None) -> None:
    with pytest.raises(UserError, match=r"^item 7 is wrong$"):
        every(mistaken, [7])


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_never_taken_for_the_end(one_node: None) -> None:
    with pytest.raises(UserError, match=r"a worker died.*give the same command again") as told:
        every(killed, [7])
    assert "\n" not in str(told.value)


def squared(item: int) -> int:
    return item * item


def killed_once(folder: Path, item: int) -> int:
    """Dies the first time that it is called for an item."""
    seen = folder / str(item)
    if not seen.exists():
        seen.touch()
        os._exit(1)
    return item * item


@pytest.mark.slow
def test_a_task_hands_on_one_value_for_each_item(one_node: None) -> None:
    done = workers.map_tasks(squared, [2, 3, 4], lambda _: Shape(1.0))
    assert sorted(done) == [(2, 4), (3, 9), (4, 16)]


@pytest.mark.slow
def test_a_task_whose_worker_died_is_tried_anew(one_node: None, tmp_path: Path) -> None:
    done = workers.map_tasks(partial(killed_once, tmp_path), [2, 3], lambda _: Shape(1.0))
    assert sorted(done) == [(2, 4), (3, 9)]


def test_without_items_neither_the_cluster_nor_what_a_call_takes_is_asked() -> None:
    def refuse(_: int) -> Shape:
        raise AssertionError

    assert list(workers.map_tasks(squared, [], refuse)) == []


@pytest.mark.slow
def test_without_an_address_a_cluster_that_runs_here_is_left_alone() -> None:
    """Ray itself would join it, and refuse to be told how many processors to take."""
    script = (
        "import ray; from ray.cluster_utils import Cluster; from engine.cluster import workers\n"
        "made = Cluster(initialize_head=True, head_node_args={'num_cpus': 7})\n"
        "import os; os.environ['RAY_ADDRESS'] = made.address\n"
        "(own,) = workers.start(None)\n"
        "print('cpus', own.cpus, os.sched_getaffinity(0).__len__())\n"
        "workers.stop(); made.shutdown()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    _, found, own = next(ln for ln in done.stdout.splitlines() if ln.startswith("cpus")).split()
    assert float(found) == float(own) != 7


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A GPU of 10 GB; the fractions that torch is told."""
    told: list[float] = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (9e9, 10e9))
    monkeypatch.setattr("torch.cuda.set_per_process_memory_fraction", told.append)
    return told


@pytest.mark.parametrize(("share", "fraction"), [(0.5, 0.45), (0.25, 0.2), (0.08, 0.04)])
def test_torch_may_allocate_a_workers_share_less_what_cuda_takes(
    card: list[float], share: float, fraction: float
) -> None:
    """CUDA's context takes 0.5 GB of the 10, at most half of a share."""
    workers.limit_gpu_memory(share)
    assert card == [pytest.approx(fraction)]


@pytest.mark.parametrize(
    ("given", "calls"), [({"CPU": 1.0, "GPU": 0.5}, 1), ({"CPU": 1.0}, 0), ({"GPU": 1.0}, 0)]
)
def test_a_worker_keeps_to_its_share_from_its_first_trial_on(
    card: list[float], monkeypatch: pytest.MonkeyPatch, given: dict[str, float], calls: int
) -> None:
    class Context:
        def get_assigned_resources(self) -> dict[str, float]:
            return given

    monkeypatch.setattr("ray.get_runtime_context", Context)
    workers.keep_to_share.cache_clear()
    workers.keep_to_share()
    workers.keep_to_share()
    workers.keep_to_share.cache_clear()
    assert len(card) == calls


def test_the_token_that_ray_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    token = tmp_path / "auth_token"
    workers._keep_private(token)  # none was written
    token.write_text("secret")
    token.chmod(0o644)
    workers._keep_private(token)
    assert token.stat().st_mode & 0o777 == 0o600
