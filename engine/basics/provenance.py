"""What a number was made with: versions, hardware, code."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from engine import __version__
from engine.basics.package import PACKAGE

PACKAGES = (
    "torch", "peft", "ray", "optuna", "scikit-learn", "numpy", "scipy", "pandas", "pyarrow",
    "mlflow-skinny", "safetensors", "transformers", "xgboost-cpu", "skops",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python, dnasweep and the packages that shape a number."""
    found = {"python": platform.python_version(), "dnasweep": __version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and GPUs of the driver's machine."""
    import torch

    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 2**30, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "platform": platform.platform(),
    }


@cache
def git_commit() -> str | None:
    """Commit of the code, with ``+changes`` where it was edited.

    Outside a checkout (an image) what ``DNASWEEP_COMMIT`` says, or none.
    """
    try:
        # An installed copy may lie in a checkout of something else.
        _git(PACKAGE, "ls-files", "--error-unmatch", "records.py")
        head = _git(PACKAGE, "rev-parse", "HEAD")
        changed = _git(PACKAGE, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("DNASWEEP_COMMIT")
    return f"{head}+changes" if changed else head


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
