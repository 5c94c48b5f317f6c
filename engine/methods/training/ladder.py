"""What a trial does when memory is short: smaller micro-batches, then checkpointed gradients.

A batch that runs as several micro-batches, whose gradients are added up, gives the gradient of the
whole batch. Only the random draws of dropout differ, since they depend on the shape of what runs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from engine.encoders import Encoder
from engine.methods.base import InfeasibleError

log = logging.getLogger(__name__)

#: Rows x longest row of what is trained at once, where memory does not say otherwise.
TRAINING_TOKENS = {"cpu": 4096, "cuda": 65536}

EVALUATION_TOKENS = 65536


@dataclass
class Ladder:
    """How far down a trial had to go; it stays there.

    Sizes are those of `engine.methods.training.inputs.Inputs.sizes`.

    Attributes
    ----------
    training_tokens, evaluation_tokens : int
        Largest rows x longest row of what runs at once; a single longer row runs alone. Training
        starts from `TRAINING_TOKENS` of the device where it is not told.
    checkpointing : bool
        Whether the encoder's gradients are checkpointed.
    news : str
        What was found and is not logged yet.
    """

    encoder: Encoder
    training_tokens: int = 0
    evaluation_tokens: int = EVALUATION_TOKENS
    checkpointing: bool = False
    news: str = ""

    def __post_init__(self) -> None:
        """Fill in what was not told."""
        self.training_tokens = self.training_tokens or TRAINING_TOKENS[self.encoder.device.type]

    def checkpoint_gradients(self) -> None:
        """Save memory of activations from here on, at the price of running each layer twice."""
        self.encoder.checkpoint_gradients()
        self.checkpointing = True

    def train_smaller(self, sizes: npt.NDArray[np.int64]) -> None:
        """Go down after a micro-batch of rows of these sizes did not fit forwards or backwards.

        Its half comes next; after a single row, that row with checkpointed gradients.

        Raises
        ------
        InfeasibleError
            If that was a single row with checkpointed gradients.
        """
        torch.cuda.empty_cache()
        longest = int(sizes.max())
        if len(sizes) > 1:
            self.training_tokens = len(sizes) * longest // 2
        elif not self.checkpointing:
            self.checkpoint_gradients()
            self.training_tokens = longest
        else:
            raise _too_large(longest, "trained on, even with checkpointed gradients")
        saved = ", with checkpointed gradients" if self.checkpointing else ""
        self.news = f"training takes {self.training_tokens:,} tokens at once{saved}"

    def evaluate_smaller(self, sizes: npt.NDArray[np.int64]) -> None:
        """Go down after rows of these sizes did not fit forwards.

        Raises
        ------
        InfeasibleError
            If that was a single row.
        """
        torch.cuda.empty_cache()
        longest = int(sizes.max())
        if len(sizes) == 1:
            raise _too_large(longest, "scored")
        self.evaluation_tokens = len(sizes) * longest // 2
        self.news = f"evaluation takes {self.evaluation_tokens:,} tokens at once"

    def tell(self) -> None:
        """Log what was found, once something fitted."""
        if self.news:
            log.warning("memory is short: %s from here on", self.news)
            self.news = ""


def _too_large(tokens: int, use: str) -> InfeasibleError:
    return InfeasibleError(
        f"out of memory: a sequence of {tokens:,} tokens alone cannot be {use}; "
        "choose a smaller encoder, a shorter input, or a device with more memory"
    )
