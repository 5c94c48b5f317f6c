"""Encoders that the contract suite runs over, each loaded once a file."""

import shutil

import pytest
import torch

from engine.encoders import load_encoder
from engine.encoders.families.tiny import SHIPPED
from tests.encoders.contract import shipped, small_folders


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory):
    """Folder of a card's layout by its name: a small one, or a copy of the shipped one."""

    def of(name):
        folder = tmp_path_factory.getbasetemp() / "small" / name
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            if shipped(name):
                shutil.copytree(SHIPPED / name, folder)
            else:
                small_folders()[name](folder)
        return folder

    return of


@pytest.fixture(scope="session")
def weights(folder_of):
    """Weights of a card by its name: those of a small folder, or random ones of a shipped card."""

    def of(name):
        return "random" if shipped(name) else folder_of(name)

    return of


@pytest.fixture(scope="module")
def encoder(request, weights):
    """The network of a card; tests that change it take a copy."""
    return load_encoder(request.param, weights=weights(request.param))


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """A GPU's convolutions round to 10 bits unless told, and tests of equality would see it."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
