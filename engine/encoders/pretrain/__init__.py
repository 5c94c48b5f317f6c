"""Pre-training of the tiny encoders on whole genomes: ``python -m engine.encoders.pretrain``."""
