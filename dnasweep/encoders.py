"""Sequences as vectors, by an encoder's name, its folder, or itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.encoders.registry import load_encoder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.encoders import Encoder, FeatureEncoder


def embed(
    encoder: str | Path | Encoder | FeatureEncoder,
    sequences: Sequence[str],
    *,
    pooling: str = "mean",
    layer: int = -1,
    truncate: str = "center",
    both_strands: bool = False,
) -> npt.NDArray[np.float32]:
    """Turn sequences into vectors with a frozen encoder.

    Parameters
    ----------
    encoder : str, Path, Encoder or FeatureEncoder
        Of `load_encoder`, or what it takes.
    sequences : sequence of str, length N
        Letters as in the file of a task: any case, U for T, IUPAC codes.
    pooling : str
        How states of tokens become one vector: mean, max, mean+max, std, bins or summary. Features
        have none.
    layer : int
        Hidden state, from 0 (what enters the first layer), or from the end.
    truncate : {"center", "start", "chunk", "error"}
        What is read of a sequence that is too long for the encoder.
    both_strands : bool
        Whether a sequence and its reverse complement are averaged.

    Returns
    -------
    ndarray, shape (N, H), float32

    Raises
    ------
    UserError
        If the encoder cannot be loaded, a sequence holds another letter, or one is too long where
        ``truncate`` is ``error``.
    ValueError
        For a pooling or layer that the encoder does not have.

    Examples
    --------
    >>> dnasweep.embed("tiny-bert", ["ACGTACGT", "GGC"]).shape
    (2, 128)
    """
    from engine.embedding.embed import embed as embed_all
    from engine.encoders import FeatureEncoder
    from engine.tasks.reading.rows import read_sequences

    read = read_sequences(sequences, "sequences")[0]
    if isinstance(encoder, str | Path):
        encoder = load_encoder(encoder, max_bases=max(map(len, read), default=0))
    if isinstance(encoder, FeatureEncoder):
        pooling, layer = "features", -1
    vectors = embed_all(
        encoder, read, (pooling,), (layer,), truncate=truncate, both_strands=both_strands
    )
    return vectors[pooling, layer].astype("float32", copy=False)
