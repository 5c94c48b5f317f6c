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
from engine.encoders.base import Encoder, EncoderCard, LoadRequest
from engine.encoders.checkpoint import Checkpoint, check_values, read_sizes
from engine.encoders.families.dnabert import BERT_BASE, bert_encoder
from engine.encoders.stock import check_stock, stock_network
from engine.encoders.tokenizers.published import published_bpe

if TYPE_CHECKING:
    from engine.encoders.networks.prenorm_bert import PrenormBertConfig

TOKENS_PER_BASE = 0.11
"""512 tokens are about 4,500 bases (the authors' table of models)."""

FIXED: dict[str, Any] = {
    "pre_layer_norm": True,
    "position_embedding_type": "absolute",
    "hidden_act": "gelu",
}
"""What the GENA-LM models that are no BigBird agree in; anything else is refused."""

BASE: dict[str, Any] = {
    **BERT_BASE,
    **FIXED,
    "vocab_size": 32000,
    "pad_token_id": 3,
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
    from engine.encoders.networks.prenorm_bert import PrenormBert

    name = request.card.name
    given = Checkpoint.of(request, PUBLISHED[name])
    sizes = network_config(given.config, given.where)
    tokenizer = published_bpe(given.folder, sizes.vocab_size, front=True)
    network = given.fill(lambda: PrenormBert(sizes), own_name)
    return bert_encoder(
        name, tokenizer, network, given.config, TOKENS_PER_BASE, blocks="encoder.layer"
    )


def load_modern(request: LoadRequest) -> Encoder:
    """Build a ModernGENA encoder; see `engine.encoders.registry.load_encoder`."""
    given = Checkpoint.of(request, PUBLISHED[request.card.name])
    # Of the other sizes the library has a default that is theirs.
    check_stock(given, "modernbert")
    return bert_encoder(
        request.card.name,
        published_bpe(given.folder, given.config["vocab_size"], front=True),
        stock_network(given),
        given.config,
        TOKENS_PER_BASE,
        adapter_targets=("Wqkv", "Wo", "Wi"),
        blocks="model.layers",
    )


def network_config(published: Mapping[str, Any], where: str) -> PrenormBertConfig:
    """Sizes of a published ``config.json``.

    Raises
    ------
    UserError
        If a key is missing or has a value that no such published model has; ``where`` says whose.
    """
    from engine.encoders.networks.prenorm_bert import PrenormBertConfig

    sizes = read_sizes(PrenormBertConfig, published, where)
    check_values(published, where, FIXED)
    if published.get("sparse_config_cls"):
        raise UserError(f"{where}: key 'sparse_config_cls': sparse attention is not supported")
    # As the authors' code: with pre-norm there is a final norm where the key is missing.
    last_layer_norm = bool(published.get("last_layer_norm", True))
    return PrenormBertConfig(**sizes, last_layer_norm=last_layer_norm)


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
        load=load_modern if modern else load,
        tokens="BPE (5-mers if random)",
        hidden_size=PUBLISHED[name]["hidden_size"],
        parameters=parameters,
        max_tokens=tokens,
        max_bases=int((tokens - 2) / TOKENS_PER_BASE),
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


T2T = "human genome (T2T)"
HUMAN = f"{T2T} with variants of 1000 Genomes, about 480 billion bases"
VERTEBRATES = "443 vertebrate genomes near transcription starts, about 1.4 trillion tokens"

CARDS = (
    _card("gena-lm-bert-base", 110_026_752, "1513b6e38fb11138dfc61442b95c6b60f125ebd7", T2T),
    _card("gena-lm-bert-base-t2t", 110_026_752, "5d6fcf5291ad8f36597227cf2dbec20eb01a9979", HUMAN),
    _card(
        "gena-lm-bert-base-t2t-multi",
        110_026_752,
        "main",
        f"{T2T}, its variants and other species, about 1.07 trillion bases",
    ),
    _card(
        "gena-lm-bert-base-lastln-t2t",
        110_028_288,
        "29cf2ee5a3e69891ef319bb86d09a00a64b91c11",
        HUMAN,
    ),
    _card("gena-lm-bert-large-t2t", 335_607_808, "f26161aa2022fcf618db3c8828fa33d3f8cb17a8", HUMAN),
    _card("moderngena-base", 135_497_472, "main", VERTEBRATES),
    _card("moderngena-large", 376_759_296, "main", VERTEBRATES),
)
