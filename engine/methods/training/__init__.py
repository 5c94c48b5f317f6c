"""What the methods that train a network share; they need torch, the probes do not."""
