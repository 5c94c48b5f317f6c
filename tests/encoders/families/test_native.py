"""The card ``transformers``: what is found out of any folder, and what is refused in one line."""

import json

import pytest
import torch
import transformers
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertTokenizer

from engine.basics.errors import UserError
from engine.encoders import cards, load_encoder
from engine.encoders.families.native import NUCLEOTIDE_TRANSFORMERS, OWN_FAMILIES, OWN_KEYS
from engine.testing.networks import SEQUENCES
from tests.encoders.small import SPECIAL
from tests.encoders.small_causal import LLAMA, MISTRAL, MIXTRAL, write_bert, write_bpe, write_causal

SIZES = {
    "vocab_size": 12,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
    # Larger than by default, so that every layer matters.
    "initializer_range": 0.2,
}
GPT2 = {"vocab_size": 12, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
OPT = {
    "vocab_size": 12,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "ffn_dim": 48,
    "max_position_embeddings": 128,
    "word_embed_proj_dim": 32,
}
PROJECTIONS = ("k_proj", "o_proj", "q_proj", "v_proj")

#: Of a class: its configuration, and what must be found: summary, longest input, targets.
KINDS = {
    "BertForMaskedLM": (SIZES, 0, 128, ("dense", "key", "query", "value")),
    # Positions start behind that of the padding, 3.
    "RobertaForMaskedLM": (SIZES | {"pad_token_id": 3}, 0, 124, ("dense", "key", "query", "value")),
    "LlamaForCausalLM": (
        SIZES,
        -1,
        128,
        ("down_proj", "gate_proj", *PROJECTIONS[:2], PROJECTIONS[2], "up_proj", PROJECTIONS[3]),
    ),
    "MixtralForCausalLM": (
        SIZES | {"num_key_value_heads": 2, "num_local_experts": 4},
        -1,
        128,
        PROJECTIONS,
    ),
    "GPT2LMHeadModel": (GPT2, -1, 128, ("c_attn", "c_fc", "c_proj")),
    # A head of a name that nobody listed; a decoder whose layers are called as other heads.
    "GPTNeoXForCausalLM": (
        SIZES,
        -1,
        128,
        ("dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"),
    ),
    "OPTForCausalLM": (OPT, -1, 128, ("fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj")),
    # No end to its positions.
    "BloomForCausalLM": (
        {"vocab_size": 12, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        -1,
        1_000_000,
        ("dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"),
    ),
}


def write(folder, kind, config):
    """A folder as transformers saves its own model; returns that model."""
    write_bert(folder)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    made = getattr(transformers, kind)
    torch.manual_seed(0)
    model = made(made.config_class(**config)).eval()
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = write(folder, request.param, KINDS[request.param][0])
    return request.param, model, load_encoder("transformers", weights=folder)


def test_states_of_every_layer_are_those_of_transformers(kind):
    _, model, encoder = kind
    batch = encoder.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            output_hidden_states=True,
        ).hidden_states
        found = encoder.layer_states(batch.input_ids, batch.attention_mask, range(3))
    assert len(expected) == encoder.depth + 1 == 3
    mask = batch.attention_mask.bool()
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left[mask], right[mask], atol=1e-5, rtol=1e-5)


def test_summary_longest_input_and_targets_are_found(kind):
    name, _, encoder = kind
    _, summary, longest, targets = KINDS[name]
    assert (encoder.summary_index, encoder.max_tokens) == (summary, longest)
    assert encoder.adapter_targets == targets
    assert (encoder.hidden_size, encoder.tokens_per_base) == (32, 1.0)


def test_every_adapter_gets_a_gradient(kind, tmp_path):
    name, _, _ = kind
    write(tmp_path, name, KINDS[name][0])
    encoder = load_encoder("transformers", weights=tmp_path)
    config = LoraConfig(
        r=2, target_modules=list(encoder.adapter_targets), fan_in_fan_out=name.startswith("GPT2")
    )
    inject_adapter_in_model(config, encoder.network)
    batch = encoder.tokenize(SEQUENCES)
    hidden = encoder(batch.input_ids, batch.attention_mask)
    hidden[batch.attention_mask.bool()].pow(3).sum().backward()
    adapters = {n: p for n, p in encoder.network.named_parameters() if p.requires_grad}
    # B starts at zero and hides A.
    assert all(p.grad.abs().max() > 0 for n, p in adapters.items() if "lora_B" in n)
    assert len(adapters) >= 4 * len(encoder.adapter_targets)


def test_a_layer_whose_weights_are_read_past_it_takes_no_adapter(tmp_path):
    # The scan of Mamba reads dt_proj.weight.
    config = {"vocab_size": 12, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}
    write(tmp_path, "MambaForCausalLM", config)
    encoder = load_encoder("transformers", weights=tmp_path)
    assert encoder.adapter_targets == ("in_proj", "out_proj", "x_proj")
    assert encoder.summary_index == -1


@pytest.mark.parametrize("config", [MISTRAL, MIXTRAL, LLAMA], ids=lambda c: c["model_type"])
def test_published_names_and_keys_load(tmp_path, config):
    if config is LLAMA:
        config = LLAMA | {"architectures": ["LlamaForCausalLM"], "auto_map": None}
    write_causal(tmp_path, config)
    write_bpe(tmp_path)
    encoder = load_encoder("transformers", weights=tmp_path)
    assert (encoder.summary_index, encoder.blocks) == (-1, "model.layers")
    assert 0.2 < encoder.tokens_per_base < 1


# Tokenizers


def test_ids_are_those_of_the_tokenizer_file(tmp_path):
    write(tmp_path, "BertForMaskedLM", SIZES | {"vocab_size": 32})
    write_bpe(tmp_path)
    encoder = load_encoder("transformers", weights=tmp_path)
    file = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for sequence in SEQUENCES:
        assert encoder.tokenize([sequence]).input_ids[0].tolist() == file.encode(sequence).ids


def test_without_special_tokens_there_is_no_summary(tmp_path):
    write(tmp_path, "BertForMaskedLM", SIZES | {"vocab_size": 32})
    write_bpe(tmp_path, special=False)
    encoder = load_encoder("transformers", weights=tmp_path)
    assert encoder.summary_index is None
    assert not encoder.tokenize(["ACGT"]).special_tokens_mask.any()


PIECES = (*SPECIAL, *"ACGTN", *(f"##{piece}" for piece in ("A", "C", "G", "T", "N", "AC", "GTT")))


def write_pieces(folder, pieces=PIECES, settings=None):
    write(folder, "BertForMaskedLM", SIZES | {"vocab_size": 32})
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("lower", [False, True])
def test_word_pieces_are_those_of_berts_own_tokenizer(tmp_path, lower):
    pieces = [p if p in SPECIAL else p.lower() for p in PIECES] if lower else PIECES
    write_pieces(tmp_path, pieces, {"do_lower_case": lower})
    encoder = load_encoder("transformers", weights=tmp_path)
    theirs = BertTokenizer(
        {piece: index for index, piece in enumerate(pieces)}, do_lower_case=lower
    )
    # Up to 100 letters; longer words it gives up, as one unknown token.
    for sequence in (*SEQUENCES, "A", "N"):
        assert encoder.tokenize([sequence]).input_ids[0].tolist() == theirs(sequence)["input_ids"]
    assert len(theirs("A" * 101)["input_ids"]) == 3
    assert encoder.tokenize(["A" * 101]).input_ids.shape == (1, 103)


def test_case_follows_the_vocabulary_where_nothing_is_said(tmp_path):
    write_pieces(tmp_path, [p if p in SPECIAL else p.lower() for p in PIECES])
    encoder = load_encoder("transformers", weights=tmp_path)
    assert encoder.tokenize(["ACGT"]).input_ids.tolist() == [[1, 5, 11, 12, 13, 2]]


def test_fingerprint_follows_the_vocabulary(tmp_path):
    for name, last in (("one", "##GTT"), ("two", "##GTA")):
        (tmp_path / name).mkdir()
        write_pieces(tmp_path / name, (*PIECES[:-1], last))
    one, two = (load_encoder("transformers", weights=tmp_path / n) for n in ("one", "two"))
    assert one.weights_hash == two.weights_hash
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    "settings", [{"pad_token": "[PAD]"}, {"pad_token": {"content": "[PAD]"}}, {}, None]
)
def test_a_token_to_pad_with_is_found(tmp_path, settings):
    write_bert(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    encoder = load_encoder("transformers", weights=tmp_path)
    assert encoder.tokenize(["A", "ACG"]).input_ids.tolist()[0] == [1, 5, 2, 3, 3]


# Refusals


def refused(folder, match):
    with pytest.raises(UserError, match=match) as told:
        load_encoder("transformers", weights=folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("weights", ["hub", "random"])
def test_without_a_folder_nothing_is_known(weights):
    refused(weights, f"'transformers'.*cannot be '{weights}'; give weights: PATH or hub:")


def change_config(folder, **keys):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


@pytest.mark.parametrize(
    ("keys", "card"),
    [
        ({"auto_map": {"AutoModel": "bert_layers.BertModel"}}, "dnabert2"),
        ({"alibi_starting_size": 512}, "dnabert2"),
        ({"auto_map": {"AutoModel": "modeling_bert.BertModel"}}, "gena-lm-bert-base-t2t"),
        ({"model_type": "hyenadna"}, "hyenadna-tiny-1k"),
        ({"architectures": ["CaduceusForMaskedLM"]}, "caduceus-ph-1k"),
        ({"architectures": ["GENERatorForCausalLM"]}, "generator-eukaryote-1.2b"),
        ({"model_type": "esm", "vocab_size": 4105}, "nt-500m-human-ref"),
        ({"model_type": "esm", "vocab_size": 4107}, "nt-v2-100m"),
        ({"model_type": "GPN"}, "gpn-animal-promoter"),
    ],
)
def test_a_family_that_has_a_file_here_is_named(tmp_path, keys, card):
    write_bert(tmp_path)
    change_config(tmp_path, **keys)
    refused(tmp_path, f"config.json: .* write family: {card}$")


def test_families_that_are_named_are_there():
    named = {*OWN_FAMILIES.values(), *OWN_KEYS.values(), *NUCLEOTIDE_TRANSFORMERS.values()}
    assert named <= cards().keys()


def test_code_of_its_own_is_never_run(tmp_path):
    # Its network may be another under the same names.
    write_bert(tmp_path)
    change_config(tmp_path, auto_map={"AutoModel": "odd.Model"})
    refused(tmp_path, r"'auto_map' names code of its own \(AutoModel\)")


def test_encoder_and_decoder_are_refused(tmp_path):
    sizes = {"vocab_size": 12, "d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    write(tmp_path, "T5ForConditionalGeneration", sizes | {"d_kv": 8})
    refused(tmp_path, "an encoder and a decoder")


@pytest.mark.parametrize("model_type", ["odd", None])
def test_an_unknown_architecture_is_told(tmp_path, model_type):
    write_bert(tmp_path)
    change_config(tmp_path, model_type=model_type)
    refused(tmp_path, str(tmp_path))


def test_shared_layers_are_told(tmp_path):
    write(tmp_path, "AlbertForMaskedLM", SIZES)
    refused(tmp_path, "no list of 2 layers")


def test_a_network_that_padding_disturbs_is_refused(tmp_path):
    # Its convolutions run over the padding.
    write(tmp_path, "ConvBertForMaskedLM", SIZES)
    refused(tmp_path, "padding changes the states")


def test_layers_of_another_order_are_refused(tmp_path):
    # XLNet puts tokens before the batch.
    write(
        tmp_path,
        "XLNetLMHeadModel",
        {"vocab_size": 12, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48},
    )
    refused(tmp_path, "batch, token and width")


def test_a_missing_layer_is_told_and_one_too_many(tmp_path):
    # The layers of OPT are called as the heads of other models, and must be there all the same.
    write(tmp_path, "OPTForCausalLM", OPT)
    state = load_file(tmp_path / "model.safetensors")
    name = "model.decoder.layers.1.fc1.weight"
    save_file({n: t for n, t in state.items() if n != name}, tmp_path / "model.safetensors")
    refused(tmp_path, r"missing \['decoder.layers.1.fc1.weight'\] \(1\)")
    save_file(state, tmp_path / "model.safetensors")
    change_config(tmp_path, num_hidden_layers=1)
    refused(tmp_path, r"unexpected \['model.decoder.layers.1")


def test_no_tokenizer_is_told(tmp_path):
    write_bert(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    refused(tmp_path, r"no tokenizer.json and no vocab.txt")


def letters(tokens):
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *tokens])}
    engine = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    engine.add_special_tokens(list(SPECIAL))
    engine.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    engine.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    return engine


@pytest.mark.parametrize("tokens", ["ACG", "acgt", "MKVL"])
def test_a_vocabulary_without_the_bases_is_told(tmp_path, tokens):
    write_bert(tmp_path)
    letters(tokens).save(str(tmp_path / "tokenizer.json"))
    refused(tmp_path, "tokenizer.json: its vocabulary cannot spell")


def test_a_vocabulary_that_drops_a_base_is_told(tmp_path):
    # Byte pairs without an unknown token leave out what they do not know.
    write_bert(tmp_path)
    engine = Tokenizer(models.BPE({"A": 0, "C": 1, "G": 2, "[PAD]": 3}, []))
    engine.add_special_tokens(["[PAD]"])
    engine.save(str(tmp_path / "tokenizer.json"))
    refused(tmp_path, "cannot spell")


def test_word_pieces_without_a_special_token_are_told(tmp_path):
    write_pieces(tmp_path, [piece for piece in PIECES if piece != "[SEP]"])
    refused(tmp_path, r"vocab.txt: no token '\[SEP\]'")


def test_more_tokens_than_the_network_has_is_told(tmp_path):
    write_bert(tmp_path)
    letters(["A", "C", "G", "T", *map(str, range(10))]).save(str(tmp_path / "tokenizer.json"))
    refused(tmp_path, r"has no row in the network \(7 have none\), which has 12")
