"""Evo 2, with a stand-in for its package: the documented calls, and what is said without it."""

import dataclasses
import importlib.machinery
import io
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from engine.basics.errors import UserError
from engine.embedding.embed import embed
from engine.encoders import find_card, load_encoder
from engine.encoders.families.evo2 import SIZES, ByteTokenizer
from engine.encoders.networks.evo2 import Evo2Network, parameters_hash

NAME = "evo2-7b"
SEQUENCES = ["ACGTACGTTGCA", "TTG", "ACNNGT"]


class Block(nn.Module):
    """A causal layer: each token becomes the running mean of those up to it, mixed."""

    def __init__(self, width: int):
        super().__init__()
        self.mix = nn.Linear(width, width)
        self.poles = nn.Parameter(torch.rand(width, 1))

    def forward(self, u, inference_params=None, padding_mask=None):
        mean = u.cumsum(1) / torch.arange(1, u.shape[1] + 1, device=u.device)[None, :, None]
        return u + torch.tanh(self.mix(mean.to(u.dtype))), None


class StripedHyena(nn.Module):
    def __init__(self, blocks: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(512, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))

    def forward(self, x, inference_params_dict=None, padding_mask=None):
        assert x.dtype == torch.int
        x = self.embedding(x)
        for block in self.blocks:
            x, _ = block(x, inference_params=None, padding_mask=padding_mask)
        return x @ self.embedding.weight.T, None


class Evo2:
    """What the package's README and source say of ``evo2.Evo2``, save the size."""

    made: ClassVar[list[tuple[str, str | None]]] = []

    def __init__(self, model_name, local_path=None, use_kernels=False):
        Evo2.made.append((model_name, local_path))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = StripedHyena(blocks=32, width=8)

    def __call__(self, input_ids, return_embeddings=False, layer_names=None):
        seen = {}

        def keep(name):
            # A block gives a tuple, an inner module a tensor.
            return lambda _, __, out: seen.update({name: (out if torch.is_tensor(out) else out[0])})

        hooks = [self.model.get_submodule(n).register_forward_hook(keep(n)) for n in layer_names]
        with torch.no_grad():
            logits = self.model(input_ids)
        for hook in hooks:
            hook.remove()
        return (logits, {name: state.detach() for name, state in seen.items()})


@pytest.fixture
def package(monkeypatch):
    """The stand-in as an installed package, and a GPU."""
    module = types.ModuleType("evo2")
    module.__spec__ = importlib.machinery.ModuleSpec("evo2", None)
    module.Evo2 = Evo2
    monkeypatch.setitem(sys.modules, "evo2", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(Evo2, "made", [])
    return module


def expected(sequence: str, blocks: int) -> torch.Tensor:
    """Hidden states after some blocks, of a sequence on its own, token by token."""
    model = Evo2("evo2_7b").model
    state = model.embedding(torch.tensor([ord(letter) for letter in sequence]))
    for block in model.blocks[:blocks]:
        rows = [block.mix(state[: i + 1].mean(0)).tanh() for i in range(len(state))]
        state = state + torch.stack(rows)
    return state.detach()


def test_hidden_states_are_those_of_the_documented_layer(package):
    # Block 26, whose states are what leaves the 27th, is what the authors' exon classifier reads.
    encoder = load_encoder(NAME)
    assert Evo2.made == [("evo2_7b", None)]
    tokens = encoder.tokenize(SEQUENCES)
    hidden = encoder(tokens.input_ids, tokens.attention_mask)
    assert not hidden.requires_grad
    for row, sequence in zip(hidden, SEQUENCES, strict=True):
        torch.testing.assert_close(row[: len(sequence)], expected(sequence, 27))


def test_inner_layers_are_numbered_as_those_of_any_encoder(package):
    encoder = load_encoder(NAME)
    tokens = encoder.tokenize(SEQUENCES[:1])
    # The last state is that of block 26, and there are none behind it.
    assert encoder.depth == 27
    first, ninth, last, same = encoder.layer_states(
        tokens.input_ids, tokens.attention_mask, (0, 9, -1, 27)
    )
    assert torch.equal(last, same)
    with pytest.raises(ValueError, match="hidden states 0 to 27"):
        encoder.layer_states(tokens.input_ids, tokens.attention_mask, (28,))
    torch.testing.assert_close(first[0], expected(SEQUENCES[0], 0))
    torch.testing.assert_close(ninth[0], expected(SEQUENCES[0], 9))
    torch.testing.assert_close(last[0], expected(SEQUENCES[0], 27))


def test_it_is_embedded_like_any_encoder_and_summarised_by_its_last_base(package):
    encoder = dataclasses.replace(load_encoder(NAME), hidden_size=8)
    arrays = embed(encoder, SEQUENCES, ("mean", "summary"))
    for row, sequence in enumerate(SEQUENCES):
        state = expected(sequence, 27)
        torch.testing.assert_close(torch.as_tensor(arrays["summary", -1][row]), state[-1])
        torch.testing.assert_close(torch.as_tensor(arrays["mean", -1][row]), state.mean(0))


def test_weights_stay_where_and_as_the_package_put_them(package):
    encoder = load_encoder(NAME, dtype="bfloat16")
    assert {p.dtype for p in encoder.network.parameters()} == {torch.float32}


def test_the_hash_is_of_the_parameters_alone(package):
    network = Evo2Network(Evo2("evo2_7b"), 26)
    before = parameters_hash(network)
    names = [name for name, _ in network.named_parameters()]
    assert names == [f"stripes.{name}" for name, _ in network.stripes.named_parameters()]
    # Transformer Engine keeps what is no tensor in the state dict.
    network.stripes.blocks[0].get_extra_state = lambda: b"scales"
    assert parameters_hash(network) == before
    with torch.no_grad():
        network.stripes.blocks[31].poles += 1
    assert parameters_hash(network) != before


def test_embeddings_in_place_of_ids_are_refused(package):
    encoder = load_encoder(NAME)
    tokens = encoder.tokenize(["ACG"])
    with pytest.raises(ValueError, match="token ids only"):
        encoder(tokens.input_ids, tokens.attention_mask, torch.zeros(1, 3, 8))


def test_a_folder_of_weights_is_handed_to_the_package(package, tmp_path):
    with pytest.raises(UserError, match=r"no evo2_7b\.pt; give the folder of it"):
        load_encoder(NAME, weights=tmp_path)
    # Bytes beside tensors, as the published files have for the scales of Transformer Engine.
    torch.save({"weight": torch.ones(2), "scales": io.BytesIO(b"s")}, tmp_path / "evo2_7b.pt")
    load_encoder(NAME, weights=tmp_path)
    assert Evo2.made == [("evo2_7b", str(tmp_path / "evo2_7b.pt"))]


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_file_that_holds_more_than_tensors_does_not_reach_the_package(package, tmp_path):
    # The package would read it once more as a pickle, and run what is in it.
    torch.save({"weight": Payload(tmp_path / "ran")}, tmp_path / "evo2_7b.pt")
    with pytest.raises(UserError, match=r"evo2_7b\.pt: cannot be read as tensors") as caught:
        load_encoder(NAME, weights=tmp_path)
    assert "\n" not in str(caught.value)
    assert Evo2.made == []
    assert not (tmp_path / "ran").exists()


def test_tokens_are_upper_case_letters_in_ascii():
    batch = ByteTokenizer()(["acgu", "RT"])
    # The package's tokenizer gives the bytes of the text; its padding id is 1.
    assert batch.input_ids.tolist() == [[65, 67, 71, 84], [78, 84, 1, 1]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.special_tokens_mask.tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    assert ByteTokenizer()([]).input_ids.shape == (0, 0)
    assert ByteTokenizer()([""]).attention_mask.tolist() == [[0]]


def told(**arguments) -> str:
    with pytest.raises(UserError) as caught:
        load_encoder(NAME, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_package_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "evo2", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "needs the package 'evo2', which is not installed; run `pip install evo2`" in told()


def test_a_missing_gpu_is_one_line(package, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "runs only on an NVIDIA GPU" in told()


def test_random_weights_are_refused(package):
    assert "no random weights" in told(weights="random")


@pytest.mark.parametrize(
    "error",
    [
        ImportError("Model 'evo2_40b' requires FP8 via Transformer Engine,\nwhich is missing"),
        OSError("no connection"),
        ValueError("Invalid model name evo2_7b. Should be one of: evo2_1b_base."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_package_says_is_one_line(package, monkeypatch, error):
    def fail(self, *arguments, **named):
        raise error

    monkeypatch.setattr(Evo2, "__init__", fail)
    assert str(error).splitlines()[0] in told()


@pytest.mark.parametrize(
    ("name", "billions"),
    # The size in each name, in billions; 6.5 is the count of the 7B models' published weights.
    [("evo2-1b-base", 1.1), ("evo2-7b", 6.5), ("evo2-20b", 20), ("evo2-40b", 40)],
)
def test_cards_state_the_size_in_the_name(name, billions):
    card = find_card(name)
    assert card.parameters == pytest.approx(billions * 1e9, rel=0.04)
    assert (card.requires, card.adaptable, card.kind) == ("evo2", False, "network")
    assert SIZES[name].layer < SIZES[name].blocks
