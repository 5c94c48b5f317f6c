"""Networks that the transformers library implements: built from a configuration, or loaded whole.

No code of the hub is run: an architecture that the library does not know is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, first_line
from engine.encoders.checkpoint import Checkpoint, check_numbers, check_values, seeded
from engine.encoders.hub import weight_files

if TYPE_CHECKING:
    from engine.encoders.networks.stock import Stock

SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
)
"""Keys that a configuration has to have: the library would take another model's sizes for them."""

#: Weights that an encoder does not need: poolers and heads, by their first part.
HEADS = ("pooler.", "cls.", "lm_head.", "head.", "decoder.", "classifier.", "score.")

#: Keys of a configuration that say how a network is to be run, not what it is: code and attention
#: of the hub, and other forms of what comes out.
RUN = (
    "auto_map",
    "attn_implementation",
    "_attn_implementation",
    "return_dict",
    "output_attentions",
    "output_hidden_states",
    "torchscript",
)

ADAPTER = "adapter_config.json"

#: Weights of what `_without_pooler` takes out, which need not be there.
DROPPED = ("pooler.",)


def check_stock(given: Checkpoint, model_type: str, *more: str) -> None:
    """Find that a configuration is of an architecture, and has the keys of `SIZES` and some more.

    Raises
    ------
    UserError
        If not.
    """
    check_values(given.config, given.where, {"model_type": model_type})
    check_numbers(given.config, given.where, whole=(*SIZES, *more))


def stock_network(given: Checkpoint) -> Stock:
    """Network of a checkpoint: that of its folder, or with random weights."""
    if given.folder is None:
        return random_stock(given.config, given.seed)
    return load_stock(given.folder, given.config)


def random_stock(config: Mapping[str, Any], seed: int) -> Stock:
    """Network of a configuration with random weights.

    Parameters
    ----------
    config : mapping
        Keys of a ``config.json``; ``model_type`` says which architecture.
    seed : int
        Draws the weights, as the architecture initializes them; torch's generator is left alone.
    """
    from transformers import AutoConfig, AutoModel

    from engine.encoders.networks.stock import Stock

    sizes = dict(config)
    known = AutoConfig.for_model(sizes.pop("model_type"), **sizes)
    return Stock(_without_pooler(seeded(seed, lambda: AutoModel.from_config(known))))


def load_stock(
    folder: Path, config: Mapping[str, Any], *, ignored: Collection[str] | None = HEADS
) -> Stock:
    """Network of a folder that is laid out as the hub lays it out.

    Parameters
    ----------
    folder : Path
    config : mapping
        Its ``config.json``; the keys of `RUN` are not read.
    ignored : collection of str, optional
        First parts of the names of published tensors that are not needed. None for all that are of
        no part of the network, which are heads.

    Raises
    ------
    UserError
        If transformers does not implement the architecture, a tensor is missing, left over, of
        another shape or not to be read, or the weights are quantized or have an adapter with them.
    """
    import pickle

    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    from engine.encoders.networks.stock import Stock

    if (folder / ADAPTER).is_file():
        raise UserError(
            f"{folder / ADAPTER}: an adapter, which would bring the weights of another checkpoint; "
            "merge it into them first and leave this file out"
        )
    if config.get("quantization_config"):
        raise UserError(
            f"{folder / 'config.json'}: key 'quantization_config': quantized weights are not read; "
            "give the ones that they were made from"
        )
    # The library would follow an index out of the folder.
    weight_files(folder)
    # Without a wish of the file the library takes fused attention (sdpa) where a network has it.
    sizes = {key: value for key, value in config.items() if key not in RUN}
    if not isinstance(kind := sizes.pop("model_type", None), str):
        raise UserError(f"{folder / 'config.json'}: key 'model_type' is {kind!r}, not a name")
    try:
        known = AutoConfig.for_model(kind, **sizes)
        with _quiet():
            model, found = AutoModel.from_pretrained(
                folder,
                config=known,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                dtype=torch.float32,
                # Told below, with the names; the library would only point to its silenced report.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except StrictDataclassError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder / 'config.json'}: not understood ({reason})") from None
    # The library checks few of the values of a file, and fails over others where it uses them.
    except (
        *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError),
        *(ImportError, OSError, RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError),
    ) as error:
        reason = first_line(error)
        raise UserError(f"weights '{folder}': cannot be loaded ({reason})") from None
    # A decoder's own layers are called so too, and must be there.
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(DROPPED))
    own = {name.partition(".")[0] for name in model.state_dict()}

    def needed(name: str) -> bool:
        if ignored is not None:
            return not name.startswith(tuple(ignored))
        return name.removeprefix(f"{model.base_model_prefix}.").partition(".")[0] in own

    unexpected = sorted(filter(needed, found["unexpected_keys"]))
    mismatched = sorted(
        f"{name} {tuple(theirs)}, not {tuple(asked)}"
        for name, theirs, asked in found["mismatched_keys"]
    )
    if missing or unexpected or mismatched:
        raise UserError(
            f"weights '{folder}': they do not fit the network; missing {missing[:3]} "
            f"({len(missing)}), unexpected {unexpected[:3]} ({len(unexpected)}), of another shape "
            f"{mismatched[:3]} ({len(mismatched)})"
        )
    return Stock(_without_pooler(model))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's bars and its own report of what did not fit: ours is an error."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _without_pooler(model: Any) -> Any:
    """Poolers stand behind the hidden states and would only be carried along."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model.eval()
