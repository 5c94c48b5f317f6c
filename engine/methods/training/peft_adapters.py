"""Adapters of PEFT on the linear layers of a network: put on, merged, written and read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import PeftConfig, PeftType, get_peft_model_state_dict
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from engine.basics.errors import UserError, first_line
from engine.basics.files import replacing
from engine.encoders import Encoder
from engine.methods.base import InfeasibleError
from engine.methods.training.adaptation import Adapted, Params
from engine.methods.training.common import TARGETS

ADAPTER = "default"
CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"

#: Before the names of a network's modules in files of PEFT.
PREFIX = "base_model.model."


class Size(NamedTuple):
    """Width of a linear layer's input and output."""

    inputs: int
    outputs: int


def target_names(encoder: Encoder, params: Params) -> list[str]:
    """Names, or last parts of names, of the linear layers that adapters go on (`TARGETS`).

    Raises
    ------
    InfeasibleError
        If there is none.
    """
    if TARGETS.of(params) == "all_linear":
        names = [name for name, module in encoder.network.named_modules() if _is_linear(module)]
    else:
        names = list(encoder.adapter_targets)
    if not names:
        raise InfeasibleError(f"{encoder.name} has no linear layer that adapters could go on")
    return names


def target_sizes(encoder: Encoder, params: Params) -> dict[str, Size]:
    """Full names of the layers that adapters go on, and how wide they are."""
    names = target_names(encoder, params)
    return {
        name: _size(module)
        for name, module in encoder.network.named_modules()
        if _is_linear(module) and any(name == n or name.endswith(f".{n}") for n in names)
    }


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | Conv1D)


def _size(module: nn.Module) -> Size:
    if isinstance(module, nn.Linear):
        return Size(module.in_features, module.out_features)
    # GPT-2's form of a linear layer holds the transposed weight.
    return Size(*module.get_parameter("weight").shape)


def inject(encoder: Encoder, config: PeftConfig) -> Any:
    """Freeze a network and put adapters on it, in place; PEFT's tuner, which looks after them.

    As `peft.inject_adapter_in_model`, which hands no tuner back and takes no VeRA.
    """
    tuner = PEFT_TYPE_TO_TUNER_MAPPING[config.peft_type]
    return tuner(encoder.network, {ADAPTER: config}, ADAPTER)


def merge(network: nn.Module) -> None:
    """Work adapters into the frozen weights: the same outputs, without the adapters' price."""
    for module in network.modules():
        if isinstance(module, BaseTunerLayer):
            module.merge()


def adapter_state(network: nn.Module) -> dict[str, Tensor]:
    """Copies of the adapters' weights under the names that PEFT saves them by."""
    configs: Any = network.peft_config
    config = configs[ADAPTER]
    configs[ADAPTER] = _whole(config)
    state = get_peft_model_state_dict(network, adapter_name=ADAPTER)
    configs[ADAPTER] = config
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def _whole(config: Any) -> Any:
    """Configuration without AdaLoRA's pattern, by which PEFT leaves out ranks that are zero."""
    return replace(config, rank_pattern=None) if config.peft_type == PeftType.ADALORA else config


def save(adapted: Adapted, folder: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors``, which PEFT reads.

    Adapters that were taken out of the frozen weights (PiSSA) are written as what they add to the
    published weights, ``B A - B0 A0``: a LoRA of twice the rank (Meng et al. 2024,
    arXiv:2404.02948, appendix C).
    """
    network: Any = adapted.encoder.network
    config, state = _whole(network.peft_config[ADAPTER]), adapter_state(network)
    if adapted.start:
        config, state = _as_difference(config, state, adapted.start)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(folder))
    with replacing(folder / WEIGHTS_FILE) as temporary:
        save_file({PREFIX + name: tensor for name, tensor in state.items()}, temporary)


def _as_difference(
    config: Any, state: Mapping[str, Tensor], start: Mapping[str, Tensor]
) -> tuple[Any, dict[str, Tensor]]:
    both = {
        name: torch.cat([tensor, start[name]], dim=0)
        if ".lora_A." in name
        else torch.cat([tensor, -start[name]], dim=1)
        for name, tensor in state.items()
    }
    # The scale is alpha / r, or alpha / sqrt(r): it stays what it was.
    alpha = config.lora_alpha * (math.sqrt(2) if config.use_rslora else 2)
    return replace(config, r=2 * config.r, lora_alpha=alpha, init_lora_weights=True), both


def load(encoder: Encoder, folder: Path) -> Adapted:
    """Put the adapters of a folder on an encoder, in place.

    Raises
    ------
    UserError
        If the adapters are not those of such a network.
    """
    state = load_file(folder / WEIGHTS_FILE)
    named = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
    try:
        with seeded_projections():
            inject(encoder, PeftConfig.from_pretrained(str(folder)))
            set_peft_model_state_dict(encoder.network, named, adapter_name=ADAPTER)
        fault = named.keys() ^ adapter_state(encoder.network).keys()
    except (ValueError, RuntimeError) as error:
        fault = {first_line(error)}
    if fault:
        raise UserError(
            f"{folder / WEIGHTS_FILE}: not adapters of {encoder.name} ({min(fault)}); "
            "load them with the encoder and the method that they were trained with"
        )
    return Adapted(encoder)


@contextmanager
def seeded_projections() -> Iterator[None]:
    """Without PEFT's warning that VeRA's projections are drawn again from their seed.

    It draws them on the CPU, where a seed means the same everywhere.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Specified to not")
        yield
