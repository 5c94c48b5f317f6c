"""Sequences to pooled vectors: once per encoder and task, into the store."""
