"""DNA foundation models and baselines, loaded by name."""

from engine.encoders.base import Encoder, EncoderCard, FeatureEncoder, TokenBatch
from engine.encoders.registry import best_device, cards, find_card, load_encoder

__all__ = [
    "Encoder",
    "EncoderCard",
    "FeatureEncoder",
    "TokenBatch",
    "best_device",
    "cards",
    "find_card",
    "load_encoder",
]
