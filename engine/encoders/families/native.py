"""Any other model: a folder of an architecture that the transformers library implements.

The card is called ``transformers``. All it needs to know it finds in the folder: sizes in
``config.json``, tokens in ``tokenizer.json`` or in a ``vocab.txt`` of word pieces. Whether the
network is causal, and which linear layers it calls, is tried out. No code of a checkpoint is run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import read_config, read_object, state_hash
from engine.encoders.hub import checkpoint_folder
from engine.encoders.stock import load_stock
from engine.encoders.tokenizers.published import BpeTokenizer, check_rows, framed, read_bpe
from engine.encoders.tokenizers.tiny_tokens import digest

if TYPE_CHECKING:
    from torch import nn

    from engine.encoders.networks.stock import Stock

NO_LIMIT = 1_000_000
"""Longest input in tokens of a network whose positions have no end."""

OWN_FAMILIES = {
    "bert_layers.": "dnabert2",
    "modeling_bert.": "gena-lm-bert-base-t2t",
    "hyenadna": "hyenadna-tiny-1k",
    "caduceus": "caduceus-ph-1k",
    "modeling_generator": "generator-eukaryote-1.2b",
    "generatorforcausallm": "generator-eukaryote-1.2b",
    '"gpn"': "gpn-animal-promoter",
    '"convnet"': "gpn-brassicales",
}
"""What tells a family that has a file here, in what a configuration says of its code -> a card."""

OWN_KEYS = {
    "alibi_starting_size": "dnabert2",
    "pre_layer_norm": "gena-lm-bert-base-t2t",
}
"""Likewise keys of a configuration."""

NUCLEOTIDE_TRANSFORMERS = {4105: "nt-500m-human-ref", 4107: "nt-v2-100m"}
"""Likewise of ESM by the size of its vocabulary, since other models are ESM too."""

WORD_PIECES = {"[UNK]", "[CLS]", "[SEP]", "[PAD]"}


def load(request: LoadRequest) -> Encoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    if request.weights in ("hub", "random"):
        raise UserError(
            f"encoder '{request.card.name}': nothing is known of it but by its weights, so they "
            f"cannot be '{request.weights}'; give weights: PATH or hub:OWNER/NAME@REVISION"
        )
    folder = checkpoint_folder(request)
    config = read_config(folder)
    _check_family(config, folder)
    tokenizer = read_tokenizer(folder, config)
    network = load_stock(folder, config, ignored=None)
    known = network.model.config
    if known.is_encoder_decoder:
        raise UserError(_two_towers(folder))
    for key in ("hidden_size", "num_hidden_layers"):
        if not isinstance(getattr(known, key, None), int):
            raise UserError(
                f"{folder / 'config.json'}: no number '{key}', nor one that stands for it"
            )
    rows = len(network.model.get_input_embeddings().weight)
    check_rows(tokenizer.engine.get_vocab(with_added_tokens=True), f"tokenizer of '{folder}'", rows)
    blocks = block_list(network, known.num_hidden_layers, folder)
    batch = tokenizer([dna(1000)])
    encoder = Encoder(
        name=request.card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=known.hidden_size,
        max_tokens=longest_input(network),
        tokens_per_base=float((1 - batch.special_tokens_mask).sum()) / 1000,
        summary_index=0 if batch.special_tokens_mask[0, 0] else None,
        adapter_targets=(),
        blocks=blocks,
        weights_hash=state_hash(network),
    )
    check_padding(encoder, folder)
    return replace(
        encoder,
        summary_index=-1 if is_causal(encoder, folder) else encoder.summary_index,
        adapter_targets=linear_layers(encoder),
    )


def read_tokenizer(folder: Path, config: Mapping[str, Any]) -> BpeTokenizer:
    """Tokenizer of a folder.

    Parameters
    ----------
    folder : Path
    config : mapping
        Its ``config.json``.

    Raises
    ------
    UserError
        If there is none, or it does not know A, C, G and T.
    """
    path = folder / "tokenizer.json"
    if path.is_file():
        tokenizer = read_bpe(path, padding_token(folder, config))
    elif (folder / "vocab.txt").is_file():
        path = folder / "vocab.txt"
        tokenizer = read_word_pieces(path)
    else:
        raise UserError(f"{folder}: no tokenizer.json and no vocab.txt; give a folder with one")
    # Long, since word pieces give up on long words; the offsets show letters that were dropped.
    text = dna(1000)
    encoding = tokenizer.engine.encode(text, add_special_tokens=False)
    covered = {place for start, end in encoding.offsets for place in range(start, end)}
    unknown = getattr(tokenizer.engine.model, "unk_token", None)
    if len(covered) < len(text) or (unknown is not None and unknown in encoding.tokens):
        raise UserError(f"{path}: its vocabulary cannot spell a sequence of A, C, G and T")
    return tokenizer


def padding_token(folder: Path, config: Mapping[str, Any]) -> str:
    """Name of a token to pad with; any will do, for what stands in the padding changes nothing."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            token = read_object(folder / name).get("pad_token")
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                return token
    path = folder / "tokenizer.json"
    known = {token["id"]: token["content"] for token in read_object(path).get("added_tokens", ())}
    padding = config.get("pad_token_id")
    if not known:
        raise UserError(f"{path}: it has no special token to pad with")
    return str(known[padding] if padding in known else known[min(known)])


def read_word_pieces(path: Path) -> BpeTokenizer:
    """Tokenizer of a ``vocab.txt`` as of BERT: one word piece per line, ``##`` within a word.

    Unlike BERT's it takes words of any length, for a sequence is one word.

    Raises
    ------
    UserError
        If a special token is missing.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokens = path.read_text(encoding="utf-8").splitlines()
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if missing := sorted(WORD_PIECES - vocabulary.keys()):
        raise UserError(f"{path}: no token '{missing[0]}'; only a vocabulary as of BERT is read")
    settings = path.parent / "tokenizer_config.json"
    stated = read_object(settings).get("do_lower_case") if settings.is_file() else None
    lower = "A" not in vocabulary if stated is None else bool(stated)
    engine = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=2**31)
    )
    if lower:
        engine.normalizer = normalizers.Lowercase()
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return framed(engine, vocabulary, digest(tokens, lower))


def block_list(network: nn.Module, layers: int, folder: Path) -> str:
    """Path of the list of layers: the first list of as many modules as there are layers.

    Raises
    ------
    UserError
        If there is none, as where layers share their weights.
    """
    from torch import nn

    for name, module in network.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return str(name)
    raise UserError(f"{folder / 'config.json'}: its network has no list of {layers} layers")


def linear_layers(encoder: Encoder) -> tuple[str, ...]:
    """Names of the linear layers within the blocks; with the parent's name where one is a number.

    A layer that a run does not call is left out: what reads its weights past it, as the scan of
    Mamba does, would read past an adapter too.
    """
    import torch
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    called: set[str] = set()

    def watch(path: str) -> Callable[..., None]:
        parent, _, name = path.rpartition(".")
        shown = f"{parent.rpartition('.')[2]}.{name}" if name.isdigit() else name
        return lambda *_: called.add(shown)

    # GPT-2 calls its linear layers convolutions.
    hooks = [
        module.register_forward_hook(watch(path))
        for path, module in encoder.network.get_submodule(encoder.blocks).named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]
    batch = encoder.tokenize([dna(60)])
    with torch.no_grad():
        encoder(batch.input_ids, batch.attention_mask)
    for hook in hooks:
        hook.remove()
    return tuple(sorted(called))


def longest_input(network: Stock) -> int:
    """Positions that a network has; those up to the padding token's are not used by some."""
    from torch import nn

    limit = getattr(network.model.config, "max_position_embeddings", None) or NO_LIMIT
    for name, table in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(table, nn.Embedding):
            return int(limit) - (0 if table.padding_idx is None else table.padding_idx + 1)
    return int(limit)


def is_causal(encoder: Encoder, folder: Path) -> bool:
    """Whether the last token leaves the states of those before it alone.

    Raises
    ------
    UserError
        If the layers do not pass on states of the shape (B, T, H).
    """
    import torch

    batch = encoder.tokenize([dna(60)])
    ids, mask = batch.input_ids, batch.attention_mask
    other = ids.clone()
    other[0, -1] = int(ids[0, -1] == 0)
    with torch.no_grad():
        first, last = encoder.layer_states(ids, mask, [0, -1])
        changed = encoder(other, mask)
    if first.shape != (*ids.shape, first.shape[-1]) or last.shape != (*ids.shape, last.shape[-1]):
        raise UserError(
            f"{folder / 'config.json'}: its layers do not take batch, token and width in this order"
        )
    return bool(torch.allclose(last[:, :-1], changed[:, :-1], rtol=1e-4, atol=1e-5))


def check_padding(encoder: Encoder, folder: Path) -> None:
    """Find that the states of a sequence are the same beside a longer one.

    Raises
    ------
    UserError
        If they are not, as where convolutions run over the padding.
    """
    import torch

    alone, beside = encoder.tokenize([dna(60)]), encoder.tokenize([dna(60), dna(90)])
    with torch.no_grad():
        expected = encoder(alone.input_ids, alone.attention_mask)[0]
        found = encoder(beside.input_ids, beside.attention_mask)[0, : len(expected)]
    if not torch.allclose(found, expected, rtol=1e-3, atol=1e-4):
        raise UserError(
            f"{folder / 'config.json'}: padding changes the states of its network, so that they "
            f"would depend on the batch; it cannot be used"
        )


def dna(bases: int) -> str:
    """A random sequence, the same each time."""
    return "".join(random.Random(0).choices("ACGT", k=bases))


def own_card(config: Mapping[str, Any]) -> str:
    """Card of a family with a file here whose network a ``config.json`` tells of; empty if none."""
    told = [config.get(key) for key in ("auto_map", "architectures", "model_type")]
    said = json.dumps(told).lower()
    own = [card for mark, card in OWN_FAMILIES.items() if mark in said]
    own += [card for key, card in OWN_KEYS.items() if key in config]
    if config.get("model_type") == "esm" and config.get("vocab_size") in NUCLEOTIDE_TRANSFORMERS:
        own.append(NUCLEOTIDE_TRANSFORMERS[config["vocab_size"]])
    return own[0] if own else ""


def _check_family(config: Mapping[str, Any], folder: Path) -> None:
    """Refuse what a family here loads, what has code of its own, and what has two networks."""
    where, code = folder / "config.json", config.get("auto_map")
    if own := own_card(config):
        raise UserError(
            f"{where}: a network as that of '{own}', which has code of its own here; write "
            f"family: {own}"
        )
    if code:
        raise UserError(
            f"{where}: key 'auto_map' names code of its own ({', '.join(sorted(code))}), which is "
            f"never run; take the key out if it is a plain '{config.get('model_type')}'"
        )
    if config.get("is_encoder_decoder"):
        raise UserError(_two_towers(folder))


def _two_towers(folder: Path) -> str:
    return (
        f"{folder / 'config.json'}: an encoder and a decoder; only networks that are one of the "
        f"two are supported"
    )


CARDS = (
    EncoderCard(
        name="transformers",
        family="transformers",
        load=load,
        tokens="by folder",
        hidden_size=0,
        parameters=0,
        max_tokens=0,
        max_bases=0,
        trained_on="by folder",
        licence="by folder",
        source="https://huggingface.co/docs/transformers",
        citation="by folder",
    ),
)
