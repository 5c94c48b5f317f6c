"""A LoRA trial that runs out of memory is infeasible, and says so in one line."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from engine.encoders import Encoder
from engine.records import TrialSpec
from engine.trial import run_trial

PARAMS = {"rank": 4, "alpha": 8.0, "pooling": "mean", "epochs": 1, "batch_size": 16}
LONG = "CUDA out of memory. Tried to allocate 20.00 GiB.\nSee the documentation"
Spec = Callable[..., TrialSpec]


def fails(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError(LONG)


def test_no_memory_for_a_single_sequence_is_infeasible(
    spec_of: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("lora", PARAMS)
    from engine.encoders.networks.bert import Bert

    monkeypatch.setattr(Bert, "forward", fails)
    result = run_trial(spec)
    assert result.status == "infeasible"
    assert result.error is not None
    assert "even with checkpointed gradients; choose a smaller encoder" in result.error
    assert "\n" not in result.error


@pytest.mark.parametrize("where", ["weights", "optimizer"])
def test_no_memory_for_weights_or_the_optimizer_is_infeasible(
    where: str, spec_of: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("lora", PARAMS)
    if where == "weights":
        monkeypatch.setattr(nn.Module, "to", fails)
    else:
        monkeypatch.setattr(torch.optim.AdamW, "step", fails)
    result = run_trial(spec)
    assert result.status == "infeasible"
    assert result.error == "out of memory: " + LONG.splitlines()[0]


def test_gradients_that_are_checkpointed_from_the_start_are_so_once(
    spec_of: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short of memory, the layers are not wrapped again."""
    from engine.encoders.networks.bert import Bert

    wrapped: list[str] = []
    monkeypatch.setattr(Encoder, "checkpoint_gradients", lambda self: wrapped.append(self.name))
    monkeypatch.setattr(Bert, "forward", fails)
    result = run_trial(spec_of("lora", PARAMS | {"gradient_checkpointing": True}))
    assert result.status == "infeasible"
    assert wrapped == ["tiny-bert"]
