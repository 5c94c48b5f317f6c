"""Encoders in Python: loaded by name or folder, and sequences as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.encoders import registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.encoders import Encoder, FeatureEncoder


def load_encoder(
    name: str | Path,
    *,
    weights: str | Path = "hub",
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    max_bases: int = 0,
) -> Encoder | FeatureEncoder:
    """Load an encoder by name, or from a folder of weights.

    Parameters
    ----------
    name : str or Path
        A name that ``dnasweep list encoders`` shows; or a folder, ``./my_model``, whose
        ``config.json`` tells the code that it runs on.
    weights : {"hub", "random"}, hub:OWNER/NAME[@REVISION] or path
        Published (or shipped) weights, random ones, another checkpoint of the same family on the
        model hub, or a local folder laid out the same way.
    device, dtype : str
        Where the network goes and in which precision.
    seed : int
        Draws random weights; no effect otherwise.
    max_bases : int
        Longest sequence of the task; position-aware features size themselves by it.

    Returns
    -------
    Encoder or FeatureEncoder
        A network that gives hidden states of tokens; or features, one vector a sequence.

    Raises
    ------
    UserError
        If the name is unknown, a package is missing, or the weights cannot be had.

    Examples
    --------
    >>> encoder = dnasweep.load_encoder("tiny-bert")
    >>> tokens = encoder.tokenize(["ACGTACGT", "GGC"])
    >>> encoder(tokens.input_ids, tokens.attention_mask).shape
    torch.Size([2, 4, 128])
    """
    if weights == "hub" and (isinstance(name, Path) or registry.is_folder(name)):
        name, weights = registry.card_of_folder(Path(name).expanduser()), Path(name).expanduser()
    return registry.load_encoder(
        str(name), weights=weights, device=device, dtype=dtype, seed=seed, max_bases=max_bases
    )


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
