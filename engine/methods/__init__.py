"""How an encoder is adapted to a task."""

from engine.methods.base import Fitted, InfeasibleError, Method, Report, find_method, methods

__all__ = ["Fitted", "InfeasibleError", "Method", "Report", "find_method", "methods"]
