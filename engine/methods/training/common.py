"""Hyperparameters that fine-tuning methods share: all of them, and those that put adapters on."""

from __future__ import annotations

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SWITCH,
    Hyperparameter,
    Range,
)

LEARNING_RATE = Hyperparameter(
    "learning_rate", POSITIVE, 1e-3, "peak rate of AdamW (betas 0.9, 0.98) for the network's part"
)
HEAD_LEARNING_RATE = Hyperparameter[float | None](
    "head_learning_rate", POSITIVE, None, "the same for the head; left out: as the network's"
)
WEIGHT_DECAY = Hyperparameter("weight_decay", NOT_NEGATIVE, 0.01, "decoupled decay of weights")
WARM_UP = Hyperparameter(
    "warm_up", Range(0, 1), 0.1, "share of the steps over which rates rise, before a cosine to zero"
)
POOLING = Hyperparameter(
    "pooling", None, None, "the encoder's, or attention: a mean with learned weights; required"
)
BATCH_SIZE = Hyperparameter("batch_size", COUNT, 32, "rows of a step", role="rows")
EPOCHS = Hyperparameter("epochs", COUNT, 5, "most epochs")
PATIENCE = Hyperparameter(
    "patience", COUNT, 2, "epochs without a better validation score after which training stops"
)
EVALUATIONS = Hyperparameter(
    "evaluations_per_epoch", COUNT, 1, "times an epoch that validation is scored; the best counts"
)
FOCAL_GAMMA = Hyperparameter(
    "focal_gamma", NOT_NEGATIVE, 0.0, "exponent of the focal loss (classes, labels); 0: none"
)
LABEL_SMOOTHING = Hyperparameter(
    "label_smoothing", SHARE, 0.0, "share of a label that is spread over all (classes, labels)"
)
REGRESSION_LOSS = Hyperparameter(
    "regression_loss", ("mse", "huber"), "mse", "on targets standardised by the train split"
)
REVERSE_COMPLEMENT = Hyperparameter(
    "reverse_complement", SWITCH, False, "an epoch takes each sequence from one strand by chance"
)
CONJOINED = Hyperparameter(
    "conjoined", SWITCH, False, "logits are the mean of both strands', on validation and test"
)
CHECKPOINTING = Hyperparameter(
    "gradient_checkpointing",
    SWITCH,
    False,
    "layers run again backwards: less memory",
    "checkpointing",
)

#: What every fine-tuning method takes.
TRAINING = (
    LEARNING_RATE,
    HEAD_LEARNING_RATE,
    WEIGHT_DECAY,
    WARM_UP,
    POOLING,
    BATCH_SIZE,
    EPOCHS,
    PATIENCE,
    EVALUATIONS,
    CLASS_WEIGHT,
    FOCAL_GAMMA,
    LABEL_SMOOTHING,
    REGRESSION_LOSS,
    REVERSE_COMPLEMENT,
    CONJOINED,
    CHECKPOINTING,
)

RANK = Hyperparameter("rank", COUNT, 8, "of the matrices", role="size")
ALPHA = Hyperparameter("alpha", POSITIVE, 16.0, "what adapters add is scaled by alpha / rank")
DROPOUT = Hyperparameter("dropout", SHARE, 0.0, "of what adapters are given")
TARGETS = Hyperparameter(
    "targets",
    ("default", "all_linear"),
    "default",
    "layers with adapters: the encoder's choice, or all linear ones",
    "targets",
)
