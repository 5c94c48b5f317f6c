"""DNABERT: overlapping k-mers, the published layout, and the library's own BERT beside ours."""

import json
import math

import pytest
import torch
from transformers import BertForMaskedLM, BertTokenizer

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.dnabert import BERT_BASE, KS
from engine.encoders.stock import random_stock
from engine.encoders.tokenizers.overlapping import OverlappingKmers, published_order
from tests.encoders.contract import follows_the_seed
from tests.encoders.small_stock import DNABERT, SMALL, bert_shapes, dnabert_config

SEQUENCES = ["ACGTTTAGATTCCCATGACGT" * 3, "TTACCGA", "GGGNACGTTTGCANNACG"]


@pytest.fixture
def folder(tmp_path):
    SMALL["dnabert-3"](tmp_path)
    return tmp_path


def words(sequence, k):
    """Text that DNABERT's users give to its tokenizer."""
    return " ".join(sequence[i : i + k] for i in range(len(sequence) - k + 1))


@pytest.mark.parametrize("k", KS)
def test_ids_are_those_of_the_librarys_tokenizer(tmp_path, k):
    SMALL[f"dnabert-{k}"](tmp_path)
    theirs = BertTokenizer.from_pretrained(tmp_path)
    given = [*SEQUENCES, "", "A" * k, "N" * (k + 1), "CNTTGAAACGTACGTACGTNTTTACGGG"]
    expected = theirs([words(s, k) for s in given], padding=True, return_tensors="pt")
    found = load_encoder(f"dnabert-{k}", weights=tmp_path).tokenize(given)
    assert torch.equal(found.input_ids, expected["input_ids"])
    assert torch.equal(found.attention_mask, expected["attention_mask"])


@pytest.mark.parametrize("k", KS)
def test_hidden_states_of_every_layer_are_those_of_the_librarys_model(tmp_path, k):
    SMALL[f"dnabert-{k}"](tmp_path)
    theirs = BertForMaskedLM.from_pretrained(tmp_path).eval()
    encoder = load_encoder(f"dnabert-{k}", weights=tmp_path)
    ids, mask, _ = encoder.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        found = encoder.layer_states(ids, mask, range(encoder.depth + 1))
        last = encoder(ids, mask)
    assert len(found) == len(expected) == 4
    kept = mask.bool()
    for left, right in zip([*found, last], [*expected, expected[-1]], strict=True):
        torch.testing.assert_close(left[kept], right[kept], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("k", KS)
def test_published_size_has_the_published_tensors_and_count(k):
    card = find_card(f"dnabert-{k}")
    config = BERT_BASE | {"vocab_size": 4**k + 5}
    with torch.device("meta"):
        network = random_stock(config, seed=0)
    own = {
        f"bert.{n.removeprefix('model.')}": tuple(t.shape) for n, t in network.named_parameters()
    }
    shapes = bert_shapes(config, pooler=True)
    assert own == {n: s for n, s in shapes.items() if not n.startswith(("cls.", "bert.pooler."))}
    assert sum(p.numel() for p in network.parameters()) == card.parameters
    # Sizes of pytorch_model.bin on the hub, in megabytes; that of DNABERT-6 was not to be seen.
    megabytes = {3: 347, 4: 347, 5: 350}
    if k in megabytes:
        # The format itself takes some hundred bytes a tensor.
        assert 4e-6 * sum(map(math.prod, shapes.values())) == pytest.approx(megabytes[k], abs=0.8)


@pytest.mark.parametrize("k", KS)
def test_a_card_states_the_longest_input_in_bases(k):
    card = find_card(f"dnabert-{k}")
    tokenizer = OverlappingKmers(published_order(k))
    assert tokenizer(["A" * card.max_bases]).input_ids.shape == (1, card.max_tokens)


def test_a_folder_of_the_original_release_has_no_model_type(folder):
    config = {k: v for k, v in dnabert_config(3).items() if k != "model_type"}
    (folder / "config.json").write_text(json.dumps(config))
    assert load_encoder("dnabert-3", weights=folder).hidden_size == DNABERT["hidden_size"]


def test_names_of_the_time_of_tensorflow_are_read(folder):
    before = load_encoder("dnabert-3", weights=folder)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in state.items()
    }
    torch.save(old, folder / "pytorch_model.bin")
    assert load_encoder("dnabert-3", weights=folder).weights_hash == before.weights_hash


@pytest.mark.parametrize("name", ["bert.encoder.layer.1.output.dense.bias", "bert.encoder.extra"])
def test_a_missing_or_unexpected_tensor_is_one_line(folder, name):
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    if name in state:
        del state[name]
    else:
        state[name] = torch.zeros(1)
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=name.removeprefix("bert.")) as told:
        load_encoder("dnabert-3", weights=folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "esm"}, "key 'model_type' is 'esm'; only 'bert' is supported"),
        (
            {"position_embedding_type": "relative_key"},
            "'relative_key'; only 'absolute' is supp",
        ),
        ({"hidden_size": None}, "key 'hidden_size' is None, not a whole number"),
        ({"vocab_size": 68}, "of another shape"),
    ],
)
def test_a_configuration_that_is_not_the_tensors_is_told(folder, change, message):
    (folder / "config.json").write_text(json.dumps(dnabert_config(3) | change))
    with pytest.raises(UserError, match=message):
        load_encoder("dnabert-3", weights=folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[SEP]", "[END]", r"no token '\[SEP\]' \(1 missing\)"),
        ("GGC", "GGG", "token 'GGG' is there twice"),
        ("GGG", "GGNG", "63 k-mers"),
        ("GGG", "GGG\nextra", "token 'extra' has no row in the network"),
    ],
)
def test_a_damaged_vocabulary_is_told(folder, old, new, message):
    path = folder / "vocab.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        load_encoder("dnabert-3", weights=folder)


def test_a_missing_vocabulary_is_told(folder):
    (folder / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"vocab.txt: no such file"):
        load_encoder("dnabert-3", weights=folder)


@pytest.mark.slow
@pytest.mark.parametrize("k", KS)
def test_random_weights_follow_the_seed(k, monkeypatch):
    monkeypatch.setitem(BERT_BASE, "num_hidden_layers", 1)
    follows_the_seed(f"dnabert-{k}")


@pytest.mark.slow
@pytest.mark.parametrize("k", KS)
def test_random_weights_of_the_published_size_run(k):
    name = f"dnabert-{k}"
    first = load_encoder(name, weights="random", seed=1)
    assert first.max_tokens == find_card(name).max_tokens
    ids, mask, _ = first.tokenize(["ACGTN" * 20, "", "N"])
    assert int(ids.max()) < 4**k + 5
    with torch.no_grad():
        assert torch.isfinite(first(ids, mask)).all()
