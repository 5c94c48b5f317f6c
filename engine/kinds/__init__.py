"""Kinds of tasks, one file each: labels, strata, loss, score columns, default metric, wording."""

from engine.kinds.base import PLAIN, Kind, LossOptions, Wording, find_kind, kinds, register

__all__ = ["PLAIN", "Kind", "LossOptions", "Wording", "find_kind", "kinds", "register"]
