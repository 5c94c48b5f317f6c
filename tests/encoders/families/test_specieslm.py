"""SpeciesLM: a species in front of the bases, and the library's own BERT."""

import itertools
import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, BertTokenizer

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.dnabert import BERT_BASE
from engine.encoders.families.specieslm import POSITIONS, SPECIES, VOCABULARY_SIZE
from engine.encoders.stock import random_stock
from tests.encoders.contract import follows_the_seed
from tests.encoders.small import tensors
from tests.encoders.small_stock import FUNGI, SMALL, SPECIAL, SPECIESLM, bert_shapes

UPSTREAM, DOWNSTREAM = "specieslm-fungi-upstream-k1", "specieslm-fungi-downstream-k1"
names = pytest.mark.parametrize("name", [UPSTREAM, DOWNSTREAM])
SEQUENCES = ["ACGTTTAGATTCCCATGACGT" * 3, "TTACCGA", "GGGNACGTTTGCANNACG"]


@pytest.fixture
def folder(tmp_path):
    SMALL[UPSTREAM](tmp_path)
    return tmp_path


def choose(folder, species):
    (folder / "config.json").write_text(json.dumps(SPECIESLM | {"species": species}))


@names
def test_ids_are_those_of_the_librarys_tokenizer(folder, name):
    theirs = BertTokenizer.from_pretrained(folder)
    given = [*SEQUENCES, "A"]
    text = [f"{SPECIES[name]} {' '.join(sequence)}" for sequence in given]
    expected = theirs(text, padding=True, return_tensors="pt")
    found = load_encoder(name, weights=folder).tokenize(given)
    assert torch.equal(found.input_ids, expected["input_ids"])
    assert torch.equal(found.attention_mask, expected["attention_mask"])


def test_hidden_states_of_every_layer_are_those_of_the_librarys_model(folder):
    theirs = BertForMaskedLM.from_pretrained(folder).eval()
    encoder = load_encoder(UPSTREAM, weights=folder)
    ids, mask, _ = encoder.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        found = encoder.layer_states(ids, mask, range(encoder.depth + 1))
    assert len(found) == len(expected) == 4
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left[mask.bool()], right[mask.bool()], atol=1e-5, rtol=1e-5)


def test_the_species_stands_after_cls_and_is_no_base(folder):
    # Ids: 5 special tokens, A T C G, then the species in order.
    batch = load_encoder(DOWNSTREAM, weights=folder).tokenize(["ATN", ""])
    assert batch.input_ids.tolist() == [[2, 10, 5, 6, 1, 3], [2, 10, 3, 0, 0, 0]]
    assert batch.attention_mask.tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]
    assert batch.special_tokens_mask.tolist() == [[1, 1, 0, 0, 0, 1], [1] * 6]


def test_config_json_chooses_another_species(folder):
    before = load_encoder(UPSTREAM, weights=folder)
    choose(folder, "aspergillus_niger")
    after = load_encoder(UPSTREAM, weights=folder)
    assert after.tokenize(["A"]).input_ids.tolist() == [[2, 9, 5, 3]]
    assert before.weights_hash == after.weights_hash
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    ("species", "message"),
    [
        ("candida_glabata", "set key 'species' to one of 5, such as candida_glabrata"),
        ("[MASK]", "species '\\[MASK\\]' has no token"),
        ("A", "species 'A' has no token"),
        (7, "species '7' has no token"),
    ],
)
def test_a_species_without_a_token_is_told(folder, species, message):
    choose(folder, species)
    with pytest.raises(UserError, match=message) as told:
        load_encoder(UPSTREAM, weights=folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("form", ["tokenizer.json", "added_tokens_decoder"])
def test_species_are_found_in_whichever_file_they_stand(folder, form):
    before = load_encoder(UPSTREAM, weights=folder)
    library = BertTokenizer.from_pretrained(folder)
    (folder / "added_tokens.json").unlink()
    library.save_pretrained(folder)
    if form == "added_tokens_decoder":
        (folder / "tokenizer.json").unlink()
        decoder = {str(9 + n): {"content": name} for n, name in enumerate(FUNGI)}
        written = {"do_lower_case": False, "added_tokens_decoder": decoder}
        (folder / "tokenizer_config.json").write_text(json.dumps(written))
    else:
        (folder / "vocab.txt").unlink()
    assert load_encoder(UPSTREAM, weights=folder).fingerprint == before.fingerprint


def test_overlapping_six_mers_of_the_first_release_are_read(folder):
    # gagneurlab/SpeciesLM: 4,096 6-mers after 5 special tokens, then the species.
    config = SPECIESLM | {"vocab_size": 5 + 4096 + len(FUNGI)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors(bert_shapes(config, pooler=False)), folder / "model.safetensors")
    kmers = map("".join, itertools.product("ATCG", repeat=6))
    (folder / "vocab.txt").write_text("\n".join((*SPECIAL, *kmers)))
    added = {species: 4101 + index for index, species in enumerate(FUNGI)}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    theirs = BertTokenizer.from_pretrained(folder)
    sequence = "GGGNACGTTTGCATTACG"
    words = " ".join(sequence[i : i + 6] for i in range(len(sequence) - 5))
    found = load_encoder(UPSTREAM, weights=folder).tokenize([sequence])
    assert found.input_ids.tolist() == [theirs(f"{SPECIES[UPSTREAM]} {words}")["input_ids"]]


def test_a_folder_without_a_tokenizer_is_told(folder):
    (folder / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"neither vocab\.txt nor tokenizer.json"):
        load_encoder(UPSTREAM, weights=folder)


@pytest.mark.parametrize("added", [{FUNGI[2]: 12}, {FUNGI[2]: 8}, {FUNGI[2]: 9, "A": 6}])
def test_ids_that_are_not_one_for_each_token_are_told(folder, added):
    (folder / "added_tokens.json").write_text(json.dumps(added))
    with pytest.raises(UserError, match="do not give 10 tokens the ids 0 to 9"):
        load_encoder(UPSTREAM, weights=folder)


def test_ids_are_those_of_the_file_and_not_their_order(folder):
    # transformers 5 would count them anew, in the order of the file.
    added = {FUNGI[2]: 11, FUNGI[0]: 10, FUNGI[1]: 9}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    assert load_encoder(UPSTREAM, weights=folder).tokenize(["A"]).input_ids.tolist() == [
        [2, 11, 5, 3]
    ]


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": null}'])
def test_a_damaged_tokenizer_is_told(folder, text):
    (folder / "added_tokens.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read") as told:
        load_encoder(UPSTREAM, weights=folder)
    assert "\n" not in str(told.value)


def test_a_network_with_rotary_positions_is_refused(folder):
    # That of metazoa has FlashAttention's names, such as this one.
    state = load_file(folder / "model.safetensors")
    rotary = {n.replace("encoder.layer.", "encoder.layers."): t for n, t in state.items()}
    save_file(rotary, folder / "model.safetensors")
    with pytest.raises(UserError, match="do not fit the network; missing"):
        load_encoder(UPSTREAM, weights=folder)


@pytest.mark.parametrize(
    ("name", "published"),
    # Numbers of model.safetensors on the hub, as others read them: the head and the numbers of the
    # positions counted, the tied decoder not.
    [(UPSTREAM, 87_519_872), (DOWNSTREAM, 87_126_144)],
)
def test_published_size_has_the_published_tensors_and_count(name, published):
    config = BERT_BASE | {
        "vocab_size": VOCABULARY_SIZE,
        "max_position_embeddings": POSITIONS[name],
    }
    with torch.device("meta"):
        network = random_stock(config, seed=0)
    own = {
        f"bert.{n.removeprefix('model.')}": tuple(t.shape) for n, t in network.named_parameters()
    }
    shapes = bert_shapes(config, pooler=False)
    assert own == {n: s for n, s in shapes.items() if not n.startswith("cls.")}
    assert sum(p.numel() for p in network.parameters()) == find_card(name).parameters
    assert sum(map(math.prod, shapes.values())) + POSITIONS[name] == published


@pytest.mark.slow
@names
def test_random_weights_follow_the_seed(name, monkeypatch):
    monkeypatch.setitem(BERT_BASE, "num_hidden_layers", 1)
    follows_the_seed(name)


@pytest.mark.slow
@names
def test_random_weights_of_the_published_size_run(name):
    first, card = load_encoder(name, weights="random", seed=1), find_card(name)
    assert first.max_tokens == card.max_tokens
    ids, mask, _ = first.tokenize(["A" * card.max_bases, "", "N"])
    assert ids.shape[1] == card.max_tokens
    with torch.no_grad():
        assert torch.isfinite(first(ids[1:], mask[1:])).all()
