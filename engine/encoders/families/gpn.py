"""GPN: dilated convolutions over single bases, trained on windows of 512.

Benegas, Batra and Song 2023 (GPN, of plants) and Benegas, Eraslan and Song 2025 (of the promoters
of animals). Networks over alignments (GPN-MSA, GPN-Star) are not these: they need the alignment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import POOLED, Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, check_numbers, check_values, state_hash
from engine.encoders.tokenizers.characters import PLANT

if TYPE_CHECKING:
    from engine.encoders.networks.gpn import GpnConfig

MAX_TOKENS = 512
"""Convolutions set no limit. This one is the window of training and of the published evaluations:
in longer ones a base would see neighbours where the network has only ever seen the end."""

SHARED: dict[str, Any] = {
    "vocab_size": 7,
    "hidden_size": 512,
    "dilation_base": 2,
    "dilation_double_every": 1,
    "n_aux_features": 0,
}

CONVNET: dict[str, Any] = SHARED | {
    "n_layers": 25,
    "kernel_size": 9,
    "dilation_cycle": 6,
    "dilation_max": 32,
}
"""Values of the keys of config.json that a file may leave out, by the authors' code; they are also
those published for songlab/gpn-brassicales."""

BYTENET: dict[str, Any] = SHARED | {
    "num_hidden_layers": 25,
    "first_kernel_size": 9,
    "rest_kernel_size": 5,
    "dilation_cycle": 8,
    "dilation_max": 9999,
}
"""The same of the second generation of the code, model_type GPN."""

FIXED: dict[str, Any] = {
    "encoder": "bytenet",
    "embedding": "embedding",
    "bias": False,
    "depthwise": False,
    "slim": True,
}
"""What is supported of the second generation: the choices of the published network."""

PUBLISHED: dict[str, dict[str, Any]] = {
    "gpn-brassicales": CONVNET | {"model_type": "ConvNet"},
    # Second-hand, since config.json could not be read: from the authors' training script
    # (analysis/gpn_animal_promoter); the size of the published file agrees.
    "gpn-animal-promoter": BYTENET
    | FIXED
    | {"model_type": "GPN", "hidden_size": 1024, "num_hidden_layers": 64},
}
"""Configuration of each card."""

PARTS = {
    "conv.1": "conv",
    "conv.4": "conv_norm",
    "ffn.0": "dense",
    "ffn.2": "dense_norm",
    "layer.0": "first_norm",
    "layer.2": "first_dense",
    "layer.3": "conv_norm",
    "layer.6": "conv",
    "layer.8": "last_norm",
    "layer.10": "last_dense",
}
"""Parts of a layer of either: published name, by number in a sequence, and the name here."""


def load(request: LoadRequest) -> Encoder:
    """Build a GPN encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.networks.gpn import Gpn

    given = Checkpoint.of(request, PUBLISHED[request.card.name])
    sizes = network_config(given.config, given.where)
    network = given.fill(lambda: Gpn(sizes), own_name)
    return Encoder(
        name=request.card.name,
        tokenizer=PLANT,
        network=network,
        hidden_size=sizes.hidden_size,
        max_tokens=MAX_TOKENS,
        tokens_per_base=1.0,
        summary_index=None,
        adapter_targets=("first_dense", "last_dense") if sizes.inner_size else ("dense",),
        blocks="layers",
        weights_hash=state_hash(network),
    )


def network_config(published: Mapping[str, Any], where: str) -> GpnConfig:
    """Sizes by the keys of a published ``config.json``.

    Raises
    ------
    UserError
        If the architecture is another one, or a key has a value that is not supported; ``where``
        says whose.
    """
    from engine.encoders.networks.gpn import GpnConfig

    kind = published.get("model_type")
    if kind not in ("ConvNet", "GPN"):
        raise UserError(f"{where}: key 'model_type' is {kind!r}, not 'ConvNet' or 'GPN'")
    known = CONVNET if kind == "ConvNet" else BYTENET
    sizes = {key: published.get(key, value) for key, value in known.items()}
    required = {"vocab_size": len(PLANT.vocabulary), "n_aux_features": 0}
    check_values({**published, **sizes}, where, required | (FIXED if kind == "GPN" else {}))
    check_numbers(sizes, where, whole=sizes.keys() - required.keys())
    if kind == "ConvNet":
        kernels = (sizes["kernel_size"],) * sizes["n_layers"]
    else:
        rest = (sizes["rest_kernel_size"],) * (sizes["num_hidden_layers"] - 1)
        kernels = (sizes["first_kernel_size"], *rest)
    return GpnConfig(
        vocabulary_size=sizes["vocab_size"],
        hidden_size=sizes["hidden_size"],
        kernels=kernels,
        dilations=tuple(dilation(layer, sizes) for layer in range(len(kernels))),
        # Slim layers, the only ones published, are half as wide inside.
        inner_size=0 if kind == "ConvNet" else sizes["hidden_size"] // 2,
    )


def dilation(layer: int, sizes: Mapping[str, int]) -> int:
    """Dilation of a layer, counted from 0: doubled up to a limit, and over again in cycles."""
    power = (layer % sizes["dilation_cycle"]) // sizes["dilation_double_every"]
    step: int = sizes["dilation_base"] ** power
    return min(sizes["dilation_max"], step)


def own_name(published: str) -> str | None:
    """Name of a published tensor in the network; none for the heads'."""
    if published.startswith(("cls.", "classifier.")):
        return None
    name = published.removeprefix("model.")
    name = name.replace("embeddings.word_embeddings.", "embedding.").replace("ln_f.", "final_norm.")
    part = re.fullmatch(r"encoder\.(?:layer\.)?(\d+)\.(\w+\.\d+)\.(weight|bias)", name)
    if part is None:
        return name
    layer, place, kind = part.groups()
    own = PARTS.get(place, place)
    return f"layers.{layer}.{own}.{kind}"


def _card(name: str, parameters: int, revision: str, trained_on: str, citation: str) -> EncoderCard:
    return EncoderCard(
        name=name,
        family="gpn",
        load=load,
        tokens="base",
        hidden_size=PUBLISHED[name]["hidden_size"],
        parameters=parameters,
        max_tokens=MAX_TOKENS,
        max_bases=MAX_TOKENS,
        poolings=POOLED,
        trained_on=trained_on,
        licence="MIT",
        source=f"https://huggingface.co/songlab/{name}",
        citation=citation,
        hub=f"songlab/{name}",
        revision=revision,
    )


CARDS = (
    _card(
        "gpn-brassicales",
        65_612_800,
        "3fe3e6188bb693fc5aac072745406e03313ab47b",
        "Arabidopsis thaliana and 7 other Brassicales",
        "Benegas et al. 2023 (GPN, PNAS 120); doi:10.1073/pnas.2311219120",
    ),
    _card(
        "gpn-animal-promoter",
        152_182_784,
        "f8cf7f32913d3847943aeb0f30a6d6bc3b778e55",
        "promoters of animal genomes",
        "Benegas et al. 2025 (TraitGym, bioRxiv); doi:10.1101/2025.02.11.637758",
    ),
)
