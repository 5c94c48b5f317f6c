"""Which encoder and method is best over all tasks of a study?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from engine.stats.across_tasks import group_means, task_bootstrap, win_tie_loss
from engine.stats.bayes import bayes_signed_rank
from engine.stats.ranks import critical_difference, friedman_test
from engine.stats.signed_rank import WilcoxonPair

#: Of independent task groups; fewer cannot give a small p-value.
FEWEST_GROUPS = 5


@dataclass(frozen=True)
class AcrossTasks:
    """The comparison of models over tasks; a model is an encoder adapted by a method.

    Attributes
    ----------
    models : sequence of (str, str)
        Encoder and method, best mean rank first.
    tasks : sequence of str
        On which all of these have a score.
    left_out : sequence of (str, str)
        Models without a score on some task.
    n_groups : int
        Tasks, or groups of tasks, that count as independent.
    friedman_f, friedman_p : float
        Whether the models rank alike at all.
    table : DataFrame
        A row per model, in their order: ``encoder, method, mean_rank, rank_low, rank_high,
        share_best, mean, ci_low, ci_high``.
    pairs : DataFrame
        A row per pair, the model of better mean rank first: ``encoder_a, method_a, encoder_b,
        method_b, wins, ties, losses, delta, rank_biserial, p, p_adjusted, p_better, p_rope,
        p_worse``. ``rank_biserial`` is above 0 where Wilcoxon's ranks favour the first, which they
        need not where its mean rank is better.
    cliques : sequence of (int, int)
        First and last place in `models` of those that cannot be told apart.
    """

    models: Sequence[tuple[str, str]]
    tasks: Sequence[str]
    left_out: Sequence[tuple[str, str]]
    n_groups: int
    friedman_f: float
    friedman_p: float
    table: pd.DataFrame
    pairs: pd.DataFrame
    cliques: Sequence[tuple[int, int]]


def across_tasks(
    scores: pd.DataFrame,
    groups: Mapping[str, str | None],
    signs: Mapping[str, int],
    margin: float = 0.01,
) -> AcrossTasks | None:
    """Compare the models that have a score on every task.

    Parameters
    ----------
    scores : DataFrame
        A row per fitted model: ``encoder, task, method, variant, value``.
    groups : mapping of str to str or None
        Tasks of one group are not independent evidence: their mean counts as one task.
    signs : mapping of str to int
        1 where a task's metric is better when larger, -1 for a loss.
    margin : float
        A smaller difference is a tie, and practical equivalence.

    Returns
    -------
    AcrossTasks or None
        None for fewer than two such models, or fewer than five independent tasks.

    Notes
    -----
    Friedman's test in Iman and Davenport's form, Wilcoxon's signed-rank test of each pair with
    Holm's correction, a bootstrap over groups of tasks and the Bayesian signed-rank test; see
    `engine.stats`. Wins, ties and losses count tasks; all else counts groups, each by its mean. The
    matched-pairs rank-biserial correlation is the sum of the ranks of the differences above 0 less
    that of those below, over the sum of all (Kerby, Comprehensive Psychology 3:11.IT.3.1, 2014).
    """
    tuned = scores[(scores["variant"] == "tuned") & scores["value"].notna()]
    means = tuned.pivot_table("value", "task", ["encoder", "method"], sort=False)
    known = means.dropna(axis="columns")
    of_task = [groups.get(str(task)) or f"task {task}" for task in known.index]
    if known.shape[1] < 2 or len(set(of_task)) < FEWEST_GROUPS:
        return None
    signed = known.to_numpy() * np.array([[signs.get(str(task), 1)] for task in known.index])
    _, grouped = group_means(signed, of_task)
    found = critical_difference(grouped)
    order = found.order.tolist()
    models = [(str(encoder), str(method)) for encoder, method in known.columns[order]]
    # Of the groups' means, as the mean ranks are: an interval of other ranks could miss them.
    drawn = task_bootstrap(grouped)
    table = pd.DataFrame(models, columns=["encoder", "method"])
    for name in ("rank_low", "rank_high", "share_best", "mean", "ci_low", "ci_high"):
        table[name] = getattr(drawn, name)[order]
    table["mean_rank"] = found.mean_ranks[order]
    counted = win_tie_loss(signed, margin)
    pair_of = {(pair.a, pair.b): pair for pair in found.pairs}
    rows = []
    for a, b in combinations(order, 2):
        difference = grouped[:, a] - grouped[:, b]
        belief = bayes_signed_rank(difference, margin)
        pair = pair_of[min(a, b), max(a, b)]
        rows.append(
            (
                *known.columns[a],
                *known.columns[b],
                *(int(count[a, b]) for count in counted),
                float(np.median(difference)),
                _rank_biserial(pair) * (1 if a < b else -1),
                pair.p,
                pair.p_adjusted,
                belief.p_greater,
                belief.p_rope,
                belief.p_less,
            )
        )
    friedman = friedman_test(grouped)
    place = {model: at for at, model in enumerate(order)}
    return AcrossTasks(
        models=models,
        tasks=[str(task) for task in known.index],
        left_out=[(str(e), str(m)) for e, m in means.columns if (e, m) not in known.columns],
        n_groups=len(grouped),
        friedman_f=friedman.f,
        friedman_p=friedman.p,
        table=table,
        pairs=pd.DataFrame(rows, columns=list(_PAIR_COLUMNS)),
        cliques=[(place[clique[0]], place[clique[-1]]) for clique in found.cliques],
    )


_PAIR_COLUMNS = (
    "encoder_a", "method_a", "encoder_b", "method_b", "wins", "ties", "losses", "delta",
    "rank_biserial", "p", "p_adjusted", "p_better", "p_rope", "p_worse",
)  # fmt: skip


def _rank_biserial(pair: WilcoxonPair) -> float:
    """1 where every difference is above 0, -1 where every one is below, 0 without any."""
    ranks = pair.n * (pair.n + 1) / 2
    return 2 * pair.statistic / ranks - 1 if ranks else 0.0
