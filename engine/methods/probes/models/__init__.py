"""Models of the probes that are written here, in torch."""
