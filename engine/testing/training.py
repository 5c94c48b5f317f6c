"""What every network that can be fine-tuned owes: gradients, adapters, learned prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from peft import (
    FourierFTConfig,
    IA3Config,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    inject_adapter_in_model,
)
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from engine.encoders import Encoder
from engine.testing.networks import SEQUENCES, copied, state_tolerance, tokenized
from engine.testing.rounding import assert_close

ADAPTERS: dict[str, Callable[[list[str]], Any]] = {
    "lora": lambda targets: LoraConfig(r=4, target_modules=targets),
    "dora": lambda targets: LoraConfig(r=4, target_modules=targets, use_dora=True),
    # A layer of the MLP is scaled at its input, any other at its output.
    "ia3": lambda targets: IA3Config(target_modules=targets, feedforward_modules=targets[-1:]),
    "lokr": lambda targets: LoKrConfig(r=4, target_modules=targets),
    "oft": lambda targets: OFTConfig(r=0, oft_block_size=4, target_modules=targets),
    "fourierft": lambda targets: FourierFTConfig(n_frequency=16, target_modules=targets),
}
PROMPT = 5


def scalar(hidden: Tensor, mask: Tensor) -> Tensor:
    """A loss that depends on every state of a token, even of one that is normalized."""
    kept = hidden[mask.bool()].float()
    draw = torch.Generator().manual_seed(0)
    return (kept * torch.randn(kept.shape, generator=draw).to(kept.device)).mean()


def run_backward(encoder: Encoder) -> tuple[Tensor, dict[str, Tensor | None], int]:
    """Hidden states, gradients of all parameters, and bytes kept for the backward pass."""
    ids, mask = tokenized(encoder, SEQUENCES)
    weights = {p.untyped_storage().data_ptr() for p in encoder.network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = encoder(ids, mask)
    torch.autograd.backward(scalar(hidden, mask))
    gradients = {name: p.grad for name, p in encoder.network.named_parameters()}
    return hidden[mask.bool()].detach(), gradients, sum(kept.values())


def every_weight_of_a_layer_gets_a_gradient(encoder: Encoder) -> None:
    """A finite one."""
    encoder = copied(encoder)
    _, gradients, _ = run_backward(encoder)
    silent = [
        name
        for name, gradient in gradients.items()
        if name.startswith(encoder.blocks) and (gradient is None or not gradient.isfinite().all())
    ]
    assert not silent


def checkpointed_gradients_are_the_same_for_less_memory(encoder: Encoder) -> None:
    """For less than half of the bytes that are kept for the backward pass."""
    device = encoder.device.type
    plain, checkpointed = copied(encoder, device), copied(encoder, device)
    checkpointed.checkpoint_gradients()
    hidden, gradients, memory = run_backward(plain)
    same_hidden, same_gradients, less_memory = run_backward(checkpointed)
    assert_close(hidden, same_hidden, 1e-6)
    assert gradients.keys() == same_gradients.keys()
    for name, gradient in gradients.items():
        same = same_gradients[name]
        if gradient is None or same is None:
            assert gradient is same, name
        else:
            assert_close(gradient, same, 1e-6)
    assert less_memory < memory / 2


def every_adapter_acts(encoder: Encoder, method: str) -> None:
    """A fused kernel that reads ``.weight`` would bypass an adapter without any error."""
    encoder = copied(encoder, encoder.device.type)
    targets = list(encoder.adapter_targets)
    wanted = [
        name
        for name, module in encoder.network.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and name.split(".")[-1] in targets
    ]
    ids, mask = tokenized(encoder, SEQUENCES)
    with torch.no_grad():
        before = encoder(ids, mask)[mask.bool()]
    torch.manual_seed(0)
    inject_adapter_in_model(ADAPTERS[method](targets), encoder.network)
    encoder.network.to(encoder.device)
    adapters = {n: p for n, p in encoder.network.named_parameters() if p.requires_grad}
    adapted = {module for module in wanted if any(n.startswith(f"{module}.") for n in adapters)}
    assert adapted == set(wanted) != set()
    assert all(any(n.startswith(f"{module}.") for module in wanted) for n in adapters)
    optimizer = torch.optim.Adam(adapters.values(), lr=0.01)

    def backward() -> Tensor:
        optimizer.zero_grad()
        hidden = encoder(ids, mask)
        torch.autograd.backward(scalar(hidden, mask))
        assert all(p.grad is not None for p in adapters.values())
        return hidden.detach()[mask.bool()]

    backward()
    optimizer.step()
    after = backward()
    # A factor that starts at zero hides the other; after one step all are seen.
    assert [n for n, p in adapters.items() if p.grad is None or not p.grad.any()] == []
    assert torch.isfinite(after).all()
    assert (after - before).abs().max() > 1e-4


def prompted(encoder: Encoder, prompt: Tensor, sequences: Sequence[str]) -> tuple[Tensor, Tensor]:
    """States of the tokens behind a learned prompt, and their mask."""
    ids, mask = tokenized(encoder, sequences)
    rows, length = len(ids), len(prompt)
    words = embedded(encoder, ids)
    embeddings = torch.cat([prompt.expand(rows, -1, -1), words], dim=1)
    longer = torch.cat([mask.new_ones(rows, length), mask], dim=1)
    # What the ids of a prompt are cannot matter.
    hidden = encoder(torch.cat([ids.new_zeros(rows, length), ids], 1), longer, embeddings)
    return hidden[:, length:], mask


def embedded(encoder: Encoder, ids: Tensor) -> Tensor:
    """What stands for ids before the first layer."""
    words: Tensor = encoder.network.get_input_embeddings()(ids)  # type: ignore[operator]
    return words


def a_prompt_of_embeddings_acts(encoder: Encoder) -> None:
    """It changes every state behind it, and receives a gradient."""
    ids, mask = tokenized(encoder, SEQUENCES)
    words = embedded(encoder, ids[:1, :1])
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(PROMPT, words.shape[-1], generator=generator) * float(words.std().detach())
    prompt = values.to(encoder.device).requires_grad_()
    hidden, _ = prompted(encoder, prompt, SEQUENCES)
    assert hidden.shape == (*ids.shape, encoder.hidden_size)
    (gradient,) = torch.autograd.grad(scalar(hidden, mask), prompt)
    assert (gradient.abs().amax(-1) > 0).all()
    with torch.no_grad():
        plain = encoder(ids, mask)
    for row, kept in enumerate(mask.bool()):
        assert (hidden[row][kept] - plain[row][kept]).abs().max() > 1e-4


def padding_changes_nothing_behind_a_prompt(encoder: Encoder) -> None:
    """A sequence has the same states behind it alone and in a padded batch."""
    width = embedded(encoder, tokenized(encoder, ["A"])[0]).shape[-1]
    prompt = torch.randn(PROMPT, width, generator=torch.Generator().manual_seed(0))
    prompt = prompt.to(encoder.device)
    tolerance = state_tolerance(encoder)
    with torch.no_grad():
        together, mask = prompted(encoder, prompt, SEQUENCES)
        for row, sequence in enumerate(SEQUENCES):
            alone, _ = prompted(encoder, prompt, [sequence])
            assert_close(together[row][mask[row].bool()], alone[0], tolerance)


#: Of an adaptable network on any device; `every_adapter_acts` is one more for each of `ADAPTERS`.
CLAIMS_ON_DEVICES = (
    checkpointed_gradients_are_the_same_for_less_memory,
    a_prompt_of_embeddings_acts,
    padding_changes_nothing_behind_a_prompt,
)
