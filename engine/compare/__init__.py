"""Is the difference real? Tests of fits, methods, cells, tasks and files of predictions."""
