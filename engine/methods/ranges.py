"""A range under its old address, until the batched head declares as the other probes do."""

from engine.methods.hyperparameters import POSITIVE

__all__ = ["POSITIVE"]
