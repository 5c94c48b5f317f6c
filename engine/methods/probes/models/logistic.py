"""Many logistic regressions at once.

Configurations that differ in regularisation, class weights or features of the same width are solved
side by side: each iteration takes one matrix product forward and one back per matrix of features,
whatever the number of configurations on it. The objective is scikit-learn's:
``C * sum_i weight_i * loss_i + 1/2 * |W|^2``, intercepts free of penalty.

L-BFGS in float32 (Nocedal & Wright 2006, algorithm 7.4) comes near the solution, on features turned
into their principal axes, where the Hessian is close to diagonal and that diagonal is known for
every C beforehand: a rotation leaves the penalty as it is. Along a search direction the logits are
linear in the step, so that the line search takes no product at all.

Newton steps by conjugate gradients in float64 end it (same book, algorithm 7.1): their decrement
bounds what is still to be had with the curvature that there is, so that where it ends depends
neither on rounding nor on company. The known diagonal is an upper bound of that curvature: it alone
is too kind where classes are nearly separated or features nearly dependent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

log = logging.getLogger(__name__)

#: Pairs of steps and gradient changes that are kept.
MEMORY = 10

#: L-BFGS ends where the squared change of a logit that is still to be had seems to be about this.
NEAR = 1e-10
MOST_APPROACHES = 200

#: By how much the probability of a fitted row may still change. With a decrement D and logits that
#: are to change by z, C sum_i w_i p_i (1 - p_i) z_i^2 <= D^2, so that p changes by p (1 - p) z <=
#: D / (2 sqrt(C w)); of exclusive classes, by D / sqrt(2 C w). Of any other row x, by |x| D / 4 at
#: most, for the penalty makes the Hessian at least 1; so C counts as `FIRMEST` where it is more.
DONE = 1e-9
FIRMEST = 100
MOST_STEPS = 30

#: Conjugate gradients leave this share of the squared decrement, or less: its own quotient with C,
#: for about that much the change of the Hessian leaves along the step.
REST = 1e-2
MOST_ITERATIONS = 1000

#: What is left is judged by what so many iterations added, or a quarter of all.
LOOK_BACK = 3

#: Above this width a rotation costs more than it saves.
WIDEST_ROTATION = 1024


@dataclass(frozen=True)
class Design:
    """A matrix of features as the solver sees it, in float64.

    Attributes
    ----------
    values : Tensor, shape (N, R + 1)
        Centred features, rotated where that pays, and a column of ones for the intercept.
    squares : Tensor, shape (R + 1,)
        Sum of squares of each column.
    rotation : Tensor, shape (H, R), or None
    means : Tensor, shape (H,)
    """

    values: Tensor
    squares: Tensor
    rotation: Tensor | None
    means: Tensor

    @staticmethod
    def of(features: Tensor) -> Design:
        """Centre and rotate features, shape (N, H)."""
        features = features.double()
        rows, width = features.shape
        means = features.mean(dim=0)
        centred = features - means
        rotation = None
        if min(rows, width) <= WIDEST_ROTATION:
            if rows < width:
                rotation = torch.linalg.svd(centred, full_matrices=False).Vh.T
            else:
                rotation = torch.linalg.eigh(centred.T @ centred).eigenvectors
            centred = centred @ rotation
        values = torch.cat([centred, centred.new_ones(rows, 1)], dim=1)
        return Design(values, values.square().sum(dim=0), rotation, means)

    def in_features(self, solution: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (K, H) and intercepts (K,) on the features as given, of a solution (K, R + 1)."""
        weights = solution[:, :-1]
        if self.rotation is not None:
            weights = weights @ self.rotation.T
        return weights, solution[:, -1] - weights @ self.means


@dataclass(frozen=True)
class Problem:
    """Logistic regressions side by side, those on one design next to each other.

    The regressions come first in every shape: products of a few rows with a large matrix are then
    twice as fast on a CPU as those of a large matrix with a few columns.

    Attributes
    ----------
    designs : tuple of Tensor, shape (N, R + 1) each
    counts : list of int
        Regressions on each design, B in all.
    scale : Tensor, shape (B, 1 or K, R + 1)
        Inverse of a diagonal that bounds the Hessian's.
    strengths : Tensor, shape (B, 1, 1)
        C of each.
    targets : Tensor, shape (K, N)
        0 or 1. Of two exclusive classes K = 1, the second.
    weights : Tensor, shape (B, 1 or K, N)
        Of the rows, times C.
    exclusive : bool
        Whether just one of the K targets holds (softmax), or each on its own (sigmoid).
    """

    designs: tuple[Tensor, ...]
    counts: list[int]
    scale: Tensor
    strengths: Tensor
    targets: Tensor
    weights: Tensor
    exclusive: bool

    def forward(self, solution: Tensor) -> Tensor:
        """Logits (B, K, N) of a solution (B, K, R + 1)."""
        return self._products(solution, [design.T for design in self.designs])

    def chances(self, logits: Tensor) -> Tensor:
        """Probabilities of logits (B, K, N)."""
        return logits.softmax(dim=1) if self.exclusive else logits.sigmoid()

    def residuals(self, logits: Tensor) -> Tensor:
        """Derivative of the loss by the logits, (B, K, N)."""
        return self.chances(logits).sub_(self.targets).mul_(self.weights)

    def backward(self, residuals: Tensor, solution: Tensor) -> Tensor:
        """Gradient of the objective, (B, K, R + 1)."""
        gradient = self._products(residuals, self.designs)
        gradient[..., :-1] += solution[..., :-1]
        return gradient

    def curvature(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """What `bent` asks for: probabilities and factors of the rows, (B, K, N) each."""
        chances = self.chances(logits)
        return chances, self.weights * chances * (1 if self.exclusive else 1 - chances)

    def bent(self, chances: Tensor, factors: Tensor, values: Tensor) -> Tensor:
        """Hessian times values (B, K, R + 1)."""
        slope = self.forward(values)
        if self.exclusive:
            slope -= (chances * slope).sum(dim=1, keepdim=True)
        return self.backward(slope.mul_(factors), values)

    def _products(self, values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        """Values (B, K, ...) of the regressions on each design times its matrix."""
        parts = zip(torch.split(values, self.counts), matrices, strict=True)
        return torch.cat([part @ matrix for part, matrix in parts])

    def single(self) -> Problem:
        """The same in float32."""
        tensors = ("scale", "strengths", "targets", "weights")
        return replace(
            self,
            designs=tuple(design.float() for design in self.designs),
            **{name: getattr(self, name).float() for name in tensors},
        )

    def only(self, kept: Tensor) -> Problem:
        """The regressions of a mask (B,)."""
        counts = [int(part.sum()) for part in torch.split(kept, self.counts)]
        there = [number for number, count in enumerate(counts) if count]
        return replace(
            self,
            designs=tuple(self.designs[number] for number in there),
            counts=[counts[number] for number in there],
            scale=self.scale[kept],
            strengths=self.strengths[kept],
            weights=self.weights[kept],
        )


def solve(
    designs: Sequence[Design],
    design_of: Sequence[int],
    strengths: Tensor,
    targets: Tensor,
    weights: Tensor,
    exclusive: bool,
) -> list[Tensor]:
    """Solve logistic regressions side by side.

    Parameters
    ----------
    designs : sequence of Design
        Of the same N and R.
    design_of : sequence of int, length B
        Which design each regression is on; in ascending order.
    strengths : Tensor, shape (B,), float64
        C, the inverse of the regularisation.
    targets : Tensor, shape (K, N), float64
    weights : Tensor, shape (B, 1 or K, N), float64
    exclusive : bool
        See `Problem`.

    Returns
    -------
    list of Tensor, shape (K, R + 1), float64
        One per regression, the intercept last. Alone or beside others, in any order and with any
        number of threads, probabilities differ by less than 1e-7.
    """
    counts = torch.tensor(design_of).bincount(minlength=len(designs)).tolist()
    squares = torch.stack([designs[number].squares for number in design_of])[:, None]
    strengths = strengths[:, None, None]
    weights = weights * strengths
    # The curvature of a loss by its logit is at most 1/4.
    curvature = squares * weights.mean(dim=2, keepdim=True) / 4
    curvature[..., :-1] += 1
    problem = Problem(
        tuple(design.values for design in designs),
        counts,
        1 / curvature,
        strengths,
        targets,
        weights,
        exclusive,
    )
    return list(_finished(problem, _approached(problem.single()).double()).unbind())


def _approached(problem: Problem) -> Tensor:
    """Near the solution, by L-BFGS; those that are there leave the batch."""
    outputs, rows = problem.targets.shape
    batch, _, width = problem.scale.shape
    solution = problem.scale.new_zeros(batch, outputs, width)
    result = solution.clone()
    running = torch.arange(batch, device=solution.device)
    logits = solution.new_zeros(batch, outputs, rows)
    gradient = problem.backward(problem.residuals(logits), solution)
    pairs: list[tuple[Tensor, Tensor]] = []
    for _ in range(MOST_APPROACHES):
        newton = _dot(gradient, problem.scale * gradient)
        going = (newton > NEAR * rows * problem.strengths).flatten()
        if not going.all():
            result[running[~going]] = solution[~going]
            if not going.any():
                return result
            running, problem = running[going], problem.only(going)
            solution, gradient, logits = solution[going], gradient[going], logits[going]
            pairs = [(move[going], change[going]) for move, change in pairs]
        direction = _direction(problem.scale, gradient, pairs)
        step, logits, residuals = _search(problem, solution, direction, gradient, logits)
        move = step * direction
        solution = solution + move
        before, gradient = gradient, problem.backward(residuals, solution)
        pairs = [*pairs[1 - MEMORY :], (move, gradient - before)]
    result[running] = solution
    return result


def _finished(problem: Problem, solution: Tensor) -> Tensor:
    """The solution, by Newton steps from near it; those that are done leave the batch."""
    result = solution.clone()
    running = torch.arange(len(result), device=solution.device)
    logits = problem.forward(solution)
    gradient = problem.backward(problem.residuals(logits), solution)
    for _ in range(MOST_STEPS):
        direction, decrement, rest = _newton(problem, gradient, logits)
        least = _least(problem.strengths)
        # Where hardly more than rounding is left a search finds nothing: the step is just taken.
        close = decrement <= least
        sought = torch.where(close, 0, direction)
        step, moved, residuals = _search(problem, solution, sought, gradient, logits)
        solution = solution + torch.where(close, direction, step * direction)
        result[running] = solution
        # By which share the Hessian changes along the step, and so what the step leaves.
        change = (moved - logits).abs().amax(dim=(1, 2), keepdim=True)
        going = ~(close | ((rest <= least) & (change**2 * decrement <= least))).flatten()
        if not going.any():
            return result
        running, problem = running[going], problem.only(going)
        solution, logits = solution[going], moved[going]
        gradient = problem.backward(residuals[going], solution)
    log.warning("%d of %d logistic regressions did not converge", len(running), len(result))
    return result


def _least(strengths: Tensor) -> Tensor:
    """Squared decrement of a regression that is done, (B, 1, 1)."""
    return DONE**2 * strengths.clamp(max=FIRMEST)


def _newton(problem: Problem, gradient: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Newton step (B, K, R + 1), and of its squared decrement the whole and the rest, (B, 1, 1).

    What an iteration adds to the squared decrement is known and never negative; what the last ones
    added stands for the rest, which is less where conjugate gradients converge at all.
    """
    chances, factors = problem.curvature(logits)
    tiny = torch.finfo(gradient.dtype).tiny
    result, rest = torch.zeros_like(gradient), gradient.new_zeros(len(gradient), 1, 1)
    gains = gradient.new_zeros(MOST_ITERATIONS, len(gradient), 1, 1)
    running = torch.arange(len(gradient), device=gradient.device)
    step, residual = torch.zeros_like(gradient), -gradient
    search = problem.scale * residual
    size = _dot(residual, search)
    for number in range(MOST_ITERATIONS):
        bent = problem.bent(chances, factors, search)
        # Both 0 at a solution.
        length = size / _dot(search, bent).clamp(min=tiny)
        step, residual = step + length * search, residual - length * bent
        gains[number, running] = length * size
        total = gains[: number + 1, running].sum(dim=0)
        back = max(LOOK_BACK, number // 4)
        last = gains[max(number + 1 - back, 0) : number + 1, running].sum(dim=0)
        result[running], rest[running] = step, last
        share = (total / problem.strengths).clamp(max=REST)
        enough = torch.maximum(share * total, _least(problem.strengths))
        going = ((last > enough) | (number + 1 < back)).flatten()
        if not going.any():
            break
        if not going.all():
            running, problem = running[going], problem.only(going)
            chances, factors, size = chances[going], factors[going], size[going]
            step, residual, search = step[going], residual[going], search[going]
        ahead = problem.scale * residual
        before, size = size, _dot(residual, ahead)
        search = ahead + size / before.clamp(min=tiny) * search
    return result, gains.sum(dim=0), rest


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each regression, (B, 1, 1)."""
    return (a * b).sum(dim=(1, 2), keepdim=True)


def _direction(scale: Tensor, gradient: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Descent direction from the two-loop recursion, on the known diagonal."""
    tiny = torch.finfo(gradient.dtype).tiny
    q = gradient.clone()
    kept = []
    for move, change in reversed(pairs):
        # By convexity not negative; 0 where a regression did not move, which says nothing.
        product = _dot(move, change)
        inverse = torch.where(product > tiny, 1 / product.clamp(min=tiny), 0)
        share = inverse * _dot(move, q)
        q -= share * change
        kept.append((move, change, inverse, share))
    q *= scale
    if pairs:
        move, change = pairs[-1]
        size = _dot(change, scale * change)
        q *= torch.where(size > tiny, _dot(move, change) / size.clamp(min=tiny), 1)
    for move, change, inverse, share in reversed(kept):
        q += (share - inverse * _dot(change, q)) * move
    return -q


def _search(
    problem: Problem, solution: Tensor, direction: Tensor, gradient: Tensor, logits: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Step of each regression (B, 1, 1), and logits and residuals (B, K, N) there.

    The objective is convex along a direction, so that a step between a descending and an ascending
    derivative brackets the lowest point; one that halves the derivative is taken.
    """
    slope = problem.forward(direction)
    # Of the penalty, which leaves the intercept alone.
    linear = _dot(solution[..., :-1], direction[..., :-1])
    square = _dot(direction[..., :-1], direction[..., :-1])
    first = _dot(gradient, direction)
    low, low_derivative = torch.zeros_like(first), first
    high, high_derivative = torch.full_like(first, torch.inf), torch.zeros_like(first)
    step = trial = torch.ones_like(first)
    for _ in range(30):
        step = trial
        moved = torch.addcmul(logits, slope, step)
        residuals = problem.residuals(moved)
        value = _dot(residuals, slope) + linear + step * square
        good = value.abs() <= 0.5 * first.abs()
        if good.all():
            break
        descending = value < 0
        low = torch.where(descending, step, low)
        low_derivative = torch.where(descending, value, low_derivative)
        high = torch.where(descending, high, step)
        high_derivative = torch.where(descending, high_derivative, value)
        secant = low - low_derivative * (high - low) / (high_derivative - low_derivative)
        inside = torch.where(high.isinf(), 4 * step, secant.clamp(low + 0.1 * (high - low), high))
        trial = torch.where(good, step, inside)
    return step, moved, residuals
