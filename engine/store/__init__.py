"""Content-addressed arrays on a local path or an object store: written once, checked on read."""

from engine.store.draft import Draft
from engine.store.store import Store

__all__ = ["Draft", "Store"]
