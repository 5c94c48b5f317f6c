"""Downloads from a hub on 127.0.0.1: what is asked of it, and what is loaded of what it gives."""

import json
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.checkpoint import read_tensors
from tests.encoders.loopback_hub import Hub, serving
from tests.encoders.small import SMALL

MINE = "some-body/my.model_1"
FIRST, SECOND = "a" * 40, "b" * 40
SEQUENCES = ["ACGTTTAGATTCCCATGACGT" * 3, "TTACC", "N"]

#: Loads an encoder by each name and writes hidden states, commits and fingerprints.
LOAD = """
import json, sys, torch
from engine.encoders import load_encoder
file, sequences, *names = sys.argv[1:]
found = []
for weights in names:
    encoder = load_encoder("dnabert2", weights=weights)
    tokens = encoder.tokenize(json.loads(sequences))
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    found.append([hidden, encoder.revision, encoder.fingerprint])
torch.save(found, file)
"""

#: Only has the folder of a checkpoint, which needs no torch; a user's mistake is its last line.
FETCH = """
import sys, time
from engine.encoders.base import LoadRequest
from engine.encoders.families.dnabert2 import CARDS
from engine.encoders.hub import cached_commit, checkpoint_folder, hub_source
from engine.basics.errors import UserError
from huggingface_hub import constants
# The client waits between its attempts, and keeps whole chunks only, of 10 MB.
time.sleep = lambda seconds: None
constants.DOWNLOAD_CHUNK_SIZE = 256
card = CARDS[0]
for weights in sys.argv[1:]:
    try:
        folder = checkpoint_folder(LoadRequest(card, weights, 0, 0))
    except UserError as error:
        sys.exit(str(error))
    print(folder, cached_commit(hub_source(card, weights)))
"""


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """A tiny DNABERT-2 as it is laid out on the hub."""
    SMALL["dnabert2"](tmp_path / "local")
    return tmp_path / "local"


def fetched(hub: Hub, *weights: str, **environment: str) -> list[Path]:
    """Folders that downloads end in."""
    done = hub.run(FETCH, *weights, **environment)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [Path(folder).name for folder, _ in lines] == [commit for _, commit in lines]
    return [Path(folder) for folder, _ in lines]


def refused(hub: Hub, weights: str, **environment: str) -> str:
    """The one line that a download ends with."""
    done = hub.run(FETCH, weights, **environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def same_files(left: Path, right: Path) -> bool:
    return {p.name: p.read_bytes() for p in left.iterdir()} == {
        p.name: p.read_bytes() for p in right.iterdir()
    }


def test_a_download_gives_the_hidden_states_of_the_same_files_in_a_folder(hub, folder, tmp_path):
    # The card pins a commit: main of its repository is another, and is not asked for.
    card = find_card("dnabert2")
    hub.publish(card.hub, card.revision, folder)
    hub.publish(card.hub, SECOND, tmp_path / "home")
    hub.publish(MINE, FIRST, folder)
    file = tmp_path / "states.pt"
    done = hub.run(LOAD, file, json.dumps(SEQUENCES), "hub", f"hub:{MINE}")
    assert done.returncode == 0, done.stderr
    local = load_encoder("dnabert2", weights=folder)
    tokens = local.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = local(tokens.input_ids, tokens.attention_mask)
    for hidden, _, fingerprint in torch.load(file):
        assert torch.equal(hidden, expected)
        assert fingerprint == local.fingerprint
    # The commit is told of both, of the second though its `main` was asked for.
    assert [revision for _, revision, _ in torch.load(file)] == [card.revision, FIRST]
    assert local.revision == ""
    of_card = [r.path for r in hub.requests if card.hub in r.path]
    assert of_card
    assert all(card.revision in path for path in of_card)


def test_what_is_cached_is_used_without_a_request_also_when_main_has_moved(hub, folder):
    hub.publish(MINE, FIRST, folder)
    (first,) = fetched(hub, f"hub:{MINE}")
    assert first.name == FIRST
    hub.publish(MINE, SECOND, folder)
    hub.requests.clear()
    assert fetched(hub, f"hub:{MINE}", f"hub:{MINE}@{FIRST}") == [first, first]
    assert fetched(hub, f"hub:{MINE}", HF_HUB_OFFLINE="1") == [first]
    assert hub.requests == []


def test_a_download_that_breaks_is_resumed_where_it_broke(hub, folder):
    hub.publish(MINE, FIRST, folder)
    hub.breaks["model.safetensors"] = [1024]
    assert same_files(fetched(hub, f"hub:{MINE}@{FIRST}")[0], folder)
    stored = [r.range for r in hub.asked_for("model.safetensors") if r.path.startswith("/storage")]
    assert stored == ["", "bytes=1024-"]


def test_a_download_that_ends_in_the_middle_leaves_nothing_that_is_loaded(hub, folder):
    hub.publish(MINE, FIRST, folder)
    hub.breaks["model.safetensors"] = [1024] + [0] * 20
    line = refused(hub, f"hub:{MINE}@{FIRST}")
    assert f"`hf download {MINE} --revision {FIRST}`" in line
    kept = [p for p in hub.home.rglob("*") if p.is_file() and p.stat().st_size >= 1024]
    assert all(p.read_bytes() != (folder / "model.safetensors").read_bytes()[:1024] for p in kept)
    assert "not here" in refused(hub, f"hub:{MINE}@{FIRST}", HF_HUB_OFFLINE="1")
    hub.breaks.clear()
    assert same_files(fetched(hub, f"hub:{MINE}@{FIRST}")[0], folder)


def test_a_missing_shard_is_fetched_again(hub, folder):
    tensors = read_tensors(folder)
    (folder / "model.safetensors").unlink()
    where = {}
    for number, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2])):
        save_file({name: tensors[name] for name in names}, folder / f"model-{number}.safetensors")
        where |= dict.fromkeys(names, f"model-{number}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    hub.publish(MINE, FIRST, folder)
    (found,) = fetched(hub, f"hub:{MINE}")
    # As an older client leaves it, which keeps no list of what belongs to a snapshot.
    for listing in hub.home.rglob("trees/*.json"):
        listing.unlink()
    (found / "model-1.safetensors").unlink()
    assert same_files(fetched(hub, f"hub:{MINE}")[0], folder)


@pytest.mark.parametrize("lacking", ["config.json", "tokenizer.json"])
def test_what_another_program_left_out_of_the_cache_is_fetched_once(hub, folder, lacking):
    hub.publish(MINE, FIRST, folder)
    (found,) = fetched(hub, f"hub:{MINE}")
    for listing in hub.home.rglob("trees/*.json"):
        listing.unlink()
    (found / lacking).unlink()
    line = refused(hub, f"hub:{MINE}", HF_HUB_OFFLINE="1")
    assert f"`hf download {MINE} --revision main`" in line
    assert same_files(fetched(hub, f"hub:{MINE}")[0], folder)
    hub.requests.clear()
    assert fetched(hub, f"hub:{MINE}") == [found]
    assert hub.requests == []


def test_without_hub_and_cache_the_command_that_fetches_is_told_at_once(tmp_path, folder):
    with serving(tmp_path / "home") as gone:
        gone.publish(MINE, FIRST, folder)
    # `FETCH` hides how long the client waits between attempts: here it must not wait at all.
    code = FETCH.replace("time.sleep = lambda seconds: None", "time.sleep = None")
    for weights in (f"hub:{MINE}@{FIRST}", f"hub:{MINE}"):
        done = gone.run(code, weights)
        revision = FIRST if "@" in weights else "main"
        assert done.returncode == 1
        line = done.stderr.splitlines()[-1]
        assert f"`hf download {MINE} --revision {revision}`" in line
        assert "ConnectError" in line


def test_a_hub_that_does_not_answer_is_not_waited_for(tmp_path):
    code = FETCH.replace("time.sleep = lambda seconds: None", "time.sleep = None")
    code = f"import engine.encoders.hub as hub\nhub.REACH_SECONDS = 0.2\n{code}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = Hub(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        done = deaf.run(code, f"hub:{MINE}@{FIRST}")
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert f"ReadTimeout: timed out); on a machine with network run `hf download {MINE}" in line


STUDY = f"""
name: s
encoders: [{{name: ours, family: dnabert2, weights: "hub:{MINE}@v1"}}]
tasks: [promoters_ecoli]
methods: {{probe: search_spaces/probe.yaml}}
"""

DRY_RUN = """
import runpy, sys
sys.argv[0] = "run_search.py"
runpy.run_path("run_search.py", run_name="__main__")
"""


def test_a_dry_run_tells_what_is_to_be_downloaded_and_that_it_is_not_pinned(hub, tmp_path):
    (tmp_path / "s.yaml").write_text(STUDY)
    done = hub.run(DRY_RUN, tmp_path / "s.yaml", "--dry-run", COLUMNS="300")
    assert done.returncode == 0, done.stderr
    # 116,477,952 weights of 4 bytes.
    assert "1 encoder to download from the hub, about 0.5 GB: ours" in done.stdout
    assert f"warning: weights of no pinned commit: ours ({MINE} at v1)" in done.stdout
    assert hub.requests == []


def test_a_dry_run_with_the_hub_shut_off_is_one_line_and_exit_code_2(hub, tmp_path):
    (tmp_path / "s.yaml").write_text(STUDY)
    done = hub.run(DRY_RUN, tmp_path / "s.yaml", "--dry-run", HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"`hf download {MINE} --revision v1`" in done.stderr


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("hub:no/such", "no repository no/such, or it is private"),
        (f"hub:{MINE}@v9", f"{MINE} has no revision 'v9'"),
    ],
)
def test_what_the_hub_does_not_have_is_told(hub, folder, weights, told):
    hub.publish(MINE, FIRST, folder)
    assert told in refused(hub, weights)


def test_pickled_tensors_are_not_fetched_where_there_are_safetensors(hub, folder):
    torch.save({"other": torch.zeros(1)}, folder / "pytorch_model.bin")
    (folder / "modeling.py").write_text("raise SystemExit('ran')")
    hub.publish(MINE, FIRST, folder)
    names = {path.name for path in fetched(hub, f"hub:{MINE}")[0].iterdir()}
    assert names == {"config.json", "tokenizer.json", "model.safetensors"}
    assert hub.asked_for("pytorch_model.bin") == hub.asked_for("modeling.py") == []


def test_pickled_tensors_are_fetched_where_there_are_no_others(hub, tmp_path):
    SMALL["dnabert-s"](tmp_path / "local")
    hub.publish(MINE, FIRST, tmp_path / "local")
    (found,) = fetched(hub, f"hub:{MINE}")
    local = load_encoder("dnabert2", weights=tmp_path / "local")
    assert load_encoder("dnabert2", weights=found).fingerprint == local.fingerprint


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_of_the_hub_that_holds_more_than_tensors_is_refused_and_not_run(hub, tmp_path):
    SMALL["dnabert-s"](tmp_path / "local")
    torch.save({"weight": Payload(tmp_path / "ran")}, tmp_path / "local" / "pytorch_model.bin")
    hub.publish(MINE, FIRST, tmp_path / "local")
    (found,) = fetched(hub, f"hub:{MINE}")
    with pytest.raises(UserError, match=r"pytorch_model\.bin: cannot be read as tensors") as told:
        load_encoder("dnabert2", weights=found)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "ran").exists()
