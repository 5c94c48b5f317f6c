"""Letters to tokens."""
