"""What a network takes that is trained in some way, from its shapes alone.

A training step and an evaluation of the encoder's own network are run on tensors that have shapes
but no values (torch's fake tensors), and the bytes that are alive at once are counted, layer by
layer as PyTorch would free them. That is done for few rows, two short lengths and one and two
layers; what a trial takes follows, since bytes are a polynomial in rows and tokens (`Bytes`), and
grow by the same with each layer. So a network of billions costs no more to plan than a small one.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.embedding.pooling import pool
from engine.encoders import Encoder, find_card
from engine.encoders.base import LoadRequest

log = logging.getLogger(__name__)

#: Tokens of the longer try: enough for what grows with their square to stand out.
LONGEST_TRY = 1024


@dataclass(frozen=True)
class Bytes:
    """Bytes of a step over R rows of T tokens: ``fixed + shared T + R (linear T + square T^2)``."""

    fixed: float
    shared: float
    linear: float
    square: float

    @classmethod
    def fitted(cls, tried: Mapping[tuple[int, int], float], squares: bool) -> Bytes:
        """From what one and two rows of two lengths took: `tried` is (rows, tokens) -> bytes.

        Without `squares` nothing grows faster than the tokens. The two lengths may still differ in
        which operation takes most, and that must not be read as a square.
        """
        short, long = sorted({tokens for _, tokens in tried})
        row = {tokens: tried[2, tokens] - tried[1, tokens] for tokens in (short, long)}
        rest = {tokens: tried[1, tokens] - row[tokens] for tokens in (short, long)}
        square = max(0.0, (row[long] / long - row[short] / short) / (long - short))
        square = square if squares else 0.0
        shared = max(0.0, (rest[long] - rest[short]) / (long - short))
        return cls(
            fixed=max(0.0, rest[long] - shared * long),
            shared=shared,
            linear=row[long] / long - square * long,
            square=square,
        )

    def of(self, rows: int, tokens: int) -> float:
        """Bytes of so many rows of so many tokens."""
        each = self.linear * tokens + self.square * tokens**2
        return self.fixed + self.shared * tokens + rows * each

    def grown(self, deeper: Bytes, layers: int) -> Bytes:
        """The same with more layers, each of which adds what `deeper` has beyond this one."""
        pairs = zip(astuple(self), astuple(deeper), strict=True)
        return Bytes(*(one + layers * max(0.0, two - one) for one, two in pairs))


@dataclass(frozen=True)
class Footprint:
    """What an encoder takes that is trained in some way.

    Attributes
    ----------
    weights, trained : int
        Numbers of the network, adapters counted; those of them that are trained.
    training, checkpointed, evaluation : Bytes
        Most that is alive at once beside weights, gradients and the optimizer's state, in a
        training step, in one with checkpointed gradients, and forwards only.
    """

    weights: int
    trained: int
    training: Bytes
    checkpointed: Bytes
    evaluation: Bytes
    max_tokens: int
    tokens_per_base: float


@cache
def footprint(
    card: str, trains: str, rank: int, everywhere: bool, *, half: bool
) -> Footprint | None:
    """Memory of a registered encoder that is trained in some way.

    Parameters
    ----------
    trains : {"adapters", "everything"}
        Adapters are counted as low-rank ones, of the rank given.
    everywhere : bool
        Whether adapters are on every linear layer, or on the encoder's own targets.
    half : bool
        Whether training runs in bfloat16 by autocast.

    Returns
    -------
    Footprint or None
        None for a card without sizes of its own, or a network that does not run without values.
    """
    if not find_card(card).parameters:
        return None
    whole = _shapes(card, trains, rank, everywhere)
    one, two = (_shapes(card, trains, rank, everywhere) for _ in range(2))
    del one._layers()[1:], two._layers()[2:]
    try:
        with _quiet():
            lengths = _lengths(one)
            single = _bytes(one, lengths, training=True, half=half)
            double = _bytes(two, lengths, training=True, half=half)
            forwards = _bytes(two, lengths, training=False, half=False)
    except RuntimeError as error:
        log.info("the memory of '%s' cannot be told (%s)", card, error)
        return None
    more = whole.depth - 1
    parameters = list(whole.network.parameters())
    return Footprint(
        weights=sum(p.numel() for p in parameters),
        trained=sum(p.numel() for p in parameters if p.requires_grad),
        training=single.grown(double, more),
        # Of every further layer, its input alone.
        checkpointed=replace(single, linear=single.linear + more * 4.0 * whole.hidden_size),
        evaluation=forwards,
        max_tokens=whole.max_tokens,
        tokens_per_base=whole.tokens_per_base,
    )


def _shapes(card: str, trains: str, rank: int, everywhere: bool) -> Encoder:
    """An encoder whose network has shapes and no values, with adapters or none, all trainable."""
    found = find_card(card)
    with torch.device("meta"):
        encoder = found.load(LoadRequest(found, "random", 0, 0))
        assert isinstance(encoder, Encoder)
        if trains == "adapters":
            encoder.network.requires_grad_(False)
            _adapt(encoder, rank, everywhere)
    # Fake tensors pretend to stand on a CPU, so that code that asks for a device finds one.
    values = FakeTensorMode(allow_non_fake_inputs=True)
    made: dict[Tensor, Tensor] = {}
    for module in encoder.network.modules():
        groups: list[dict[str, Any]] = [module._parameters, module._buffers]
        for group in groups:
            for name, tensor in group.items():
                if tensor is not None:
                    group[name] = made.setdefault(tensor, _fake(tensor, values))
    encoder.network.train()
    return encoder


def _fake(tensor: Tensor, values: FakeTensorMode) -> Tensor:
    with values:
        empty = torch.empty(tensor.shape, dtype=tensor.dtype)
        if isinstance(tensor, nn.Parameter):
            return nn.Parameter(empty, tensor.requires_grad)
        return empty


def _adapt(encoder: Encoder, rank: int, everywhere: bool) -> None:
    """Give linear layers a low-rank adapter beside their weight, as PEFT runs it."""

    def add(layer: Any, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        changed: Tensor = out + layer.up(layer.down(given[0])) * 1.0
        return changed

    for name, layer in list(encoder.network.named_modules()):
        last = name.rpartition(".")[2]
        if isinstance(layer, nn.Linear) and (everywhere or last in encoder.adapter_targets):
            layer.down = nn.Linear(layer.in_features, rank, bias=False)
            layer.up = nn.Linear(rank, layer.out_features, bias=False)
            layer.register_forward_hook(add)


def _bytes(encoder: Encoder, lengths: tuple[int, int], training: bool, half: bool) -> Bytes:
    """Bytes of a step, from four tries."""
    tried = {
        (rows, tokens): _run(encoder, rows, tokens, training, half)
        for rows in (1, 2)
        for tokens in lengths
    }
    short, long = lengths
    # Both lengths take the same operations, and make their tensors in the same order.
    pairs = zip(tried[1, short].made, tried[1, long].made, strict=False)
    squares = any(later * short > 1.01 * earlier * long for earlier, later in pairs)
    return Bytes.fitted({key: run.peak for key, run in tried.items()}, squares)


def _lengths(encoder: Encoder) -> tuple[int, int]:
    """Two lengths to try: short ones where a network takes one token after the other."""
    steps = [_run(encoder, 1, tokens, False, False).operations for tokens in (8, 16)]
    if steps[0] != steps[1]:
        return 16, 32
    longest = min(LONGEST_TRY, encoder.max_tokens or LONGEST_TRY)
    return longest // 4, longest


def _run(encoder: Encoder, rows: int, tokens: int, training: bool, half: bool) -> _Alive:
    """A step over a padded batch."""
    # Real, since networks ask whether anything is padded; the last row is, by one token.
    mask = torch.ones(rows, tokens, dtype=torch.int64)
    mask[-1, -1] = 0
    special = torch.zeros_like(mask)
    own = [*encoder.network.parameters(), *encoder.network.buffers()]
    with own[0].fake_mode:  # type: ignore[attr-defined]
        ids = torch.zeros(rows, tokens, dtype=torch.int64)
    alive = _Alive(own)
    with torch.set_grad_enabled(training), alive:
        with torch.autocast("cpu", torch.bfloat16, enabled=half and training):
            hidden = encoder(ids, mask)
        pooled = pool(hidden, mask, special, "mean", None)
        if training:
            pooled.sum().backward()  # type: ignore[no-untyped-call]
    return alive


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's own report of what does not run without values: it is an answer here."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts bytes of tensors from when an operation makes them until nothing refers to them.

    Those that are `known` do not count. Gradients of those that are parameters are let go as soon
    as they are whole: they are counted with the optimizer's state.
    """

    def __init__(self, known: Sequence[Tensor]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = self.operations = 0
        self.made: list[int] = []
        self._sizes = {tensor.untyped_storage()._cdata: 0 for tensor in known}
        self._hooks = [
            tensor.register_post_accumulate_grad_hook(_let_go)  # type: ignore[no-untyped-call]
            for tensor in known
            if tensor.requires_grad
        ]

    def __exit__(self, *raised: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.operations += 1
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._see(tensor.untyped_storage())
        return out

    def _see(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._sizes:
            return
        self._sizes[key] = size
        self.made.append(size)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


def _let_go(parameter: Tensor) -> None:
    parameter.grad = None
