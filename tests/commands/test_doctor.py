"""The doctor: what is there, what is missing, and what to do; never a traceback."""

from __future__ import annotations

import shutil
import socket
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from engine.commands import doctor
from engine.commands.doctor import Check, checks


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No check leaves this machine, and each works in a folder of its own."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    monkeypatch.chdir(tmp_path)
    for name in ("HF_ENDPOINT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def found() -> dict[str, Check]:
    return {check.name: check for check in checks()}


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    version = metadata.version

    def missing(name: str) -> str:
        if name in packages:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", missing)


def test_every_part_is_looked_at_and_every_shortcoming_has_a_remedy():
    there = found()
    assert list(there) == ["Python", "torch", "GPU", "Ray", "MLflow", "storage", "model hub"]
    for check in there.values():
        assert check.found
        assert (check.state == "ok") == (check.remedy == "")
    assert there["Python"].state == there["torch"].state == "ok"


def test_a_machine_without_torch_is_told_and_the_rest_is_still_looked_at(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    there = found()
    assert there["torch"].state == "bad"
    assert "requirements.lock" in there["torch"].remedy
    assert "GPU" not in there
    assert "storage" in there


@pytest.mark.parametrize(("package", "name"), [("ray", "Ray"), ("mlflow-skinny", "MLflow")])
def test_a_missing_package_is_bad_and_no_traceback(monkeypatch, package: str, name: str):
    without(monkeypatch, package)
    check = found()[name]
    assert (check.state, check.found) == ("bad", "not installed")
    assert "requirements.lock" in check.remedy


def test_mlflow_without_its_user_interface_is_a_note(monkeypatch):
    without(monkeypatch, "mlflow")
    check = found()["MLflow"]
    assert check.state == "note"
    assert check.remedy == "pip install 'dnasweep[ui]'"


def test_the_tracking_server_and_cluster_of_the_environment_are_named(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**12))
    monkeypatch.setattr(doctor, "_version", lambda _: "1.2.3")
    there = found()
    assert there["MLflow"].found == "1.2.3, logs to http://tracking:5000"
    assert "RAY_ADDRESS=head:6379" in there["Ray"].found


def test_little_shared_memory_or_disk_is_a_note(monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**26, 0, 2**26))
    there = found()
    assert there["storage"].state == "note"
    if Path("/dev/shm").is_dir():
        assert there["Ray"].state == "note"
        assert "--shm-size" in there["Ray"].remedy


def test_a_folder_that_cannot_be_written_is_bad(monkeypatch):
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    check = found()["storage"]
    assert check.state == "bad"
    assert "Permission denied" in check.found


def test_storage_is_looked_at_where_runs_go_and_left_clean(tmp_path: Path):
    (tmp_path / "runs").mkdir()
    assert str(tmp_path / "runs") in found()["storage"].found
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]


def test_an_unreachable_hub_is_a_note_since_shipped_encoders_need_none():
    check = found()["model hub"]
    assert check.state == "note"
    assert "Network is unreachable" in check.found


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (None, ("huggingface.co", 443)),
        ("http://mirror", ("mirror", 80)),
        ("https://mirror:8443/hf", ("mirror", 8443)),
    ],
)
def test_the_hub_is_asked_where_the_environment_says(monkeypatch, endpoint, address):
    asked = []

    class Connection:
        def close(self) -> None:
            asked.append("closed")

    def connect(where: tuple[str, int], timeout: float) -> Connection:
        asked.append(where)
        return Connection()

    monkeypatch.setattr(socket, "create_connection", connect)
    if endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
    check = found()["model hub"]
    assert check.state == "ok"
    assert asked == [address, "closed"]
