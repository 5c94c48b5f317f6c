"""A study file becomes checked cells that fit the machines."""
