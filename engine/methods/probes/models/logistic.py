"""Many logistic regressions at once.

Configurations that differ in regularisation, class weights or features of the same width are solved
side by side: each iteration takes one matrix product forward and one back per matrix of features,
whatever the number of configurations on it. The objective is scikit-learn's:
``C * sum_i weight_i * loss_i + 1/2 * |W|^2``, intercepts free of penalty.

The method is L-BFGS (Nocedal & Wright 2006, algorithm 7.4) on features turned into their principal
axes, where the Hessian is close to diagonal and that diagonal is known for every C beforehand: a
rotation leaves the penalty as it is. Along a search direction the logits are linear in the step, so
that the line search takes no product at all.
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

#: Ends a configuration: the squared Newton step, in logits, is on average below it.
TOLERANCE = 1e-18

MOST_ITERATIONS = 1000

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
        """Weights (H, K) and intercepts (K,) on the features as given, of a solution (R + 1, K)."""
        weights = solution[:-1] if self.rotation is None else self.rotation @ solution[:-1]
        return weights, solution[-1] - self.means @ weights


@dataclass(frozen=True)
class Problem:
    """Logistic regressions side by side, those on one design next to each other.

    Attributes
    ----------
    designs : tuple of Tensor, shape (N, R + 1) each
    counts : list of int
        Regressions on each design, B in all.
    scale : Tensor, shape (R + 1, B, 1)
        Inverse of a diagonal that bounds the Hessian of one class against another.
    strengths : Tensor, shape (B,)
        C of each.
    targets : Tensor, shape (N, 1, K)
        0 or 1. Of two exclusive classes K = 1, the second.
    weights : Tensor, shape (N, B, 1 or K)
        Of the rows.
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
        """Logits (N, B, K) of a solution (R + 1, B, K)."""
        return self._products(self.designs, solution)

    def residuals(self, logits: Tensor) -> Tensor:
        """Derivative of the loss by the logits, (N, B, K)."""
        chances = logits.softmax(dim=2) if self.exclusive else logits.sigmoid()
        return chances.sub_(self.targets).mul_(self.weights).mul_(self.strengths[:, None])

    def backward(self, residuals: Tensor, solution: Tensor) -> Tensor:
        """Gradient of the objective, (R + 1, B, K)."""
        transposed = [design.T for design in self.designs]
        return self._products(transposed, residuals) + penalized(solution)

    def _products(self, matrices: Sequence[Tensor], values: Tensor) -> Tensor:
        """One matrix per design times the values (..., B, K) of the regressions on it."""
        parts = [
            (matrix @ part.flatten(1)).view(len(matrix), *part.shape[1:])
            for matrix, part in zip(matrices, torch.split(values, self.counts, dim=1), strict=True)
        ]
        return torch.cat(parts, dim=1)

    def only(self, kept: Tensor) -> Problem:
        """The regressions of a mask (B,)."""
        counts = [int(part.sum()) for part in torch.split(kept, self.counts)]
        there = [number for number, count in enumerate(counts) if count]
        return replace(
            self,
            designs=tuple(self.designs[number] for number in there),
            counts=[counts[number] for number in there],
            scale=self.scale[:, kept],
            strengths=self.strengths[kept],
            weights=self.weights[:, kept],
        )


def penalized(solution: Tensor) -> Tensor:
    """The part of a solution that the penalty sees: all but the intercept."""
    return torch.cat([solution[:-1], torch.zeros_like(solution[-1:])])


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
    targets : Tensor, shape (N, K), float64
    weights : Tensor, shape (N, B, 1 or K), float64
    exclusive : bool
        See `Problem`.

    Returns
    -------
    list of Tensor, shape (R + 1, K), float64
        One per regression, the intercept last. Alone or beside others, its logits are the same to
        about 1e-8.
    """
    counts = torch.tensor(design_of).bincount(minlength=len(designs)).tolist()
    squares = torch.stack([designs[number].squares for number in design_of], dim=1)[:, :, None]
    # Of each logit the curvature is at most 1/4, whatever the class.
    mass = weights.mean(dim=0) * strengths[:, None]
    curvature = squares * mass / 4
    curvature[:-1] += 1
    problem = Problem(
        tuple(design.values for design in designs),
        counts,
        1 / curvature,
        strengths,
        targets[:, None, :],
        weights,
        exclusive,
    )
    found = _minimize(problem)
    return list(found.unbind(dim=1))


def _minimize(problem: Problem) -> Tensor:
    """L-BFGS on all regressions; those that are done leave the batch."""
    rows, _, outputs = problem.targets.shape
    solution = problem.scale.new_zeros(len(problem.scale), len(problem.strengths), outputs)
    result = solution.clone()
    running = torch.arange(len(problem.strengths), device=solution.device)
    logits = problem.forward(solution)
    gradient = problem.backward(problem.residuals(logits), solution)
    pairs: list[tuple[Tensor, Tensor]] = []
    for _ in range(MOST_ITERATIONS):
        newton = (gradient.square() * problem.scale).sum(dim=(0, 2))
        going = newton > TOLERANCE * rows * problem.strengths
        if not going.all():
            result[:, running[~going]] = solution[:, ~going]
            if not going.any():
                return result
            running, problem = running[going], problem.only(going)
            solution, gradient, logits = solution[:, going], gradient[:, going], logits[:, going]
            pairs = [(step[:, going], change[:, going]) for step, change in pairs]
        direction = _direction(problem.scale, gradient, pairs)
        slope = problem.forward(direction)
        step, residuals = _search(problem, solution, direction, logits, slope)
        move = step[:, None] * direction
        solution = solution + move
        logits = logits + step[:, None] * slope
        before, gradient = gradient, problem.backward(residuals, solution)
        pairs = [*pairs[1 - MEMORY :], (move, gradient - before)]
    log.warning("%d of %d logistic regressions did not converge", len(running), result.shape[1])
    result[:, running] = solution
    return result


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each regression, (B,)."""
    return torch.einsum("rbk,rbk->b", a, b)


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
        q -= share[:, None] * change
        kept.append((move, change, inverse, share))
    q *= scale
    if pairs:
        move, change = pairs[-1]
        size = _dot(change, scale * change)
        q *= torch.where(size > tiny, _dot(move, change) / size.clamp(min=tiny), 1)[:, None]
    for move, change, inverse, share in reversed(kept):
        q += (share - inverse * _dot(change, q))[:, None] * move
    return -q


def _search(
    problem: Problem, solution: Tensor, direction: Tensor, logits: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor]:
    """Step of each regression (B,), and the residuals (N, B, K) there.

    The objective is convex along a direction, so that a step between a descending and an ascending
    derivative brackets the lowest point; one that halves the derivative is taken.
    """
    linear = _dot(penalized(solution), direction)
    square = _dot(penalized(direction), direction)

    def derivative(step: Tensor) -> tuple[Tensor, Tensor]:
        residuals = problem.residuals(logits + step[:, None] * slope)
        along = torch.einsum("nbk,nbk->b", residuals, slope)
        return along + linear + step * square, residuals

    zero = torch.zeros_like(problem.strengths)
    first, _ = derivative(zero)
    low, low_derivative = zero, first
    high, high_derivative = torch.full_like(zero, torch.inf), zero
    step = torch.ones_like(zero)
    for _ in range(30):
        value, residuals = derivative(step)
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
        step = torch.where(good, step, inside)
    return step, residuals
