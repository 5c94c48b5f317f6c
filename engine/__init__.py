"""dnasweep: which DNA foundation model, adapted how, is best for which task."""

__version__ = "0.1.0"
