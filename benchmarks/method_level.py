"""How often DeLong on one fit a method, and the method-level test, claim what is not there.

    python benchmarks/method_level.py [--quick]

Two methods with the same expected AUC are fitted with several seeds, whose luck moves the AUC by
0.01 to 0.02; all fits score the same fresh test rows. Prints one JSON object per setting with the
share of simulations in which each test is significant at 0.05 (where one method is better by 0.03
AUROC: power), and, last, `ratio NAME VALUE`: false claims of DeLong / of the method-level test.
Without --quick also how often a bootstrap over seeds and rows does, on a tenth of them.
"""

import argparse
import json
from statistics import NormalDist

import numpy as np

from engine.stats import ZeroVarianceError, delong_test, method_auc_test

LEVEL = 0.05
SIZES = ((500, 0.01), (1000, 0.015), (1000, 0.02), (5000, 0.02))  # rows, sd of the AUC over seeds


def shift_of(auc):
    """How far apart two unit normal classes lie that have this AUC."""
    return NormalDist().inv_cdf(auc) * 2**0.5


def noise_of_rows(rng, groups):
    """Unit normal noise (N,); rows of a group that is not one row share half of it."""
    of_groups = rng.normal(size=groups.max() + 1)[groups]
    if len(np.unique(groups)) == len(groups):
        return of_groups
    return (of_groups + rng.normal(size=len(groups))) / 2**0.5


def fits_of_method(rng, y, groups, common, auc, sd_seed, n_seeds):
    """Scores (S, N) of one method's fits: related over methods, more so over seeds."""
    of_method = noise_of_rows(rng, groups)
    aucs = np.clip(rng.normal(auc, sd_seed, size=n_seeds), 0.51, 0.99)
    of_fits = rng.normal(size=(n_seeds, len(y)))
    noise = 0.6**0.5 * common + 0.25**0.5 * of_method + 0.15**0.5 * of_fits
    return noise + np.outer([shift_of(a) for a in aucs], y)


def simulated_study(rng, n_rows, n_seeds, sd_seed, difference=0.0, group_size=1, auc=0.85):
    """Labels (N,), groups (N,), and the scores (S, N) of two methods."""
    n_groups = n_rows // group_size
    groups = np.repeat(np.arange(n_groups), group_size)
    y = np.repeat(np.arange(n_groups) % 2, group_size)  # a group is of one class: the worst case
    common = noise_of_rows(rng, groups)
    a = fits_of_method(rng, y, groups, common, auc + difference, sd_seed, n_seeds)
    b = fits_of_method(rng, y, groups, common, auc, sd_seed, n_seeds)
    return y, groups, a, b


def share_of_claims(n_simulations, seed=0, group_size=1, **setting):
    """Share of significant results: DeLong on the first seeds, the method-level test."""
    rng = np.random.default_rng(seed)
    claims = np.zeros(2)
    for _ in range(n_simulations):
        y, groups, a, b = simulated_study(rng, group_size=group_size, **setting)
        known = groups if group_size > 1 else None
        try:
            claims += [
                delong_test(y, a[0], b[0]).p < LEVEL,
                method_auc_test(y, a, b, groups=known).p < LEVEL,
            ]
        except ZeroVarianceError:
            continue  # no claim
    return claims / n_simulations


def hierarchical_bootstrap(rng, y, a, b, n_draws=400):
    """Whether the 95 % percentile interval over drawn seeds and rows leaves out 0."""
    positive = y == 1
    n_rows = [positive.sum(), (~positive).sum()]
    drawn = [rng.multinomial(n, np.full(n, 1 / n), n_draws).astype(np.float32) for n in n_rows]

    def mean_over_drawn_fits(fits):
        wins = ((f[positive][:, np.newaxis] > f[~positive]).astype(np.float32) for f in fits)
        aucs = np.stack([((drawn[0] @ w) * drawn[1]).sum(axis=1) for w in wins]) / np.prod(n_rows)
        of_fits = rng.multinomial(len(fits), np.full(len(fits), 1 / len(fits)), n_draws)
        return (aucs * of_fits.T).sum(axis=0) / len(fits)

    low, high = np.quantile(mean_over_drawn_fits(a) - mean_over_drawn_fits(b), [0.025, 0.975])
    return not low <= 0 <= high


def share_of_bootstrap_claims(n_simulations, seed=0, **setting):
    """Share of simulations of equal methods in which that bootstrap claims a difference."""
    rng = np.random.default_rng(seed)
    studies = (simulated_study(rng, **setting) for _ in range(n_simulations))
    return float(np.mean([hierarchical_bootstrap(rng, y, a, b) for y, _, a, b in studies]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    quick = parser.parse_args().quick
    n_simulations = 400 if quick else 2000
    sizes = ((500, 0.01), (1000, 0.015)) if quick else SIZES
    settings = [
        {"n_rows": n_rows, "n_seeds": n_seeds, "sd_seed": sd_seed}
        for n_rows, sd_seed in sizes
        for n_seeds in (3, 5, 10)
    ]
    settings += [{"n_rows": 1000, "n_seeds": 5, "sd_seed": 0.015, "group_size": 10}]
    ratios = {}
    for setting in settings:
        delong, method = share_of_claims(n_simulations, **setting)
        power = share_of_claims(n_simulations // 4, difference=0.03, **setting)[1]
        facts = {"delong": delong, "method_level": method, "power_at_0.03": power}
        if not quick and setting["n_rows"] <= 1000 and "group_size" not in setting:
            n_bootstrapped = n_simulations // 10
            facts["hierarchical_bootstrap"] = share_of_bootstrap_claims(n_bootstrapped, **setting)
        print(json.dumps(setting | {"simulations": n_simulations} | facts), flush=True)
        name = "_".join(f"{key}{value}" for key, value in setting.items())
        ratios[name] = delong / max(method, 1 / n_simulations)
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.2f}")


if __name__ == "__main__":
    main()
