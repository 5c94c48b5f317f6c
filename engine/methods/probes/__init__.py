"""Classifiers and regressors on frozen embeddings, one file each."""

from engine.methods.probes.base import Probe, Request, find_probe, probes

__all__ = ["Probe", "Request", "find_probe", "probes"]
