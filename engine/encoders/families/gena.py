"""GENA-LM and ModernGENA: BERT over byte-pair encoded DNA, in tokens of about nine bases.

Fishman et al. 2025 (GENA-LM, Nucleic Acids Research 53) is BERT with the norm before each block;
Aspidova et al. 2026 (ModernGENA, bioRxiv) is stock ModernBERT. Both read the same published
vocabularies of 32,000 tokens: a run of ten or more N is one token, a single N one of its own or
part of one (unknown in the first model's vocabulary). Random weights do not come with a published
vocabulary: they use `engine.encoders.tokenizers.published.stand_in`, which cuts DNA into 5-mers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.encoders.base import POOLINGS, Encoder, EncoderCard, LoadRequest

if TYPE_CHECKING:
    from engine.encoders.networks.prenorm_bert import PrenormBertConfig

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""In order of their ids."""

TOKENS_PER_BASE = 0.11
"""512 tokens are about 4,500 bases (the authors' table of models)."""

NUMBERS = (
    "vocab_size",
    "type_vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
)
"""Likewise of ModernGENA, where transformers has a default for the others."""

FIXED: dict[str, Any] = {
    "pre_layer_norm": True,
    "position_embedding_type": "absolute",
    "hidden_act": "gelu",
}
"""What the GENA-LM models that are no BigBird agree in; anything else is refused."""

BASE: dict[str, Any] = {
    **FIXED,
    "model_type": "bert",
    "vocab_size": 32000,
    "type_vocab_size": 2,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
    "last_layer_norm": False,
}
"""Keys of config.json that matter, as in the authors' repository (data/configs) and on the hub."""

MODERN: dict[str, Any] = {
    "model_type": "modernbert",
    "vocab_size": 32768,
    "hidden_size": 768,
    "num_hidden_layers": 22,
    "num_attention_heads": 12,
    "intermediate_size": 1152,
    "max_position_embeddings": 1024,
    "global_attn_every_n_layers": 3,
    "local_attention": 128,
    "global_rope_theta": 10000.0,
    "local_rope_theta": 10000.0,
    "norm_eps": 1e-5,
    "pad_token_id": 3,
    "cls_token_id": 1,
    "sep_token_id": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
"""Second-hand, since the file itself could not be read: from the paper's appendix A and from the
model card of a repackaged copy that was checked bit by bit (Taykhoom/ModernGENA-base)."""

PUBLISHED: dict[str, dict[str, Any]] = {
    "gena-lm-bert-base": BASE,
    "gena-lm-bert-base-t2t": BASE,
    "gena-lm-bert-base-t2t-multi": BASE,
    "gena-lm-bert-base-lastln-t2t": BASE | {"last_layer_norm": True},
    "gena-lm-bert-large-t2t": BASE
    | {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "layer_norm_eps": 1e-5,
        "last_layer_norm": True,
    },
    "moderngena-base": MODERN,
    "moderngena-large": MODERN
    | {
        "hidden_size": 1024,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "intermediate_size": 2624,
    },
}
"""Configuration of each card."""

IGNORED = ("pooler.", "cls.", "classifier.", "embeddings.position_ids")
"""Published tensors that an encoder does not need: pooler, heads, a buffer."""


def load(request: LoadRequest) -> Encoder:
    """Build a GENA-LM encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.checkpoint import seeded, state_hash
    from engine.encoders.hub import checkpoint_folder, load_published, read_config, read_tensors
    from engine.encoders.networks.prenorm_bert import PrenormBert
    from engine.encoders.tokenizers.published import read_published, stand_in

    if request.weights == "random":
        sizes = network_config(PUBLISHED[request.card.name], "the published configuration")
        tokenizer = stand_in(SPECIAL)
        network = seeded(request.seed, lambda: PrenormBert(sizes))
    else:
        folder = checkpoint_folder(request)
        sizes = network_config(read_config(folder), str(folder / "config.json"))
        rows = sizes.vocabulary_size
        tokenizer = read_published(folder / "tokenizer.json", rows, front=True)
        network = PrenormBert(sizes)
        load_published(network, read_tensors(folder), folder, rename=own_name)
    return Encoder(
        name=request.card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=sizes.hidden_size,
        max_tokens=sizes.positions,
        tokens_per_base=TOKENS_PER_BASE,
        summary_index=0,
        adapter_targets=("query", "key", "value", "dense"),
        blocks="encoder.layer",
        weights_hash=state_hash(network),
    )


def load_modern(request: LoadRequest) -> Encoder:
    """Build a ModernGENA encoder; see `engine.encoders.registry.load_encoder`."""
    from engine.encoders.checkpoint import state_hash
    from engine.encoders.hub import checkpoint_folder, read_config
    from engine.encoders.stock import load_stock, random_stock
    from engine.encoders.tokenizers.published import read_published, stand_in

    if request.weights == "random":
        config = PUBLISHED[request.card.name]
        tokenizer = stand_in(SPECIAL)
        network = random_stock(config, request.seed)
    else:
        folder = checkpoint_folder(request)
        config = read_config(folder)
        check_modern(config, str(folder / "config.json"))
        tokenizer = read_published(folder / "tokenizer.json", config["vocab_size"], front=True)
        network = load_stock(folder, config)
    return Encoder(
        name=request.card.name,
        tokenizer=tokenizer,
        network=network,
        hidden_size=config["hidden_size"],
        max_tokens=config["max_position_embeddings"],
        tokens_per_base=TOKENS_PER_BASE,
        summary_index=0,
        adapter_targets=("Wqkv", "Wo", "Wi"),
        blocks="model.layers",
        weights_hash=state_hash(network),
    )


def network_config(published: Mapping[str, Any], where: str) -> PrenormBertConfig:
    """Sizes by the keys of a published ``config.json``.

    Raises
    ------
    UserError
        If a key is missing or has a value that no such published model has; ``where`` says whose.
    """
    from engine.encoders.hub import check_numbers
    from engine.encoders.networks.prenorm_bert import PrenormBertConfig

    check_numbers(published, where, whole=NUMBERS, real=["layer_norm_eps"])
    for key, value in FIXED.items():
        if published.get(key) != value:
            raise UserError(f"{where}: key '{key}' is {published.get(key)!r}, not {value!r}")
    if published.get("sparse_config_cls"):
        raise UserError(f"{where}: key 'sparse_config_cls': sparse attention is not supported")
    return PrenormBertConfig(
        vocabulary_size=published["vocab_size"],
        token_types=published["type_vocab_size"],
        hidden_size=published["hidden_size"],
        layers=published["num_hidden_layers"],
        heads=published["num_attention_heads"],
        mlp_size=published["intermediate_size"],
        positions=published["max_position_embeddings"],
        norm_epsilon=published["layer_norm_eps"],
        # As the authors' code: with pre-norm there is a final norm where the key is missing.
        final_norm=bool(published.get("last_layer_norm", True)),
    )


def check_modern(published: Mapping[str, Any], where: str) -> None:
    """Check what is read here of a ModernGENA ``config.json``; transformers checks the rest.

    Raises
    ------
    UserError
        If it is no ModernBERT, or a size is missing.
    """
    from engine.encoders.hub import check_numbers

    if published.get("model_type") != "modernbert":
        raise UserError(
            f"{where}: key 'model_type' is {published.get('model_type')!r}, not 'modernbert'"
        )
    check_numbers(published, where, whole=SIZES)


def own_name(published: str) -> str | None:
    """Name of a published tensor of GENA-LM in the network; none for those of `IGNORED`."""
    name = published.removeprefix("bert.")
    return None if name.startswith(IGNORED) else name


def _card(name: str, parameters: int, revision: str, trained_on: str) -> EncoderCard:
    modern = name.startswith("moderngena")
    tokens = PUBLISHED[name]["max_position_embeddings"]
    return EncoderCard(
        name=name,
        family="gena",
        kind="network",
        load=load_modern if modern else load,
        tokens="BPE (5-mers if random)",
        hidden_size=PUBLISHED[name]["hidden_size"],
        parameters=parameters,
        max_tokens=tokens,
        max_bases=int((tokens - 2) / TOKENS_PER_BASE),
        poolings=POOLINGS,
        trained_on=trained_on,
        # ModernGENA: second-hand, from the repackaged copy. GENA-LM: of the authors' repository;
        # the model cards on the hub name none.
        licence="Apache-2.0" if modern else "MIT",
        source=f"https://huggingface.co/AIRI-Institute/{name}",
        citation=(
            "Aspidova et al. 2026 (ModernGENA, bioRxiv); doi:10.64898/2026.04.21.719816"
            if modern
            else "Fishman et al. 2025 (GENA-LM, Nucleic Acids Res. 53); doi:10.1093/nar/gkae1310"
        ),
        hub=f"AIRI-Institute/{name}",
        revision=revision,
    )


HUMAN = "human genome (T2T) with variants of 1000 Genomes, about 480 billion bases"
VERTEBRATES = "443 vertebrate genomes near transcription starts, about 1.4 trillion tokens"

CARDS = (
    _card(
        "gena-lm-bert-base",
        110_026_752,
        "1513b6e38fb11138dfc61442b95c6b60f125ebd7",
        "human genome (T2T)",
    ),
    _card(
        "gena-lm-bert-base-t2t",
        110_026_752,
        "5d6fcf5291ad8f36597227cf2dbec20eb01a9979",
        HUMAN,
    ),
    _card(
        "gena-lm-bert-base-t2t-multi",
        110_026_752,
        "main",
        "human genome (T2T), its variants and other species, about 1.07 trillion bases",
    ),
    _card(
        "gena-lm-bert-base-lastln-t2t",
        110_028_288,
        "29cf2ee5a3e69891ef319bb86d09a00a64b91c11",
        HUMAN,
    ),
    _card(
        "gena-lm-bert-large-t2t",
        335_607_808,
        "f26161aa2022fcf618db3c8828fa33d3f8cb17a8",
        HUMAN,
    ),
    _card("moderngena-base", 135_497_472, "main", VERTEBRATES),
    _card("moderngena-large", 376_759_296, "main", VERTEBRATES),
)
