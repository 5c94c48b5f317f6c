"""New sequences scored by an exported model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.basics.errors import UserError, nearest
from engine.basics.files import file_hash
from engine.basics.yaml_files import parse_yaml
from engine.kinds import Kind, find_kind
from engine.methods import Method, find_method
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Scores = npt.NDArray[np.float64]

CONFIG, CARD, MODEL = "config.yaml", "README.md", "model"
FORMAT = 1
#: What is read of sequences that are too long, by ``truncate``; baselines keep the middle.
READ = {
    "center": "only their middle was read",
    "start": "only their start was read",
    "chunk": "they were read in windows side by side",
    "error": "they are refused",
}
#: Sequences that are scored at once, unless the caller says otherwise.
BATCH = 1024


@dataclass(frozen=True)
class Best:
    """An exported model.

    Attributes
    ----------
    config : mapping
        What its ``config.yaml`` holds.
    spec : TrialSpec
        What it was fitted as.
    """

    folder: Path
    config: Mapping[str, Any]
    spec: TrialSpec

    @property
    def kind(self) -> Kind:
        """Kind of the task that it was fitted to."""
        return find_kind(self.config["kind"])

    @property
    def classes(self) -> tuple[str, ...]:
        """What the columns of its scores stand for."""
        return tuple(self.config["classes"])

    def check(self) -> None:
        """Make sure that the model can be loaded, and that its files are those that were written.

        Raises
        ------
        UserError
            If files are missing or changed, or models of the method cannot be loaded.
        """
        files = self.config["files"]
        if self.method.load is None or not files:
            raise UserError(
                f"{self.folder}: models of the method '{self.spec.method}' are not kept, so that"
                " nothing can be predicted; run the study with another method"
            )
        for name, expected in files.items():
            path = self.folder / name
            if not path.is_file():
                raise UserError(f"{path}: is missing; copy the whole folder of the model")
            if file_hash(path) != expected:
                raise UserError(f"{path}: is not the file that was written (SHA-256); copy it anew")

    def load(self) -> Callable[[Sequence[str]], Scores]:
        """Read the model, checked before: ``score(sequences)`` gives scores of shape (N, K).

        Raises
        ------
        UserError
            If the encoder is not there, or is another one.
        """
        assert self.method.load is not None, "see `check`"
        return self.method.load(self.folder / MODEL, self.spec)

    def predict(self, sequences: Sequence[str], batch: int = BATCH) -> Predicted:
        """Score sequences with the model; see `predict`."""
        return predict(self, sequences, batch)

    @property
    def method(self) -> Method:
        """How it was adapted."""
        return find_method(self.spec.method, str(self.folder / CONFIG))


class Predicted(NamedTuple):
    """What a model says of sequences.

    Attributes
    ----------
    scores : ndarray, shape (N, K), float64
        Class probabilities; a probability per label; or values, K = 1.
    predictions : list, length N
        Class with the highest score; labels above 0.5, ``a;b``, or ``;`` for none; or the value.
    too_long : int
        Sequences of which the encoder does not see all, or not at once.
    """

    scores: Scores
    predictions: list[str] | list[float]
    too_long: int


def load_best(folder: Path | str) -> Best:
    """Read the configuration of an exported model.

    Parameters
    ----------
    folder : Path or str
        ``OUT/best/CELL``.

    Raises
    ------
    UserError
        If the folder holds no model that this version reads.

    Examples
    --------
    >>> model = dnasweep.load("runs/demo/best/kmer--splice_junctions--probe")
    >>> model.predict(["ACGTACGTAACC"]).predictions
    ['neither']
    """
    folder = Path(folder)
    file = folder / CONFIG
    if not file.is_file():
        inner = sorted(path.parent.name for path in folder.glob(f"best/*/{CONFIG}"))
        if inner:
            raise UserError(
                f"{folder}: is a run with several models; name one of them, "
                f"{folder / 'best' / inner[0]}" + (" for example" if len(inner) > 1 else "")
            )
        others = sorted(path.parent.name for path in folder.parent.glob(f"*/{CONFIG}"))
        hint = nearest(folder.name, others) if others else "give OUT/best/CELL of a finished run"
        raise UserError(f"{folder}: holds no exported model ({CONFIG} is missing); {hint}")
    config = parse_yaml(file.read_text(encoding="utf-8"), str(file))
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(f"{file}: is no model of format {FORMAT}; run the study again to export it")
    try:
        encoder, task = EncoderSpec(**config["encoder"]), TaskSpec(**config["task"])
        # Names may hold slashes themselves.
        method = str(config["cell"]).removeprefix(f"{encoder.name}/{task.name}/")
        spec = TrialSpec(
            cell=Cell(encoder.name, task.name, method),
            number=config["trial"],
            method=config["method"],
            params=config["params"],
            encoder=encoder,
            task=task,
            encoder_fingerprint=config["encoder_fingerprint"],
            task_fingerprint=config["task_fingerprint"],
            metric=config["metric"],
            seed=config["seed"],
            store="",
        )
        return Best(folder, config, spec)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: cannot be read ({error}); copy the folder anew") from error


def predict(best: Best | Path | str, sequences: Sequence[str], batch: int = BATCH) -> Predicted:
    """Score sequences with an exported model.

    Parameters
    ----------
    best : Best, Path or str
        The model, or its folder.
    sequences : sequence of str
        Letters as in the file of a task: any case, U for T, IUPAC codes.
    batch : int
        Sequences that are scored at once; memory grows with it, scores do not depend on it.

    Raises
    ------
    UserError
        If the model cannot be loaded, a sequence is empty or holds another letter, or is longer
        than the encoder takes and the model refuses those.

    Examples
    --------
    >>> found = dnasweep.predict("runs/demo/best/kmer--splice_junctions--probe", ["ACGTAACC"])
    >>> found.scores.shape, found.predictions
    ((1, 3), ['neither'])
    """
    model = best if isinstance(best, Best) else load_best(best)
    from engine.tasks.reading.rows import read_sequences

    return _predicted(model, read_sequences(sequences, "sequences")[0], batch)


def predict_file(best: Best, path: str, batch: int = BATCH) -> tuple[pd.DataFrame, list[str]]:
    """Score the sequences of a file with an exported model.

    Parameters
    ----------
    path : str
        FASTA, CSV, TSV or Parquet with a column ``sequence`` and perhaps ``id``; labels are not
        read.
    batch : int
        As in `predict`.

    Returns
    -------
    table : DataFrame
        ``id``, ``prediction`` and, but for a regression, ``score_CLASS`` of each class or label; in
        the order of the file.
    notes : list of str
        What a user must know of these sequences.

    Raises
    ------
    UserError
        As `predict`, and for a file that cannot be read.
    """
    import pandas as pd

    from engine.encoders import find_card
    from engine.tasks.reading import files
    from engine.tasks.reading.formats import find_file
    from engine.tasks.reading.rows import numbered, read_sequences

    columns = files.parse(files.read_bytes(find_file(path), path), path, labelled=False).columns
    sequences, rna = read_sequences(columns["sequence"], path)
    numbers = numbered(len(sequences))
    given = columns.get("id", [None] * len(sequences))
    ids = [(name or "").strip() or number for name, number in zip(given, numbers, strict=True)]
    predicted = _predicted(best, sequences, batch)
    table = pd.DataFrame({"id": ids, "prediction": predicted.predictions})
    if not best.kind.numeric:
        scores = predicted.scores.T
        named = {f"score_{c}": s for c, s in zip(best.classes, scores, strict=True)}
        table = pd.concat([table, pd.DataFrame(named)], axis=1)
    notes = []
    if rna:
        notes.append(f"U (RNA) is read as T; sequences that hold it: {rna}")
    if predicted.too_long:
        encoder = best.spec.encoder
        network = find_card(encoder.card).kind == "network"
        notes.append(
            f"{predicted.too_long} of {len(sequences)} sequences are longer than {encoder.name}"
            f" takes; as in the study, {READ[encoder.truncate if network else 'center']}"
        )
    return table, notes


def _predicted(best: Best, sequences: Sequence[str], batch: int) -> Predicted:
    import numpy as np

    if batch < 1:
        raise UserError(f"batch is {batch}; give 1 or more")
    best.check()
    # Before the model is read: two networks may not fit into memory together.
    too_long = _count_too_long(best, sequences)
    score = best.load()
    parts = []
    for start in range(0, len(sequences), batch):
        try:
            parts.append(np.asarray(score(sequences[start : start + batch]), dtype=np.float64))
        except UserError as error:
            raise UserError(_renumbered(str(error), start)) from None
    scores = np.concatenate(parts) if parts else np.empty((0, len(best.classes)))
    if scores.shape != (len(sequences), len(best.classes)):
        raise RuntimeError(f"scores of shape {scores.shape} for {len(best.classes)} classes")
    return Predicted(scores, best.kind.decide(scores, best.classes), too_long)


def _renumbered(message: str, start: int) -> str:
    """Rows that a message counts within its part, counted over all."""
    return re.sub(r"^row (\d+)", lambda found: f"row {int(found[1]) + start}", message)


def _count_too_long(best: Best, sequences: Sequence[str]) -> int:
    """Sequences that do not fit whole into what the method leaves them of the encoder's window."""
    from engine.embedding.windows import SPECIAL_TOKENS, too_long
    from engine.encoders import Encoder, find_card, load_encoder

    spec = best.spec.encoder
    card = find_card(spec.card)
    longest = max(map(len, sequences), default=0)
    if card.kind == "features":
        if not card.max_bases:
            return 0
        limit = min(best.config["max_bases"], card.max_bases)
        return sum(len(sequence) > limit for sequence in sequences)
    taken = best.method.takes(best.spec.params)
    if card.max_tokens and longest + SPECIAL_TOKENS + taken <= card.max_tokens:
        return 0
    encoder = load_encoder(spec.card, weights=spec.weights, seed=spec.seed)
    if not isinstance(encoder, Encoder):
        return 0
    return too_long(replace(encoder, max_tokens=encoder.max_tokens - taken), sequences)
