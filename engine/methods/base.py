"""What a method is, and how one is found by name.

A method is declared in a file of this folder. Its search space says which hyperparameters are
sampled; the method says which exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import declared, with_plugins
from engine.kinds import Kind
from engine.methods.hyperparameters import Hyperparameter, Role

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.methods.training.adaptation import Adaptation
    from engine.records import TrialSpec

    Scores = npt.NDArray[np.float64]

#: Told after each epoch: epochs done, validation score. It may end the trial by raising.
Report = Callable[[int, float], None]


class InfeasibleError(Exception):
    """The configuration cannot give a score (training diverged, memory is short): not a bug."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes
    ----------
    validation : ndarray, shape (N, K), float64
        Scores of the validation split: class probabilities (classification), a probability per
        label (multilabel), or predicted values, K = 1 (regression).
    test : callable
        The same of the test split; called only after it was unsealed.
    curve : tuple of float
        Validation score after each epoch; one entry where there are no epochs.
    trainable_parameters : int
        Numbers that the fit adjusted; 0 where the model is not parametric.
    save : callable or None
        ``save(folder)`` writes the fitted model's files, without pickle; `Method.load` reads them.
    score : float or None
        Score that the search goes by where it is not that of `validation`: a mean over folds.
    cost : mapping
        What the fit took beside seconds: ``examples_per_second``, ``peak_memory_bytes`` ...
    """

    validation: Scores
    test: Callable[[], Scores]
    curve: tuple[float, ...]
    trainable_parameters: int
    save: Callable[[Path], None] | None = None
    score: float | None = None
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A way to adapt an encoder to a task.

    Attributes
    ----------
    needs : {"embeddings", "network"}
        A method that needs embeddings never runs the encoder; one that needs the network trains it.
    summary : str
        One line for people.
    parameters : mapping
        Name -> hyperparameter that a search space may declare.
    fit : callable
        ``fit(spec, report, checkpoint) -> Fitted``. The folder ``checkpoint``, or none, is the
        trial's own: a method that takes long keeps its state there after every epoch and goes on
        from what it finds, first reporting again the epochs that are done.
    kinds : tuple of str
        Kinds of tasks that it can be fitted to; empty for all.
    load : callable or None
        ``load(folder, spec) -> score``, where ``score(sequences)`` gives the scores of new
        sequences, shape (N, K), with the model that `Fitted.save` wrote.
    encoder : str
        The only encoder whose cells it has, where it reads sequences by itself and so is to stand
        once per task; empty for all encoders.
    fit_many : callable or None
        ``fit_many(specs) -> list of Fitted``: configurations of one cell fitted together, faster
        than one by one and with the same scores.
    adaptation : Adaptation or None
        What it does to the network that it trains, where any encoder's will do.
    citation : str
        The work that a paper cites for it; empty for what needs none.
    """

    name: str
    needs: Literal["embeddings", "network"]
    summary: str
    parameters: Mapping[str, Hyperparameter[Any]]
    fit: Callable[[TrialSpec, Report, Path | None], Fitted]
    kinds: tuple[str, ...] = ()
    load: Callable[[Path, TrialSpec], Callable[[Sequence[str]], Scores]] | None = None
    encoder: str = ""
    fit_many: Callable[[Sequence[TrialSpec]], list[Fitted]] | None = None
    adaptation: Adaptation | None = None
    citation: str = ""

    def fits(self, kind: Kind) -> bool:
        """Whether it can be fitted to a kind of task."""
        return not self.kinds or kind.name in self.kinds

    def takes(self, params: Mapping[str, Any]) -> int:
        """Tokens of an encoder's window that are not left to a sequence."""
        return self.adaptation.takes(params) if self.adaptation else 0

    def deciding(self, role: Role) -> Hyperparameter[Any] | None:
        """The hyperparameter that decides something of a trial's memory, if one does."""
        return next((one for one in self.parameters.values() if one.role == role), None)


def check_encoder(fingerprint: str, spec: TrialSpec, folder: Path) -> None:
    """Compare the encoder that is here with the one that a saved model was fitted on.

    Parameters
    ----------
    fingerprint : str
        Of the encoder that was loaded.
    spec : TrialSpec
        What the model was fitted as.
    folder : Path
        The model's, for the message.

    Raises
    ------
    UserError
        If they have other weights or read sequences in another way.
    """
    if not spec.encoder_fingerprint.startswith(f"{fingerprint}:"):
        raise UserError(
            f"{folder}: was fitted on other weights of {spec.encoder.name} than are here now; "
            "give it those, or fit it again"
        )


@cache
def methods() -> dict[str, Method]:
    """All registered methods by name: of the files of this folder, and of plug-ins."""
    return with_plugins("methods", Method, declared("engine.methods", Method))


def find_method(name: str, where: str) -> Method:
    """Method of a name; `where` is a file and a key, for the message.

    Raises
    ------
    UserError
        If no method has that name; tells the nearest one.
    """
    known = methods()
    if name not in known:
        raise UserError(f"{where}: method '{name}' is unknown; {nearest(name, known)}")
    return known[name]
