"""Two tiny encoders, pre-trained here and shipped: 6-mer attention, single-base long convolution.

Made by ``python -m engine.encoders.pretrain``; ``weights/NAME/README.md`` is the model card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.basics.package import PACKAGE
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import (
    Checkpoint,
    check_numbers,
    check_values,
    read_config,
    state_hash,
)
from engine.encoders.tokenizers.published import check_rows
from engine.encoders.tokenizers.tiny_tokens import BaseTokenizer, SixMerTokenizer

if TYPE_CHECKING:
    from torch import nn

SHIPPED = PACKAGE / "encoders" / "weights"

SIZES: dict[str, dict[str, int | float]] = {
    "tiny-bert": {
        "vocabulary_size": 4105,
        "hidden_size": 128,
        "layers": 4,
        "heads": 4,
        "mlp_size": 512,
        "max_tokens": 2048,
    },
    "tiny-hyena": {
        "vocabulary_size": 8,
        "hidden_size": 128,
        "layers": 2,
        "mlp_size": 256,
        "filter_size": 32,
        "filter_periods": 8,
        "shortest_half_life": 4.0,
        "longest_half_life": 512.0,
        "max_tokens": 16384,
    },
}


def load(request: LoadRequest) -> Encoder:
    """Build a tiny encoder; see `engine.encoders.registry.load_encoder`."""
    name = request.card.name
    if request.weights == "hub":
        given = Checkpoint(SHIPPED / name, read_config(SHIPPED / name), request.seed)
    else:
        given = Checkpoint.of(request, {"encoder": name, "sizes": SIZES[name]})
    sizes = _sizes(name, given)
    attention = name == "tiny-bert"
    tokenizer = SixMerTokenizer() if attention else BaseTokenizer()
    check_rows(tokenizer.vocabulary, f"tokens of '{name}'", int(sizes["vocabulary_size"]))
    network = given.fill(lambda: build(name, sizes), str)
    return Encoder(
        name=name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=int(sizes["hidden_size"]),
        max_tokens=int(sizes["max_tokens"]),
        tokens_per_base=1 / 6 if attention else 1.0,
        summary_index=0 if attention else -1,
        adapter_targets=("qkv", "attention_out") if attention else ("in_proj", "out_proj"),
        blocks="layers",
        weights_hash=state_hash(network),
    )


def build(name: str, sizes: dict[str, Any]) -> nn.Module:
    """Network of a name, with random weights."""
    from engine.encoders.networks.bert import Bert, BertConfig
    from engine.encoders.networks.hyena import Hyena, HyenaConfig

    return Bert(BertConfig(**sizes)) if name == "tiny-bert" else Hyena(HyenaConfig(**sizes))


def _sizes(name: str, given: Checkpoint) -> dict[str, Any]:
    """Sizes of a ``config.json``, checked."""
    check_values(given.config, given.where, {"encoder": name})
    sizes = given.config.get("sizes")
    if not isinstance(sizes, dict) or sizes.keys() != SIZES[name].keys():
        raise UserError(f"{given.where}: key 'sizes' needs {', '.join(SIZES[name])}")
    real = {key for key, value in SIZES[name].items() if isinstance(value, float)}
    check_numbers(sizes, given.where, whole=sizes.keys() - real, real=real)
    return sizes


def _card(name: str, tokens: str, parameters: int, max_bases: int, citation: str) -> EncoderCard:
    return EncoderCard(
        name=name,
        family="tiny",
        load=load,
        tokens=tokens,
        hidden_size=int(SIZES[name]["hidden_size"]),
        parameters=parameters,
        max_tokens=int(SIZES[name]["max_tokens"]),
        max_bases=max_bases,
        trained_on="E. coli K-12 MG1655, S. cerevisiae chromosome I, phage lambda",
        licence="Apache-2.0",
        source=f"shipped: engine/encoders/weights/{name}",
        citation=citation,
    )


CARDS = (
    _card(
        "tiny-bert",
        "6-mer",
        1_318_784,
        12_282,
        "architecture after Devlin et al. 2019 (BERT) and Dalla-Torre et al. 2024 (6-mers)",
    ),
    _card(
        "tiny-hyena",
        "base",
        281_024,
        16_383,
        "architecture after Nguyen et al. 2023 (HyenaDNA)",
    ),
)
