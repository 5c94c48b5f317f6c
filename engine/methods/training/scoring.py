"""Scores of sequences with a model, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.methods.training.inputs import Inputs, both_strands
from engine.methods.training.ladder import Ladder
from engine.methods.training.model import Model
from engine.methods.training.objective import Objective


@dataclass(frozen=True)
class Scorer:
    """``score(sequences)`` of a model.

    Attributes
    ----------
    ladder : Ladder
        Holds the encoder, and how much of it runs at once.
    objective : Objective
        Turns logits into scores.
    truncate : str
        See `engine.embedding.windows.windows`.
    conjoined : bool
        Whether the logits of a sequence are the mean of its own and its reverse complement's
        (post-hoc conjoining; Zhou et al. 2022, doi:10.1371/journal.pcbi.1009658).
    """

    model: Model
    ladder: Ladder
    objective: Objective
    truncate: str
    conjoined: bool = False

    def __call__(self, sequences: Sequence[str]) -> npt.NDArray[np.float64]:
        """Scores, shape (N, K), in the order of the sequences."""
        return self.of(self.read(sequences))

    def read(self, sequences: Sequence[str]) -> Inputs:
        """Tokens of sequences, for `of`; those of both strands where they are conjoined."""
        strands = both_strands(sequences) if self.conjoined else sequences
        return Inputs.of(self.ladder.encoder, strands, self.truncate)

    def of(self, given: Inputs) -> npt.NDArray[np.float64]:
        """Scores of what `read` gave, shape (N, K)."""
        logits = self._logits(given)
        if self.conjoined:
            forward, backward = logits.chunk(2)
            logits = (forward + backward) / 2
        return self.objective.scores(logits)

    def _logits(self, given: Inputs) -> Tensor:
        """Logits of all rows, float64, in main memory."""
        self.model.eval()
        logits = torch.zeros(len(given.sizes), self.objective.outputs, dtype=torch.float64)
        # Longest first: what does not fit fails at once.
        order = np.argsort(-given.sizes, kind="stable")
        done = 0
        while done < len(order):
            room = self.ladder.evaluation_tokens // max(1, int(given.sizes[order[done]]))
            rows = order[done : done + max(1, room)]
            found = self._run(given, rows)
            if found is None:
                self.ladder.evaluate_smaller(given.sizes[rows])
                continue
            self.ladder.tell()
            logits[rows] = found.double().cpu()
            done += len(rows)
        return logits

    def _run(self, given: Inputs, rows: npt.NDArray[np.int64]) -> Tensor | None:
        """Logits of some rows, or none where they do not fit into memory."""
        try:
            with torch.inference_mode():
                logits: Tensor = self.model(*given.batch(rows, self.model.head.weight.device))
        except torch.OutOfMemoryError:
            return None
        return logits
