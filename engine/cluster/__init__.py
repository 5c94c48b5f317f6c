"""Ray: workers, what nodes have and trials ask for, storage that all share."""
