"""What does not change a network: its precision, its attention kernel, a compiler, a disk."""

import shutil

import pytest
import torch
from safetensors.torch import save_file

from engine.encoders import load_encoder
from engine.encoders.networks.stock import Stock
from engine.testing.networks import SEQUENCES, copied, state_tolerance, states, tokenized
from engine.testing.rounding import assert_close
from tests.encoders.contract import networks

every_name = pytest.mark.parametrize("name", networks())


@every_name
def test_bfloat16_is_close_to_float32(name, weights, device):
    full, half = (
        states(load_encoder(name, weights=weights(name), dtype=dtype, device=device), SEQUENCES)
        for dtype in ("float32", "bfloat16")
    )
    for left, right in zip(full, half, strict=True):
        assert right.dtype == torch.bfloat16
        assert torch.cosine_similarity(left, right.float(), dim=-1).min() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("encoder", networks(variants=False), indirect=True)
def test_a_compiled_network_is_the_same(encoder):
    # Traced, not compiled to C++: that takes a minute a network, and would test torch's compiler.
    ids, mask = tokenized(encoder, SEQUENCES)
    network = copied(encoder).network
    torch._dynamo.reset()
    with torch.no_grad():
        eager, compiled = network(ids, mask), torch.compile(network, backend="aot_eager")(ids, mask)
    assert_close(eager[mask.bool()], compiled[mask.bool()], state_tolerance(encoder))


def write_weights(network, folder):
    """A network's state dict in place of a folder's weights.

    A stock network stands one level down, behind the call that all have: its own names are those
    of the model inside.
    """
    for pattern in ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json"):
        for file in folder.glob(pattern):
            file.unlink()
    inner = network.model if isinstance(network, Stock) else network
    # Weights that are tied stand on their own in the file.
    state = {name: tensor.clone() for name, tensor in inner.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


@every_name
def test_saved_and_loaded_is_the_same(name, folder_of, tmp_path):
    first = load_encoder(name, weights=folder_of(name))
    folder = shutil.copytree(folder_of(name), tmp_path / "saved")
    write_weights(first.network, folder)
    second = load_encoder(name, weights=folder)
    assert second.fingerprint == first.fingerprint
    for left, right in zip(states(first, SEQUENCES), states(second, SEQUENCES), strict=True):
        assert torch.equal(left, right)
