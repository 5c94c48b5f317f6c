"""The embedding stage over several nodes gives what one process gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from engine.cluster import workers
from engine.cluster.capacity import Shape
from engine.embedding.over_cluster import Embedder, embed_over_cluster, survey
from engine.embedding.stored import Prepared, PrepareRequest, prepare, recall_prepared
from engine.records import EncoderSpec, TaskSpec
from engine.store import Store
from engine.tasks import load_task

pytestmark = pytest.mark.slow

ENCODER = EncoderSpec("tiny-bert@random", "tiny-bert", "random", 3)
SPLITS = ("train", "validation")


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[None]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    yield
    workers.stop()
    made.shutdown()


@pytest.fixture
def requests(tmp_path: Path) -> list[PrepareRequest]:
    """Two tasks of one encoder; shards are small, so that there are several of each split."""
    made = []
    rng = np.random.default_rng(0)
    for name, rows in (("first", 900), ("second", 400)):
        file = tmp_path / f"{name}.csv"
        lines = ["".join(rng.choice(list("ACGT"), rng.integers(200, 900))) for _ in range(rows)]
        file.write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(lines)))
        spec = TaskSpec(name, str(file))
        made.append(
            PrepareRequest(
                ENCODER, spec, load_task(spec).fingerprint, ("max", "mean"), (-1, 0), SPLITS
            )
        )
    return made


def over_cluster(requests: list[PrepareRequest], root: str) -> tuple[dict[str, Prepared], int]:
    prepared: dict[str, Prepared] = {}
    rows = 0
    for request, made in embed_over_cluster(requests, root, True, Shape(1.0), 2):
        if isinstance(made, Prepared):
            prepared[request.task.name] = made
        else:
            rows += made
    return prepared, rows


def test_two_nodes_give_the_arrays_of_one_process(
    two_nodes: None, requests: list[PrepareRequest], tmp_path: Path
):
    there, here = str(tmp_path / "there"), str(tmp_path / "here")
    spread, rows = over_cluster(requests, there)
    for request in requests:
        alone = prepare(request, here)
        assert spread[request.task.name] == alone
        assert recall_prepared(request, Store(there)) == replace(alone, forwards=0)
        for key in alone.embeddings.values():
            expected, found = Store(here).load(key), Store(there).load(key)
            assert expected is not None
            assert found is not None
            assert expected.keys() == found.keys()
            for name, values in expected.items():
                np.testing.assert_array_equal(values, found[name])
    assert rows == sum(made.forwards for made in spread.values())
    assert not list(Path(there).glob("drafts/*"))


def test_shards_that_are_there_are_not_run_again(
    two_nodes: None, requests: list[PrepareRequest], tmp_path: Path
):
    root = str(tmp_path / "store")
    left = survey(requests, root, reuse=True).missing
    batch = {
        "request": np.array([left[0].request]),
        "split": np.array([left[0].split]),
        "key": np.array([left[0].key]),
        **{
            name: np.array([value])
            for name, value in zip(("number", "start", "rows"), left[0].shards[0], strict=True)
        },
    }
    Embedder(requests, root)(batch)
    done = left[0].shards[0][2]
    prepared, rows = over_cluster(requests, root)
    total = sum(gap.count for gap in left)
    assert sum(made.forwards for made in prepared.values()) == total - done
    assert rows == total
    again, _ = over_cluster(requests, root)
    assert all(made.forwards == 0 for made in again.values())
