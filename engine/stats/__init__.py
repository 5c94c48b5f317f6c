"""Is the difference real? Tests, intervals and corrections that know nothing of the engine.

Every wrong input is a ValueError of one line.
"""

from engine.stats.across_tasks import (
    TaskBootstrap,
    WinTieLoss,
    group_means,
    task_bootstrap,
    win_tie_loss,
)
from engine.stats.adjust import adjust, adjust_log10, adjust_within, headline_pairs
from engine.stats.bayes import BayesResult, bayes_signed_rank
from engine.stats.bootstrap import (
    BootstrapInterval,
    BootstrapResult,
    bootstrap_ci,
    difference_of,
    interval_of,
    paired_bootstrap,
)
from engine.stats.calibration import (
    BrierResult,
    CalibrationError,
    ReliabilityCurve,
    brier_decomposition,
    calibration_error,
    reliability_curve,
    top_label,
)
from engine.stats.clusters import (
    EmbeddingQuality,
    alignment,
    chance_purity,
    draw_rows,
    embedding_quality,
    knn_purity,
    uniformity,
)
from engine.stats.contrasts import OmnibusResult, delong_contrast, delong_omnibus
from engine.stats.delong import auc_ci, auc_covariance, delong_test, delong_unpaired
from engine.stats.draws import Draws, draw
from engine.stats.equivalence import TostResult, tost
from engine.stats.hand_till import hand_till_auc
from engine.stats.inference import (
    AucResult,
    DeLongResult,
    Difference,
    UnpairedResult,
    ZeroVarianceError,
)
from engine.stats.mcnemar import McNemarResult, mcnemar_test
from engine.stats.method_level import (
    MethodResult,
    agreement,
    method_auc_test,
    method_difference,
    method_metric_test,
    method_of,
)
from engine.stats.multiclass import macro_auc_ci, macro_auc_test
from engine.stats.partial import partial_auc
from engine.stats.permutation import PermutationResult, paired_permutation
from engine.stats.ranks import (
    CriticalDifference,
    FriedmanResult,
    critical_difference,
    friedman_test,
    mean_ranks,
)
from engine.stats.signed_rank import WilcoxonPair, wilcoxon_pairs

__all__ = [
    "AucResult",
    "BayesResult",
    "BootstrapInterval",
    "BootstrapResult",
    "BrierResult",
    "CalibrationError",
    "CriticalDifference",
    "DeLongResult",
    "Difference",
    "Draws",
    "EmbeddingQuality",
    "FriedmanResult",
    "McNemarResult",
    "MethodResult",
    "OmnibusResult",
    "PermutationResult",
    "ReliabilityCurve",
    "TaskBootstrap",
    "TostResult",
    "UnpairedResult",
    "WilcoxonPair",
    "WinTieLoss",
    "ZeroVarianceError",
    "adjust",
    "adjust_log10",
    "adjust_within",
    "agreement",
    "alignment",
    "auc_ci",
    "auc_covariance",
    "bayes_signed_rank",
    "bootstrap_ci",
    "brier_decomposition",
    "calibration_error",
    "chance_purity",
    "critical_difference",
    "delong_contrast",
    "delong_omnibus",
    "delong_test",
    "delong_unpaired",
    "difference_of",
    "draw",
    "draw_rows",
    "embedding_quality",
    "friedman_test",
    "group_means",
    "hand_till_auc",
    "headline_pairs",
    "interval_of",
    "knn_purity",
    "macro_auc_ci",
    "macro_auc_test",
    "mcnemar_test",
    "mean_ranks",
    "method_auc_test",
    "method_difference",
    "method_metric_test",
    "method_of",
    "paired_bootstrap",
    "paired_permutation",
    "partial_auc",
    "reliability_curve",
    "task_bootstrap",
    "top_label",
    "tost",
    "uniformity",
    "wilcoxon_pairs",
    "win_tie_loss",
]
