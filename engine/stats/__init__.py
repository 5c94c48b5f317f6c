"""Is the difference real? Tests, intervals and corrections that know nothing of the engine.

Every wrong input is a ValueError of one line.
"""

from engine.stats.adjust import adjust
from engine.stats.bootstrap import (
    BootstrapInterval,
    BootstrapResult,
    bootstrap_ci,
    paired_bootstrap,
)
from engine.stats.delong import auc_ci, auc_covariance, delong_test, delong_unpaired
from engine.stats.inference import AucResult, DeLongResult, UnpairedResult, ZeroVarianceError
from engine.stats.multiclass import macro_auc_ci, macro_auc_test
from engine.stats.permutation import PermutationResult, paired_permutation

__all__ = [
    "AucResult",
    "BootstrapInterval",
    "BootstrapResult",
    "DeLongResult",
    "PermutationResult",
    "UnpairedResult",
    "ZeroVarianceError",
    "adjust",
    "auc_ci",
    "auc_covariance",
    "bootstrap_ci",
    "delong_test",
    "delong_unpaired",
    "macro_auc_ci",
    "macro_auc_test",
    "paired_bootstrap",
    "paired_permutation",
]
