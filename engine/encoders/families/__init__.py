"""Families of encoders: one file each, found by the registry through its ``CARDS``."""
