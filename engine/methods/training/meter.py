"""What a training costs."""

from __future__ import annotations

import resource
import sys
import time

import torch


class Meter:
    """Examples and tokens a second while training, and the most memory in use.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.examples, self.tokens, self.seconds, self.started = 0, 0, 0.0, 0.0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def start(self) -> None:
        """Training goes on."""
        self.started = time.perf_counter()

    def count(self, examples: int, tokens: int) -> None:
        """A batch was trained on."""
        self.examples += examples
        self.tokens += tokens

    def stop(self) -> None:
        """Training pauses."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += time.perf_counter() - self.started

    def cost(self) -> dict[str, float]:
        """What was measured; rates are left out where nothing was trained."""
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            # In KiB, but on macOS in bytes.
            unit = 1 if sys.platform == "darwin" else 1024
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        rates = (
            {
                "examples_per_second": self.examples / self.seconds,
                "tokens_per_second": self.tokens / self.seconds,
            }
            if self.seconds
            else {}
        )
        return {**rates, "peak_memory_bytes": float(peak)}
