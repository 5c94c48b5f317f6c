"""What this machine has and lacks, each with what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

LEAST_FREE_GB = 5
HUB = "https://huggingface.co"
INSTALL = "make install, or pip install -r requirements.lock"


@dataclass(frozen=True)
class Check:
    """One finding, and what to do about it; empty where nothing is needed.

    A note limits what can be run; something bad stops every study.
    """

    name: str
    state: Literal["ok", "note", "bad"]
    found: str
    remedy: str = ""


def checks() -> Iterator[Check]:
    """Look at Python, torch, GPUs, Ray, MLflow, storage and the hub, in this order."""
    yield Check("Python", "ok", f"{platform.python_version()} at {sys.executable}")
    torch = _torch()
    yield torch
    if torch.state == "ok":
        yield _gpu()
    yield _ray()
    yield _mlflow()
    yield _storage()
    yield _hub()


def _torch() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("torch", "bad", str(error), INSTALL)
    return Check("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")


def _gpu() -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check(
            "GPU",
            "note",
            "none that torch can use",
            "tiny encoders and probes need none; for large ones install a CUDA build of torch",
        )
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Check("GPU", "ok", f"{len(names)} x {names[0]}, {memory:.0f} GB")


def _ray() -> Check:
    version = _version("ray")
    if version is None:
        return Check("Ray", "bad", "not installed", INSTALL)
    shared = shutil.disk_usage("/dev/shm").total / 2**30 if Path("/dev/shm").is_dir() else 0.0
    if shared < 1:
        return Check(
            "Ray",
            "note",
            f"{version}; /dev/shm has {shared:.1f} GB",
            "Ray falls back to slow files: in a container give --shm-size=4g",
        )
    address = os.environ.get("RAY_ADDRESS")
    joined = f"; RAY_ADDRESS={address}" if address else "; starts on this machine"
    return Check("Ray", "ok", version + joined)


def _mlflow() -> Check:
    version = _version("mlflow-skinny")
    if version is None:
        return Check("MLflow", "bad", "not installed", INSTALL)
    if _version("mlflow") is None:
        found = f"{version}, without its user interface"
        return Check("MLflow", "note", found, "pip install 'dnasweep[ui]'")
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "runs/mlflow.db"
    return Check("MLflow", "ok", f"{version}, logs to {uri}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _storage() -> Check:
    folder = Path("runs") if Path("runs").is_dir() else Path()
    free = shutil.disk_usage(folder).free / 1e9
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as handle:
            handle.write(b"dnasweep")
    except OSError as error:
        found = f"{folder.resolve()}: {error.strerror}"
        return Check("storage", "bad", found, "give --out a writable folder")
    found = f"{folder.resolve()}, {free:.0f} GB free"
    if free >= LEAST_FREE_GB:
        return Check("storage", "ok", found)
    remedy = "embeddings of large studies need more: give --out another disk"
    return Check("storage", "note", found, remedy)


def _hub() -> Check:
    url = urlsplit(os.environ.get("HF_ENDPOINT", HUB))
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=3).close()
    except OSError as error:
        return Check(
            "model hub",
            "note",
            f"{url.hostname} cannot be reached ({error})",
            "shipped encoders need no hub; for others copy weights here and give weights: PATH",
        )
    return Check("model hub", "ok", f"{url.hostname} answers")
