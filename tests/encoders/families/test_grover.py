"""GROVER: byte-pair tokens of a file with one token too many, and the library's own BERT."""

import json
import math

import pytest
import torch
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.grover import PUBLISHED, stand_in
from engine.encoders.stock import random_stock
from tests.encoders.contract import follows_the_seed
from tests.encoders.small_stock import GROVER, SMALL, SPECIAL, bert_shapes

SEQUENCES = ["ACGTTTAGATTCCCATGACGT" * 3, "TTACCGA", "GGGNACGTTTGCANNACG"]


@pytest.fixture
def folder(tmp_path):
    SMALL["grover"](tmp_path)
    return tmp_path


def test_ids_are_those_of_the_librarys_tokenizer(folder):
    # The published class; its files name no tokens but these three.
    theirs = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        cls_token="[CLS]",
        mask_token="[MASK]",
        pad_token="[PAD]",
    )
    given = [*SEQUENCES, "", "A", "N"]
    expected = theirs(given, padding=True, return_tensors="pt", return_special_tokens_mask=True)
    found = load_encoder("grover", weights=folder).tokenize(given)
    assert torch.equal(found.input_ids, expected["input_ids"])
    assert torch.equal(found.attention_mask, expected["attention_mask"])
    # For the library [UNK] is special, but it stands for an N.
    assert torch.equal(found.special_tokens_mask, expected["special_tokens_mask"])


def test_hidden_states_of_every_layer_are_those_of_the_librarys_model(folder):
    theirs = BertForMaskedLM.from_pretrained(folder).eval()
    encoder = load_encoder("grover", weights=folder)
    ids, mask, _ = encoder.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        found = encoder.layer_states(ids, mask, range(encoder.depth + 1))
    assert len(found) == len(expected) == 4
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left[mask.bool()], right[mask.bool()], atol=1e-5, rtol=1e-5)


def test_tokens_are_merged_as_the_file_says(folder):
    # Ids after 5 special tokens: A C G T, then the merges; ACGT is AC + GT, id 11.
    batch = load_encoder("grover", weights=folder).tokenize(["ACGTTTA", "NAn"])
    assert batch.input_ids.tolist() == [[2, 11, 13, 3, 0], [2, 1, 5, 1, 3]]
    assert batch.special_tokens_mask.tolist() == [[1, 0, 0, 1, 1], [1, 0, 0, 0, 1]]


def test_the_token_without_a_row_never_comes_out(folder):
    written = json.loads((folder / "tokenizer.json").read_text())
    rows = GROVER["vocab_size"]
    assert written["model"]["vocab"][""] == rows
    encoder = load_encoder("grover", weights=folder)
    draw = torch.Generator().manual_seed(0)
    letters = torch.randint(5, (200, 40), generator=draw)
    batch = encoder.tokenize(["".join("ACGTN"[i] for i in row) for row in letters.tolist()])
    assert int(batch.input_ids.max()) == rows - 1


def test_a_token_beyond_the_network_is_told(folder):
    path = folder / "tokenizer.json"
    written = json.loads(path.read_text())
    written["model"]["vocab"]["GATTA"] = GROVER["vocab_size"] + 1
    path.write_text(json.dumps(written))
    with pytest.raises(UserError, match="token 'GATTA' has no row in the network"):
        load_encoder("grover", weights=folder)


def test_a_missing_or_unexpected_tensor_is_one_line(folder):
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    del state["bert.encoder.layer.1.output.dense.bias"]
    torch.save(state | {"bert.extra": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"missing.*layer.1.output.dense.bias.*unexpected.*extra"):
        load_encoder("grover", weights=folder)


def test_published_size_has_the_published_tensors_and_count():
    with torch.device("meta"):
        network = random_stock(PUBLISHED, seed=0)
    own = {
        f"bert.{n.removeprefix('model.')}": tuple(t.shape) for n, t in network.named_parameters()
    }
    shapes = bert_shapes(PUBLISHED, pooler=True)
    assert own == {n: s for n, s in shapes.items() if not n.startswith(("cls.", "bert.pooler."))}
    assert sum(p.numel() for p in network.parameters()) == find_card("grover").parameters
    # pytorch_model.bin on the hub has 348,488,361 bytes; the format takes some hundred a tensor.
    values = sum(map(math.prod, shapes.values()))
    assert 0 < 348_488_361 - 4 * values < 600 * len(shapes)


def test_stand_in_merges_pairs_and_then_pairs_of_pairs():
    # Ids: 5 special, 4 bases, 16 pairs in order A C G T, 256 pairs of pairs.
    batch = stand_in()(["AAAAA", "CN", ""])
    assert batch.input_ids.tolist() == [[2, 25, 5, 3], [2, 6, 1, 3], [2, 3, 0, 0]]
    assert batch.special_tokens_mask.tolist() == [[1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert int(stand_in()(["TTTT"]).input_ids.max()) == 5 + 4 + 16 + 256 - 1 < 609


def test_fingerprint_follows_the_vocabulary(folder):
    before = load_encoder("grover", weights=folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace(f'"{SPECIAL[-1]}"', '"[MSK]"'))
    after = load_encoder("grover", weights=folder)
    assert before.weights_hash == after.weights_hash
    assert before.fingerprint != after.fingerprint


@pytest.mark.slow
def test_random_weights_follow_the_seed(monkeypatch):
    monkeypatch.setitem(PUBLISHED, "num_hidden_layers", 1)
    follows_the_seed("grover")


@pytest.mark.slow
def test_random_weights_of_the_published_size_run():
    first = load_encoder("grover", weights="random", seed=1)
    assert first.max_tokens == find_card("grover").max_tokens
    ids, mask, _ = first.tokenize(["ACGTN" * 20, "", "N"])
    with torch.no_grad():
        assert torch.isfinite(first(ids, mask)).all()
