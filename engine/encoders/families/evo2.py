"""Evo 2 (Brixi et al. 2025): causal, one token per base, through the authors' own package.

Its network runs on kernels that need an NVIDIA GPU, so it comes from the optional package ``evo2``.
The package hands out the hidden states of a layer by name, and without gradients: Evo 2 is probed,
not fine-tuned.

The package downloads the weights itself, at the newest revision, and no commit is recorded. It
reads them as tensors only, but where that fails it reads them again as a pickle, which can run
code: the published weights have to be trusted. A local file is read here first, as tensors only,
and refused where that fails.

The hidden states are those that leave one of the last blocks, since the authors find inner layers
better than the last. For the 7B models it is block 26, of their exon classifier; for the others,
for which none is published, the one at the same relative depth.
"""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.basics.errors import UserError, first_line
from engine.encoders.base import Encoder, EncoderCard, LoadRequest, TokenBatch
from engine.encoders.tokenizers.tiny_tokens import N_CODE, RULES, digest, encode, lay_out

PADDING = 1
"""Id that the package's tokenizer calls padding; a causal network does not see it on the right."""


class Size(NamedTuple):
    """A published model, by the configuration files of the package.

    Attributes
    ----------
    blocks, width, mlp : int
        Number of blocks, size of a hidden state and of the inner layer of an MLP.
    tokens : int
        Longest input that it was trained on.
    layer : int
        Block whose hidden states are read.
    """

    blocks: int
    width: int
    mlp: int
    tokens: int
    layer: int

    @property
    def parameters(self) -> int:
        """Embeddings and matrices; norms and filters, under 0.1 %, are left out."""
        return 512 * self.width + self.blocks * self.width * (3 * self.mlp + 4 * self.width)


SIZES = {
    "evo2-1b-base": Size(25, 1920, 5120, 8192, 20),
    "evo2-7b-base": Size(32, 4096, 11_008, 8192, 26),
    "evo2-7b-262k": Size(32, 4096, 11_008, 262_144, 26),
    "evo2-7b": Size(32, 4096, 11_264, 1_048_576, 26),
    "evo2-20b": Size(24, 8192, 22_528, 1_048_576, 19),
    "evo2-40b-base": Size(50, 8192, 21_888, 8192, 40),
    "evo2-40b": Size(50, 8192, 22_528, 1_048_576, 40),
}


@dataclass(frozen=True)
class ByteTokenizer:
    """One token per base, its upper-case letter in ASCII, as the package's; nothing is added."""

    letters: str = "ACGTN"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the letters and of how they are read."""
        return digest("bytes", RULES, self.letters, PADDING)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        codes, lengths = encode(sequences)
        ids = np.frombuffer(self.letters.encode(), dtype=np.uint8)[codes[codes <= N_CODE]]
        return lay_out(ids, lengths, PADDING)


def load(request: LoadRequest) -> Encoder:
    """Load an Evo 2 through its package; see `engine.encoders.registry.load_encoder`.

    Raises
    ------
    UserError
        If there is no GPU, the package cannot be used, the weights cannot be had, or random ones
        are asked for.
    """
    import torch

    from engine.encoders.networks.evo2 import Evo2Network, parameters_hash

    name = request.card.name
    if request.weights == "random":
        raise UserError(f"encoder '{name}': its package has no random weights; leave it out")
    if not torch.cuda.is_available():
        raise UserError(
            f"encoder '{name}' runs only on an NVIDIA GPU, and torch finds none; run it on a "
            "machine with one, or leave it out"
        )
    published = name.replace("-", "_")
    file = None
    if request.weights != "hub":
        file = Path(request.weights) / f"{published}.pt"
        if not file.is_file():
            raise UserError(f"weights '{request.weights}': no {file.name}; give the folder of it")
        check_tensors(file)
    try:
        evo2 = importlib.import_module("evo2").Evo2
        model = evo2(published, local_path=str(file)) if file else evo2(published)
    # ValueError: a model that an older release of the package does not know.
    except (ImportError, OSError, ValueError) as error:
        reason = first_line(error)
        raise UserError(
            f"encoder '{name}': the package 'evo2' cannot load it ({reason}); it needs flash-attn, "
            f"for the 1B, 20B and 40B models Transformer Engine too: see {request.card.source}, "
            f"and `hf download {request.card.hub}` where there is no network"
        ) from None
    network = Evo2Network(model, SIZES[name].layer)
    return Encoder(
        name=name,
        tokenizer=ByteTokenizer(),
        network=network,
        hidden_size=SIZES[name].width,
        max_tokens=SIZES[name].tokens,
        tokens_per_base=1.0,
        summary_index=-1,
        adapter_targets=(),
        blocks="blocks",
        weights_hash=parameters_hash(network),
    )


def check_tensors(file: Path) -> None:
    """Find that a file holds tensors and no code, before the package reads it.

    Raises
    ------
    UserError
        If it holds more, or cannot be read.
    """
    import torch

    try:
        # Transformer Engine keeps its scales as bytes, which the package allows too.
        with torch.serialization.safe_globals([io.BytesIO]):
            torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, EOFError, OSError, RuntimeError) as error:
        reason = first_line(error)
        raise UserError(f"{file}: cannot be read as tensors ({reason})") from None


def _card(name: str, size: Size) -> EncoderCard:
    return EncoderCard(
        name=name,
        family="evo2",
        load=load,
        tokens="base",
        hidden_size=size.width,
        parameters=size.parameters,
        max_tokens=size.tokens,
        # `engine.embedding.embed` keeps room for two special tokens.
        max_bases=size.tokens - 2,
        trained_on="OpenGenome2: 8.8 trillion bases of all domains of life",
        licence="Apache-2.0",
        source="https://github.com/ArcInstitute/evo2",
        citation="Brixi et al. 2025, Genome modeling and design across all domains of life",
        hub=f"arcinstitute/{name.replace('-', '_')}",
        # The package takes what `main` is.
        revision="main",
        requires="evo2",
        adaptable=False,
    )


CARDS = tuple(_card(name, size) for name, size in SIZES.items())
