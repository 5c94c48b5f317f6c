"""The figures of the report: one file per kind of figure, each drawn from what a run found."""
