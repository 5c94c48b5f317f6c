"""HyenaDNA (Nguyen et al. 2023): causal, one token per base, up to a million of them.

The last token, an end mark after the last base, is the only one that has seen all others.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, check_values, read_sizes, state_hash
from engine.encoders.tokenizers.characters import HUMAN
from engine.encoders.tokenizers.published import check_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    from engine.encoders.networks.hyenadna import HyenaDna

    name = request.card.name
    given = Checkpoint.of(request, _published(name))
    config = _config(given.config, given.where)
    check_rows(HUMAN.vocabulary, f"tokens of '{name}'", config.vocab_size)
    network = given.fill(
        lambda: HyenaDna(config), own_name, partial(check_positions, config=config, given=given)
    )
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
    return _config(_published(name), name)


def _published(name: str) -> dict[str, Any]:
    layers, width, tokens = SIZES[name]
    sizes = {"n_layer": layers, "d_model": width, "d_inner": 4 * width, "max_seq_len": tokens}
    return SHARED | sizes


def check_positions(
    tensors: Mapping[str, Tensor], config: HyenaDnaConfig, given: Checkpoint
) -> None:
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
                f"weights '{given.folder}': '{name}' is not the positional encoding of {length} "
                "tokens; a checkpoint with trained positions is not supported"
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


def _config(published: Mapping[str, Any], where: str) -> HyenaDnaConfig:
    """Configuration of a ``config.json``, checked."""
    from engine.encoders.networks.hyenadna import HyenaDnaConfig

    sizes = read_sizes(HyenaDnaConfig, published, where)
    check_values({"hyena_order": 2, **published}, where, {"hyena_order": 2})
    return HyenaDnaConfig(**sizes)


def _card(size: str, parameters: int, hub: str, revision: str) -> EncoderCard:
    name, hub = f"hyenadna-{size}", f"LongSafari/hyenadna-{hub}-hf"
    _, width, tokens = SIZES[name]
    return EncoderCard(
        name=name,
        family="hyenadna",
        load=load,
        tokens="base",
        hidden_size=width,
        parameters=parameters,
        max_tokens=tokens,
        max_bases=tokens - 2,
        trained_on="human reference genome (hg38)",
        licence="BSD-3-Clause",
        source=f"https://huggingface.co/{hub}",
        citation="Nguyen et al. 2023, HyenaDNA, NeurIPS 36",
        hub=hub,
        revision=revision,
    )


CARDS = (
    _card("tiny-1k", 436_096, "tiny-1k-seqlen", "e8c1effa8673814e257e627d2e1eda9ea5a373f6"),
    _card("tiny-1k-d256", 1_641_088, "tiny-1k-seqlen-d256", "main"),
    _card("tiny-16k-d128", 436_096, "tiny-16k-seqlen-d128", "main"),
    _card("small-32k", 3_277_568, "small-32k-seqlen", "8fe770c78eb13fe33bf81501612faeddf4d6f331"),
    _card("160k", 6_550_528, "medium-160k-seqlen", "7ebf71773d22c0ede2cc55cb2be15ee8c289e1ce"),
    _card("450k", 6_550_528, "medium-450k-seqlen", "42dedd4d374eac0fb8168549e546a3472fbd27ae"),
    _card("1m", 6_550_528, "large-1m-seqlen", "0a629abf9c7f85b4ec9aa6a1aefa3adcf1907446"),
)
