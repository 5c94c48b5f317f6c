"""Which configuration to try next, in which cell, and when to stop one early."""
