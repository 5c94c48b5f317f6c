"""What a fine-tuning method does to a network, and what becomes of it.

Light: the files that declare methods are imported to list their names, without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from engine.encoders import Encoder

Params = Mapping[str, Any]

#: For `Adapted.silent`: weights that a network has anyway may be without effect, as the bias of
#: keys in attention is, or the router of a mixture that asks one expert a token.
OWN_WEIGHTS = ("network.",)


class Allocation(Protocol):
    """What changes adapters while they are trained, beside the optimizer."""

    def penalty(self) -> Tensor:
        """Added to the loss of every batch, shape ()."""

    def update(self, step: int) -> None:
        """Called after each optimizer step, counted from 1, while its gradients are there."""

    def state(self) -> dict[str, Any]:
        """Tensors, numbers, lists and mappings that `restore` takes."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


@dataclass(frozen=True)
class Adapted:
    """An encoder of which a part is trainable and the rest is frozen.

    Attributes
    ----------
    encoder : Encoder
        The one that was given, changed in place, or one around it.
    rates : mapping of str to float
        Part of a parameter's name -> factor on the learning rate.
    silent : tuple of str
        Parts of the names of parameters whose first gradient is zero, since they are multiplied by
        another one that starts at zero.
    start : mapping of str to Tensor
        Adapter weights that were taken out of the frozen ones (PiSSA), as PEFT saves them; else
        empty.
    """

    encoder: Encoder
    rates: Mapping[str, float] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    allocation: Allocation | None = None
    start: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Adaptation:
    """A way to make a part of a network trainable.

    Attributes
    ----------
    name : str
        Of the method; a saved model tells it.
    attach : callable
        ``attach(encoder, params, steps) -> Adapted``, where ``steps`` is the number of optimizer
        steps of a training that is not stopped early. Raises `InfeasibleError` where the encoder
        has nothing for the method to act on.
    count : callable
        ``count(encoder, params)``: how many numbers `attach` will make trainable, from the shapes
        of a network that is not adapted yet (it may stand on the meta device).
    peft : bool
        Whether PEFT makes the adapters: they are saved in its format, and merged before scoring.
    trains : {"adapters", "everything"}
        What is trained of the network; tells how much memory it takes.
    takes : callable
        ``takes(params) -> int``: tokens of an encoder's window that are not left to a sequence.
    """

    name: str
    attach: Callable[[Encoder, Params, int], Adapted]
    count: Callable[[Encoder, Params], int]
    peft: bool = False
    trains: Literal["adapters", "everything"] = "adapters"
    takes: Callable[[Params], int] = lambda _: 0
