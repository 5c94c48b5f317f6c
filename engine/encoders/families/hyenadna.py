"""HyenaDNA (Nguyen et al. 2023): causal, one token per base, up to a million of them.

The last token, an end mark after the last base, is the only one that has seen all others.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import POOLINGS, Encoder, EncoderCard, LoadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from engine.encoders.networks.hyenadna import HyenaDnaConfig

ADAPTER_TARGETS = ("in_proj", "out_proj", "fc1", "fc2")

#: config.json of the published checkpoints, where they agree.
SHARED: dict[str, int | float] = {
    "vocab_size": 12,
    "emb_dim": 5,
    "filter_order": 64,
    "num_inner_mlps": 2,
    "activation_freq": 10,
    "short_filter_order": 3,
    "layer_norm_epsilon": 1e-5,
    "pad_vocab_size_multiple": 8,
}

REAL = {"activation_freq", "layer_norm_epsilon"}
"""Those of `SHARED` that need not be whole numbers."""

#: Of each card: layers, width, longest input in tokens.
SIZES: dict[str, tuple[int, int, int]] = {
    "hyenadna-tiny-1k": (2, 128, 1026),
    "hyenadna-tiny-1k-d256": (2, 256, 1026),
    "hyenadna-tiny-16k-d128": (2, 128, 16_386),
    "hyenadna-small-32k": (4, 256, 32_770),
    "hyenadna-160k": (8, 256, 160_002),
    "hyenadna-450k": (8, 256, 450_002),
    "hyenadna-1m": (8, 256, 1_000_002),
}


def load(request: LoadRequest) -> Encoder:
    """Build a HyenaDNA encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.checkpoint import seeded, state_hash
    from engine.encoders.hub import checkpoint_folder, load_published, read_config, read_tensors
    from engine.encoders.networks.hyenadna import HyenaDna
    from engine.encoders.tokenizers.characters import HUMAN
    from engine.encoders.tokenizers.published import check_rows

    name = request.card.name
    if request.weights == "random":
        config = published_config(name)
        network = seeded(request.seed, lambda: HyenaDna(config))
    else:
        folder = checkpoint_folder(request)
        config = _config(read_config(folder), folder)
        check_rows(HUMAN.vocabulary, f"tokens of '{name}'", config.vocab_size)
        network = HyenaDna(config)
        tensors = read_tensors(folder)
        check_positions(tensors, config, folder)
        load_published(network, tensors, folder, rename=own_name)
    return Encoder(
        name=name,
        tokenizer=HUMAN,
        network=network,
        hidden_size=config.d_model,
        max_tokens=config.max_seq_len,
        tokens_per_base=1.0,
        summary_index=-1,
        adapter_targets=ADAPTER_TARGETS,
        blocks="layers",
        weights_hash=state_hash(network),
    )


def published_config(name: str) -> HyenaDnaConfig:
    """Configuration of a card as it is published."""
    from engine.encoders.networks.hyenadna import HyenaDnaConfig

    layers, width, tokens = SIZES[name]
    sizes: dict[str, Any] = {
        **SHARED,
        "n_layer": layers,
        "d_model": width,
        "d_inner": 4 * width,
        "max_seq_len": tokens,
    }
    return HyenaDnaConfig(**sizes)


def check_positions(tensors: Mapping[str, Tensor], config: HyenaDnaConfig, folder: Path) -> None:
    """Find that the positions that a filter is drawn from are the closed form that is used here.

    The published code can train them, and so writes them with the weights.

    Raises
    ------
    UserError
        If they are not.
    """
    import torch

    from engine.encoders.networks.hyenadna import positional_encoding

    published = {name: t for name, t in tensors.items() if name.endswith(".pos_emb.z")}
    if not published:
        return
    length, size = config.max_seq_len, config.emb_dim
    place = torch.arange(length, dtype=torch.float32)[:, None]
    expected = positional_encoding(place, length, size)[None]
    for name, tensor in published.items():
        same = tensor.shape == expected.shape
        if not same or not torch.allclose(tensor.float(), expected, rtol=0, atol=1e-4):
            raise UserError(
                f"weights '{folder}': '{name}' is not the positional encoding of {length} tokens; "
                "a checkpoint with trained positions is not supported"
            )


def own_name(published: str) -> str | None:
    """Name of a published tensor in the network, or none where it is not needed.

    The language-model head is dropped, and so are positional encoding and window, which are closed
    forms (see `check_positions`). The sine of a filter is one tensor under several names.
    """
    if published.startswith("lm_head.") or re.search(r"\.(pos_emb|modulation)\.", published):
        return None
    name = re.sub(r"^(hyena\.)?backbone\.", "", published)
    return re.sub(r"(implicit_filter)\.\d+\.freq$", r"\1.1.freq", name)


def _config(published: dict[str, Any], folder: Path) -> HyenaDnaConfig:
    """Configuration of a ``config.json``, checked."""
    from engine.encoders.hub import check_numbers
    from engine.encoders.networks.hyenadna import HyenaDnaConfig

    where = folder / "config.json"
    names = {field.name for field in fields(HyenaDnaConfig)}
    check_numbers(published, where, whole=names - REAL, real=REAL)
    sizes: dict[str, Any] = {name: published[name] for name in names}
    if published.get("hyena_order", 2) != 2:
        raise UserError(
            f"{where}: key 'hyena_order' is {published['hyena_order']!r}; only 2 is supported"
        )
    return HyenaDnaConfig(**sizes)


def _card(name: str, parameters: int, hub: str, revision: str) -> EncoderCard:
    _, width, tokens = SIZES[name]
    return EncoderCard(
        name=name,
        family="hyenadna",
        kind="network",
        load=load,
        tokens="base",
        hidden_size=width,
        parameters=parameters,
        max_tokens=tokens,
        max_bases=tokens - 2,
        poolings=POOLINGS,
        trained_on="human reference genome (hg38)",
        licence="BSD-3-Clause",
        source=f"https://huggingface.co/LongSafari/{hub}",
        citation="Nguyen et al. 2023, HyenaDNA, NeurIPS 36",
        hub=f"LongSafari/{hub}",
        revision=revision,
    )


CARDS = (
    _card(
        "hyenadna-tiny-1k",
        436_096,
        "hyenadna-tiny-1k-seqlen-hf",
        "e8c1effa8673814e257e627d2e1eda9ea5a373f6",
    ),
    _card("hyenadna-tiny-1k-d256", 1_641_088, "hyenadna-tiny-1k-seqlen-d256-hf", "main"),
    _card("hyenadna-tiny-16k-d128", 436_096, "hyenadna-tiny-16k-seqlen-d128-hf", "main"),
    _card(
        "hyenadna-small-32k",
        3_277_568,
        "hyenadna-small-32k-seqlen-hf",
        "8fe770c78eb13fe33bf81501612faeddf4d6f331",
    ),
    _card(
        "hyenadna-160k",
        6_550_528,
        "hyenadna-medium-160k-seqlen-hf",
        "7ebf71773d22c0ede2cc55cb2be15ee8c289e1ce",
    ),
    _card(
        "hyenadna-450k",
        6_550_528,
        "hyenadna-medium-450k-seqlen-hf",
        "42dedd4d374eac0fb8168549e546a3472fbd27ae",
    ),
    _card(
        "hyenadna-1m",
        6_550_528,
        "hyenadna-large-1m-seqlen-hf",
        "0a629abf9c7f85b4ec9aa6a1aefa3adcf1907446",
    ),
)
