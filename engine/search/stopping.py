"""When the search of a cell ends before its budget is spent."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import TrialRecord


@dataclass(frozen=True)
class StopRules:
    """Rules that end the search of a cell; none by default, since equal budgets compare fairly.

    They look at finished trials only, so that a restart comes to the same answer.

    Attributes
    ----------
    max_seconds : float or None
        Time of the cell's trials together; a duplicate, answered without running, counts nothing.
    target : float or None
        A validation score that is good enough.
    plateau : int or None
        So many complete trials in a row, in order of number, without a better score.
    """

    max_seconds: float | None = None
    target: float | None = None
    plateau: int | None = None

    def reason(self, records: Sequence[TrialRecord], maximize: bool) -> str | None:
        """Why a cell is to stop, or none.

        Parameters
        ----------
        records : sequence of TrialRecord
            Finished trials in order of number.
        maximize : bool
            Whether a higher score is better.
        """
        sign = 1 if maximize else -1
        scores = [
            sign * record.result.score
            for record in records
            if record.result.status == "complete" and record.result.score is not None
        ]
        if self.target is not None and scores and max(scores) >= sign * self.target:
            return f"target {self.target:g} reached"
        if self.plateau is not None and len(scores) > self.plateau:
            earlier, latest = scores[: -self.plateau], scores[-self.plateau :]
            if max(latest) <= max(earlier):
                return f"no better score in {self.plateau} trials"
        if self.max_seconds is not None:
            spent = sum(r.result.seconds for r in records if r.duplicate_of is None)
            if spent >= self.max_seconds:
                return f"{self.max_seconds:g} s spent"
        return None


#: Equal budgets.
NO_RULES = StopRules()
